//! Calibration features as the learner uses them.

use super::LearnConfig;
use super::klt::Moments;
use crate::error::LearnError;
use crate::layout::{Grid, Layout};
use crate::tensor::{Dims, ShapeError};

/// The model's tail, as far as learning needs it.
pub trait Task: Sync {
    /// Loss when `feature` (in the tensor's own order) takes the place of the true feature of
    /// calibration sample `sample`: Kullback-Leibler divergence of the outputs in nats for
    /// classifiers, relative squared error of the outputs otherwise. Not negative.
    fn loss(&self, sample: usize, feature: &[f32]) -> f64;

    /// The model's outputs (logits) when `feature` takes the place of the true feature of a sample;
    /// `None` when they are no classes.
    fn outputs_of(&self, sample: usize, feature: &[f32]) -> Option<Vec<f32>>;

    /// The uncompressed model's outputs (logits) for a sample; empty when they are no classes.
    fn outputs(&self, sample: usize) -> &[f32];
}

/// Every how many samples one is held out to measure.
pub(crate) const HELD_OUT: usize = 4;
/// Channels up to which every choice is measured on all of few samples, a quarter at a time: a mean of few losses
/// hangs on two or three of them, but transforms are then fitted once per quarter.
const FEW_CHANNELS: usize = 320;

/// Position-major features of all calibration samples.
pub(crate) struct Features {
    layout: Layout,
    pub(crate) grid: Grid,
    samples: Vec<Vec<f32>>,
    /// Samples that are measured on; what comes after them are copies of them.
    originals: usize,
    pub(crate) zeros: f64,
    /// Whether no value is negative: the feature left a rectifier.
    rectified: bool,
    range: (f32, f32),
}

impl Features {
    pub(crate) fn new(
        layout: Layout,
        dims: &Dims,
        features: &[Vec<f32>],
        copies: usize,
    ) -> Result<Self, LearnError> {
        let expected = dims.elements();
        let grid = layout
            .grid(dims.as_slice())
            .filter(|grid| grid.elements() > 0)
            .ok_or(ShapeError::Profile { expected, found: 0 })?;
        let mut samples = Vec::with_capacity(features.len());
        let mut zeros = 0usize;
        let mut range = (f32::INFINITY, f32::NEG_INFINITY);
        for (i, feature) in features.iter().enumerate() {
            if feature.len() != expected {
                return Err(ShapeError::Profile { expected, found: feature.len() }.into());
            }
            if feature.iter().any(|v| !v.is_finite()) {
                return Err(LearnError::NotFinite { sample: i });
            }
            zeros += feature.iter().filter(|&&v| v == 0.0).count();
            for &v in feature {
                range = (range.0.min(v), range.1.max(v));
            }
            let mut gathered = Vec::new();
            layout.gather(grid, feature, &mut gathered);
            samples.push(gathered);
        }
        Ok(Self {
            layout,
            grid,
            originals: samples.len() / copies.max(1),
            samples,
            zeros: zeros as f64 / (expected * features.len()).max(1) as f64,
            rectified: range.0 >= 0.0,
            range: bounds(range, features),
        })
    }

    /// Number of samples, copies left out.
    pub(crate) fn len(&self) -> usize {
        self.originals
    }

    /// Values of a sample.
    pub(crate) fn sample(&self, index: usize) -> &[f32] {
        self.samples.get(index).map_or(&[], Vec::as_slice)
    }

    /// Number of folds that choices are measured on.
    pub(crate) fn folds(&self) -> usize {
        let crossed = self.are_few() && self.grid.components <= FEW_CHANNELS;
        if crossed { HELD_OUT } else { 1 }
    }

    /// Whether each sample counts.
    fn are_few(&self) -> bool {
        self.originals <= LearnConfig::FEW_SAMPLES
    }

    /// Values that a fit can afford.
    fn budget(&self, config: &LearnConfig) -> usize {
        if self.are_few() { config.max_symbols_of_few } else { config.max_symbols }
    }

    /// Whether all samples together are within the budget, so that holding some out costs accuracy.
    pub(crate) fn is_small(&self, config: &LearnConfig) -> bool {
        self.samples.len() * self.grid.elements() <= self.budget(config)
    }

