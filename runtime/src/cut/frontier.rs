//! What is alive after some nodes have run, and the sweep in the order of the file.

use std::collections::BTreeSet;

use super::bits::Bits;
use super::plan::Context;
use crate::graph::{NodeId, ValueClass, ValueId};

/// The data path of a graph: the nodes with a data-path result, and who waits for what. Nodes are
/// named by their place in it.
pub(super) struct DataPath {
    /// For each node: the data-path values that it uses, each once.
    uses: Vec<Vec<ValueId>>,
    /// For each node: its data-path results that something waits for.
    results: Vec<Vec<ValueId>>,
    /// For each node: the nodes before and behind it.
    before: Vec<Vec<usize>>,
    behind: Vec<Vec<usize>>,
    /// For each value: the nodes that use it.
    users: Vec<Vec<usize>>,
    /// For each value: whether it has to arrive at the tail as an output.
    is_output: Vec<bool>,
    /// Graph inputs of the data path that are no state.
    roots: Vec<ValueId>,
}

/// Some nodes of the data path that have run, and what is alive after them.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    pub(super) done: Bits,
    pub(super) alive: BTreeSet<ValueId>,
    /// Nodes that could run next.
    pub(super) ready: BTreeSet<usize>,
}

impl DataPath {
    pub(super) fn new(context: &Context<'_>) -> Self {
        let graph = context.graph;
        let is_data = |id: &ValueId| graph.class(*id) == ValueClass::Data;
        let is_state = |id: ValueId| context.pairs.iter().any(|&(i, o)| i == id || o == id);
        let nodes: Vec<NodeId> = (0..graph.nodes().len())
            .map(NodeId::new)
            .filter(|&n| graph.node(n).results().any(|id| is_data(&id)))
            .collect();
        let mut place = vec![None; graph.nodes().len()];
        for (index, node) in nodes.iter().enumerate() {
            place[node.index()] = Some(index);
        }
        let mut path = Self {
            uses: Vec::with_capacity(nodes.len()),
            results: Vec::with_capacity(nodes.len()),
            before: vec![Vec::new(); nodes.len()],
            behind: vec![Vec::new(); nodes.len()],
            users: vec![Vec::new(); graph.value_count()],
            is_output: vec![false; graph.value_count()],
            roots: Vec::new(),
        };
        for &output in graph.outputs().iter().filter(|&&output| !is_state(output)) {
            path.is_output[output.index()] = true;
        }
        for (index, &node) in nodes.iter().enumerate() {
            let uses: BTreeSet<ValueId> = graph.node(node).uses().filter(is_data).collect();
            let producers = uses.iter().filter_map(|&id| place[graph.producer(id)?.index()]);
            let producers: BTreeSet<usize> = producers.collect();
            for &producer in &producers {
                path.behind[producer].push(index);
            }
            for used in &uses {
                path.users[used.index()].push(index);
            }
            path.before[index] = producers.into_iter().collect();
            path.uses.push(uses.into_iter().collect());
        }
        for &node in &nodes {
            let results = graph.node(node).results().filter(is_data);
            path.results.push(results.filter(|&id| path.is_awaited(id)).collect());
        }
        let roots = graph.inputs().iter().copied().filter(|id| is_data(id) && !is_state(*id));
        path.roots = roots.filter(|&id| path.is_awaited(id)).collect();
        path
    }

    /// Returns the number of nodes.
    pub(super) fn len(&self) -> usize {
        self.uses.len()
    }

    fn is_awaited(&self, id: ValueId) -> bool {
        self.is_output[id.index()] || !self.users[id.index()].is_empty()
    }

    /// Starts with nothing run: the inputs are alive.
    pub(super) fn start(&self) -> Progress {
        Progress {
            done: Bits::new(self.len()),
            alive: self.roots.iter().copied().collect(),
            ready: (0..self.len()).filter(|&node| self.before[node].is_empty()).collect(),
        }
    }

    /// Runs one more node, which must be ready.
    pub(super) fn advance(&self, progress: &mut Progress, node: usize) {
        progress.done.insert(node);
        progress.ready.remove(&node);
        for used in &self.uses[node] {
            let waits = self.users[used.index()].iter().any(|&user| !progress.done.contains(user));
            if !waits && !self.is_output[used.index()] {
                progress.alive.remove(used);
            }
        }
        progress.alive.extend(&self.results[node]);
        for &next in &self.behind[node] {
            if self.before[next].iter().all(|&needed| progress.done.contains(needed)) {
                progress.ready.insert(next);
            }
        }
    }

    /// Returns what is alive after each node in the order of the file.
    ///
    /// Every tensor through which all paths pass is among them alone: in any topological order
    /// all that comes before it leads to it.
    pub(super) fn sweep(&self, most: usize) -> Vec<Vec<ValueId>> {
        let mut progress = self.start();
        let mut found = Vec::new();
        for node in 0..self.len() {
            self.advance(&mut progress, node);
            if (1..=most).contains(&progress.alive.len()) {
                found.push(progress.alive.iter().copied().collect());
            }
        }
        found
    }
}
