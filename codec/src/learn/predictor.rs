//! Fits the integer predictor of a context model.

use std::ops::Range;

use ndarray::{Array2, ArrayView2};

use super::linear::{self, NormalEquations};
use super::parallel::map_chunks;
use crate::context::{ContextModel, MAX_BIAS, MAX_WEIGHT_SUM, Prediction, neighbours};
use crate::layout::{Grid, Layout};

/// Ridges relative to the mean diagonal of the Gram matrix; where rows are few, the one that predicts
/// held-out rows best.
const RIDGES: [f64; 3] = [0.004, 0.03, 0.2];
/// What the prediction loses by rounding its weights, relative to what it explains: finer weights would
/// fill the profile.
const ROUNDING: f64 = 0.0005;
/// Samples per block of the normal equations.
const BLOCK: usize = 16;

/// Replaces the predictor of `model` by the least-squares fit of `targets` (step units) from
/// `values` (what levels stand for, in sixteenths of a step).
pub(crate) fn fit(
    model: &mut ContextModel,
    grid: Grid,
    values: &[Vec<i32>],
    targets: &[Vec<f32>],
    step: f32,
    threads: usize,
) {
    if model.prediction == Prediction::None {
        return;
    }
    let c = grid.components;
    let spatial = neighbours(model.layout) * c;
    let inputs = 1 + spatial + c;
    let unit = if model.prediction == Prediction::ClosedLoop { 1.0 / 16.0 } else { 1.0 };
    let blocks = map_chunks(threads, values.len(), BLOCK, |range| {
        let mut equations = NormalEquations::new(inputs, c);
        let rows = range.len() * grid.positions();
        // One product over many rows is far faster than many small ones.
        let mut design = Array2::zeros((rows, inputs));
        let mut target = Vec::with_capacity(rows * c);
        for (at, i) in range.enumerate() {
            let first = at * grid.positions();
            fill_design(model.layout, grid, &values[i], unit, first, &mut design);
            target.extend(targets[i].iter().map(|y| y / step));
        }
        if let Ok(target) = ArrayView2::from_shape((rows, c), &target) {
            equations.add(design.view(), target);
        }
        equations
    });
    let Some((equations, [fitting, held_out])) = linear::split(&blocks) else { return };
    let solve = |equations: &NormalEquations, ridge: f64| -> Vec<Vec<f64>> {
        let factorised = equations.factorise(ridge);
        let solve = |range: Range<usize>| -> Vec<Vec<f64>> {
            let targets: Vec<_> = range.map(|target| (target, 1 + spatial + target)).collect();
            factorised.solve_leading(&targets)
        };
        map_chunks(threads, c, linear::TOGETHER, solve).into_iter().flatten().collect()
    };
    let mut ridge = RIDGES[0];
    if !equations.is_ample() {
        let error = |ridge: f64| -> f64 {
            let weights = solve(&fitting, ridge);
            let of = |(target, weights): (usize, &Vec<f64>)| {
                let column = ArrayView2::from_shape((weights.len(), 1), weights);
                column.map_or(0.0, |column| held_out.error(column, Some(target)))
            };
            weights.iter().enumerate().map(of).sum()
        };
        ridge = linear::best_ridge(&RIDGES, error).0;
    }
    let solutions = solve(&equations, ridge);
    model.bias = vec![0; c];
    model.spatial = vec![0; spatial * c];
    model.channel = vec![0; c * c];
    for (target, solution) in solutions.into_iter().enumerate() {
        let noise = ROUNDING * equations.explained(&solution, target).max(0.0);
        // Errors are even within a multiple, with a variance of a twelfth of its square.
        let grain = 4096.0 * (12.0 * noise / equations.energy()).sqrt();
        store(model, target, &solution, grain.round().max(1.0));
    }
}

/// Rounds one target's weights to multiples of `grain`, in units of 2^-12.
fn store(model: &mut ContextModel, target: usize, solution: &[f64], grain: f64) {
    let c = model.components;
    let total: f64 = solution.iter().skip(1).map(|w| w.abs() * 4096.0).sum();
    // Stays below the bound after rounding; such a target is degenerate anyway.
    let shrink = (f64::from(MAX_WEIGHT_SUM) * 0.9 / total.max(1.0)).min(1.0);
    let bound = f64::from(MAX_BIAS);
    model.bias[target] =
        (solution.first().copied().unwrap_or(0.0) * 65_536.0).round().clamp(-bound, bound) as i32;
    let spatial = neighbours(model.layout) * c;
    for (source, w) in solution.iter().skip(1).enumerate() {
        let kept =
            ((w * shrink * 4096.0 / grain).round() * grain).clamp(-32_000.0, 32_000.0) as i16;
        if source < spatial {
            model.spatial[source * c + target] = kept;
        } else {
            model.channel[(source - spatial) * c + target] = kept;
        }
    }
}

/// Inputs of every position from row `first` on: 1, the neighbours' values, the position's own.
fn fill_design(
    layout: Layout,
    grid: Grid,
    values: &[i32],
    unit: f32,
    first: usize,
    out: &mut Array2<f32>,
) {
    let c = grid.components;
    let offsets: &[(isize, isize)] = match layout {
        Layout::Map => &[(0, -1), (-1, 0), (-1, -1), (-1, 1)],
        Layout::Tokens => &[(0, -1), (0, -2)],
        Layout::Vector => &[],
    };
    let rows = out.rows_mut().into_iter().skip(first).take(grid.positions());
    for (position, mut row) in rows.enumerate() {
        let (y, x) = (position / grid.width, position % grid.width);
        row[0] = 1.0;
        for (n, &(dy, dx)) in offsets.iter().chain(&[(0, 0)]).enumerate() {
            let (Some(sy), Some(sx)) = (y.checked_add_signed(dy), x.checked_add_signed(dx)) else {
                continue;
            };
            if sx >= grid.width {
                continue;
            }
            let source = (sy * grid.width + sx) * c;
            let slots = row.iter_mut().skip(1 + n * c);
            for (slot, &v) in slots.zip(&values[source..source + c]) {
                *slot = v as f32 * unit;
            }
        }
    }
}