    /// Data that hold out every fourth sample, another quarter for each `fold`.
    pub(crate) fn fold<'a>(
        &'a self,
        fold: usize,
        task: &'a dyn Task,
        config: &LearnConfig,
    ) -> Data<'a> {
        self.split(task, config, |i| i % HELD_OUT == (2 * HELD_OUT - 1 - fold) % HELD_OUT)
    }

    /// Data that hold out nothing.
    pub(crate) fn all<'a>(&'a self, task: &'a dyn Task, config: &LearnConfig) -> Data<'a> {
        self.split(task, config, |_| false)
    }

    fn split<'a>(
        &'a self,
        task: &'a dyn Task,
        config: &LearnConfig,
        held: impl Fn(usize) -> bool,
    ) -> Data<'a> {
        let numbered = || self.samples.iter().map(Vec::as_slice).enumerate();
        let own = |i: usize| held(i % self.originals.max(1));
        let measured = numbered().take(self.originals);
        let (held_out_samples, held_out) = measured.filter(|(i, _)| own(*i)).unzip();
        let (fit_samples, fit): (Vec<usize>, Vec<&[f32]>) =
            numbered().filter(|(i, _)| !own(*i)).unzip();
        Data {
            layout: self.layout,
            grid: self.grid,
            moments: Moments::of(fit.iter().copied(), self.grid.components),
            fit,
            fit_samples,
            held_out,
            held_out_samples,
            rectified: self.rectified,
            range: self.range,
            task,
            threads: config.threads,
            max_symbols: self.budget(config),
            trial_samples: config.trial_samples,
        }
    }
}

/// Position-major features, split into a part to fit and a part to measure.
pub(crate) struct Data<'a> {
    pub(crate) layout: Layout,
    pub(crate) grid: Grid,
    pub(crate) fit: Vec<&'a [f32]>,
    pub(crate) fit_samples: Vec<usize>,
    pub(crate) held_out: Vec<&'a [f32]>,
    pub(crate) held_out_samples: Vec<usize>,
    pub(crate) moments: Moments,
    /// Whether no value is negative: the feature left a rectifier.
    pub(crate) rectified: bool,
    pub(crate) range: (f32, f32),
    pub(crate) task: &'a dyn Task,
    pub(crate) threads: usize,
    pub(crate) max_symbols: usize,
    pub(crate) trial_samples: usize,
}

impl<'a> Data<'a> {
    /// Fitting samples within the budget of values.
    pub(crate) fn fitting(&self, limit: usize) -> &[&'a [f32]] {
        let by_symbols = (self.max_symbols / self.grid.elements()).max(24);
        &self.fit[..self.fit.len().min(by_symbols).min(limit)]
    }

    /// Held-out samples of a trial.
    pub(crate) fn trial(&self) -> &[&'a [f32]] {
        &self.held_out[..self.held_out.len().min(self.trial_samples)]
    }
}

/// What trials take for the loss of classifiers: divergences of outputs divided by this.
///
/// A mean of divergences hangs on the few samples that the model is unsure about, the more so on samples
/// that it was trained on. At temperature 2 all samples have a say: a mean of as many is known twice
/// as well, and ranks the same.
const TEMPERATURE: f64 = 2.0;

/// What a feature in place of the true one costs a task.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Losses {
    /// The task's own loss.
    pub(crate) plain: f64,
    /// What setups are compared by: the divergence of softened outputs, or the task's own loss where
    /// outputs are no classes.
    pub(crate) softened: f64,
}

impl Losses {
    /// Runs the tail once.
    pub(crate) fn of(task: &dyn Task, sample: usize, feature: &[f32]) -> Self {
        let reference = task.outputs(sample);
        match task.outputs_of(sample, feature) {
            Some(outputs) if outputs.len() == reference.len() && reference.len() > 1 => Self {
                plain: divergence(reference, &outputs, 1.0),
                softened: divergence(reference, &outputs, TEMPERATURE),
            },
            _ => {
                let plain = task.loss(sample, feature).max(0.0);
                Self { plain, softened: plain }
            }
        }
    }
}

/// The Kullback-Leibler divergence of softmax outputs at a temperature, in nats.
fn divergence(reference: &[f32], outputs: &[f32], temperature: f64) -> f64 {
    let log_softmax = |logits: &[f32]| -> Vec<f64> {
        let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let shifted: Vec<f64> = logits.iter().map(|l| f64::from(l - top) / temperature).collect();
        let sum: f64 = shifted.iter().map(|l| l.exp()).sum();
        shifted.iter().map(|l| l - sum.ln()).collect()
    };
    let (p, q) = (log_softmax(reference), log_softmax(outputs));
    p.iter().zip(&q).map(|(a, b)| a.exp() * (a - b)).sum::<f64>().max(0.0)
}

/// The range to clamp to: a bound that many values sit on exactly is the model's own (a rectifier's
/// zero, a clip's six); others are an accident of the samples and are not enforced.
fn bounds(seen: (f32, f32), features: &[Vec<f32>]) -> (f32, f32) {
    let total: usize = features.iter().map(Vec::len).sum();
    let share = |bound: f32| {
        let hits = features.iter().flatten().filter(|&&v| v == bound).count();
        hits as f64 / total.max(1) as f64
    };
    let low = if seen.0 == 0.0 || share(seen.0) > 1e-3 { seen.0 } else { f32::NEG_INFINITY };
    let high = if share(seen.1) > 1e-3 { seen.1 } else { f32::INFINITY };
    (low, high)
}
