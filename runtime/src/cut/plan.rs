//! The structural proof: what each side computes, and that the tail never reaches behind the cut.

use super::CutError;
use super::bits::Bits;
use crate::graph::{Graph, ValueClass, ValueId};

/// What does not change from one candidate to the next.
pub(super) struct Context<'a> {
    pub(super) graph: &'a Graph,
    /// State: an input and the output that becomes it.
    pub(super) pairs: Vec<(ValueId, ValueId)>,
}

/// What each side computes and needs.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) tensors: Vec<ValueId>,
    pub(super) head: Side,
    pub(super) tail: Side,
    pub(super) head_outputs: Vec<ValueId>,
    pub(super) tail_outputs: Vec<ValueId>,
}

/// One side of a cut.
#[derive(Clone, Debug)]
pub(super) struct Side {
    /// Nodes that run.
    pub(super) nodes: Bits,
    /// Graph inputs whose content is read.
    pub(super) inputs: Vec<ValueId>,
    /// Shape values that are found from the dimensions of the graph inputs.
    pub(super) shapes: Vec<ValueId>,
    /// Values given that something needs.
    touched: Bits,
}

impl Context<'_> {
    /// Plans both sides, or says why `tensors` is no cut.
    pub(super) fn plan(&self, tensors: &[ValueId]) -> Result<Plan, CutError> {
        let graph = self.graph;
        let name = |id: ValueId| graph.value_name(id).to_owned();
        if let Some(&id) = tensors.iter().find(|&&id| graph.class(id) != ValueClass::Data) {
            return Err(CutError::NotData { name: name(id) });
        }
        let (head, head_outputs) = self.head(tensors)?;
        let tail_outputs: Vec<ValueId> =
            graph.outputs().iter().copied().filter(|o| !head_outputs.contains(o)).collect();
        let ends = |id: &ValueId| graph.class(*id) == ValueClass::Data && !tensors.contains(id);
        if !tail_outputs.iter().any(ends) {
            return Err(CutError::NothingLeft);
        }
        let mut walk = Walk::new(graph, tensors);
        walk.reach(&tail_outputs, &|id| self.may_tail_take(id))?;
        let tail = walk.finish();
        if let Some(&id) = tensors.iter().find(|id| !tail.touched.contains(id.index())) {
            return Err(CutError::Unused { name: name(id) });
        }
        for (input, _) in &self.pairs {
            if tail.inputs.contains(input) && head.inputs.contains(input) {
                return Err(CutError::SharedState { input: name(*input) });
            }
        }
        let both = tail.nodes.iter().filter(|&n| head.nodes.contains(n));
        let data = both.flat_map(|n| graph.nodes()[n].results());
        if let Some(value) = data.into_iter().find(|&id| graph.class(id) == ValueClass::Data) {
            return Err(CutError::Overlap { value: name(value) });
        }
        let mut tensors = tensors.to_vec();
        tensors.sort_by_key(|&id| (graph.producer(id), id));
        Ok(Plan { tensors, head, tail, head_outputs, tail_outputs })
    }

    /// Plans the head: the tensors, and the new state of every state input that it reads.
    fn head(&self, tensors: &[ValueId]) -> Result<(Side, Vec<ValueId>), CutError> {
        let mut targets = tensors.to_vec();
        let mut outputs = Vec::new();
        loop {
            let mut walk = Walk::new(self.graph, &[]);
            walk.reach(&targets, &|_| true)?;
            let side = walk.finish();
            let more: Vec<ValueId> = self
                .pairs
                .iter()
                .filter(|(input, output)| side.inputs.contains(input) && !outputs.contains(output))
                .map(|&(_, output)| output)
                .collect();
            if more.is_empty() {
                return Ok((side, outputs));
            }
            targets.extend(&more);
            outputs.extend(more);
        }
    }

    /// Plans the part that computes `to` from `from`.
    pub(super) fn middle(&self, from: &[ValueId], to: &[ValueId]) -> Result<Side, CutError> {
        let mut walk = Walk::new(self.graph, from);
        walk.reach(to, &|id| self.graph.class(id) < ValueClass::Data)?;
        Ok(walk.finish())
    }

    /// Tells whether the tail may read this graph input.
    fn may_tail_take(&self, id: ValueId) -> bool {
        let is_state = self.pairs.iter().any(|&(input, _)| input == id);
        is_state || self.graph.class(id) < ValueClass::Data
    }
}

