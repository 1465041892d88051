//! Features sent as they are, as half precision, or through a lossless numeric compressor.

use half::f16;

use super::{FeatureCodec, expect_values, value_count};
use crate::error::{PayloadProblem, RivalError};

/// Sends features without a quantiser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FloatCodec {
    /// Little-endian single precision.
    Single,
    /// Little-endian half precision; values beyond its range saturate.
    Half,
    /// `pco` at its highest level on single precision, lossless.
    Pco,
}

const PCO_LEVEL: usize = 12;

impl FloatCodec {
    const fn method(self) -> &'static str {
        match self {
            Self::Single => "raw-fp32",
            Self::Half => "raw-fp16",
            Self::Pco => "pco",
        }
    }
}

impl FeatureCodec for FloatCodec {
    fn name(&self) -> &str {
        self.method()
    }

    fn setting(&self) -> &str {
        ""
    }

    fn encode(&self, feature: &[f32], dims: &[usize]) -> Result<Vec<u8>, RivalError> {
        expect_values(self.method(), dims, feature.len())?;
        match self {
            Self::Single => Ok(feature.iter().flat_map(|value| value.to_le_bytes()).collect()),
            Self::Half => {
                Ok(feature.iter().flat_map(|value| to_half(*value).to_le_bytes()).collect())
            }
            Self::Pco => {
                let config = pco::ChunkConfig::default().with_compression_level(PCO_LEVEL);
                pco::standalone::simple_compress(feature, &config).map_err(RivalError::codec)
            }
        }
    }

    fn decode(&self, payload: &[u8], dims: &[usize]) -> Result<Vec<f32>, RivalError> {
        let count = value_count(self.method(), dims)?;
        let fail = |problem| RivalError::payload(self.method(), problem);
        let width = match self {
            Self::Single => 4,
            Self::Half => 2,
            Self::Pco => return decode_pco(payload, count),
        };
        if count.checked_mul(width) != Some(payload.len()) {
            return Err(fail(PayloadProblem::Length));
        }
        Ok(match self {
            Self::Half => {
                let (halves, _) = payload.as_chunks::<2>();
                halves.iter().map(|bytes| f16::from_le_bytes(*bytes).to_f32()).collect()
            }
            _ => {
                let (singles, _) = payload.as_chunks::<4>();
                singles.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
            }
        })
    }
}

/// Rounds to half precision; an overflow becomes the greatest finite value, as a sender that cares
/// for the task would have it.
pub(crate) fn to_half(value: f32) -> f16 {
    if value.is_nan() {
        return f16::NAN;
    }
    f16::from_f32(value.clamp(f16::MIN.to_f32(), f16::MAX.to_f32()))
}

fn decode_pco(payload: &[u8], count: usize) -> Result<Vec<f32>, RivalError> {
    let method = FloatCodec::Pco.method();
    let mut values = vec![0.0; count];
    let progress = pco::standalone::simple_decompress_into(payload, &mut values)
        .map_err(|_| RivalError::payload(method, PayloadProblem::Compressed))?;
    if progress.n_processed == count && progress.finished {
        Ok(values)
    } else {
        Err(RivalError::payload(method, PayloadProblem::Length))
    }
}
