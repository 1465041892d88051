//! The learned codec at one cut, from fine to coarse.

use std::sync::{Mutex, PoisonError};

use aiflow_codec::DecodeLimits;
use aiflow_runtime::Tensor;
use aiflow_runtime::bundle::{
    CodingEffort, FeatureCoding, FrameRate, OperatingPoint, Payload, TaskLoss,
};
use aiflow_runtime::coding::{CutDecoder, CutEncoder};
use aiflow_runtime::learning::Outputs;

use super::{SheetCut, SheetError, Trip, Truth, all, named};
use crate::bench::Samples;
use crate::statistics::isotonic;

/// Codings that lose nothing.
const PLAIN: [FeatureCoding; 2] = [FeatureCoding::Raw, FeatureCoding::Lossless];
/// Rate indices between points: frames differ by a sixth to a quarter.
const SPACING: u8 = 4;
/// Points beyond this share of changed answers are of no use.
const MOST_DISAGREEMENT: f64 = 0.1;
/// Points beyond this divergence are of no use where there are no classes.
const MOST_KL: f64 = 0.3;
/// Samples that tell roughly which rates are worth more.
const SCOUTS: usize = 40;
/// Finer points than one with so small a divergence are of no use: nothing is left to gain.
const LEAST_KL: f64 = 1e-3;

/// Measures a cut: lossless, raw, and each series of the learned codec.
pub(super) fn measure(
    cut: &SheetCut,
    samples: &Samples,
    truth: &Truth<'_>,
    threads: usize,
    progress: &dyn Fn(&str, f32),
) -> Result<Vec<OperatingPoint>, SheetError> {
    progress("features", 0.0);
    let head = |index: usize| -> Result<Vec<Tensor>, SheetError> {
        Ok(cut.split.head_with(&named(samples, index))?.features)
    };
    let features = all(samples.len(), threads, head)?;
    let station = Station { cut, samples, features: &features, coders: Mutex::default() };
    let measured = |count, coding| -> Result<OperatingPoint, SheetError> {
        let trips = all(count, threads, |index| station.trip(index, coding))?;
        Ok(truth.point(Payload::Feature { cut: cut.split.cut().id, coding }, &trips))
    };
    let point = |coding| measured(samples.len(), coding);
    let mut points = station.plain(truth, threads)?;
    let rates = worthwhile(&rates(cut), |coding| measured(samples.len().min(SCOUTS), coding))?;
    let series = series(cut);
    for (number, (effort, rate)) in series.iter().enumerate() {
        let mut own = Vec::new();
        for &rate_index in rates.iter().step_by(spacing(*effort)) {
            let what = format!("q{rate_index}");
            progress(&what, (number as f32 + 0.5) / series.len() as f32);
            let measured =
                point(FeatureCoding::Learned { rate_index, effort: *effort, rate: *rate })?;
            if is_useless(&measured.loss) {
                break;
            }
            own.push(measured);
        }
        // Of those that lose nothing the coarsest is enough.
        let fine = own.iter().take_while(|point| point.loss.kl < LEAST_KL).count();
        own.drain(..fine.saturating_sub(1));
        smooth(&mut own);
        points.extend(own);
    }
    Ok(points)
}

/// The rate indices that are worth a measurement on all samples, by what a few samples say: those that
/// lose something, but not everything, and one more at either end.
fn worthwhile(
    rates: &[u8],
    measured: impl Fn(FeatureCoding) -> Result<OperatingPoint, SheetError>,
) -> Result<Vec<u8>, SheetError> {
    let mut wanted = Vec::new();
    let (mut fine, mut useless) = (None, 0);
    for &rate_index in rates {
        let (effort, rate) = (CodingEffort::Fast, FrameRate::Fixed);
        let loss = measured(FeatureCoding::Learned { rate_index, effort, rate })?.loss;
        if loss.kl < LEAST_KL / 2.0 {
            fine = Some(rate_index);
            continue;
        }
        wanted.extend(fine.take());
        wanted.push(rate_index);
        useless += u32::from(is_useless(&loss));
        if useless > 1 {
            break;
        }
    }
    wanted.extend(fine);
    Ok(wanted)
}

/// Every how many rates a series has a point. Those of the fast effort are for machines that code slowly, which
/// have no use for fine choices.
const fn spacing(effort: CodingEffort) -> usize {
    match effort {
        CodingEffort::Fast => 2,
        CodingEffort::High => 1,
    }
}

fn is_useless(loss: &TaskLoss) -> bool {
    loss.disagreement.map_or(loss.kl > MOST_KL, |share| share > MOST_DISAGREEMENT)
}

/// The series that a cut has. Where every profile has a head, confidence moves the rates: that loses
/// less at the same bytes, and no one would choose the others.
fn series(cut: &SheetCut) -> [(CodingEffort, FrameRate); 2] {
    let heads = cut.profiles.iter().all(|profile| profile.confidence().is_some());
    let rate = if heads { FrameRate::Confidence } else { FrameRate::Fixed };
    [(CodingEffort::High, rate), (CodingEffort::Fast, rate)]
}

