//! Chooses transform, prediction, weights and rounding by measured bytes at equal task loss.

use super::anchor::Choice;
use super::klt;
use super::material::Data;
use super::trial::{self, Crossing, Setup};
use super::weights::{self, Weights};
use super::{LearnConfig, Stage};
use crate::context::{Prediction, neighbours};
use crate::error::LearnError;
use crate::layout::Layout;
use crate::rate::RateIndex;
use crate::transform::Transform;

/// A candidate and what it measured.
#[derive(Clone, Debug, PartialEq)]
pub struct CandidateReport {
    /// What was tried: transform, prediction, and what was added.
    pub name: String,
    /// Bytes per sample at the target loss, ideal code length.
    pub bytes: f64,
    /// The rate index of that.
    pub rate: RateIndex,
    /// Whether it is part of the profile.
    pub chosen: bool,
}

/// The outcome of the search.
pub(crate) struct Search {
    pub(crate) setup: Setup,
    /// Where it meets the target loss.
    pub(crate) crossing: Crossing,
    pub(crate) reports: Vec<CandidateReport>,
    pub(crate) weights: Option<Weights>,
    pub(crate) weighted: bool,
}

/// Where the search starts: a step of twice the root mean square.
const FIRST_RATE: RateIndex = RateIndex::clamped(42);
/// How far beyond the rate of the target loss rounding is optimised.
const OPTIMISED_BEYOND: i32 = 2;
/// Rounding trade-offs that are tried once the rest is chosen; candidates round to the nearest.
const LAMBDAS: [f32; 3] = [0.03, 0.06, 0.11];
/// Most inputs of a prediction: the normal equations grow with the square.
const MAX_INPUTS: usize = 1400;
/// What an alternative has to save to be worth its complexity.
const WORTHWHILE: f64 = 0.985;

/// The best setup so far and where it meets the target loss.
struct Best {
    setup: Setup,
    crossing: Crossing,
    reports: Vec<CandidateReport>,
}

impl Best {
    /// Records a trial; takes it when it saves enough.
    fn offer(&mut self, name: String, setup: Setup, crossing: Crossing, worthwhile: f64) -> bool {
        let chosen = crossing.bytes < worthwhile * self.crossing.bytes;
        let (bytes, rate) = (crossing.bytes, crossing.rate);
        self.reports.push(CandidateReport { name, bytes, rate, chosen });
        if chosen {
            (self.setup, self.crossing) = (setup, crossing);
        }
        chosen
    }
}

/// Searches the family.
pub(crate) fn search(
    data: &Data<'_>,
    config: &LearnConfig,
    progress: &dyn Fn(&str, f32),
) -> Result<Search, LearnError> {
    let mut best = families(data, config, progress)?;
    progress("probing task weights", 0.3);
    let mut weights = None;
    let mut weighted = false;
    if !config.leaves_out(Stage::Weights) && data.layout != Layout::Vector {
        let probed = weights::probe(data, &best.setup, best.crossing.rate);
        if probed.correlation >= weights::TRUSTED {
            let transform = probed.apply(&best.setup.transform);
            let setup = Setup { transform, ..best.setup.clone() };
            let crossing = trial::variant(data, &setup, config.target_loss, &best.crossing)?;
            weighted = best.offer("task weights".to_owned(), setup, crossing, WORTHWHILE);
        }
        weights = Some(probed);
    }
    if !config.leaves_out(Stage::Rounding) {
        for (i, lambda) in LAMBDAS.into_iter().enumerate() {
            progress("trying rounding", 0.4 + 0.03 * i as f32);
            let choice = Choice { lambda, ..best.setup.choice };
            let setup = Setup { choice, ..best.setup.clone() };
            let crossing = trial::variant(data, &setup, config.target_loss, &best.crossing)?;
            best.offer(format!("rounding {lambda}"), setup, crossing, WORTHWHILE);
        }
    }
    let Best { mut setup, crossing, reports } = best;
    setup.optimised_up_to = crossing.rate.shifted(OPTIMISED_BEYOND);
    Ok(Search { setup, crossing, reports, weights, weighted })
}

