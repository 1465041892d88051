//! Trials: fit a setup at one rate, code held-out features, ask the task what was lost.

use super::anchor::{self, Choice, Fitted, Material};
use super::candidate::Recipe;
use super::material::{Data, Losses};
use super::parallel::map_chunks;
use crate::context::{Scan, walk};
use crate::error::LearnError;
use crate::layout::Grid;
use crate::quantise::{Chooser, Costs};
use crate::rate::RateIndex;
use crate::transform::{Prepared, Transform};

/// What a trial tries.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// The transform, fitted to the samples that the first fold does not hold out.
    pub(crate) transform: Transform,
    /// The same for the other folds.
    pub(crate) other_folds: Vec<Transform>,
    /// How the transforms were made.
    pub(crate) recipe: Recipe,
    pub(crate) base_step: f32,
    pub(crate) choice: Choice,
    /// The coarsest rate at which rounding is optimised. Where steps are coarser, what rounding to
    /// the nearest keeps is worth more to the restoration than its bits.
    pub(crate) optimised_up_to: RateIndex,
}

/// What a trial found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    /// Mean bytes of the ideal code.
    pub(crate) bytes: f64,
    /// Mean softened loss.
    pub(crate) loss: f64,
    /// The square of the mean root of softened losses: what setups are compared by.
    pub(crate) typical: f64,
}

impl Setup {
    pub(crate) fn step(&self, rate: RateIndex) -> f32 {
        self.base_step * rate.factor()
    }

    /// The choices at a rate.
    pub(crate) fn choice_at(&self, rate: RateIndex) -> Choice {
        let lambda = if rate > self.optimised_up_to { 0.0 } else { self.choice.lambda };
        Choice { lambda, ..self.choice }
    }
}

/// Samples whose fit a trial can afford.
const TRIAL_FIT: usize = 128;
/// Smallest loss told apart from none.
const LOSS_FLOOR: f64 = 1e-7;

/// Components of features under a transform.
pub(crate) fn components(prepared: &Prepared, features: &[&[f32]]) -> Vec<Vec<f32>> {
    let forward = |feature: &&[f32]| {
        let mut out = Vec::new();
        prepared.forward(feature, 1.0, &mut out);
        out
    };
    features.iter().map(forward).collect()
}

/// Fits and measures a setup at a rate, on each of its folds; means are those of all folds together.
pub(crate) fn run(
    folds: &[Data<'_>],
    setup: &Setup,
    rate: RateIndex,
) -> Result<Outcome, LearnError> {
    let mut sum = Sums::default();
    let mut count = 0;
    let transforms = std::iter::once(&setup.transform).chain(&setup.other_folds);
    for (data, transform) in folds.iter().zip(transforms) {
        sum.add(run_fold(data, setup, transform, rate)?);
        count += data.trial().len();
    }
    let n = count.max(1) as f64;
    let typical = (sum.roots / n).powi(2);
    Ok(Outcome { bytes: sum.bits / 8.0 / n, loss: sum.losses / n, typical })
}

/// Sums over samples.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    bits: f64,
    losses: f64,
    /// Roots of losses.
    roots: f64,
}

impl Sums {
    fn add(&mut self, other: Self) {
        self.bits += other.bits;
        self.losses += other.losses;
        self.roots += other.roots;
    }
}

/// The sums of one fold.
fn run_fold(
    data: &Data<'_>,
    setup: &Setup,
    transform: &Transform,
    rate: RateIndex,
) -> Result<Sums, LearnError> {
    let prepared = transform.prepare();
    let fit = data.fitting(TRIAL_FIT);
    let fit_components = components(&prepared, fit);
    let grid = Grid { components: prepared.components(), ..data.grid };
    let material = Material {
        layout: data.layout,
        grid,
        originals: fit,
        components: &fit_components,
        transform: &prepared,
        threads: data.threads,
    };
    let step = setup.step(rate);
    let fitted = anchor::fit(material, setup.choice, step)?;
    let costs = Costs::of(&fitted.model.tables);
    let coder = TrialCoder { data, prepared: &prepared, fitted: &fitted, costs: &costs, grid };
    let trial = data.trial();
    let parts = map_chunks(data.threads, trial.len(), 4, |range| {
        let mut scan = Scan::default();
        let mut sum = Sums::default();
        for i in range {
            let (bits, restored) = coder.code(trial[i], step, setup.choice.lambda, &mut scan);
            let losses = Losses::of(data.task, data.held_out_samples[i], &restored).softened;
            sum.add(Sums { bits, losses, roots: losses.sqrt() });
        }
        sum
    });
    let mut sum = Sums::default();
    parts.into_iter().for_each(|part| sum.add(part));
    Ok(sum)
}

