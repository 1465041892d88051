//! Candidates, what they cost, and what they carry.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::dominance::{self, Rank};
use super::frontier::DataPath;
use super::plan::{Context, Plan, Side};
use super::trials::Trials;
use super::{Cut, CutError, CutId, CutTensor, SideInput, Verified, beam};
use crate::engine::Program;
use crate::graph::{NodeId, Shapes, ValueClass, ValueId};
use crate::value::ElementKind;

/// Everything that is known while cuts of one model are looked for.
pub(super) struct Finder<'a> {
    pub(super) context: Context<'a>,
    pub(super) shapes: Shapes,
    pub(super) program: &'a Arc<dyn Program>,
    pub(super) max_tensors: usize,
}

/// Which candidates are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listing {
    /// Those that stay, and those that fill gaps.
    Kept,
    /// The rest of the sweep in the order of the file.
    Dominated,
}

/// What dominates each candidate, and which dominated ones fill gaps.
pub(super) struct Dominance {
    by: Vec<Option<usize>>,
    fillers: Vec<usize>,
}

impl Finder<'_> {
    /// All sets of tensors that are cuts by structure and worth a look, from the input towards the
    /// output.
    pub(super) fn candidates(&self) -> Vec<Plan> {
        let path = DataPath::new(&self.context);
        let mut sets: BTreeSet<Vec<ValueId>> = path.sweep(self.max_tensors).into_iter().collect();
        sets.extend(beam::search(&path, &self.shapes, self.max_tensors));
        let usable = |set: &Vec<ValueId>| set.iter().all(|&id| self.is_float(id));
        let mut plans: Vec<Plan> = sets
            .into_iter()
            .filter(usable)
            .filter_map(|set| self.context.plan(&set).ok())
            .filter(|plan| self.divides(plan))
            .collect();
        plans.sort_by_cached_key(|plan| {
            let rank = self.rank(plan);
            (rank.flops_head, rank.depth, rank.elements, plan.tensors.clone())
        });
        plans
    }

    /// Tells whether both sides do some of the network's work: a head without operations only
    /// moves the input, and a tail without products only writes the answer down.
    fn divides(&self, plan: &Plan) -> bool {
        let graph = self.context.graph;
        let works = |n: usize| graph.multiplies(NodeId::new(n));
        self.flops(&plan.head) > 0 && plan.tail.nodes.iter().any(works)
    }

    /// Tells whether a value can be a tensor of a cut.
    pub(super) fn is_float(&self, id: ValueId) -> bool {
        let dims = self.shapes.dims(id).map(<[usize]>::len);
        self.shapes.kind(id) == Some(ElementKind::F32)
            && dims.is_some_and(|rank| rank <= MAX_RANK)
            && self.shapes.elements(id) > 0
    }

    fn flops(&self, side: &Side) -> u64 {
        side.nodes.iter().map(|n| self.shapes.flops(NodeId::new(n))).sum()
    }

    fn rank(&self, plan: &Plan) -> Rank {
        let graph = self.context.graph;
        let producers = plan.tensors.iter().filter_map(|&id| graph.producer(id));
        Rank {
            elements: plan.tensors.iter().map(|&id| self.shapes.elements(id)).sum(),
            flops_head: self.flops(&plan.head),
            depth: producers.map(NodeId::index).max().unwrap_or(0),
            tensors: plan.tensors.len(),
            structured: plan.tensors.iter().all(|&id| self.is_structured(id)),
        }
    }

    /// Tells whether a tensor still has the shape of what was computed: a vector that is a
    /// flattened map has lost what the codec's contexts live on.
    fn is_structured(&self, id: ValueId) -> bool {
        let graph = self.context.graph;
        let rank = |id: ValueId| self.shapes.dims(id).map_or(0, <[usize]>::len);
        let mut at = id;
        while rank(at) <= 2 {
            let Some(node) = graph.producer(at).map(|n| graph.node(n)) else { return true };
            let moves = matches!(node.op(), "Flatten" | "Reshape" | "Squeeze" | "Identity");
            let Some(&Some(source)) = node.inputs().first().filter(|_| moves) else { return true };
            at = source;
        }
        let spatial = self.shapes.dims(at).and_then(|dims| dims.get(2..)).unwrap_or_default();
        at == id || spatial.iter().product::<usize>() <= 1
    }

    /// Decides which candidates are listed.
    pub(super) fn dominators(&self, candidates: &[Plan]) -> Dominance {
        let ranks: Vec<Rank> = candidates.iter().map(|plan| self.rank(plan)).collect();
        let total = self.shapes.total_flops();
        let by = dominance::dominators(&ranks, total);
        let fillers = dominance::fillers(&ranks, &by, total);
        Dominance { by, fillers }
    }

    /// Proves the wanted candidates; on failure returns which one failed, and why.
    pub(super) fn prove(
        &self,
        candidates: &[Plan],
        dominance: &Dominance,
        listing: Listing,
        trials: &Trials,
    ) -> Result<Vec<Cut>, (usize, CutError)> {
        let Dominance { by, fillers } = dominance;
        let kept: Vec<usize> = (0..candidates.len())
            .filter(|i| by.get(*i) == Some(&None) || fillers.contains(i))
            .collect();
        let id_of = |index: usize| {
            let place = kept.binary_search(&index).ok()?;
            Some(CutId::listed(u16::try_from(place + 1).ok()?))
        };
        let wanted = match listing {
            Listing::Kept => kept.clone(),
            Listing::Dominated => self.swept(candidates, &kept),
        };
        let mut cuts = Vec::new();
        for (number, index) in (1..).zip(wanted) {
            let Some(plan) = candidates.get(index) else { continue };
            let id = id_of(index).unwrap_or(CutId::dominated(number));
            let cut = self.proved(plan, id, trials).map_err(|error| (index, error))?;
            let dominated_by = by.get(index).copied().flatten().and_then(id_of);
            cuts.push(Cut { dominated_by, ..cut });
        }
        Ok(cuts)
    }

    /// Candidates of the sweep in the order of the file, without `kept`.
    fn swept(&self, candidates: &[Plan], kept: &[usize]) -> Vec<usize> {
        let path = DataPath::new(&self.context);
        let sweep = path.sweep(self.max_tensors);
        let sweep: BTreeSet<BTreeSet<ValueId>> =
            sweep.into_iter().map(|set| set.into_iter().collect()).collect();
        let is_swept = |plan: &Plan| sweep.contains(&plan.tensors.iter().copied().collect());
        let rest = candidates.iter().enumerate().filter(|(i, _)| !kept.contains(i));
        rest.filter(|(_, plan)| is_swept(plan)).map(|(i, _)| i).collect()
    }

    /// Proves one plan by numbers.
    pub(super) fn proved(&self, plan: &Plan, id: CutId, trials: &Trials) -> Result<Cut, CutError> {
        let mut cut = self.cut(plan, id);
        cut.verified = trials.verify(self.context.graph, self.program, &cut)?;
        Ok(cut)
    }

    fn cut(&self, plan: &Plan, id: CutId) -> Cut {
        let graph = self.context.graph;
        let names = |ids: &[ValueId]| -> Vec<String> {
            ids.iter().map(|&id| graph.value_name(id).to_owned()).collect()
        };
        let is_data = |id: &ValueId| graph.class(*id) == ValueClass::Data;
        let (state, side): (Vec<ValueId>, Vec<_>) =
            plan.tail.inputs.iter().copied().partition(is_data);
        let side = side.into_iter().map(|id| SideInput {
            name: graph.value_name(id).to_owned(),
            bytes: self.shapes.elements(id) * graph.kind(id).map_or(0, ElementKind::bytes),
        });
        let tensors: Vec<CutTensor> =
            plan.tensors.iter().map(|&id| self.tensor(plan, id)).collect();
        Cut {
            id,
            flops_head: self.flops(&plan.head),
            flops_tail: self.flops(&plan.tail),
            raw_bytes: tensors.iter().map(|t| t.elements() * ElementKind::F32.bytes()).sum(),
            tensors,
            side_inputs: side.collect(),
            tail_state: names(&state),
            tail_shapes: names(&plan.tail.shapes),
            head_shapes: names(&plan.head.shapes),
            head_inputs: names(&plan.head.inputs),
            head_outputs: names(&plan.head_outputs),
            tail_outputs: names(&plan.tail_outputs),
            input_dims: self.shapes.inputs().to_vec(),
            dominated_by: None,
            verified: Verified::default(),
        }
    }

    fn tensor(&self, plan: &Plan, id: ValueId) -> CutTensor {
        let graph = self.context.graph;
        let users = graph.users(id).iter().filter(|user| plan.tail.nodes.contains(user.index()));
        CutTensor {
            name: graph.value_name(id).to_owned(),
            dims: self.shapes.dims(id).unwrap_or_default().to_vec(),
            operator: match graph.producer(id) {
                Some(node) => graph.node(node).op().to_owned(),
                None => "Input".to_owned(),
            },
            used_by: users.map(|&user| graph.node(user).op().to_owned()).collect(),
        }
    }
}

/// Dimensions that a tensor of a cut may have: what a frame can say.
const MAX_RANK: usize = 8;