/// Rate indices to measure, from fine to coarse: those that the profiles were fitted at and one step
/// beyond.
fn rates(cut: &SheetCut) -> Vec<u8> {
    let ends = cut.profiles.iter().filter_map(|profile| {
        let rates = || profile.rates().map(|rate| rate.get());
        Some((rates().min()?, rates().max()?))
    });
    let Some((low, high)) = ends.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))) else {
        return Vec::new();
    };
    (low..=high.saturating_add(SPACING).min(63)).step_by(SPACING.into()).collect()
}

/// Takes the noise of few samples out of a series: a coarser point never loses less.
fn smooth(points: &mut [OperatingPoint]) {
    type Field = fn(&mut TaskLoss) -> Option<&mut f64>;
    let fields: [Field; 5] = [
        |loss| Some(&mut loss.kl),
        |loss| loss.disagreement.as_mut(),
        |loss| loss.disagreement_upper.as_mut(),
        |loss| loss.top1_drop.as_mut(),
        |loss| loss.top1_drop_upper.as_mut(),
    ];
    for field in fields {
        let values: Option<Vec<f64>> =
            points.iter_mut().map(|point| field(&mut point.loss).copied()).collect();
        let Some(values) = values else { continue };
        for (point, value) in points.iter_mut().zip(isotonic(&values)) {
            if let Some(slot) = field(&mut point.loss) {
                *slot = value;
            }
        }
    }
}

/// One cut with the features of all samples.
struct Station<'a> {
    cut: &'a SheetCut,
    samples: &'a Samples,
    features: &'a [Vec<Tensor>],
    /// Coders not in use; as many as threads ever ran at once.
    coders: Mutex<Vec<(CutEncoder, CutDecoder)>>,
}

impl Station<'_> {
    /// Measures the codings that lose nothing: each is decoded, and as both give the same tensors the tail runs
    /// once for the two.
    fn plain(&self, truth: &Truth<'_>, threads: usize) -> Result<Vec<OperatingPoint>, SheetError> {
        let both = |index: usize| -> Result<[Trip; 2], SheetError> {
            let (mut encoder, mut decoder) = self.coders()?;
            let features = self.features.get(index).map_or(&[][..], Vec::as_slice);
            let side = self.cut.split.cut().side_bytes() as usize;
            let mut bytes = [0; 2];
            let mut exact = true;
            for (slot, coding) in bytes.iter_mut().zip(PLAIN) {
                let frames = encoder.encode(features, coding)?;
                *slot = frames.iter().map(Vec::len).sum::<usize>() + side;
                exact &= decoder.decode(&frames)? == features;
            }
            self.idle().push((encoder, decoder));
            if !exact {
                return Ok([self.trip(index, PLAIN[0])?, self.trip(index, PLAIN[1])?]);
            }
            let named = named(self.samples, index);
            let output = Outputs::of(&self.cut.split.tail_with(features, &named, None)?);
            Ok(bytes.map(|bytes| Trip { bytes, output: output.clone() }))
        };
        let (raw, lossless): (Vec<Trip>, Vec<Trip>) =
            all(self.samples.len(), threads, both)?.into_iter().map(|[a, b]| (a, b)).unzip();
        let cut = self.cut.split.cut().id;
        let points = PLAIN.into_iter().zip([raw, lossless]);
        Ok(points
            .map(|(coding, trips)| truth.point(Payload::Feature { cut, coding }, &trips))
            .collect())
    }

    fn trip(&self, index: usize, coding: FeatureCoding) -> Result<Trip, SheetError> {
        let (mut encoder, mut decoder) = self.coders()?;
        let features = self.features.get(index).map_or(&[][..], Vec::as_slice);
        let frames = encoder.encode(features, coding)?;
        let decoded = decoder.decode(&frames)?;
        self.idle().push((encoder, decoder));
        let outputs = self.cut.split.tail_with(&decoded, &named(self.samples, index), None)?;
        let side = self.cut.split.cut().side_bytes() as usize;
        let bytes = frames.iter().map(Vec::len).sum::<usize>() + side;
        Ok(Trip { bytes, output: Outputs::of(&outputs) })
    }

    fn coders(&self) -> Result<(CutEncoder, CutDecoder), SheetError> {
        if let Some(pair) = self.idle().pop() {
            return Ok(pair);
        }
        let (cut, profiles) = (self.cut.split.cut(), &self.cut.profiles);
        let decoder = CutDecoder::new(cut, profiles, DecodeLimits::default())?;
        Ok((CutEncoder::new(cut, profiles)?, decoder))
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<(CutEncoder, CutDecoder)>> {
        self.coders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
