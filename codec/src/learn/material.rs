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
const HELD_OUT: usize = 4;

/// Position-major features, split into a part to fit and a part to measure.
pub(crate) struct Data<'a> {
    pub(crate) layout: Layout,
    pub(crate) grid: Grid,
    pub(crate) fit: Vec<Vec<f32>>,
    pub(crate) fit_samples: Vec<usize>,
    pub(crate) held_out: Vec<Vec<f32>>,
    pub(crate) held_out_samples: Vec<usize>,
    pub(crate) moments: Moments,
    pub(crate) zeros: f64,
    /// Whether no value is negative: the feature left a rectifier.
    pub(crate) rectified: bool,
    pub(crate) range: (f32, f32),
    pub(crate) task: &'a dyn Task,
    pub(crate) threads: usize,
    pub(crate) max_symbols: usize,
    pub(crate) trial_samples: usize,
}

impl<'a> Data<'a> {
    pub(crate) fn new(
        layout: Layout,
        dims: &Dims,
        features: &[Vec<f32>],
        task: &'a dyn Task,
        config: &LearnConfig,
    ) -> Result<Self, LearnError> {
        let expected = dims.elements();
        let grid = layout
            .grid(dims.as_slice())
            .filter(|grid| grid.elements() > 0)
            .ok_or(ShapeError::Profile { expected, found: 0 })?;
        let mut data = Self {
            layout,
            grid,
            fit: Vec::new(),
            fit_samples: Vec::new(),
            held_out: Vec::new(),
            held_out_samples: Vec::new(),
            moments: Moments::of(std::iter::empty(), grid.components),
            zeros: 0.0,
            rectified: false,
            range: (f32::INFINITY, f32::NEG_INFINITY),
            task,
            threads: config.threads,
            max_symbols: config.max_symbols,
            trial_samples: config.trial_samples,
        };
        let mut zeros = 0usize;
        for (i, feature) in features.iter().enumerate() {
            if feature.len() != expected {
                return Err(ShapeError::Profile { expected, found: feature.len() }.into());
            }
            if feature.iter().any(|v| !v.is_finite()) {
                return Err(LearnError::NotFinite { sample: i });
            }
            zeros += feature.iter().filter(|&&v| v == 0.0).count();
            for &v in feature {
                data.range = (data.range.0.min(v), data.range.1.max(v));
            }
            let mut gathered = Vec::new();
            layout.gather(grid, feature, &mut gathered);
            let (set, samples) = if i % HELD_OUT == HELD_OUT - 1 {
                (&mut data.held_out, &mut data.held_out_samples)
            } else {
                (&mut data.fit, &mut data.fit_samples)
            };
            set.push(gathered);
            samples.push(i);
        }
        data.zeros = zeros as f64 / (expected * features.len()) as f64;
        data.rectified = data.range.0 >= 0.0;
        data.range = bounds(data.range, features);
        data.moments = Moments::of(data.fit.iter().map(Vec::as_slice), grid.components);
        Ok(data)
    }

    /// Whether all samples together are within the budget, so that holding some out costs accuracy.
    pub(crate) fn is_small(&self) -> bool {
        (self.fit.len() + self.held_out.len()) * self.grid.elements() <= self.max_symbols
    }

    /// Moves the held-out samples to those that are fitted: nothing can be measured after that.
    pub(crate) fn merge(&mut self) {
        self.fit.append(&mut self.held_out);
        self.fit_samples.append(&mut self.held_out_samples);
    }

    /// Fitting samples within the budget of values.
    pub(crate) fn fitting(&self, limit: usize) -> &[Vec<f32>] {
        let by_symbols = (self.max_symbols / self.grid.elements()).max(24);
        &self.fit[..self.fit.len().min(by_symbols).min(limit)]
    }

    /// Held-out samples of a trial.
    pub(crate) fn trial(&self) -> &[Vec<f32>] {
        &self.held_out[..self.held_out.len().min(self.trial_samples)]
    }
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
