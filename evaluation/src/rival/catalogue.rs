//! Names of all rivals, how they are grouped into curves, and how they are built.

use super::bytes::ByteCoder;
use super::ecsq::EcsqCodec;
use super::float::FloatCodec;
use super::kvtc::KvtcCodec;
use super::picture::{JpegInput, PictureCodec, WebpInput};
use super::turboquant::TurboQuantCodec;
use super::uniform::UniformCodec;
use super::{Calibration, FeatureCodec};
use crate::error::RivalError;

/// Groups methods whose settings form one curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Family {
    /// Values sent without a quantiser: single points at full quality.
    Float,
    /// `int8` to `int2` with any lossless stage: for each width the smallest of its payloads.
    Int,
    /// A published recipe.
    Recipe,
    /// The input picture sent instead of a feature.
    Input,
    /// This project's codec and its variants.
    Learned,
}

/// Uniform quantisers: name, bits, lossless stage.
const UNIFORM: [(&str, u32, ByteCoder); 15] = [
    ("int8", 8, ByteCoder::Raw),
    ("int8+lz4", 8, ByteCoder::Lz4),
    ("int8+zstd", 8, ByteCoder::Zstd),
    ("int6", 6, ByteCoder::Raw),
    ("int6+lz4", 6, ByteCoder::Lz4),
    ("int6+zstd", 6, ByteCoder::Zstd),
    ("int4", 4, ByteCoder::Raw),
    ("int4+lz4", 4, ByteCoder::Lz4),
    ("int4+zstd", 4, ByteCoder::Zstd),
    ("int3", 3, ByteCoder::Raw),
    ("int3+lz4", 3, ByteCoder::Lz4),
    ("int3+zstd", 3, ByteCoder::Zstd),
    ("int2", 2, ByteCoder::Raw),
    ("int2+lz4", 2, ByteCoder::Lz4),
    ("int2+zstd", 2, ByteCoder::Zstd),
];

const FLOATS: [(&str, FloatCodec); 3] =
    [("raw-fp32", FloatCodec::Single), ("raw-fp16", FloatCodec::Half), ("pco", FloatCodec::Pco)];

const RECIPES: [&str; 3] = ["kvtc", "turboquant", "clip-ecsq"];

const WEBP_QUALITIES: [u8; 13] = [1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 100];
const JPEG_QUALITIES: [u8; 11] = [5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95];

/// Lists the methods that code features, in the order of reports.
pub fn methods() -> impl Iterator<Item = &'static str> {
    let floats = FLOATS.iter().map(|(name, _)| *name);
    floats.chain(UNIFORM.iter().map(|(name, ..)| *name)).chain(RECIPES)
}

/// Returns the family of a method name; every name that no rival has belongs to the learned codec.
#[must_use]
pub fn family(method: &str) -> Family {
    if FLOATS.iter().any(|(name, _)| *name == method) {
        Family::Float
    } else if UNIFORM.iter().any(|(name, ..)| *name == method) || method.starts_with("int-k") {
        Family::Int
    } else if RECIPES.contains(&method) {
        Family::Recipe
    } else if method.ends_with("-input") {
        Family::Input
    } else {
        Family::Learned
    }
}

/// Learns one method from calibration features: one instance per setting, cheapest first.
///
/// # Errors
/// Refuses a name that [`methods`] does not list.
pub fn calibrate(
    method: &str,
    calibration: &Calibration<'_>,
) -> Result<Vec<Box<dyn FeatureCodec>>, RivalError> {
    if let Some((_, codec)) = FLOATS.iter().find(|(name, _)| *name == method) {
        return Ok(vec![Box::new(*codec)]);
    }
    if let Some((name, bits, coder)) = UNIFORM.iter().find(|(name, ..)| *name == method) {
        return Ok(boxed(UniformCodec::calibrate(name, *bits, *coder, calibration)));
    }
    match method {
        "kvtc" => Ok(boxed(KvtcCodec::calibrate(calibration))),
        "turboquant" => Ok(boxed(TurboQuantCodec::calibrate(calibration))),
        "clip-ecsq" => Ok(boxed(EcsqCodec::calibrate(calibration))),
        _ => Err(RivalError::UnknownMethod { name: method.to_owned() }),
    }
}

/// Learns every method of [`methods`].
///
/// # Errors
/// Passes on what [`calibrate`] refuses.
pub fn calibrate_all(
    calibration: &Calibration<'_>,
) -> Result<Vec<Box<dyn FeatureCodec>>, RivalError> {
    methods().try_fold(Vec::new(), |mut all, method| {
        all.extend(calibrate(method, calibration)?);
        Ok(all)
    })
}

/// Returns the rivals that send the input picture, at every quality.
#[must_use]
pub fn picture_codecs() -> Vec<Box<dyn PictureCodec>> {
    let webp = WEBP_QUALITIES.iter().map(|q| Box::new(WebpInput::new(*q)) as Box<dyn PictureCodec>);
    let jpeg = JPEG_QUALITIES.iter().map(|q| Box::new(JpegInput::new(*q)) as Box<dyn PictureCodec>);
    webp.chain(jpeg).collect()
}

fn boxed<C: FeatureCodec + 'static>(codecs: Vec<C>) -> Vec<Box<dyn FeatureCodec>> {
    codecs.into_iter().map(|codec| Box::new(codec) as Box<dyn FeatureCodec>).collect()
}
