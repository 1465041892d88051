//! What is alive after some nodes have run, and the sweep in the order of the file.

use std::collections::BTreeSet;

use super::plan::Context;
use crate::graph::{Graph, NodeId, ValueClass, ValueId};

/// The data path of a graph: the nodes with a data-path result, and who waits for what.
pub(super) struct DataPath {
    /// Nodes of the data path, in topological order.
    pub(super) nodes: Vec<NodeId>,
    /// For each value: how many data-path nodes use it, plus one if it is an output that has to
    /// arrive at the tail.
    uses: Vec<u32>,
    /// Graph inputs of the data path that are no state.
    roots: Vec<ValueId>,
}

/// Some nodes of the data path that have run, and what is alive after them.
#[derive(Clone)]
pub(super) struct Progress {
    pending: Vec<u32>,
    pub(super) alive: BTreeSet<ValueId>,
}

impl DataPath {
    pub(super) fn new(context: &Context<'_>) -> Self {
        let graph = context.graph;
        let is_data = |id: ValueId| graph.class(id) == ValueClass::Data;
        let nodes: Vec<NodeId> = (0..graph.nodes().len())
            .map(NodeId::new)
            .filter(|&n| graph.node(n).results().any(is_data))
            .collect();
        let mut uses = vec![0; graph.value_count()];
        for &node in &nodes {
            for used in Self::distinct_uses(graph, node) {
                uses[used.index()] += 1;
            }
        }
        let is_state = |id: ValueId| context.pairs.iter().any(|&(i, o)| i == id || o == id);
        for &output in graph.outputs() {
            if !is_state(output) {
                uses[output.index()] += 1;
            }
        }
        let inputs = graph.inputs().iter().copied();
        let roots = inputs.filter(|&id| is_data(id) && !is_state(id)).collect();
        Self { nodes, uses, roots }
    }

    /// Returns the data-path values that a node uses, each once.
    pub(super) fn distinct_uses(graph: &Graph, node: NodeId) -> BTreeSet<ValueId> {
        graph.node(node).uses().filter(|&id| graph.class(id) == ValueClass::Data).collect()
    }

    /// Starts with nothing run: the inputs are alive.
    pub(super) fn start(&self) -> Progress {
        let alive = self.roots.iter().copied().filter(|id| self.uses[id.index()] > 0).collect();
        Progress { pending: self.uses.clone(), alive }
    }

    /// Runs one more node.
    pub(super) fn advance(&self, graph: &Graph, progress: &mut Progress, node: NodeId) {
        for used in Self::distinct_uses(graph, node) {
            let pending = &mut progress.pending[used.index()];
            *pending = pending.saturating_sub(1);
            if *pending == 0 {
                progress.alive.remove(&used);
            }
        }
        for result in graph.node(node).results() {
            if progress.pending[result.index()] > 0 && graph.class(result) == ValueClass::Data {
                progress.alive.insert(result);
            }
        }
    }

    /// Returns what is alive after each node in the order of the file.
    ///
    /// Every tensor through which all paths pass is among them alone: in any topological order
    /// all that comes before it leads to it.
    pub(super) fn sweep(&self, graph: &Graph, most: usize) -> Vec<Vec<ValueId>> {
        let mut progress = self.start();
        let mut found = Vec::new();
        for &node in &self.nodes {
            self.advance(graph, &mut progress, node);
            if (1..=most).contains(&progress.alive.len()) {
                found.push(progress.alive.iter().copied().collect());
            }
        }
        found
    }
}
