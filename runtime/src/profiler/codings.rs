//! Timing the coding of what is sent.

use std::sync::Arc;

use aiflow_codec::{DecodeLimits, Profile};

use super::{Clock, CodingTiming, MeasureError, Schedule, Timing, Work};
use crate::bundle::{CodingEffort, FeatureCoding, FrameRate, Payload};
use crate::coding::{CutDecoder, CutEncoder};
use crate::cut::Cut;
use crate::value::Tensor;

/// One way to code what is sent, ready to be timed.
pub struct CodingWork<'a> {
    /// What is coded, and how.
    pub payload: Payload,
    /// Encodes.
    pub encode: Box<dyn Work<Error = MeasureError> + 'a>,
    /// Decodes what the encoder wrote.
    pub decode: Box<dyn Work<Error = MeasureError> + 'a>,
}

/// Times encoders and decoders in turns.
///
/// # Errors
/// When one of them fails.
pub fn time_codings(
    codings: Vec<CodingWork<'_>>,
    schedule: &Schedule,
    clock: &dyn Clock,
    progress: &dyn Fn(f32),
) -> Result<Vec<CodingTiming>, MeasureError> {
    let payloads: Vec<Payload> = codings.iter().map(|coding| coding.payload).collect();
    let mut works: Vec<Box<dyn Work<Error = MeasureError> + '_>> =
        codings.into_iter().flat_map(|coding| [coding.encode, coding.decode]).collect();
    let timings = schedule.run(&mut works, clock, progress)?.timings;
    let pairs = payloads.into_iter().zip(timings.as_chunks::<2>().0);
    let timing = |(payload, &[encode, decode]): (Payload, &[Timing; 2])| CodingTiming {
        payload,
        encode,
        decode,
    };
    Ok(pairs.map(timing).collect())
}

/// Lists the codings of a cut that are worth timing: raw, lossless, and both efforts of the learned
/// codec at the finest, a middle and the coarsest rate index that it was fitted at. Times at other
/// rates lie between.
///
/// # Errors
/// When the profiles are not those of the cut.
pub fn feature_codings<'a>(
    cut: &'a Cut,
    profiles: &'a [Arc<Profile>],
    features: &'a [Vec<Tensor>],
) -> Result<Vec<CodingWork<'a>>, MeasureError> {
    let mut codings = vec![FeatureCoding::Raw, FeatureCoding::Lossless];
    for rate_index in timed_rates(profiles) {
        let rate = FrameRate::Fixed;
        let learned = |effort| FeatureCoding::Learned { rate_index, effort, rate };
        codings.extend([CodingEffort::Fast, CodingEffort::High].map(learned));
    }
    let work = |coding| {
        let encoder = || CutEncoder::new(cut, profiles);
        let decoder = CutDecoder::new(cut, profiles, DecodeLimits::default())?;
        let encode = Encode { encoder: encoder()?, features, coding, at: 0 };
        let decode = Decode { encoder: encoder()?, decoder, features, coding, frames: Vec::new() };
        Ok(CodingWork {
            payload: Payload::Feature { cut: cut.id, coding },
            encode: Box::new(encode),
            decode: Box::new(decode),
        })
    };
    codings.into_iter().map(work).collect()
}

/// The first, the middle and the last rate index that all profiles of a cut were fitted at.
fn timed_rates(profiles: &[Arc<Profile>]) -> Vec<u8> {
    let ends = |profile: &Arc<Profile>| {
        let rates = || profile.rates().map(|rate| rate.get());
        Some((rates().min()?, rates().max()?))
    };
    let common = profiles.iter().filter_map(ends).reduce(|a, b| (a.0.max(b.0), a.1.min(b.1)));
    let Some((low, high)) = common else { return Vec::new() };
    let mut rates = vec![low.min(high), low.midpoint(high), high.max(low)];
    rates.dedup();
    rates
}

struct Encode<'a> {
    encoder: CutEncoder,
    features: &'a [Vec<Tensor>],
    coding: FeatureCoding,
    at: usize,
}

impl Work for Encode<'_> {
    type Error = MeasureError;

    fn prepare(&mut self, sample: usize) -> Result<(), MeasureError> {
        self.at = sample % self.features.len().max(1);
        Ok(())
    }

    fn run(&mut self) -> Result<(), MeasureError> {
        let features = self.features.get(self.at).ok_or(MeasureError::NoSamples)?;
        let frames = self.encoder.encode(features, self.coding)?;
        std::hint::black_box(frames);
        Ok(())
    }
}

struct Decode<'a> {
    encoder: CutEncoder,
    decoder: CutDecoder,
    features: &'a [Vec<Tensor>],
    coding: FeatureCoding,
    frames: Vec<Vec<u8>>,
}

impl Work for Decode<'_> {
    type Error = MeasureError;

    fn prepare(&mut self, sample: usize) -> Result<(), MeasureError> {
        let at = sample % self.features.len().max(1);
        let features = self.features.get(at).ok_or(MeasureError::NoSamples)?;
        self.frames = self.encoder.encode(features, self.coding)?;
        Ok(())
    }

    fn run(&mut self) -> Result<(), MeasureError> {
        let tensors = self.decoder.decode(&self.frames)?;
        std::hint::black_box(tensors);
        Ok(())
    }
}
