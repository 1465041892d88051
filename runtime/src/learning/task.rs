//! The tail of a cut as the codec's task.

use std::sync::atomic::{AtomicBool, Ordering};

use aiflow_codec::learn::Task;
use ndarray::{ArrayD, IxDyn};

use super::{NamedInputs, Outputs, Reference};
use crate::cut::SplitModel;
use crate::value::{Tensor, Value};

/// Runs the tail with one tensor of the cut replaced.
pub(super) struct CutTask<'a> {
    pub(super) split: &'a SplitModel,
    pub(super) inputs: &'a [NamedInputs],
    pub(super) reference: &'a Reference,
    /// Which tensor is replaced.
    pub(super) index: usize,
    /// Set when the tail failed: the codec only knows losses.
    pub(super) failed: &'a AtomicBool,
}

impl CutTask<'_> {
    fn run(&self, sample: usize, feature: &[f32]) -> Option<Outputs> {
        let mut features: Vec<Tensor> = self.reference.features.get(sample)?.clone();
        let replaced = features.get_mut(self.index)?;
        *replaced = ArrayD::from_shape_vec(IxDyn(replaced.shape()), feature.to_vec()).ok()?;
        let named: Vec<(&str, Value)> =
            self.inputs.get(sample)?.iter().map(|(n, v)| (n.as_str(), v.clone())).collect();
        let outputs = self.split.tail_with(&features, &named, None).ok()?;
        Some(Outputs::of(&outputs))
    }
}

impl Task for CutTask<'_> {
    fn loss(&self, sample: usize, feature: &[f32]) -> f64 {
        let outputs = self.run(sample, feature);
        let Some((reference, outputs)) = self.reference.outputs.get(sample).zip(outputs) else {
            self.failed.store(true, Ordering::Relaxed);
            return f64::MAX;
        };
        reference.divergence(&outputs)
    }

    fn outputs_of(&self, sample: usize, feature: &[f32]) -> Option<Vec<f32>> {
        self.run(sample, feature)?.logits().map(<[f32]>::to_vec)
    }

    fn outputs(&self, sample: usize) -> &[f32] {
        self.reference.outputs.get(sample).and_then(Outputs::logits).unwrap_or(&[])
    }
}
