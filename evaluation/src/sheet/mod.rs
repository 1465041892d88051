//! Measuring plan sheets: what each way to use the cuts of a model costs in bytes and in task loss.
//!
//! Every point is really coded and decoded, and the rest of the model runs on what came out, on
//! samples that nothing was learned from. Only points that somebody could want stay.

mod features;
mod front;
mod loss;
mod pictures;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use aiflow_codec::Profile;
use aiflow_runtime::bundle::{OperatingPoint, PlanSheet};
use aiflow_runtime::coding::CodingError;
use aiflow_runtime::cut::{SplitError, SplitModel};
use aiflow_runtime::learning::{LearningError, Outputs};
use aiflow_runtime::{Value, parallel_map};

pub use self::pictures::{picture_codec, picture_codings, preparing};
use crate::bench::Samples;
use crate::data::{DataError, Preprocess};
use crate::error::RivalError;

/// Why a plan sheet could not be measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SheetError {
    /// There is nothing to measure.
    #[error("a plan sheet needs at least one sample and one cut")]
    Nothing,
    /// A side of a cut did not run.
    #[error(transparent)]
    Split(#[from] SplitError),
    /// The model did not run on a sample.
    #[error(transparent)]
    Learning(#[from] LearningError),
    /// The tensors of a cut could not be coded.
    #[error(transparent)]
    Coding(#[from] CodingError),
    /// A picture could not be coded.
    #[error(transparent)]
    Picture(#[from] RivalError),
    /// A picture could not be turned into an input.
    #[error(transparent)]
    Data(#[from] DataError),
}

/// A cut with its profiles, one per tensor.
pub struct SheetCut {
    /// The divided model.
    pub split: SplitModel,
    /// Profiles in the order of the cut's tensors.
    pub profiles: Vec<Arc<Profile>>,
}

/// What a sheet is measured on.
pub struct SheetData<'a> {
    /// Name of the data set.
    pub name: &'a str,
    /// Samples that nothing was learned from.
    pub samples: &'a Samples,
    /// How pictures become inputs; without it, pictures are not measured.
    pub preprocess: Option<&'a Preprocess>,
}

/// Answers of the whole model, and the labels.
struct Truth<'a> {
    outputs: Vec<Outputs>,
    labels: &'a [Option<usize>],
}

/// Measures the plan sheet of a model.
///
/// `progress` gets what is being measured and the finished share, 0 to 1. Equal samples give equal
/// sheets, whatever the number of threads.
///
/// # Errors
/// When there are no samples or no cuts, or something does not run.
pub fn measure(
    data: &SheetData<'_>,
    cuts: &[SheetCut],
    threads: usize,
    progress: &dyn Fn(&str, f32),
) -> Result<PlanSheet, SheetError> {
    let first = cuts.first().filter(|_| !data.samples.is_empty()).ok_or(SheetError::Nothing)?;
    progress("plan sheet: the whole model", 0.0);
    let samples = data.samples;
    let whole = |index: usize| -> Result<Outputs, SheetError> {
        Ok(Outputs::of(&first.split.whole_with(&named(samples, index))?))
    };
    let outputs = all(samples.len(), threads, whole)?;
    let truth = Truth { outputs, labels: &samples.labels };
    let share = cuts.len() as f32 + 1.0;
    let own = |what: &str, done: f32| progress(&format!("plan sheet: {what}"), done / share);
    let mut points = pictures::measure(data, &first.split, &truth, threads, &own)?;
    for (index, cut) in cuts.iter().enumerate() {
        let own = |what: &str, done: f32| {
            let what = format!("plan sheet: {} {what}", cut.split.cut().id);
            progress(&what, (index as f32 + 1.0 + done) / share);
        };
        points.extend(features::measure(cut, samples, &truth, threads, &own)?);
    }
    let points = front::front(points, cuts);
    Ok(PlanSheet {
        data: data.name.to_owned(),
        samples: samples.len() as u64,
        confidence: loss::CONFIDENCE,
        top1: truth.top1(),
        points,
    })
}

/// What one sample gave at one point.
struct Trip {
    bytes: usize,
    output: Outputs,
}

impl Truth<'_> {
    /// Share of samples that the whole model gets right.
    fn top1(&self) -> Option<f64> {
        let right = loss::correct(&self.outputs, self.labels)?;
        Some(right.iter().filter(|right| **right).count() as f64 / right.len().max(1) as f64)
    }

    /// Sums up what all samples gave at one point.
    fn point(&self, payload: aiflow_runtime::bundle::Payload, trips: &[Trip]) -> OperatingPoint {
        let bytes: Vec<f64> = trips.iter().map(|trip| trip.bytes as f64).collect();
        let outputs: Vec<&Outputs> = trips.iter().map(|trip| &trip.output).collect();
        let mean = bytes.iter().sum::<f64>() / bytes.len().max(1) as f64;
        OperatingPoint {
            payload,
            bytes_mean: mean,
            bytes_p95: crate::statistics::quantile(&bytes, 0.95).unwrap_or(mean),
            loss: loss::loss(&self.outputs, &outputs, self.labels),
        }
    }
}

/// The inputs of a sample by name.
fn named(samples: &Samples, index: usize) -> Vec<(&str, Value)> {
    let inputs = samples.inputs.get(index).map_or(&[][..], Vec::as_slice);
    inputs.iter().map(|(name, value)| (name.as_str(), value.clone())).collect()
}

/// Runs a closure for every sample; the first error in their order is returned.
fn all<T: Send>(
    count: usize,
    threads: usize,
    run: impl Fn(usize) -> Result<T, SheetError> + Sync,
) -> Result<Vec<T>, SheetError> {
    parallel_map(count, threads, run).into_iter().collect()
}
