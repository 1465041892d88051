//! The linear head that guesses a model's outputs from pooled features.

use ndarray::Array2;

use super::Task;
use super::linear::NormalEquations;
use super::material::{Features, HELD_OUT};
use crate::confidence::{entropy, pool};
use crate::transform::Matrix;

/// Ridges of the head, relative to the mean diagonal.
const RIDGES: [f64; 5] = [1e-4, 1e-3, 1e-2, 0.05, 0.2];
/// What the guessed outputs are multiplied by: least squares guesses too little.
const SHARPNESS: [f32; 4] = [0.5, 1.0, 2.0, 4.0];
/// Rows of the normal equations that are added at once.
const BLOCK: usize = 64;
/// Largest entry of the weights: entropies need no more, and heads for many classes are large.
const LEVELS: i16 = 63;
/// Smallest loss told apart from none.
const LOSS_FLOOR: f64 = 1e-9;

/// A head and the uncertainties of samples, each by a head that was fitted without it.
pub(crate) struct Guess {
    pub(crate) weights: Matrix,
    pub(crate) uncertainty: Vec<f32>,
}

/// The outputs of all samples, where they are classes.
pub(crate) fn outputs(task: &dyn Task, samples: usize) -> Option<Vec<&[f32]>> {
    let outputs: Vec<&[f32]> = (0..samples).map(|sample| task.outputs(sample)).collect();
    let classes = outputs.first()?.len();
    (classes >= 2 && outputs.iter().all(|o| o.len() == classes)).then_some(outputs)
}

/// Tries ridges and keeps the head whose uncertainty ranks `losses` (of `samples`) best.
pub(crate) fn best(
    features: &Features,
    outputs: &[&[f32]],
    samples: &[usize],
    losses: &[f64],
) -> Option<Guess> {
    let classes = outputs.first()?.len();
    let pooled: Vec<Vec<f32>> =
        (0..features.len()).map(|i| pool(features.grid, features.sample(i))).collect();
    let parts: Vec<NormalEquations> =
        (0..HELD_OUT).map(|part| equations(&pooled, outputs, part)).collect::<Option<_>>()?;
    let without = |left_out: usize| {
        let mut sum = NormalEquations::new(2 * features.grid.components + 1, classes);
        for (part, equations) in parts.iter().enumerate() {
            if part != left_out {
                sum.merge(equations);
            }
        }
        sum
    };
    let folds: Vec<NormalEquations> = (0..HELD_OUT).map(without).collect();
    let targets = ranks(losses.iter().map(|loss| loss.max(LOSS_FLOOR)).collect());
    let mut best: Option<(f64, f64, f32, Vec<f32>)> = None;
    for ridge in RIDGES {
        let heads: Vec<Array2<f64>> =
            folds.iter().map(|fold| fold.factorise(ridge).solve()).collect();
        let guesses: Vec<Vec<f32>> = samples
            .iter()
            .map(|&sample| guess(&heads[sample % HELD_OUT], &pooled[sample]))
            .collect();
        for sharpness in SHARPNESS {
            let of = |guess: &Vec<f32>| {
                entropy(&guess.iter().map(|logit| logit * sharpness).collect::<Vec<f32>>())
            };
            let uncertainty: Vec<f32> = guesses.iter().map(of).collect();
            let own = ranks(uncertainty.iter().map(|&u| f64::from(u)).collect());
            let score = correlation(&own, &targets);
            if best.as_ref().is_none_or(|best| score > best.0) {
                best = Some((score, ridge, sharpness, uncertainty));
            }
        }
    }
    let (_, ridge, sharpness, uncertainty) = best?;
    let solution = without(HELD_OUT).factorise(ridge).solve();
    let weights: Vec<f64> = solution.t().iter().map(|w| w * f64::from(sharpness)).collect();
    let weights = Matrix::rounded(classes, 2 * features.grid.components + 1, &weights, LEVELS);
    Some(Guess { weights, uncertainty })
}

/// Normal equations over every fourth sample, from `part` on; outputs are centred.
fn equations(pooled: &[Vec<f32>], outputs: &[&[f32]], part: usize) -> Option<NormalEquations> {
    let (inputs, classes) = (pooled.first()?.len(), outputs.first()?.len());
    let mut equations = NormalEquations::new(inputs, classes);
    let members: Vec<usize> = (part..pooled.len()).step_by(HELD_OUT).collect();
    for block in members.chunks(BLOCK) {
        let rows: Vec<f32> = block.iter().flat_map(|&i| pooled[i].iter().copied()).collect();
        let centred = |&i: &usize| {
            let mean = outputs[i].iter().sum::<f32>() / classes as f32;
            outputs[i].iter().map(move |output| output - mean)
        };
        let targets: Vec<f32> = block.iter().flat_map(centred).collect();
        let a = Array2::from_shape_vec((block.len(), inputs), rows).ok()?;
        let b = Array2::from_shape_vec((block.len(), classes), targets).ok()?;
        equations.add(a.view(), b.view());
    }
    Some(equations)
}

fn guess(head: &Array2<f64>, pooled: &[f32]) -> Vec<f32> {
    let mut out = vec![0f64; head.ncols()];
    for (row, &x) in head.rows().into_iter().zip(pooled) {
        for (slot, w) in out.iter_mut().zip(row) {
            *slot += w * f64::from(x);
        }
    }
    out.into_iter().map(|v| v as f32).collect()
}

/// The place of each value in ascending order; equal values in the order that they come.
fn ranks(values: Vec<f64>) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    for (rank, at) in order.into_iter().enumerate() {
        ranks[at] = rank as f64;
    }
    ranks
}

/// Pearson correlation of two permutations of the same numbers.
fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let mean = (a.len() as f64 - 1.0) / 2.0;
    let product: f64 = a.iter().zip(b).map(|(x, y)| (x - mean) * (y - mean)).sum();
    let variance: f64 = a.iter().map(|x| (x - mean).powi(2)).sum();
    if variance > 0.0 { product / variance } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_correlate_as_their_values_do() {
        let a = ranks(vec![0.3, 7.0, 0.1, 2.0]);
        assert_eq!(a, [1.0, 3.0, 0.0, 2.0]);
        assert!((correlation(&a, &ranks(vec![3.0, 70.0, 1.0, 20.0])) - 1.0).abs() < 1e-12);
        assert!((correlation(&a, &ranks(vec![-3.0, -70.0, -1.0, -20.0])) + 1.0).abs() < 1e-12);
    }
}