/// Compares transforms and predictions.
fn families(
    data: &Data<'_>,
    config: &LearnConfig,
    progress: &dyn Fn(&str, f32),
) -> Result<Best, LearnError> {
    let candidates = family(data, config);
    let count = candidates.len() as f32;
    let mut best: Option<Best> = None;
    for (i, (name, setup)) in candidates.into_iter().enumerate() {
        progress(&format!("trying {name}"), 0.3 * i as f32 / count);
        let so_far = best.as_ref().map_or(Crossing::NONE, |best| best.crossing);
        let first = best.as_ref().map_or(FIRST_RATE, |best| best.crossing.rate);
        let found = trial::crossing(data, &setup, config.target_loss, first, &so_far)?;
        match &mut best {
            Some(best) => {
                if best.offer(name, setup, found, 1.0) {
                    let others = best.reports.len() - 1;
                    best.reports.iter_mut().take(others).for_each(|report| report.chosen = false);
                }
            }
            None => {
                let (bytes, rate) = (found.bytes, found.rate);
                let reports = vec![CandidateReport { name, bytes, rate, chosen: true }];
                best = Some(Best { setup, crossing: found, reports });
            }
        }
    }
    best.ok_or(LearnError::Numeric("candidate search"))
}

/// The transforms and predictions that make sense for the data.
pub(crate) fn family(data: &Data<'_>, config: &LearnConfig) -> Vec<(String, Setup)> {
    let channels = klt::diagonal(&data.moments, data.rectified);
    let mut transforms: Vec<(&str, Transform)> = vec![("channels", channels)];
    if !config.leaves_out(Stage::Transform) {
        transforms.push(("KLT", klt::klt(&data.moments)));
        if data.layout == Layout::Vector && !config.leaves_out(Stage::Weights) {
            let task = weights::exact(data);
            transforms.push(("task-weighted KLT", klt::weighted_klt(&data.moments, &task)));
        }
    }
    let mut out = Vec::new();
    for (name, transform) in transforms {
        let diagonal = name == "channels";
        for prediction in predictions(data, config, diagonal) {
            let base_step = data.moments.mean_variance().sqrt() as f32 / 16.0;
            let signed = !(diagonal && data.rectified) || prediction == Prediction::ClosedLoop;
            let contexts = !config.leaves_out(Stage::Contexts);
            let restored = !config.leaves_out(Stage::Restoration);
            let choice = Choice { prediction, signed, lambda: 0.0, contexts, restored };
            let label = match prediction {
                Prediction::None => "no prediction",
                Prediction::Context => "conditional mean",
                Prediction::ClosedLoop => "closed loop",
            };
            let setup = Setup {
                transform: transform.clone(),
                base_step: base_step.max(1e-20),
                choice,
                optimised_up_to: RateIndex::MAX,
            };
            out.push((format!("{name}, {label}"), setup));
        }
    }
    out
}

/// Predictions worth a trial: closed loops lose the zeros of rectified channels, and conditional
/// means those of dense ones, by measurement on every network tried.
fn predictions(data: &Data<'_>, config: &LearnConfig, diagonal: bool) -> Vec<Prediction> {
    let inputs = (neighbours(data.layout) + 1) * data.grid.components + 1;
    let off = config.leaves_out(Stage::Prediction) || config.leaves_out(Stage::Contexts);
    if off || inputs > MAX_INPUTS || (data.layout == Layout::Vector && !diagonal) {
        return vec![Prediction::None];
    }
    if data.rectified && diagonal {
        return vec![Prediction::Context];
    }
    if data.rectified || data.layout == Layout::Vector {
        return vec![Prediction::ClosedLoop];
    }
    vec![Prediction::ClosedLoop, Prediction::Context]
}