struct TrialCoder<'a> {
    data: &'a Data<'a>,
    prepared: &'a Prepared,
    fitted: &'a Fitted,
    costs: &'a Costs,
    grid: Grid,
}

impl TrialCoder<'_> {
    /// Bits of a feature and its reconstruction in the tensor's own order.
    fn code(&self, feature: &[f32], step: f32, lambda: f32, scan: &mut Scan) -> (f64, Vec<f32>) {
        let model = &self.fitted.model;
        let centroids = &self.fitted.centroids;
        let chooser = Chooser { model, costs: self.costs, centroids, lambda };
        let mut components = Vec::new();
        self.prepared.forward(feature, 1.0 / step, &mut components);
        let (mut bits, mut values) = (0f64, Vec::new());
        walk(model, self.grid, scan, &mut values, |at, component, context, _| {
            let level = chooser.choose(component, &context, components[at]);
            let difference = context.difference(level);
            bits += f64::from(self.costs.of_difference(context.table, difference));
            Some(level)
        });
        centroids.apply(model.prediction, &values, &mut components);
        let mut out = self.prepared.mean().repeat(self.grid.positions());
        self.prepared.backward(&components, step, &mut out);
        if let Some(restoration) = &self.fitted.restoration {
            for (at, value) in components.iter_mut().enumerate() {
                *value -= centroids.zero(model.prediction, at % self.grid.components);
            }
            let filter = restoration.prepare(None);
            filter.apply(self.data.layout, self.grid, &components, step, &mut out);
        }
        let (low, high) = self.data.range;
        out.iter_mut().for_each(|v| *v = v.max(low).min(high));
        let mut tensor = Vec::new();
        self.data.layout.scatter(self.data.grid, &out, &mut tensor);
        (bits, tensor)
    }
}

/// Change of `ln(bytes)` over `ln(loss)` where only one trial is known.
const TYPICAL_SLOPE: f64 = -0.45;
/// Slopes that are believed: noise of few samples can make others.
const SLOPES: (f64, f64) = (-1.2, -0.15);
/// How much worse than the best a single trial may look before it is given up.
pub(crate) const HOPELESS: f64 = 1.25;
/// Most trials of one setup.
const MAX_TRIALS: usize = 4;
/// Rate steps over which a known slope is better than a second trial.
const BRIDGED: f64 = 2.0;
/// Rate steps per factor e of the loss: it grows about with the square of the step.
const RATE_PER_LOSS: f64 = 5.8;

/// Where a setup meets a loss.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crossing {
    pub(crate) bytes: f64,
    pub(crate) rate: RateIndex,
    /// Change of `ln(bytes)` over `ln(loss)` there.
    pub(crate) slope: f64,
    /// [`Outcome::typical`] there.
    pub(crate) typical: f64,
}

impl Crossing {
    /// What no setup can beat: the start of a search.
    pub(crate) const NONE: Self =
        Self { bytes: f64::INFINITY, rate: RateIndex::MIN, slope: TYPICAL_SLOPE, typical: 0.0 };

    /// Bytes where the typical loss is that of another crossing.
    ///
    /// A mean of losses hangs on the few samples that the model is unsure about; that of their roots is
    /// known several times as well, and two setups at one mean loss rarely differ by it for another reason.
    pub(crate) fn bytes_beside(&self, other: &Self) -> f64 {
        self.bytes * (self.slope * (ln(other.typical) - ln(self.typical))).exp()
    }
}