/// A walk from what is wanted back to what is given.
struct Walk<'a> {
    graph: &'a Graph,
    given: Bits,
    touched: Bits,
    present: Bits,
    nodes: Bits,
    inputs: Vec<ValueId>,
    /// Shape values that are needed; looked at when all content is known.
    dims: Vec<ValueId>,
}

impl<'a> Walk<'a> {
    fn new(graph: &'a Graph, given: &[ValueId]) -> Self {
        let empty = Bits::new(graph.value_count());
        let mut set = empty.clone();
        for id in given {
            set.insert(id.index());
        }
        Self {
            graph,
            given: set,
            touched: empty.clone(),
            present: empty,
            nodes: Bits::new(graph.nodes().len()),
            inputs: Vec::new(),
            dims: Vec::new(),
        }
    }

    /// Walks back from `targets`. A data-path input that `may_read` refuses is a leak, and so is a
    /// data-path node without a data-path input when something is given: it is a look-up of a
    /// graph input in a table of weights.
    fn reach(
        &mut self,
        targets: &[ValueId],
        may_read: &dyn Fn(ValueId) -> bool,
    ) -> Result<(), CutError> {
        let cuts = self.given.iter().next().is_some();
        let mut wanted_by: Vec<Option<ValueId>> = vec![None; self.graph.value_count()];
        let mut stack = targets.to_vec();
        while let Some(id) = stack.pop() {
            if self.given.contains(id.index()) {
                self.touched.insert(id.index());
                self.present.insert(id.index());
                continue;
            }
            if self.graph.class(id) == ValueClass::Constant || !self.present.insert(id.index()) {
                continue;
            }
            if self.graph.class(id) == ValueClass::Dims {
                self.dims.push(id);
                continue;
            }
            let Some(producer) = self.graph.producer(id) else {
                if !may_read(id) {
                    return Err(self.leak(id, &wanted_by));
                }
                self.inputs.push(id);
                continue;
            };
            let node = self.graph.node(producer);
            let is_data = |id: ValueId| self.graph.class(id) == ValueClass::Data;
            if cuts && is_data(id) && !node.uses().any(is_data) {
                return Err(self.leak(id, &wanted_by));
            }
            self.nodes.insert(producer.index());
            for used in node.uses() {
                if wanted_by[used.index()].is_none() {
                    wanted_by[used.index()] = Some(id);
                }
                stack.push(used);
            }
        }
        Ok(())
    }

    fn leak(&self, root: ValueId, wanted_by: &[Option<ValueId>]) -> CutError {
        let name = |id: ValueId| self.graph.value_name(id).to_owned();
        let mut path = Vec::new();
        let mut at = wanted_by[root.index()];
        while let Some(id) = at {
            path.push(name(id));
            at = wanted_by[id.index()];
        }
        path.reverse();
        // The end that matters for the reader is the one near the cut.
        let skipped = path.len().saturating_sub(LONGEST_PATH);
        path.drain(..skipped);
        CutError::Leak { root: name(root), path }
    }

    /// Decides which shape values are computed here and which are found from dimensions.
    fn finish(mut self) -> Side {
        let mut shapes = Vec::new();
        for id in std::mem::take(&mut self.dims) {
            let mut nodes = Vec::new();
            if self.computes(id, &mut nodes) {
                for node in nodes {
                    self.nodes.insert(node);
                }
            } else {
                shapes.push(id);
            }
        }
        shapes.sort_unstable();
        self.inputs.sort_unstable();
        Side { nodes: self.nodes, inputs: self.inputs, shapes, touched: self.touched }
    }

    /// Tells whether a shape value follows from what this side has.
    fn computes(&self, id: ValueId, nodes: &mut Vec<usize>) -> bool {
        let mut seen = Bits::new(self.graph.value_count());
        let mut stack = vec![id];
        while let Some(id) = stack.pop() {
            match self.graph.class(id) {
                ValueClass::Constant => {}
                ValueClass::Dims if seen.insert(id.index()) => {
                    let Some(producer) = self.graph.producer(id) else { return false };
                    nodes.push(producer.index());
                    stack.extend(self.graph.node(producer).uses());
                }
                ValueClass::Dims => {}
                ValueClass::Side | ValueClass::Data if !self.present.contains(id.index()) => {
                    return false;
                }
                ValueClass::Side | ValueClass::Data => {}
            }
        }
        true
    }
}

/// Values that a message about a leak names.
const LONGEST_PATH: usize = 6;
