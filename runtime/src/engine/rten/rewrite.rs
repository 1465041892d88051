//! What the engine does not understand and can be told in its own words.

use std::borrow::Cow;

use prost::Message as _;

use super::convolution;
use crate::onnx::proto::{
    AttributeProto, GraphProto, NodeProto, StringStringEntryProto, TensorProto,
};
use crate::onnx::{ModelFile, external_bytes};

/// Returns the bytes of the model as the engine takes them.
///
/// Every `Dropout` that drops nothing is written as `Identity`: outside training it passes its
/// input on. Convolutions get the attributes that they leave out. Files with weights get the names
/// of [`external_name`]. The names of values stay what they are.
pub(super) fn readable(model: &ModelFile) -> Cow<'_, [u8]> {
    let graph = model.graph_proto();
    let rewritten = has_dropout(graph) || convolution::are_unwritten(graph);
    if !rewritten && !model.has_external_data() {
        return Cow::Borrowed(model.bytes());
    }
    let files: Vec<&str> = model.external_files().map(|(name, _)| name).collect();
    let mut proto = model.proto().clone();
    if let Some(graph) = &mut proto.graph {
        pass_dropouts(graph);
        convolution::write(graph);
        rename_files(graph, &files);
    }
    Cow::Owned(proto.encode_to_vec())
}

/// Names an external file for the engine, which takes only names that look like data.
pub(super) fn external_name(index: usize) -> String {
    format!("{index}.data")
}

fn rename_files(graph: &mut GraphProto, files: &[&str]) {
    graph.initializer.iter_mut().for_each(|tensor| rename_file(tensor, files));
    for attribute in graph.node.iter_mut().flat_map(|node| &mut node.attribute) {
        let constants = attribute.t.iter_mut().chain(&mut attribute.tensors);
        constants.for_each(|tensor| rename_file(tensor, files));
        let bodies = attribute.g.iter_mut().chain(&mut attribute.graphs);
        bodies.for_each(|body| rename_files(body, files));
    }
}

/// Names the file anew and fills in what the format lets a model leave out.
fn rename_file(tensor: &mut TensorProto, files: &[&str]) {
    if tensor.data_location != Some(1) {
        return;
    }
    let find = |key: &str| {
        let entry = tensor.external_data.iter().find(|e| e.key.as_deref() == Some(key));
        entry.and_then(|e| e.value.clone())
    };
    let location = find("location").unwrap_or_default();
    let index = files.iter().position(|file| *file == location).unwrap_or(files.len());
    let offset = find("offset").unwrap_or_else(|| "0".to_owned());
    let whole = || external_bytes(tensor).map(|bytes| bytes.to_string());
    let length = find("length").or_else(whole).unwrap_or_default();
    let entry = |key: &str, value: String| StringStringEntryProto {
        key: Some(key.to_owned()),
        value: Some(value),
    };
    tensor.external_data = vec![
        entry("location", external_name(index)),
        entry("offset", offset),
        entry("length", length),
    ];
}

fn has_dropout(graph: &GraphProto) -> bool {
    graph.node.iter().any(|node| drops_nothing(node, graph))
        || graph.node.iter().flat_map(|n| &n.attribute).flat_map(bodies).any(has_dropout)
}

fn bodies(attribute: &AttributeProto) -> impl Iterator<Item = &GraphProto> {
    attribute.g.iter().chain(&attribute.graphs)
}

fn pass_dropouts(graph: &mut GraphProto) {
    let passes: Vec<bool> = graph.node.iter().map(|node| drops_nothing(node, graph)).collect();
    for (node, passes) in graph.node.iter_mut().zip(passes) {
        if passes {
            node.op_type = Some("Identity".to_owned());
            node.input.truncate(1);
            node.output.truncate(1);
            node.attribute.clear();
        }
        for attribute in &mut node.attribute {
            attribute.g.iter_mut().chain(&mut attribute.graphs).for_each(pass_dropouts);
        }
    }
}

/// Tells whether a node is a dropout of which only the first result is used, and that no input
/// switches to training.
fn drops_nothing(node: &NodeProto, graph: &GraphProto) -> bool {
    let standard = matches!(node.domain.as_deref().unwrap_or_default(), "" | "ai.onnx");
    let is_dropout = standard && node.op_type.as_deref() == Some("Dropout");
    let is_test = |a: &AttributeProto| a.name.as_deref() != Some("is_test") || a.i != Some(0);
    let unused = |name: &String| {
        let used = graph.node.iter().flat_map(|n| &n.input).any(|input| input == name);
        let output = graph.output.iter().any(|o| o.name.as_ref() == Some(name));
        name.is_empty() || !(used || output)
    };
    is_dropout
        && node.input.get(2).is_none_or(|training| is_false(training, graph))
        && node.attribute.iter().all(is_test)
        && node.output.iter().skip(1).all(unused)
}

/// Tells whether a value is left out or a constant false.
fn is_false(name: &str, graph: &GraphProto) -> bool {
    let weights = graph.initializer.iter().filter(|t| t.name.as_deref() == Some(name));
    let constants = graph.node.iter().filter(|n| n.output.first().is_some_and(|o| o == name));
    let constants = constants.flat_map(|n| &n.attribute).filter_map(|a| a.t.as_ref());
    let mut known = weights.chain(constants);
    let zero = |tensor: &TensorProto| match &tensor.raw_data {
        Some(raw) => raw.iter().all(|&byte| byte == 0),
        None => tensor.int32_data.iter().all(|&value| value == 0),
    };
    name.is_empty() || known.next().is_some_and(zero)
}
