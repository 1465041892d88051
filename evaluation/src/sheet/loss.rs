//! How far answers are from those of the whole model.

use aiflow_runtime::bundle::TaskLoss;
use aiflow_runtime::learning::Outputs;

use crate::statistics::upper_bound;

/// Confidence of every upper bound on a sheet.
pub(super) const CONFIDENCE: f64 = 0.95;

/// Standard deviations to the 95th percentile of a normal distribution.
const Z95: f64 = 1.6449;

/// Divergences above this count as this: one broken answer must not drown all others.
const MOST_KL: f64 = 50.0;

/// Compares answers with those of the whole model.
pub(super) fn loss(
    reference: &[Outputs],
    answers: &[&Outputs],
    labels: &[Option<usize>],
) -> TaskLoss {
    let count = answers.len().max(1) as f64;
    let pairs = || reference.iter().zip(answers);
    let kl = pairs().map(|(whole, own)| clamped(whole.divergence(own))).sum::<f64>() / count;
    let classes: Option<Vec<bool>> =
        pairs().map(|(whole, own)| Some(whole.class()? != own.class()?)).collect();
    let Some(differs) = classes.filter(|differs| !differs.is_empty()) else {
        return TaskLoss { kl, ..TaskLoss::default() };
    };
    let different = differs.iter().filter(|differs| **differs).count();
    let upper = upper_bound(different, differs.len(), CONFIDENCE);
    let owned: Vec<Outputs> = answers.iter().map(|answer| (*answer).clone()).collect();
    let right = correct(reference, labels).zip(correct(&owned, labels));
    let drop = right.map(|(whole, own)| top1_drop(&whole, &own));
    TaskLoss {
        kl,
        disagreement: Some(different as f64 / count),
        disagreement_upper: Some(upper),
        top1_drop: drop.map(|(mean, _)| mean),
        // An answer that is the same is as right as before.
        top1_drop_upper: drop.map(|(_, bound)| bound.min(upper)),
    }
}

/// Tells for every sample whether its first class is its label; `None` where one has no label or no
/// classes.
pub(super) fn correct(outputs: &[Outputs], labels: &[Option<usize>]) -> Option<Vec<bool>> {
    let pairs = outputs.iter().zip(labels);
    let right: Option<Vec<bool>> =
        pairs.map(|(output, label)| Some(output.class()? == (*label)?)).collect();
    right.filter(|right| !right.is_empty())
}

/// The mean paired difference and its upper bound.
fn top1_drop(whole: &[bool], own: &[bool]) -> (f64, f64) {
    let one = |yes: bool| f64::from(u8::from(yes));
    let drops: Vec<f64> = whole.iter().zip(own).map(|(a, b)| one(*a) - one(*b)).collect();
    let count = drops.len().max(1) as f64;
    let mean = drops.iter().sum::<f64>() / count;
    let variance = drops.iter().map(|drop| (drop - mean).powi(2)).sum::<f64>() / count;
    // One sample more that goes the wrong way keeps the bound honest where none did.
    let bound = mean + Z95 * ((variance + 1.0 / count) / count).sqrt();
    (mean, bound.min(1.0))
}

fn clamped(divergence: f64) -> f64 {
    if divergence.is_finite() { divergence.clamp(0.0, MOST_KL) } else { MOST_KL }
}
