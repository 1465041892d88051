//! Fits the confidence head and measures the profile's own rate curve.

use std::sync::Arc;

use ndarray::Array2;

use super::linear::NormalEquations;
use super::material::Data;
use super::parallel::map_chunks;
use super::{CurvePoint, LearnConfig};
use crate::bitstream::FrameForm;
use crate::confidence::{ConfidenceHead, pool};
use crate::decoder::Decoder;
use crate::encoder::{Encoder, EncoderConfig, RateTarget};
use crate::error::LearnError;
use crate::limits::DecodeLimits;
use crate::profile::Profile;
use crate::rate::RateIndex;
use crate::tensor::{ElementType, TensorView};
use crate::transform::Matrix;

/// Header and checksum of a session frame: what the curve leaves out.
const SESSION_OVERHEAD: usize = 6;
/// Rate indices between points of the curve.
const CURVE_SPACING: usize = 4;
/// Ridge of the head, relative to the mean diagonal.
const RIDGE: f64 = 1e-3;
/// Samples per class of uncertainty that its measured curve needs.
const SAMPLES_PER_CLASS: usize = 24;
/// Most classes of uncertainty.
const MAX_CLASSES: usize = 5;
/// Largest shift of the rate index.
const MAX_SHIFT: i32 = 12;

/// Measured bytes and losses: `[rate][sample]`.
struct Measured {
    rates: Vec<RateIndex>,
    bytes: Vec<Vec<f64>>,
    losses: Vec<Vec<f64>>,
}

/// The head, where outputs are classes, and the rate curve.
pub(crate) fn fit(
    data: &Data<'_>,
    profile: &Profile,
    config: &LearnConfig,
) -> Result<(Option<ConfidenceHead>, Vec<CurvePoint>), LearnError> {
    let measured = measure(data, profile)?;
    let mean = |row: &[f64]| row.iter().sum::<f64>() / row.len().max(1) as f64;
    let curve = measured
        .rates
        .iter()
        .zip(measured.bytes.iter().zip(&measured.losses))
        .map(|(&rate, (bytes, losses))| CurvePoint { rate, bytes: mean(bytes), loss: mean(losses) })
        .collect();
    let head = fit_head(data).and_then(|weights| shifts(data, &measured, weights, config));
    Ok((head, curve))
}

/// Really encodes and decodes the held-out samples at every few rates.
fn measure(data: &Data<'_>, profile: &Profile) -> Result<Measured, LearnError> {
    let (Some(first), Some(last)) = (profile.rates().next(), profile.rates().last()) else {
        return Err(LearnError::Numeric("rate curve"));
    };
    let top = (last.get() + 4).min(RateIndex::MAX.get());
    let rates: Vec<RateIndex> =
        (first.get()..=top).step_by(CURVE_SPACING).map(|q| RateIndex::clamped(q.into())).collect();
    let profile = Arc::new(profile.clone().sealed());
    let mut measured = Measured { rates: rates.clone(), bytes: Vec::new(), losses: Vec::new() };
    for &rate in &rates {
        let parts = map_chunks(data.threads, data.held_out.len(), 8, |range| {
            let config = EncoderConfig::default().with_form(FrameForm::Session);
            let mut encoder = Encoder::new(Arc::clone(&profile), config);
            let mut decoder = Decoder::new(Arc::clone(&profile), DecodeLimits::default())
                .with_session(profile.dims, ElementType::F32);
            let (mut tensor, mut out, mut frame) = (Vec::new(), Vec::new(), Vec::new());
            let mut found = Vec::new();
            for i in range {
                data.layout.scatter(data.grid, &data.held_out[i], &mut tensor);
                frame.clear();
                let view = TensorView::f32(&profile.dims, &tensor)?;
                encoder.encode(&view, RateTarget::Index(rate), &mut frame)?;
                decoder
                    .decode(&frame, &mut out)
                    .map_err(|_| LearnError::Numeric("decoding of its own frame"))?;
                let bytes = frame.len().saturating_sub(SESSION_OVERHEAD) as f64;
                found.push((bytes, data.task.loss(data.held_out_samples[i], &out)));
            }
            Ok::<_, LearnError>(found)
        });
        let found: Vec<(f64, f64)> =
            parts.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
        measured.bytes.push(found.iter().map(|f| f.0).collect());
        measured.losses.push(found.iter().map(|f| f.1).collect());
    }
    Ok(measured)
}

