//! Fits the spread estimate and the tables of a context model from coded levels.

use ndarray::Array2;

use super::linear::NormalEquations;
use crate::context::token::{ESCAPE, TOKENS, Token};
use crate::context::{ContextModel, MAX_SCALE_EDGES, Prediction, SCALE_INPUTS};
use crate::error::TableError;
use crate::rans::{CdfSet, CdfTable};

/// Pseudo-count with which a table leans on the tables of the same value or spread class.
const PRIOR: f64 = 24.0;
/// Tokens expected less often than this in their table are left to the escape.
const RARE: f64 = 0.3;
/// Spread classes beside a prediction as context, and without one.
const FEW_CLASSES: usize = 10;
const MANY_CLASSES: usize = 24;

/// What one level looked like to the model.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    pub(crate) component: u16,
    pub(crate) value_class: u8,
    pub(crate) token: u8,
    pub(crate) inputs: [i16; SCALE_INPUTS],
    /// Distance of the value from its prediction, in sixteenths of a step.
    pub(crate) deviation: f32,
}

/// The token of a difference, escapes included.
pub(crate) fn token_of(difference: i32) -> u8 {
    Token::direct(difference).map_or(ESCAPE, |t| t.symbol) as u8
}

/// Refits spread weights, class borders and tables of `model`.
pub(crate) fn fit(
    model: &mut ContextModel,
    records: &[Vec<Record>],
    contexts: bool,
) -> Result<(), TableError> {
    fit_scale(model, records);
    let spread = |r: &Record| -> i32 {
        let weights = model.scale.get(usize::from(r.component)).copied().unwrap_or_default();
        r.inputs.iter().zip(weights).map(|(&x, w)| i32::from(x) * i32::from(w)).sum()
    };
    let mut spreads: Vec<Vec<i32>> =
        records.iter().map(|sample| sample.iter().map(spread).collect()).collect();
    model.scale_edges = if contexts { edges(&spreads, model.prediction) } else { Vec::new() };
    let mut counts =
        vec![[0u32; TOKENS]; ContextModel::value_classes(model.prediction) * model.scale_bins()];
    for (sample, spreads) in records.iter().zip(&mut spreads) {
        for (record, &spread) in sample.iter().zip(spreads.iter()) {
            let table =
                usize::from(record.value_class) * model.scale_bins() + model.scale_bin(spread);
            counts[table][usize::from(record.token)] += 1;
        }
    }
    model.tables = tables(&counts, model.scale_bins())?;
    Ok(())
}

/// Least squares of the deviation on the inputs, one regression per component.
fn fit_scale(model: &mut ContextModel, records: &[Vec<Record>]) {
    let c = model.components;
    let mut rows: Vec<Vec<f32>> = vec![Vec::new(); c];
    let mut targets: Vec<Vec<f32>> = vec![Vec::new(); c];
    for record in records.iter().flatten() {
        let at = usize::from(record.component);
        rows[at].extend(record.inputs.iter().map(|&x| f32::from(x)));
        targets[at].push(record.deviation);
    }
    model.scale = rows
        .into_iter()
        .zip(targets)
        .map(|(rows, targets)| {
            let n = targets.len();
            let mut equations = NormalEquations::new(SCALE_INPUTS, 1);
            if let (Ok(a), Ok(b)) = (
                Array2::from_shape_vec((n, SCALE_INPUTS), rows),
                Array2::from_shape_vec((n, 1), targets),
            ) {
                equations.add(a.view(), b.view());
            }
            let solution = equations.factorise(1e-6).solve();
            let mut out = [0; SCALE_INPUTS];
            for (slot, w) in out.iter_mut().zip(solution.iter()) {
                *slot = (w * 256.0).round().clamp(-32_767.0, 32_767.0) as i16;
            }
            out
        })
        .collect();
}

/// Class borders: half of them at equal populations, half at equal log distance, so that both the
/// common and the wide classes are resolved.
fn edges(spreads: &[Vec<i32>], prediction: Prediction) -> Vec<i32> {
    let classes = if prediction == Prediction::Context { FEW_CLASSES } else { MANY_CLASSES };
    let mut all: Vec<i32> = spreads.iter().flatten().copied().collect();
    all.sort_unstable();
    let Some(last) = all.len().checked_sub(1) else { return Vec::new() };
    let quantile = |share: f64| all[(share * last as f64) as usize];
    let low = f64::from(quantile(0.02).max(1));
    let high = f64::from(quantile(0.998).max(2));
    let mut edges: Vec<i32> = (1..classes)
        .map(|i| {
            let share = i as f64 / classes as f64;
            let by_log = low * (high / low).powf(share);
            let by_count = f64::from(quantile(share).max(1));
            (0.5 * (by_log.ln() + by_count.ln())).exp().round() as i32
        })
        .collect();
    edges.sort_unstable();
    edges.dedup();
    edges.truncate(MAX_SCALE_EDGES);
    edges
}

/// Tables from counts, each leaning on its row and column of classes.
pub(crate) fn tables(counts: &[[u32; TOKENS]], scale_bins: usize) -> Result<CdfSet, TableError> {
    let mut by_value = vec![[0f64; TOKENS]; counts.len() / scale_bins];
    let mut by_scale = vec![[0f64; TOKENS]; scale_bins];
    for (i, row) in counts.iter().enumerate() {
        for (t, &n) in row.iter().enumerate() {
            by_value[i / scale_bins][t] += f64::from(n);
            by_scale[i % scale_bins][t] += f64::from(n);
        }
    }
    let share = |row: &[f64; TOKENS]| {
        let total: f64 = row.iter().sum::<f64>().max(1.0);
        row.map(|n| n / total)
    };
    let tables = counts.iter().enumerate().map(|(i, row)| {
        let (value, scale) = (share(&by_value[i / scale_bins]), share(&by_scale[i % scale_bins]));
        let mut scaled = [0u32; TOKENS];
        let total: f64 = row.iter().map(|&n| f64::from(n)).sum::<f64>() + PRIOR;
        for (t, slot) in scaled.iter_mut().enumerate() {
            let expected = f64::from(row[t]) + PRIOR * 0.5 * (value[t] + scale[t]);
            if expected >= RARE {
                *slot = (expected / total * f64::from(1 << 24)).round() as u32;
            }
        }
        scaled[ESCAPE] = scaled[ESCAPE].max(1 << 9);
        CdfTable::from_present_counts(&scaled)
    });
    CdfSet::new(tables.collect::<Result<_, _>>()?)
}
