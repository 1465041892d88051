//! Looking for cuts.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::finder::{Finder, Listing};
use super::options::DominatedCuts;
use super::plan::Context;
use super::trials::{Trials, borrowed};
use super::{Cut, CutError, CutId, CutOptions};
use crate::engine::Program;
use crate::graph::{Graph, Shapes, ValueId};
use crate::value::Value;

/// One value for each graph input, by name.
pub type Inputs = Vec<(String, Value)>;

/// A candidate that is a cut by structure and not by numbers.
#[derive(Debug)]
pub struct RefusedCut {
    /// Its tensors.
    pub tensors: Vec<String>,
    /// What went wrong.
    pub error: CutError,
}

/// The cuts of a model.
#[derive(Debug)]
pub struct CutList {
    /// Proved cuts from the input towards the output: those that no other dominates, and a few
    /// that fill wide gaps between them, which name the cut that dominates them.
    pub cuts: Vec<Cut>,
    /// Proved cuts that are dominated, when asked for.
    pub dominated: Vec<Cut>,
    /// Candidates whose numbers did not agree: none, unless the engine has a defect.
    pub refused: Vec<RefusedCut>,
    /// Floating-point operations of the whole model, two per multiply-add.
    pub total_flops: u64,
    /// Elements of the graph inputs together.
    pub input_elements: u64,
    /// Real dimensions of every value.
    pub shapes: Shapes,
}

/// Finds and proves the cuts of a model.
///
/// `samples` are real inputs; the dimensions of the first are those that everything is counted
/// with. Without samples random inputs take their place, and dimensions that the file leaves open
/// come from [`CutOptions::with_dims`].
///
/// The cost is two runs of the model, and one more for each listed cut and each input.
///
/// # Errors
/// When the model does not run, or no inputs could be made up. That no cut exists is no error.
pub fn search(
    graph: &Graph,
    program: &Arc<dyn Program>,
    samples: &[Inputs],
    options: &CutOptions,
) -> Result<CutList, CutError> {
    let trials = Trials::new(graph, program, samples, options)?;
    let shapes = Shapes::measure(graph, program.as_ref(), &borrowed(&trials.first))?;
    let context = Context { graph, pairs: options.state.resolve(graph)? };
    let finder = Finder { context, shapes, program, max_tensors: options.max_tensors };
    let mut candidates = finder.candidates();
    let mut refused = Vec::new();
    let (cuts, by) = loop {
        let by = finder.dominators(&candidates);
        match finder.prove(&candidates, &by, Listing::Kept, &trials) {
            Ok(cuts) => break (cuts, by),
            Err((index, error)) => {
                // Without this one others may no longer be dominated.
                let candidate = candidates.remove(index);
                let names = candidate.tensors.iter().map(|&id| graph.value_name(id).to_owned());
                refused.push(RefusedCut { tensors: names.collect(), error });
            }
        }
    };
    let dominated = match options.dominated {
        DominatedCuts::Dropped => Vec::new(),
        DominatedCuts::Listed => finder
            .prove(&candidates, &by, Listing::Dominated, &trials)
            .map_err(|(_, error)| error)?,
    };
    Ok(CutList {
        cuts,
        dominated,
        refused,
        total_flops: finder.shapes.total_flops(),
        input_elements: graph.inputs().iter().map(|&i| finder.shapes.elements(i)).sum(),
        shapes: finder.shapes,
    })
}

impl Cut {
    /// Proves one set of tensors, by name, to be a cut.
    ///
    /// # Errors
    /// As [`search`], and when the tensors are no cut: the message says why and what to do.
    pub fn prove(
        graph: &Graph,
        program: &Arc<dyn Program>,
        tensors: &[&str],
        samples: &[Inputs],
        options: &CutOptions,
    ) -> Result<Self, CutError> {
        let most = options.max_tensors;
        if tensors.is_empty() || tensors.len() > most {
            return Err(CutError::Count { given: tensors.len(), most });
        }
        let find = |name: &&str| {
            let found = graph.value(name);
            found.ok_or_else(|| CutError::UnknownValue { name: (*name).to_owned() })
        };
        let ids = tensors.iter().map(find).collect::<Result<BTreeSet<_>, _>>()?;
        let ids: Vec<ValueId> = ids.into_iter().collect();
        let context = Context { graph, pairs: options.state.resolve(graph)? };
        let plan = context.plan(&ids)?;
        let trials = Trials::new(graph, program, samples, options)?;
        let shapes = Shapes::measure(graph, program.as_ref(), &borrowed(&trials.first))?;
        let finder = Finder { context, shapes, program, max_tensors: most };
        if let Some(&id) = ids.iter().find(|&&id| !finder.is_float(id)) {
            return Err(CutError::NotFloat { name: graph.value_name(id).to_owned() });
        }
        finder.proved(&plan, CutId::listed(1), &trials)
    }
}
