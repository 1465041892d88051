//! Chooses transform, prediction, weights and rounding by measured bytes at equal task loss.

use super::anchor::Choice;
use super::klt;
use super::material::Data;
use super::trial::{Setup, bytes_at_loss};
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
    pub(crate) reports: Vec<CandidateReport>,
    pub(crate) weights: Option<Weights>,
    pub(crate) weighted: bool,
}

/// Rounding trade-off that candidates are compared with.
const LAMBDA: f32 = 0.06;
/// Trade-offs that are then tried.
const LAMBDAS: [f32; 3] = [0.0, 0.03, 0.11];
/// Most inputs of a prediction: the normal equations grow with the square.
const MAX_INPUTS: usize = 1400;
/// What an alternative has to save to be worth its complexity.
const WORTHWHILE: f64 = 0.99;

/// Searches the family.
pub(crate) fn search(
    data: &Data<'_>,
    config: &LearnConfig,
    progress: &dyn Fn(&str, f32),
) -> Result<Search, LearnError> {
    let mut reports: Vec<CandidateReport> = Vec::new();
    let mut best: Option<(f64, RateIndex, Setup)> = None;
    let candidates = family(data, config);
    let count = candidates.len() as f32;
    for (i, (name, setup)) in candidates.into_iter().enumerate() {
        progress(&format!("trying {name}"), 0.3 * i as f32 / count);
        let first = best.as_ref().map_or(RateIndex::clamped(42), |(_, rate, _)| *rate);
        let so_far = best.as_ref().map_or(f64::INFINITY, |(bytes, ..)| *bytes);
        let (bytes, rate) = bytes_at_loss(data, &setup, config.target_loss, first, so_far)?;
        reports.push(CandidateReport { name, bytes, rate, chosen: false });
        if best.as_ref().is_none_or(|(b, ..)| bytes < *b) {
            best = Some((bytes, rate, setup));
        }
    }
    let (mut bytes, mut rate, mut setup) = best.ok_or(LearnError::Numeric("candidate search"))?;
    if let Some(report) = reports.iter_mut().find(|r| r.bytes == bytes) {
        report.chosen = true;
    }
    progress("probing task weights", 0.32);
    let mut weights = None;
    let mut weighted = false;
    if !config.leaves_out(Stage::Weights) && data.layout != Layout::Vector {
        let probed = weights::probe(data, &setup, rate);
        if probed.correlation >= weights::TRUSTED {
            let trial = Setup { transform: probed.apply(&setup.transform), ..setup.clone() };
            let (b, r) = bytes_at_loss(data, &trial, config.target_loss, rate, bytes)?;
            weighted = b < WORTHWHILE * bytes;
            let name = "task weights".to_owned();
            reports.push(CandidateReport { name, bytes: b, rate: r, chosen: weighted });
            if weighted {
                (bytes, rate, setup) = (b, r, trial);
            }
        }
        weights = Some(probed);
    }
    if !config.leaves_out(Stage::Rounding) {
        for (i, lambda) in LAMBDAS.into_iter().enumerate() {
            progress("trying rounding", 0.4 + 0.03 * i as f32);
            let choice = Choice { lambda, ..setup.choice };
            let trial = Setup { choice, ..setup.clone() };
            let (b, r) = bytes_at_loss(data, &trial, config.target_loss, rate, bytes)?;
            let name = format!("rounding {lambda}");
            let chosen = b < bytes;
            reports.push(CandidateReport { name, bytes: b, rate: r, chosen });
            if chosen {
                (bytes, rate, setup) = (b, r, trial);
            }
        }
    }
    Ok(Search { setup, reports, weights, weighted })
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
            let lambda = if config.leaves_out(Stage::Rounding) { 0.0 } else { LAMBDA };
            let contexts = !config.leaves_out(Stage::Contexts);
            let restored = !config.leaves_out(Stage::Restoration);
            let choice = Choice { prediction, signed, lambda, contexts, restored };
            let label = match prediction {
                Prediction::None => "no prediction",
                Prediction::Context => "conditional mean",
                Prediction::ClosedLoop => "closed loop",
            };
            let setup =
                Setup { transform: transform.clone(), base_step: base_step.max(1e-20), choice };
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