/// Finds where a setup meets a loss, by a few trials that close in on it, beginning at a rate.
///
/// `best` is a setup like this one, or [`Crossing::NONE`]: where the first trial promises more than 1.25
/// times its bytes, the setup is given up, and where it all but meets the loss, the slope of `best`
/// bridges the rest.
pub(crate) fn crossing(
    folds: &[Data<'_>],
    setup: &Setup,
    target: f64,
    first: RateIndex,
    best: &Crossing,
) -> Result<Crossing, LearnError> {
    let mut seen: Vec<(i32, Outcome)> = Vec::new();
    let mut rate = i32::from(first.get());
    for trial in 0..MAX_TRIALS {
        let outcome = run(folds, setup, RateIndex::clamped(rate))?;
        seen.push((rate, outcome));
        seen.sort_by_key(|(q, _)| *q);
        if trial == 0 && best.bytes.is_finite() {
            let missing = RATE_PER_LOSS * (target.ln() - log_loss(&outcome));
            let bytes = at_loss(&outcome, target, best.slope);
            if bytes > HOPELESS * best.bytes || missing.abs() <= BRIDGED {
                let shift = missing.round().clamp(-8.0, 8.0) as i32;
                let moved = ln(target) - log_loss(&outcome);
                let typical = (ln(outcome.typical) + moved).exp();
                return Ok(Crossing {
                    bytes,
                    rate: first.shifted(shift),
                    slope: best.slope,
                    typical,
                });
            }
        }
        match next_rate(&seen, rate, &outcome, target) {
            Some(next) => rate = next,
            None => break,
        }
    }
    Ok(interpolate(&seen, target))
}

fn log_loss(outcome: &Outcome) -> f64 {
    ln(outcome.loss)
}

fn ln(loss: f64) -> f64 {
    loss.max(LOSS_FLOOR).ln()
}

/// Bytes of an outcome moved along a slope to the target loss.
fn at_loss(outcome: &Outcome, target: f64, slope: f64) -> f64 {
    outcome.bytes * (slope * (target.ln() - log_loss(outcome))).exp()
}

/// The rate of the next trial; nothing when the target is bracketed closely or all is tried.
fn next_rate(seen: &[(i32, Outcome)], rate: i32, last: &Outcome, target: f64) -> Option<i32> {
    let error = target.ln() - log_loss(last);
    let below = seen.iter().rev().find(|(_, o)| o.loss <= target);
    let above = seen.iter().find(|(_, o)| o.loss > target);
    let mut next = rate + (error * RATE_PER_LOSS).round().clamp(-16.0, 16.0) as i32;
    if let (Some((ql, low)), Some((qh, high))) = (below, above) {
        if (1..=6).contains(&(qh - ql)) {
            return None;
        }
        if qh > ql {
            let share = (target.ln() - log_loss(low)) / (log_loss(high) - log_loss(low)).max(1e-9);
            let inner = f64::from(*ql) + share * f64::from(qh - ql);
            next = (inner.round() as i32).clamp(ql + 1, qh - 1);
        }
    }
    let tried = |q: i32| seen.iter().any(|(other, _)| *other == q);
    let beside = rate + if error > 0.0 { 3 } else { -3 };
    [next, beside].into_iter().map(|q| q.clamp(0, 63)).find(|&q| !tried(q))
}

/// Log-linear interpolation of bytes over loss between the two trials nearest to the target.
fn interpolate(seen: &[(i32, Outcome)], target: f64) -> Crossing {
    let distance = |o: &Outcome| (log_loss(o) - target.ln()).abs();
    let mut nearest: Vec<&(i32, Outcome)> = seen.iter().collect();
    nearest.sort_by(|a, b| distance(&a.1).total_cmp(&distance(&b.1)));
    match nearest.as_slice() {
        [(qa, a), (qb, b), ..] if (log_loss(a) - log_loss(b)).abs() > 1e-6 => {
            let span = log_loss(b) - log_loss(a);
            let share = ((target.ln() - log_loss(a)) / span).clamp(-0.5, 1.5);
            let slope =
                ((b.bytes.max(0.1) / a.bytes.max(0.1)).ln() / span).clamp(SLOPES.0, SLOPES.1);
            let q = f64::from(*qa) * (1.0 - share) + f64::from(*qb) * share;
            let typical = ln(a.typical) * (1.0 - share) + ln(b.typical) * share;
            Crossing {
                bytes: a.bytes * (slope * share * span).exp(),
                rate: RateIndex::clamped(q.round() as i32),
                slope,
                typical: typical.exp(),
            }
        }
        [(q, o), ..] => {
            let (bytes, typical) = (o.bytes, o.typical);
            Crossing { bytes, rate: RateIndex::clamped(*q), slope: TYPICAL_SLOPE, typical }
        }
        [] => Crossing::NONE,
    }
}
