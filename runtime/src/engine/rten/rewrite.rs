//! Operators that the engine lacks and that mean something it has.

use std::borrow::Cow;

use prost::Message as _;

use crate::onnx::ModelFile;
use crate::onnx::proto::{AttributeProto, GraphProto, NodeProto};

/// Returns the bytes of the model, with every `Dropout` that drops nothing written as `Identity`.
///
/// Outside training a dropout passes its input on. The names of values stay what they are.
pub(super) fn readable(model: &ModelFile) -> Cow<'_, [u8]> {
    if !has_dropout(model.graph_proto()) {
        return Cow::Borrowed(model.bytes());
    }
    let mut proto = model.proto().clone();
    if let Some(graph) = &mut proto.graph {
        rewrite(graph);
    }
    Cow::Owned(proto.encode_to_vec())
}

fn has_dropout(graph: &GraphProto) -> bool {
    graph.node.iter().any(|node| drops_nothing(node, graph))
        || graph.node.iter().flat_map(|n| &n.attribute).flat_map(bodies).any(has_dropout)
}

fn bodies(attribute: &AttributeProto) -> impl Iterator<Item = &GraphProto> {
    attribute.g.iter().chain(&attribute.graphs)
}

fn rewrite(graph: &mut GraphProto) {
    let passes: Vec<bool> = graph.node.iter().map(|node| drops_nothing(node, graph)).collect();
    for (node, passes) in graph.node.iter_mut().zip(passes) {
        if passes {
            node.op_type = Some("Identity".to_owned());
            node.input.truncate(1);
            node.output.truncate(1);
            node.attribute.clear();
        }
        for attribute in &mut node.attribute {
            attribute.g.iter_mut().chain(&mut attribute.graphs).for_each(rewrite);
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
    let zero = |tensor: &crate::onnx::proto::TensorProto| match &tensor.raw_data {
        Some(raw) => raw.iter().all(|&byte| byte == 0),
        None => tensor.int32_data.iter().all(|&value| value == 0),
    };
    name.is_empty() || known.next().is_some_and(zero)
}
