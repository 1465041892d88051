//! Topological order of the nodes of a file.

use std::collections::BTreeMap;

use super::body;
use crate::onnx::proto::GraphProto;

/// Returns the indices of the nodes, each after the nodes that it needs.
///
/// A file that is sorted already, as it should be, keeps its order.
pub(super) fn topological(graph: &GraphProto) -> Result<Vec<usize>, String> {
    let mut producers: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, node) in graph.node.iter().enumerate() {
        for output in node.output.iter().filter(|o| !o.is_empty()) {
            if producers.insert(output, index).is_some() {
                return Err(format!("the name `{output}` is defined twice"));
            }
        }
    }
    let needs = |index: usize| -> Vec<usize> {
        let Some(node) = graph.node.get(index) else { return Vec::new() };
        let names = node.input.iter().map(String::as_str).chain(body::captured_names(node));
        names.filter_map(|name| producers.get(name).copied()).collect()
    };
    let mut state = vec![State::New; graph.node.len()];
    let mut sorted = Vec::with_capacity(graph.node.len());
    for root in 0..graph.node.len() {
        if state.get(root) != Some(&State::New) {
            continue;
        }
        // An explicit stack: a hostile file may be a chain of a million nodes.
        let mut stack = vec![(root, needs(root))];
        state[root] = State::Open;
        while let Some((index, pending)) = stack.last_mut() {
            let index = *index;
            match pending.pop() {
                Some(next) if state[next] == State::New => {
                    state[next] = State::Open;
                    stack.push((next, needs(next)));
                }
                Some(next) if state[next] == State::Open => {
                    return Err(circle(graph, next));
                }
                Some(_) => {}
                None => {
                    state[index] = State::Done;
                    sorted.push(index);
                    stack.pop();
                }
            }
        }
    }
    Ok(sorted)
}

fn circle(graph: &GraphProto, index: usize) -> String {
    let output = graph.node.get(index).and_then(|n| n.output.first());
    let output = output.map(String::as_str).unwrap_or_default();
    format!("the value `{output}` depends on itself")
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Open,
    Done,
}