/// Ridge regression of the model's outputs on pooled features.
fn fit_head(data: &Data<'_>) -> Option<Matrix> {
    let classes = data.task.outputs(*data.fit_samples.first()?).len();
    if classes < 2 {
        return None;
    }
    let inputs = 2 * data.grid.components + 1;
    let mut equations = NormalEquations::new(inputs, classes);
    for (features, samples) in data.fit.chunks(64).zip(data.fit_samples.chunks(64)) {
        let rows: Vec<f32> = features.iter().flat_map(|f| pool(data.grid, f)).collect();
        let targets: Vec<f32> = samples
            .iter()
            .flat_map(|&s| {
                let outputs = data.task.outputs(s);
                let mean = outputs.iter().sum::<f32>() / classes as f32;
                outputs.iter().map(move |o| o - mean)
            })
            .collect();
        let a = Array2::from_shape_vec((features.len(), inputs), rows).ok()?;
        let b = Array2::from_shape_vec((features.len(), classes), targets).ok()?;
        equations.add(a.view(), b.view());
    }
    let solution = equations.factorise(RIDGE).solve();
    let weights: Vec<f64> = solution.t().iter().copied().collect();
    Some(Matrix::quantised(classes, inputs, &weights))
}

/// Borders at equal populations and the shifts that minimise bytes at the target loss.
fn shifts(
    data: &Data<'_>,
    measured: &Measured,
    weights: Matrix,
    config: &LearnConfig,
) -> Option<ConfidenceHead> {
    let mut head = ConfidenceHead { weights, borders: Vec::new(), shifts: vec![0] };
    let uncertainty: Vec<f32> =
        data.held_out.iter().map(|f| head.uncertainty(data.grid, f)).collect();
    let classes = (uncertainty.len() / SAMPLES_PER_CLASS).min(MAX_CLASSES);
    if classes < 2 {
        return None;
    }
    let mut sorted = uncertainty.clone();
    sorted.sort_by(f32::total_cmp);
    head.borders = (1..classes).map(|i| sorted[i * sorted.len() / classes]).collect();
    let class_of = |u: f32| head.borders.iter().filter(|&&b| u >= b).count();
    // Mean bytes and loss per class and rate.
    let mut table = vec![vec![(0f64, 0f64); measured.rates.len()]; classes];
    for (i, &u) in uncertainty.iter().enumerate() {
        for (rate, slot) in table[class_of(u)].iter_mut().enumerate() {
            slot.0 += measured.bytes[rate][i];
            slot.1 += measured.losses[rate][i];
        }
    }
    let samples = uncertainty.len() as f64;
    let chosen = allocate(&table, config.target_loss * samples)?;
    let base = uniform(measured, config.target_loss)?;
    let limit = f64::from(MAX_SHIFT);
    head.shifts = chosen
        .iter()
        .map(|q| ((q - base) * CURVE_SPACING as f64).round().clamp(-limit, limit) as i8)
        .collect();
    Some(head)
}

/// Per class the position on the rate grid that minimises bytes subject to the summed loss: the
/// same slope everywhere, found by bisection of the multiplier.
fn allocate(table: &[Vec<(f64, f64)>], budget: f64) -> Option<Vec<f64>> {
    let pick = |multiplier: f64| -> (Vec<usize>, f64) {
        let mut loss = 0.0;
        let rates = table
            .iter()
            .map(|row| {
                let cost = |i: usize| row[i].0 + multiplier * row[i].1;
                let best = (0..row.len()).min_by(|&a, &b| cost(a).total_cmp(&cost(b))).unwrap_or(0);
                loss += row[best].1;
                best
            })
            .collect();
        (rates, loss)
    };
    let (mut low, mut high) = (1e-3f64, 1e9f64);
    for _ in 0..60 {
        let middle = (low * high).sqrt();
        if pick(middle).1 > budget { low = middle } else { high = middle }
    }
    let (rates, loss) = pick(high);
    (loss <= budget * 1.5).then(|| rates.into_iter().map(|r| r as f64).collect())
}

/// Position on the rate grid at which one rate for all meets the target loss.
fn uniform(measured: &Measured, target: f64) -> Option<f64> {
    let mean = |row: &Vec<f64>| row.iter().sum::<f64>() / row.len().max(1) as f64;
    let losses: Vec<f64> = measured.losses.iter().map(mean).collect();
    let above = losses.iter().position(|&l| l > target)?;
    let below = above.checked_sub(1)?;
    let (a, b) = (losses[below].max(1e-9).ln(), losses[above].max(1e-9).ln());
    Some(below as f64 + ((target.ln() - a) / (b - a).max(1e-9)).clamp(0.0, 1.0))
}
