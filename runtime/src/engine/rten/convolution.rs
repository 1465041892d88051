//! Attributes of convolutions that a model may leave out and the engine wants written.

use std::collections::BTreeMap;

use crate::onnx::proto::{AttributeProto, GraphProto, NodeProto, TensorProto, attribute_type};

/// Tells whether a convolution leaves something out, in the graph or in a body inside it.
pub(super) fn are_unwritten(graph: &GraphProto) -> bool {
    let bodies = |node: &NodeProto| {
        let mut bodies = node.attribute.iter().flat_map(|a| a.g.iter().chain(&a.graphs));
        bodies.any(are_unwritten)
    };
    graph.node.iter().any(|node| (is_convolution(node) && leaves_out(node)) || bodies(node))
}

/// Writes what convolutions leave out: the kernel's shape from the weights, and steps of 1 without
/// padding. What the weights do not say stays as it is.
pub(super) fn write(graph: &mut GraphProto) {
    write_with(graph, &BTreeMap::new());
}

/// As [`write()`]; `outer` are the dimensions of the weights of the graphs around this one.
fn write_with(graph: &mut GraphProto, outer: &BTreeMap<String, Vec<i64>>) {
    let mut weights = outer.clone();
    let named = |tensor: &TensorProto| Some((tensor.name.clone()?, tensor.dims.clone()));
    weights.extend(graph.initializer.iter().filter_map(named));
    weights.extend(graph.node.iter().filter_map(|node| {
        let tensor = node.attribute.iter().find_map(|attribute| attribute.t.as_ref())?;
        Some((node.output.first()?.clone(), tensor.dims.clone()))
    }));
    for node in &mut graph.node {
        if is_convolution(node)
            && leaves_out(node)
            && let Some(kernel) = node.input.get(1).and_then(|name| weights.get(name)?.get(2..))
        {
            complete(node, kernel);
        }
        for attribute in &mut node.attribute {
            let bodies = attribute.g.iter_mut().chain(&mut attribute.graphs);
            bodies.for_each(|body| write_with(body, &weights));
        }
    }
}

fn is_convolution(node: &NodeProto) -> bool {
    let standard = matches!(node.domain.as_deref().unwrap_or_default(), "" | "ai.onnx");
    standard && matches!(node.op_type.as_deref(), Some("Conv" | "ConvTranspose" | "ConvInteger"))
}

fn has(node: &NodeProto, name: &str) -> bool {
    node.attribute.iter().any(|attribute| attribute.name.as_deref() == Some(name))
}

/// Without the shape of the kernel the engine takes steps and padding for those of one dimension.
fn leaves_out(node: &NodeProto) -> bool {
    !has(node, "kernel_shape")
}

fn complete(node: &mut NodeProto, kernel: &[i64]) {
    let dims = kernel.len();
    let padded = has(node, "auto_pad");
    let mut put = |name: &str, ints: Vec<i64>| {
        if !has(node, name) {
            node.attribute.push(AttributeProto {
                name: Some(name.to_owned()),
                r#type: Some(attribute_type::INTS),
                ints,
                ..AttributeProto::default()
            });
        }
    };
    put("kernel_shape", kernel.to_vec());
    put("strides", vec![1; dims]);
    put("dilations", vec![1; dims]);
    if !padded {
        put("pads", vec![0; 2 * dims]);
    }
}
