//! Learning a profile from calibration features, forward passes only.
//!
//! ```text
//! features -> moments -> candidates (transform x prediction) -> measured bytes and task loss
//!          -> task weights, rounding -> rate range -> anchors -> confidence head -> profile
//! ```
//!
//! Nothing is chosen by rule where it can be measured: every candidate is fitted, codes held-out
//! features, and the tail of the model says what the loss is. Same input, same bytes.

mod anchor;
mod candidate;
mod confidence;
mod extras;
mod fast;
mod head;
mod klt;
mod linear;
mod material;
mod parallel;
mod predictor;
mod shifts;
mod tables;
#[cfg(test)]
mod tests;
mod trial;
mod weights;

pub use candidate::CandidateReport;
pub use material::Task;

use crate::error::LearnError;
use crate::layout::Layout;
use crate::profile::{NO_ID, Profile};
use crate::rate::RateIndex;
use crate::tensor::Dims;
use material::{Data, Features};
use trial::Setup;

/// A part of the codec that an ablation leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// The transform: channels are coded as they are.
    Transform,
    /// Task weights.
    Weights,
    /// Rate-distortion optimised rounding.
    Rounding,
    /// Contexts: one table per rate; includes the prediction.
    Contexts,
    /// Prediction from decoded neighbours and channels.
    Prediction,
    /// Restoration at the receiver.
    Restoration,
}

impl Stage {
    /// All stages, in the order of the pipeline.
    pub const ALL: [Self; 6] = [
        Self::Transform,
        Self::Weights,
        Self::Rounding,
        Self::Contexts,
        Self::Prediction,
        Self::Restoration,
    ];

    /// The name used in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Transform => "transform",
            Self::Weights => "weights",
            Self::Rounding => "rdoq",
            Self::Contexts => "contexts",
            Self::Prediction => "prediction",
            Self::Restoration => "restoration",
        }
    }
}

/// How a profile is learned.
#[derive(Clone, Debug, PartialEq)]
pub struct LearnConfig {
    threads: usize,
    target_loss: f64,
    max_symbols: usize,
    /// The same where samples are few.
    max_symbols_of_few: usize,
    trial_samples: usize,
    without: Option<Stage>,
    copies: usize,
}

impl Default for LearnConfig {
    /// One thread, choices made at a loss of 0.01 nats, at most 1.5 million values per fit (4 million where there are
    /// at most [`FEW_SAMPLES`](Self::FEW_SAMPLES): each of them counts) and 128
    /// samples per trial. Losses of trials are those of softened outputs, on samples that the network may
    /// have been trained on: 0.01 there stood for 0.02 to 0.04 in use on every network measured.
    fn default() -> Self {
        Self {
            threads: 1,
            target_loss: 0.01,
            max_symbols: 1_500_000,
            max_symbols_of_few: 4_000_000,
            trial_samples: 128,
            without: None,
            copies: 1,
        }
    }
}

impl LearnConfig {
    /// Sets the number of threads; the result does not depend on it.
    #[must_use]
    pub const fn with_threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// Sets the task loss at which candidates are compared, in the units of [`Task::loss`].
    #[must_use]
    pub const fn with_target_loss(mut self, loss: f64) -> Self {
        self.target_loss = loss;
        self
    }

    /// Samples up to which every one of them is fitted to and measured on, and copies of them help.
    pub const FEW_SAMPLES: usize = 200;

    /// Says that the samples come in equal parts, `copies` of them, that show the same things in the same order,
    /// such as pictures and then their mirror images.
    ///
    /// Nothing is fitted to a copy of what is then measured, and only the first part is measured.
    /// Default: 1, each sample stands for itself; 0 counts as 1.
    #[must_use]
    pub const fn with_copies(mut self, copies: usize) -> Self {
        self.copies = copies;
        self
    }

    /// Leaves a stage out, for ablations.
    #[must_use]
    pub const fn without(mut self, stage: Stage) -> Self {
        self.without = Some(stage);
        self
    }

    fn leaves_out(&self, stage: Stage) -> bool {
        self.without == Some(stage)
    }
}

/// A point of the profile's own rate curve, measured on held-out calibration samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CurvePoint {
    /// The rate index.
    pub rate: RateIndex,
    /// Mean payload in bytes.
    pub bytes: f64,
    /// Mean task loss.
    pub loss: f64,
}

