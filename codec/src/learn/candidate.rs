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
const OPTIMISED_BEYOND: i32 = 6;
/// Rounding trade-offs that are tried once the rest is chosen; candidates round to the nearest.
const LAMBDAS: [f32; 2] = [0.05, 0.1];
/// Most inputs of a prediction: the normal equations grow with the square.
const MAX_INPUTS: usize = 1400;
/// What an alternative has to save to be worth its complexity.
const WORTHWHILE: f64 = 0.985;

/// What the bytes of a closed loop are multiplied by when transforms and predictions are compared: its layers do not
/// nest, and cost half as much again.
const CLOSED_LOOP: f64 = 1.03;

/// The best setup so far and where it meets the target loss.
struct Best {
    setup: Setup,
    crossing: Crossing,
    reports: Vec<CandidateReport>,
}

impl Best {
    /// Where a variant of the best setup meets the loss.
    fn meets(
        &self,
        folds: &[Data<'_>],
        setup: &Setup,
        target: f64,
    ) -> Result<Crossing, LearnError> {
        trial::crossing(folds, setup, target, self.crossing.rate, &self.crossing)
    }

    /// Records a trial; takes it when it saves enough.
    fn offer(&mut self, name: String, setup: Setup, crossing: Crossing, worthwhile: f64) -> bool {
        let (bytes, rate) = (crossing.bytes_beside(&self.crossing), crossing.rate);
        let chosen = bytes < worthwhile * self.crossing.bytes;
        self.reports.push(CandidateReport { name, bytes, rate, chosen });
        if chosen {
            (self.setup, self.crossing) = (setup, crossing);
        }
        chosen
    }
}

/// How the transform of a setup is made from data.
#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    kind: Kind,
    /// Task weights of the components.
    weights: Option<Weights>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Channels,
    Klt,
    TaskKlt,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Channels => "channels",
            Self::Klt => "KLT",
            Self::TaskKlt => "task-weighted KLT",
        }
    }

    fn transform(self, data: &Data<'_>) -> Transform {
        match self {
            Self::Channels => klt::diagonal(&data.moments, data.rectified),
            Self::Klt => klt::klt(&data.moments),
            Self::TaskKlt => klt::weighted_klt(&data.moments, &weights::exact(data)),
        }
    }
}

impl Recipe {
    fn transform(&self, data: &Data<'_>) -> Transform {
        let transform = self.kind.transform(data);
        self.weights.as_ref().map_or(transform.clone(), |weights| weights.apply(&transform))
    }
}

impl Setup {
    /// The setup with its transform fitted to other data.
    pub(crate) fn refitted(&self, data: &Data<'_>) -> Self {
        let transform = self.recipe.transform(data);
        Self { transform, other_folds: Vec::new(), ..self.clone() }
    }

    /// The setup with task weights.
    fn weighted(&self, weights: &Weights) -> Self {
        let recipe = Recipe { weights: Some(weights.clone()), ..self.recipe.clone() };
        let apply = |transform| weights.apply(transform);
        Self {
            transform: apply(&self.transform),
            other_folds: self.other_folds.iter().map(apply).collect(),
            recipe,
            ..self.clone()
        }
    }
}

