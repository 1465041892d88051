//! Trials: fit a setup at one rate, code held-out features, ask the task what was lost.

use super::anchor::{self, Choice, Fitted, Material};
use super::material::Data;
use super::parallel::map_chunks;
use crate::context::{Prediction, Scan, walk};
use crate::error::LearnError;
use crate::layout::Grid;
use crate::quantise::{Chooser, Costs};
use crate::rate::RateIndex;
use crate::transform::{Prepared, Transform};

/// What a trial tries.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) transform: Transform,
    pub(crate) base_step: f32,
    pub(crate) choice: Choice,
}

/// What a trial found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    /// Mean bytes of the ideal code.
    pub(crate) bytes: f64,
    pub(crate) loss: f64,
}

impl Setup {
    pub(crate) fn step(&self, rate: RateIndex) -> f32 {
        self.base_step * rate.factor()
    }
}

/// Samples whose fit a trial can afford.
const TRIAL_FIT: usize = 128;
/// Smallest loss told apart from none.
const LOSS_FLOOR: f64 = 1e-7;

/// Components of features under a transform.
pub(crate) fn components(prepared: &Prepared, features: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let forward = |feature: &Vec<f32>| {
        let mut out = Vec::new();
        prepared.forward(feature, 1.0, &mut out);
        out
    };
    features.iter().map(forward).collect()
}

/// Fits and measures a setup at a rate.
pub(crate) fn run(data: &Data<'_>, setup: &Setup, rate: RateIndex) -> Result<Outcome, LearnError> {
    let prepared = setup.transform.prepare();
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
        let mut sum = (0.0, 0.0);
        for i in range {
            let (bits, restored) = coder.code(&trial[i], step, setup.choice.lambda, &mut scan);
            sum.0 += bits;
            sum.1 += data.task.loss(data.held_out_samples[i], &restored);
        }
        sum
    });
    let (bits, loss) = parts.iter().fold((0.0, 0.0), |t, p| (t.0 + p.0, t.1 + p.1));
    let n = trial.len().max(1) as f64;
    Ok(Outcome { bytes: bits / 8.0 / n, loss: loss / n })
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

/// Growth of `ln(bytes)` over `ln(loss)` that a single trial is judged with.
const TYPICAL_SLOPE: f64 = 0.45;
/// How much worse than the best a single trial may look before it is given up.
const HOPELESS: f64 = 1.25;
/// Most trials of one setup.
const MAX_TRIALS: usize = 4;

/// Bytes at a loss, by a few trials that close in on it, and the rate index nearest to it.
///
/// A setup whose first trial promises more than 1.25 times `best` bytes is given up.
pub(crate) fn bytes_at_loss(
    data: &Data<'_>,
    setup: &Setup,
    target: f64,
    first: RateIndex,
    best: f64,
) -> Result<(f64, RateIndex), LearnError> {
    let mut seen: Vec<(i32, Outcome)> = Vec::new();
    let mut rate = i32::from(first.get());
    let log = |o: &Outcome| o.loss.max(LOSS_FLOOR).ln();
    for trial in 0..MAX_TRIALS {
        let outcome = run(data, setup, RateIndex::clamped(rate))?;
        seen.push((rate, outcome));
        seen.sort_by_key(|(q, _)| *q);
        let error = target.ln() - log(&outcome);
        if trial == 0 {
            let promised = outcome.bytes * (-TYPICAL_SLOPE * error).exp();
            if promised > HOPELESS * best {
                return Ok((promised, first));
            }
        }
        let below = seen.iter().rev().find(|(_, o)| o.loss <= target);
        let above = seen.iter().find(|(_, o)| o.loss > target);
        // Loss grows about with the square of the step: a factor e is some 5.8 rate steps.
        let mut next = rate + (error * 5.8).round().clamp(-16.0, 16.0) as i32;
        if let (Some((ql, low)), Some((qh, high))) = (below, above) {
            if (1..=6).contains(&(qh - ql)) {
                break;
            }
            if qh > ql {
                let t = (target.ln() - log(low)) / (log(high) - log(low)).max(1e-9);
                let inner = f64::from(*ql) + t * f64::from(qh - ql);
                next = (inner.round() as i32).clamp(ql + 1, qh - 1);
            }
        }
        next = next.clamp(0, 63);
        if seen.iter().any(|(q, _)| *q == next) {
            // The target lies between this rate and its neighbour, on the side of the error.
            next = (rate + if error > 0.0 { 3 } else { -3 }).clamp(0, 63);
            if seen.iter().any(|(q, _)| *q == next) {
                break;
            }
        }
        rate = next;
    }
    Ok(interpolate(&seen, target))
}

/// Log-linear interpolation of bytes over loss between the two trials around the target.
fn interpolate(seen: &[(i32, Outcome)], target: f64) -> (f64, RateIndex) {
    let log = |o: &Outcome| o.loss.max(LOSS_FLOOR).ln();
    let nearest = |&(q, o): &(i32, Outcome)| ((log(&o) - target.ln()).abs(), q, o);
    let mut by_distance: Vec<_> = seen.iter().map(nearest).collect();
    by_distance.sort_by(|a, b| a.0.total_cmp(&b.0));
    match by_distance.as_slice() {
        [(_, qa, a), (_, qb, b), ..] if (log(a) - log(b)).abs() > 1e-6 => {
            let t = ((target.ln() - log(a)) / (log(b) - log(a))).clamp(-0.5, 1.5);
            let bytes = (a.bytes.max(0.1).ln() * (1.0 - t) + b.bytes.max(0.1).ln() * t).exp();
            let q = f64::from(*qa) * (1.0 - t) + f64::from(*qb) * t;
            (bytes, RateIndex::clamped(q.round() as i32))
        }
        [(_, q, o), ..] => (o.bytes, RateIndex::clamped(*q)),
        [] => (f64::INFINITY, RateIndex::MIN),
    }
}

/// The rate index whose loss is nearest to `target`.
pub(crate) fn rate_of_loss(
    data: &Data<'_>,
    setup: &Setup,
    target: f64,
) -> Result<RateIndex, LearnError> {
    let context = setup.choice.prediction == Prediction::Context;
    let first = RateIndex::clamped(if context { 54 } else { 44 });
    Ok(bytes_at_loss(data, setup, target, first, f64::INFINITY)?.1)
}
