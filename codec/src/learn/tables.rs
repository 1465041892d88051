//! Fits the spread estimate and the tables of a context model from coded levels.

use ndarray::Array2;

use super::linear::NormalEquations;
use super::parallel::map_chunks;
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

/// Records that quantiles of spreads are taken from, at most about twice as many.
const ENOUGH: usize = 1 << 19;
/// Samples whose sums are taken by one thread.
const CHUNK: usize = 16;

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
    threads: usize,
) -> Result<(), TableError> {
    fit_scale(model, records, threads);
    let spread = |r: &Record| -> i32 {
        let weights = model.scale.get(usize::from(r.component)).copied().unwrap_or_default();
        r.inputs.iter().zip(weights).map(|(&x, w)| i32::from(x) * i32::from(w)).sum()
    };
    if contexts {
        let total: usize = records.iter().map(Vec::len).sum();
        let some = records.iter().flatten().step_by(total.div_ceil(ENOUGH).max(1));
        model.scale_edges = edges(some.map(spread).collect(), model.prediction);
    } else {
        model.scale_edges = Vec::new();
    }
    let shape = &*model;
    let bins = shape.scale_bins();
    let tables_count = ContextModel::value_classes(shape.prediction) * bins;
    let parts = map_chunks(threads, records.len(), CHUNK, |range| {
        let mut counts = vec![[0u32; TOKENS]; tables_count];
        for record in records.get(range).unwrap_or_default().iter().flatten() {
            let table = usize::from(record.value_class) * bins + shape.scale_bin(spread(record));
            counts[table][usize::from(record.token)] += 1;
        }
        counts
    });
    let mut counts = vec![[0u32; TOKENS]; tables_count];
    for part in &parts {
        for (row, part) in counts.iter_mut().zip(part) {
            row.iter_mut().zip(part).for_each(|(sum, n)| *sum += n);
        }
    }
    model.tables = tables(&counts, bins)?;
    Ok(())
}

/// Sums of products of one component's records.
#[derive(Clone, Copy, Default)]
struct Moments {
    gram: [[i64; SCALE_INPUTS]; SCALE_INPUTS],
    cross: [f64; SCALE_INPUTS],
    rows: usize,
}

impl Moments {
    fn add(&mut self, record: &Record) {
        for (i, &x) in record.inputs.iter().enumerate() {
            for (sum, &y) in self.gram[i].iter_mut().zip(&record.inputs) {
                *sum += i64::from(x) * i64::from(y);
            }
            self.cross[i] += f64::from(x) * f64::from(record.deviation);
        }
        self.rows += 1;
    }

    fn merge(&mut self, other: &Self) {
        for (sums, others) in self.gram.iter_mut().zip(&other.gram) {
            sums.iter_mut().zip(others).for_each(|(sum, x)| *sum += x);
        }
        self.cross.iter_mut().zip(&other.cross).for_each(|(sum, x)| *sum += x);
        self.rows += other.rows;
    }

    fn equations(&self) -> NormalEquations {
        let gram =
            Array2::from_shape_fn((SCALE_INPUTS, SCALE_INPUTS), |(i, j)| self.gram[i][j] as f64);
        let cross = Array2::from_shape_fn((SCALE_INPUTS, 1), |(i, _)| self.cross[i]);
        NormalEquations::from_sums(gram, cross, self.rows)
    }
}

/// Least squares of the deviation on the inputs, one regression per component.
fn fit_scale(model: &mut ContextModel, records: &[Vec<Record>], threads: usize) {
    let components = model.components;
    let parts = map_chunks(threads, records.len(), CHUNK, |range| {
        let mut sums = vec![Moments::default(); components];
        for record in records.get(range).unwrap_or_default().iter().flatten() {
            sums[usize::from(record.component)].add(record);
        }
        sums
    });
    let mut sums = vec![Moments::default(); components];
    for part in &parts {
        sums.iter_mut().zip(part).for_each(|(sum, part)| sum.merge(part));
    }
    let solved = sums.iter().map(|sum| {
        let solution = sum.equations().factorise(1e-6).solve();
        let mut out = [0; SCALE_INPUTS];
        for (slot, w) in out.iter_mut().zip(solution.iter()) {
            *slot = (w * 256.0).round().clamp(-32_767.0, 32_767.0) as i16;
        }
        out
    });
    model.scale = solved.collect();
}

/// Class borders: half of them at equal populations, half at equal log distance, so that both the
/// common and the wide classes are resolved.
fn edges(mut all: Vec<i32>, prediction: Prediction) -> Vec<i32> {
    let classes = if prediction == Prediction::Context { FEW_CLASSES } else { MANY_CLASSES };
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