/// Searches the family.
pub(crate) fn search(
    folds: &[Data<'_>],
    config: &LearnConfig,
    progress: &dyn Fn(&str, f32),
) -> Result<Search, LearnError> {
    let data = folds.first().ok_or(LearnError::Numeric("candidate search"))?;
    let mut best = families(folds, config, progress)?;
    progress("probing task weights", 0.3);
    let mut weights = None;
    let mut weighted = false;
    if !config.leaves_out(Stage::Weights) && data.layout != Layout::Vector {
        let probed = weights::probe(data, &best.setup, best.crossing.rate);
        if probed.correlation >= weights::TRUSTED {
            let setup = best.setup.weighted(&probed);
            let crossing = best.meets(folds, &setup, config.target_loss)?;
            weighted = best.offer("task weights".to_owned(), setup, crossing, WORTHWHILE);
        }
        weights = Some(probed);
    }
    if !config.leaves_out(Stage::Rounding) {
        for (i, lambda) in LAMBDAS.into_iter().enumerate() {
            progress("trying rounding", 0.4 + 0.03 * i as f32);
            let choice = Choice { lambda, ..best.setup.choice };
            let setup = Setup { choice, ..best.setup.clone() };
            let crossing = best.meets(folds, &setup, config.target_loss)?;
            best.offer(format!("rounding {lambda}"), setup, crossing, WORTHWHILE);
        }
    }
    let Best { mut setup, crossing, reports } = best;
    setup.optimised_up_to = crossing.rate.shifted(OPTIMISED_BEYOND);
    Ok(Search { setup, crossing, reports, weights, weighted })
}

/// A candidate and where the screening found it.
struct Entry {
    name: String,
    setup: Setup,
    crossing: Crossing,
}

/// Compares transforms and predictions: all on the first fold, those that are close on every fold.
fn families(
    folds: &[Data<'_>],
    config: &LearnConfig,
    progress: &dyn Fn(&str, f32),
) -> Result<Best, LearnError> {
    let Some((first_fold, others)) = folds.split_first() else {
        return Err(LearnError::Numeric("candidate search"));
    };
    let candidates = family(folds, config);
    let count = candidates.len() as f32;
    let mut entries: Vec<Entry> = Vec::new();
    let mut leader = Crossing { rate: FIRST_RATE, ..Crossing::NONE };
    for (i, (name, setup)) in candidates.into_iter().enumerate() {
        progress(&format!("trying {name}"), 0.2 * i as f32 / count);
        let one = std::slice::from_ref(first_fold);
        let crossing = trial::crossing(one, &setup, config.target_loss, leader.rate, &leader)?;
        if crossing.bytes < leader.bytes {
            leader = crossing;
        }
        entries.push(Entry { name, setup, crossing });
    }
    let close = |entry: &&mut Entry| entry.crossing.bytes <= trial::HOPELESS * leader.bytes;
    if !others.is_empty() {
        progress("comparing those that are close", 0.2);
        for entry in entries.iter_mut().filter(close) {
            entry.crossing = trial::crossing(
                folds,
                &entry.setup,
                config.target_loss,
                entry.crossing.rate,
                &Crossing::NONE,
            )?;
        }
    }
    let leader =
        entries.iter().map(|entry| entry.crossing).min_by(|a, b| a.bytes.total_cmp(&b.bytes));
    let leader = leader.unwrap_or(Crossing::NONE);
    let bytes = |i: &usize| {
        entries.get(*i).map_or(f64::INFINITY, |entry| {
            let closed = entry.setup.choice.prediction == Prediction::ClosedLoop;
            let handicap = if closed { CLOSED_LOOP } else { 1.0 };
            handicap * entry.crossing.bytes_beside(&leader)
        })
    };
    let best = (0..entries.len()).min_by(|a, b| bytes(a).total_cmp(&bytes(b)));
    let reports = entries.iter().enumerate().map(|(i, entry)| CandidateReport {
        name: entry.name.clone(),
        bytes: entry.crossing.bytes,
        rate: entry.crossing.rate,
        chosen: Some(i) == best,
    });
    let reports = reports.collect();
    let best = best.and_then(|i| entries.into_iter().nth(i));
    let Entry { setup, crossing, .. } = best.ok_or(LearnError::Numeric("candidate search"))?;
    Ok(Best { setup, crossing, reports })
}

/// The transforms and predictions that make sense for the data.
pub(crate) fn family(folds: &[Data<'_>], config: &LearnConfig) -> Vec<(String, Setup)> {
    let Some((data, others)) = folds.split_first() else { return Vec::new() };
    let mut kinds = vec![Kind::Channels];
    if !config.leaves_out(Stage::Transform) {
        kinds.push(Kind::Klt);
        if data.layout == Layout::Vector && !config.leaves_out(Stage::Weights) {
            kinds.push(Kind::TaskKlt);
        }
    }
    let mut out = Vec::new();
    for kind in kinds {
        let transform = kind.transform(data);
        let other_folds: Vec<Transform> = others.iter().map(|d| kind.transform(d)).collect();
        let diagonal = kind == Kind::Channels;
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
                other_folds: other_folds.clone(),
                recipe: Recipe { kind, weights: None },
                base_step: base_step.max(1e-20),
                choice,
                optimised_up_to: RateIndex::MAX,
            };
            out.push((format!("{}, {label}", kind.name()), setup));
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
