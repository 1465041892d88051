//! Running the part of a model between two of its cuts.

use std::sync::Arc;

use super::plan::Context;
use super::split::Behind;
use super::{Cut, CutError, InputDims, SplitError, SplitModel};
use crate::engine::Program;
use crate::graph::{Graph, ValueId};
use crate::value::{Tensor, Value};

/// One loaded model between two cuts: what a tier in the middle of a chain runs, and the segment
/// that a profiler times.
///
/// It shares the [`Program`] with every other part of the model.
pub struct MiddleModel {
    /// Divides the model at the first cut; it finds shape values.
    split: SplitModel,
    to: Cut,
    /// Shape values that are found from the dimensions of the graph inputs.
    shapes: Vec<String>,
    /// Side inputs that are read.
    side_inputs: Vec<String>,
}

impl MiddleModel {
    /// Takes the part of a loaded model from one cut to a later one.
    ///
    /// # Errors
    /// When the second cut does not follow from the first alone: it lies before it, or beside it on
    /// other branches; and when state is read between them.
    pub fn new(
        program: Arc<dyn Program>,
        graph: &Graph,
        from: &Cut,
        to: &Cut,
    ) -> Result<Self, CutError> {
        let between = from.tail_state.iter().find(|input| !to.tail_state.contains(input));
        let made = to.head_outputs.iter().find(|output| !from.head_outputs.contains(output));
        if let Some(input) = between.or(made) {
            return Err(CutError::SharedState { input: input.clone() });
        }
        let context = Context { graph, pairs: Vec::new() };
        let part = context.middle(&ids(graph, from)?, &ids(graph, to)?)?;
        let names = |ids: &[ValueId]| -> Vec<String> {
            ids.iter().map(|&id| graph.value_name(id).to_owned()).collect()
        };
        Ok(Self {
            shapes: names(&part.shapes),
            side_inputs: names(&part.inputs),
            split: SplitModel::new(program, graph, from.clone()),
            to: to.clone(),
        })
    }

    /// Returns the cut whose tensors come in.
    pub fn from(&self) -> &Cut {
        self.split.cut()
    }

    /// Returns the cut whose tensors go out.
    pub fn to(&self) -> &Cut {
        &self.to
    }

    /// Runs the part on the tensors of the first cut; returns those of the second.
    ///
    /// `others` are side inputs by name, others than the needed ones are ignored. `dims` are the
    /// dimensions of the graph inputs; `None` stands for those of the sample that the cuts were found
    /// with.
    ///
    /// # Errors
    /// When the number of tensors is wrong, an input is missing, or the part does not run.
    pub fn run(
        &self,
        features: &[Tensor],
        others: &[(&str, Value)],
        dims: Option<&InputDims>,
    ) -> Result<Vec<Tensor>, SplitError> {
        let needed = |name: &str| self.side_inputs.iter().any(|own| own == name);
        let fetch = self.to.tensor_names();
        let part = Behind { fetch: &fetch, shapes: &self.shapes, takes: &needed };
        let results = self.split.run_behind(&part, features, others, dims)?;
        let float = |(name, value): (&str, Value)| {
            value.into_f32().ok_or_else(|| SplitError::NotFloat { name: name.to_owned() })
        };
        fetch.into_iter().zip(results).map(float).collect()
    }
}

/// Finds the tensors of a cut in the graph.
fn ids(graph: &Graph, cut: &Cut) -> Result<Vec<ValueId>, CutError> {
    let find = |name: &str| {
        graph.value(name).ok_or_else(|| CutError::UnknownValue { name: name.to_owned() })
    };
    cut.tensor_names().into_iter().map(find).collect()
}
