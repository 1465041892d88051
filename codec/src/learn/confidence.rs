//! Fits the confidence head and measures the profile's own rate curve.

use std::sync::Arc;

use super::head::{self, Guess};
use super::material::{Data, Features, Losses};
use super::parallel::map_chunks;
use super::shifts::{self, ClassCurve};
use super::{CurvePoint, LearnConfig};
use crate::bitstream::FrameForm;
use crate::confidence::ConfidenceHead;
use crate::decoder::Decoder;
use crate::encoder::{Encoder, EncoderConfig, RateTarget};
use crate::error::LearnError;
use crate::limits::DecodeLimits;
use crate::profile::Profile;
use crate::rate::RateIndex;
use crate::tensor::{ElementType, TensorView};

/// Header and checksum of a session frame: what the curve leaves out.
const SESSION_OVERHEAD: usize = 6;
/// Rate indices between points of the curve.
const CURVE_SPACING: usize = 4;
/// Samples per class of uncertainty that its measured curve needs.
const SAMPLES_PER_CLASS: usize = 40;
/// Most classes of uncertainty.
const MAX_CLASSES: usize = 8;
/// Samples that the shifts are fitted on, those that the profile was fitted to included: what counts is
/// how classes of uncertainty differ.
const SHIFT_SAMPLES: usize = 384;
/// How far around the operating rate shifts are looked for.
const REACH: i32 = 16;

/// What one frame took and lost.
#[derive(Clone, Copy, Debug)]
struct Point {
    bytes: f64,
    losses: Losses,
}

/// The head, where outputs are classes, and the rate curve.
pub(crate) fn fit(
    features: &Features,
    data: &Data<'_>,
    profile: &Profile,
    operating: RateIndex,
    config: &LearnConfig,
) -> Result<(Option<ConfidenceHead>, Vec<CurvePoint>), LearnError> {
    let (Some(first), Some(last)) = (profile.rates().next(), profile.rates().last()) else {
        return Err(LearnError::Numeric("rate curve"));
    };
    let profile = Arc::new(profile.clone().sealed());
    let top = (last.get() + 4).min(RateIndex::MAX.get());
    let rates = (first.get()..=top).step_by(CURVE_SPACING).map(|q| RateIndex::clamped(q.into()));
    let rates: Vec<RateIndex> = rates.collect();
    let own: Vec<(usize, &[f32])> =
        data.held_out_samples.iter().copied().zip(data.held_out.iter().copied()).collect();
    let measured: Vec<Vec<Point>> =
        rates.iter().map(|&rate| measure(data, &profile, rate, &own)).collect::<Result<_, _>>()?;
    let curve = rates.iter().zip(&measured).map(|(&rate, points)| {
        let n = points.len().max(1) as f64;
        let bytes = points.iter().map(|p| p.bytes).sum::<f64>() / n;
        let loss = points.iter().map(|p| p.losses.plain).sum::<f64>() / n;
        CurvePoint { rate, bytes, loss }
    });
    let curve = curve.collect();
    let Some(outputs) = head::outputs(data.task, features.len()) else { return Ok((None, curve)) };
    let near = |rate: &RateIndex| i32::from(rate.get()).abs_diff(operating.get().into()) as i32;
    let used: Vec<usize> = (0..rates.len()).filter(|&i| near(&rates[i]) <= REACH).collect();
    let others: Vec<(usize, &[f32])> =
        data.fit_samples.iter().copied().zip(data.fit.iter().copied()).collect();
    // Copies come last.
    let originals = others.iter().take_while(|(sample, _)| *sample < features.len()).count();
    let others = others.get(..originals).unwrap_or_default();
    let others = &others[..others.len().min(SHIFT_SAMPLES.saturating_sub(own.len()))];
    let mut columns = Vec::with_capacity(used.len());
    for &i in &used {
        let mut points = measured[i].clone();
        points.extend(measure(data, &profile, rates[i], others)?);
        columns.push((rates[i], points));
    }
    let samples: Vec<usize> = own.iter().chain(others).map(|(sample, _)| *sample).collect();
    Ok((fit_head(features, &outputs, &samples, &columns, operating, config), curve))
}

/// Really encodes and decodes samples at a rate.
fn measure(
    data: &Data<'_>,
    profile: &Arc<Profile>,
    rate: RateIndex,
    samples: &[(usize, &[f32])],
) -> Result<Vec<Point>, LearnError> {
    let parts = map_chunks(data.threads, samples.len(), 8, |range| {
        let config = EncoderConfig::default().with_form(FrameForm::Session);
        let mut encoder = Encoder::new(Arc::clone(profile), config);
        let mut decoder = Decoder::new(Arc::clone(profile), DecodeLimits::default())
            .with_session(profile.dims, ElementType::F32);
        let (mut tensor, mut out, mut frame) = (Vec::new(), Vec::new(), Vec::new());
        let mut found = Vec::new();
        for &(sample, feature) in &samples[range] {
            data.layout.scatter(data.grid, feature, &mut tensor);
            frame.clear();
            let view = TensorView::f32(&profile.dims, &tensor)?;
            encoder.encode(&view, RateTarget::Index(rate), &mut frame)?;
            decoder
                .decode(&frame, &mut out)
                .map_err(|_| LearnError::Numeric("decoding of its own frame"))?;
            let bytes = frame.len().saturating_sub(SESSION_OVERHEAD) as f64;
            found.push(Point { bytes, losses: Losses::of(data.task, sample, &out) });
        }
        Ok::<_, LearnError>(found)
    });
    Ok(parts.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

/// The head whose uncertainty, on samples that it was not fitted to, ranks the losses best; borders at
/// equal populations, and the shifts that take the fewest bytes.
fn fit_head(
    features: &Features,
    outputs: &[&[f32]],
    samples: &[usize],
    columns: &[(RateIndex, Vec<Point>)],
    operating: RateIndex,
    config: &LearnConfig,
) -> Option<ConfidenceHead> {
    let classes = (samples.len() / SAMPLES_PER_CLASS).min(MAX_CLASSES);
    if classes < 2 {
        return None;
    }
    let nearest = columns.iter().min_by_key(|(rate, _)| rate.get().abs_diff(operating.get()))?;
    let losses: Vec<f64> = nearest.1.iter().map(|point| point.losses.softened).collect();
    let Guess { weights, uncertainty } = head::best(features, outputs, samples, &losses)?;
    let mut sorted = uncertainty.clone();
    sorted.sort_by(f32::total_cmp);
    let borders: Vec<f32> = (1..classes).map(|i| sorted[i * sorted.len() / classes]).collect();
    let class_of = |u: f32| borders.iter().filter(|&&border| u >= border).count();
    let curves: Vec<ClassCurve> = (0..classes)
        .map(|class| {
            let members = |points: &[Point]| -> (f64, f64) {
                let of_class =
                    points.iter().zip(&uncertainty).filter(|(_, u)| class_of(**u) == class);
                of_class.fold((0.0, 0.0), |sum, (point, _)| {
                    (sum.0 + point.bytes, sum.1 + point.losses.softened)
                })
            };
            let rows = columns.iter().map(|(rate, points)| {
                let (bytes, loss) = members(points);
                (f64::from(rate.get()), bytes, loss)
            });
            ClassCurve::fit(&rows.collect::<Vec<_>>())
        })
        .collect();
    let range = (columns.first()?.0, columns.last()?.0);
    let budget = config.target_loss * samples.len() as f64;
    let shifts = shifts::allocate(&curves, range, budget)?;
    Some(ConfidenceHead { weights, borders, shifts })
}