/// What learning found, for people and reports.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LearnReport {
    /// Share of exact zeros in the features.
    pub zeros: f64,
    /// Every candidate with its measured bytes at the target loss.
    pub candidates: Vec<CandidateReport>,
    /// Spread of the task weights (standard deviation of their logarithm), where probed.
    pub weight_spread: Option<f64>,
    /// Correlation of predicted and measured loss of the weights; under 0.9 they are not used.
    pub weight_correlation: Option<f64>,
    /// Whether task weights are in the profile.
    pub weighted: bool,
    /// Squared steps per bit of the optimised rounding.
    pub lambda: f32,
    /// The profile's rate curve on held-out samples.
    pub curve: Vec<CurvePoint>,
}

/// A profile and how it came about.
#[derive(Clone, Debug)]
pub struct Learned {
    /// The profile.
    pub profile: Profile,
    /// What was measured on the way.
    pub report: LearnReport,
}

/// Fewest samples that can be split into a part to fit and a part to measure.
const FEWEST_SAMPLES: usize = 16;
/// Rates of the anchors, relative to where the task loss meets the target: close together where
/// profiles are used, since tables and filters four indices away cost a tenth of the bytes at equal loss.
const ANCHORS: [i32; 8] = [-16, -8, -4, 0, 4, 8, 12, 20];

/// Learns the profile of one feature.
///
/// `features` hold one calibration sample each, in the tensor's own order, all of shape `dims`.
/// Three quarters fit the parameters, every fourth measures; of few samples each quarter measures in
/// turn. `progress` is told what is being done
/// and the share that is finished, 0 to 1.
///
/// # Errors
/// Too few samples, samples of another size or with NaN or infinities, or data on which a numeric
/// method fails.
pub fn learn(
    layout: Layout,
    dims: &Dims,
    features: &[Vec<f32>],
    task: &dyn Task,
    config: &LearnConfig,
    progress: &dyn Fn(&str, f32),
) -> Result<Learned, LearnError> {
    let found = features.len() / config.copies.max(1);
    if found < FEWEST_SAMPLES {
        return Err(LearnError::TooFewSamples { found, needed: FEWEST_SAMPLES });
    }
    let features = Features::new(layout, dims, features, config.copies)?;
    let folds: Vec<Data<'_>> =
        (0..features.folds()).map(|fold| features.fold(fold, task, config)).collect();
    let data = folds.first().ok_or(LearnError::Numeric("division of the samples"))?;
    progress("choosing the transform", 0.0);
    let search = candidate::search(&folds, config, progress)?;
    let operating = i32::from(search.crossing.rate.get());
    let inside = i32::from(RateIndex::MIN.get())..=i32::from(RateIndex::MAX.get());
    let rates = ANCHORS.iter().map(|offset| operating + offset);
    let rates: Vec<RateIndex> =
        rates.filter(|rate| inside.contains(rate)).map(RateIndex::clamped).collect();
    let profile = fit_rates(data, dims, &search.setup, &rates, &|done| {
        progress("fitting the rates", 0.5 + 0.35 * done);
    })?;
    progress("measuring the curve", 0.85);
    let (confidence, curve) =
        confidence::fit(&features, data, &profile, search.crossing.rate, config)?;
    let mut profile = Profile { confidence, ..profile };
    if features.is_small(config) {
        // The curve and the choices above were measured on held-out samples. They stand, a little
        // pessimistic, for a profile that is fitted to all.
        let all = features.all(task, config);
        let refitted = fit_rates(&all, dims, &search.setup.refitted(&all), &rates, &|done| {
            progress("fitting to all samples", 0.9 + 0.1 * done);
        })?;
        profile = Profile { confidence: profile.confidence, ..refitted };
    }
    let profile = profile.sealed();
    progress("done", 1.0);
    let setup = &search.setup;
    let report = LearnReport {
        zeros: features.zeros,
        candidates: search.reports,
        weight_spread: search.weights.as_ref().map(|w| w.spread),
        weight_correlation: search.weights.as_ref().map(|w| w.correlation),
        weighted: search.weighted,
        lambda: setup.choice.lambda,
        curve,
    };
    Ok(Learned { profile, report })
}

/// Fits the anchors of a profile without a confidence head.
fn fit_rates(
    data: &Data<'_>,
    dims: &Dims,
    setup: &Setup,
    rates: &[RateIndex],
    progress: &dyn Fn(f32),
) -> Result<Profile, LearnError> {
    let mut anchors = Vec::new();
    for (i, &rate) in rates.iter().enumerate() {
        progress(i as f32 / rates.len() as f32);
        anchors.push(anchor::fit_at(data, setup, rate)?);
    }
    extras::refinements(data, setup, &mut anchors)?;
    Ok(Profile {
        layout: data.layout,
        dims: *dims,
        range: data.range,
        base_step: setup.base_step,
        transform: setup.transform.clone(),
        anchors,
        confidence: None,
        id: NO_ID,
    })
}
