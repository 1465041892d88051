//! What the bodies of control-flow nodes take from the graph around them.

use std::collections::BTreeSet;

use super::kind;
use crate::onnx::proto::{GraphProto, NodeProto};
use crate::onnx::tensor_elements;
use crate::value::ElementKind;

/// Returns the names that the bodies of `node` use from outside, each once, in order of first use.
pub(crate) fn captured_names(node: &NodeProto) -> Vec<&str> {
    let mut names = Vec::new();
    for body in bodies(node) {
        free_names(body, &mut names);
    }
    let mut seen = BTreeSet::new();
    names.retain(|name| seen.insert(*name));
    names
}

/// Returns the bodies of a node.
pub(super) fn bodies(node: &NodeProto) -> impl Iterator<Item = &GraphProto> {
    node.attribute.iter().flat_map(|a| a.g.iter().chain(&a.graphs))
}

/// Returns the number of floats that a body and the bodies in it hold as weights.
pub(super) fn weight_elements(body: &GraphProto) -> u64 {
    let constants = body.node.iter().flat_map(|n| &n.attribute).filter_map(|a| a.t.as_ref());
    let own: u64 = body
        .initializer
        .iter()
        .chain(constants)
        .filter(|t| kind::of_onnx(t.data_type) == Some(ElementKind::F32))
        .filter_map(|t| tensor_elements(&t.dims))
        .sum();
    let inner: u64 = body.node.iter().flat_map(bodies).map(weight_elements).sum();
    own + inner
}

fn free_names<'a>(body: &'a GraphProto, free: &mut Vec<&'a str>) {
    let mut defined: BTreeSet<&str> = BTreeSet::new();
    let sparse = body.sparse_initializer.iter().filter_map(|s| s.values.as_ref());
    defined.extend(body.input.iter().filter_map(|i| i.name.as_deref()));
    defined.extend(body.initializer.iter().chain(sparse).filter_map(|i| i.name.as_deref()));
    // A body's nodes are sorted, so all definitions may be taken at once.
    defined.extend(body.node.iter().flat_map(|n| n.output.iter().map(String::as_str)));
    let mut used = Vec::new();
    for node in &body.node {
        used.extend(node.input.iter().map(String::as_str));
        for inner in bodies(node) {
            free_names(inner, &mut used);
        }
    }
    used.extend(body.output.iter().filter_map(|o| o.name.as_deref()));
    free.extend(used.into_iter().filter(|name| !name.is_empty() && !defined.contains(name)));
}
