//! Runs one instance over all samples: encode, decode, tail, statistics.

use std::time::Instant;

use aiflow_runtime::cut::SplitModel;
use aiflow_runtime::{Value, parallel_map};

use super::subject::{Samples, Subject, flatten};
use super::{BenchError, Context};
use crate::curve::{Measured, PointInput, measure_point};
use crate::data::Preprocess;
use crate::rival::{FeatureCodec, PictureCodec, PictureShape};

/// What one sample gave.
struct Trip {
    output: Vec<f32>,
    bytes: usize,
    encode_us: f64,
    decode_us: f64,
}

/// Measures one codec per tensor of a cut at one setting.
pub(crate) fn feature_point(
    context: &Context<'_>,
    subject: &Subject<'_>,
    codecs: &[&dyn FeatureCodec],
) -> Result<Measured, BenchError> {
    let run = |sample: usize| -> Result<Trip, BenchError> {
        let mut trip = Trip { output: Vec::new(), bytes: 0, encode_us: 0.0, decode_us: 0.0 };
        let mut decoded = Vec::with_capacity(codecs.len());
        let tensors = subject.features[sample].iter().zip(&subject.dims);
        for (codec, (feature, dims)) in codecs.iter().zip(tensors) {
            let owned;
            let values = match feature.as_slice() {
                Some(values) => values,
                None => {
                    owned = feature.iter().copied().collect::<Vec<f32>>();
                    &owned
                }
            };
            let start = Instant::now();
            let payload = codec.encode(values, dims)?;
            trip.encode_us += start.elapsed().as_secs_f64() * 1e6;
            let start = Instant::now();
            decoded.push(codec.decode(&payload, dims)?);
            trip.decode_us += start.elapsed().as_secs_f64() * 1e6;
            trip.bytes += payload.len();
        }
        trip.output = subject.tail(sample, &decoded)?;
        Ok(trip)
    };
    let count = subject.features.len();
    let trips =
        parallel_map(count, context.threads, run).into_iter().collect::<Result<Vec<_>, _>>()?;
    let cut = subject.split.cut().id.to_string();
    let (Some(first), profile) = (codecs.first(), codecs.iter().map(|c| c.profile_bytes()).sum())
    else {
        return Err(BenchError::NoSamples);
    };
    measured(context, &cut, (first.name(), first.setting()), subject.elements(), &trips, profile)
}

/// Measures a picture codec: the picture is sent and the whole model runs behind it.
pub(crate) fn picture_point(
    context: &Context<'_>,
    split: &SplitModel,
    samples: &Samples,
    preprocess: &Preprocess,
    codec: &dyn PictureCodec,
) -> Result<Measured, BenchError> {
    let run = |sample: usize| -> Result<Trip, BenchError> {
        let picture = samples.pictures[sample].as_ref().ok_or(BenchError::NoPictures)?;
        let start = Instant::now();
        let payload = codec.encode(picture)?;
        let encode_us = start.elapsed().as_secs_f64() * 1e6;
        let start = Instant::now();
        let decoded = codec.decode(&payload, PictureShape::of(picture))?;
        let decode_us = start.elapsed().as_secs_f64() * 1e6;
        let input = preprocess.tensor(&decoded)?;
        let name = samples.inputs[sample].first().map_or("", |(name, _)| name.as_str());
        let outputs = split.whole_with(&[(name, Value::F32(input))])?;
        Ok(Trip { output: flatten(&outputs), bytes: payload.len(), encode_us, decode_us })
    };
    let trips = parallel_map(samples.len(), context.threads, run)
        .into_iter()
        .collect::<Result<Vec<_>, _>>()?;
    let elements = samples.pictures.first().and_then(Option::as_ref).map_or(0, |p| p.pixels.len());
    measured(context, "input", (codec.name(), codec.setting()), elements, &trips, 0)
}

fn measured(
    context: &Context<'_>,
    cut: &str,
    (method, setting): (&str, &str),
    features: usize,
    trips: &[Trip],
    profile_bytes: usize,
) -> Result<Measured, BenchError> {
    let outputs: Vec<Vec<f32>> = trips.iter().map(|t| t.output.clone()).collect();
    let sizes: Vec<usize> = trips.iter().map(|t| t.bytes).collect();
    let mean = |f: fn(&Trip) -> f64| trips.iter().map(f).sum::<f64>() / trips.len().max(1) as f64;
    let point = PointInput {
        model: context.model,
        cut,
        method,
        setting,
        features,
        outputs: &outputs,
        sizes: &sizes,
        encode_us: mean(|t| t.encode_us),
        decode_us: mean(|t| t.decode_us),
        profile_bytes,
    };
    Ok(measure_point(context.reference, context.resamples, &point)?)
}
