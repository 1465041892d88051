//! The recipe "random rotation + Lloyd-Max", from the published description of TurboQuant.
//!
//! A vector is rotated at random, after which its values are nearly normal whatever they were; a
//! fixed codebook quantises each, and the vector's norm is sent at half precision. Nothing is
//! learned. A vector is one token where tokens are wide, as published; on maps and narrow tokens
//! one norm per position would cost more than it brings, so there the whole feature is one vector.

use std::borrow::Cow;

use super::bits::{pack, packed_len, unpack};
use super::float::to_half;
use super::layout::Layout;
use super::lloyd::GaussianCodebook;
use super::rotation::RandomRotation;
use super::{Calibration, FeatureCodec, expect_values, value_count};
use crate::error::{PayloadProblem, RivalError};

const METHOD: &str = "turboquant";
const MAX_BITS: u32 = 6;
const WIDE_TOKEN: usize = 128;
const SEED: u64 = 0x5eed_0f70_7a71_0e55;

/// Codes rotated, normalised vectors with a fixed number of bits per value.
#[derive(Debug, Clone)]
pub(crate) struct TurboQuantCodec {
    setting: String,
    bits: u32,
    codebook: GaussianCodebook,
    vector_len: usize,
    rotation: RandomRotation,
}

impl TurboQuantCodec {
    /// Builds one instance per number of bits; the calibration only tells the shape.
    pub(crate) fn calibrate(calibration: &Calibration<'_>) -> Vec<Self> {
        let vector_len = vector_len(calibration.dims());
        let rotation = RandomRotation::new(vector_len, SEED);
        (1..=MAX_BITS)
            .map(|bits| Self {
                setting: format!("bits={bits}"),
                bits,
                codebook: GaussianCodebook::new(bits),
                vector_len,
                rotation: rotation.clone(),
            })
            .collect()
    }

    /// Returns the rotation for this shape: the prepared one, or a new one for a longer sequence.
    fn rotation(&self, vector_len: usize) -> Cow<'_, RandomRotation> {
        if vector_len == self.vector_len {
            Cow::Borrowed(&self.rotation)
        } else {
            Cow::Owned(RandomRotation::new(vector_len, SEED))
        }
    }
}

impl FeatureCodec for TurboQuantCodec {
    fn name(&self) -> &str {
        METHOD
    }

    fn setting(&self) -> &str {
        &self.setting
    }

    fn encode(&self, feature: &[f32], dims: &[usize]) -> Result<Vec<u8>, RivalError> {
        expect_values(METHOD, dims, feature.len())?;
        let vector_len = vector_len(dims);
        let rotation = self.rotation(vector_len);
        let mut payload = Vec::new();
        let mut levels = Vec::with_capacity(feature.len());
        for vector in feature.chunks_exact(vector_len.max(1)) {
            let norm = vector.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
            let norm = to_half(norm as f32);
            payload.extend_from_slice(&norm.to_le_bytes());
            let scale = (vector_len as f32).sqrt() / norm.to_f32().max(f32::MIN_POSITIVE);
            levels.extend(rotation.forward(vector).iter().map(|v| self.codebook.index(v * scale)));
        }
        payload.extend(pack(&levels, self.bits));
        Ok(payload)
    }

    fn decode(&self, payload: &[u8], dims: &[usize]) -> Result<Vec<f32>, RivalError> {
        let count = value_count(METHOD, dims)?;
        let length = RivalError::payload(METHOD, PayloadProblem::Length);
        let vector_len = vector_len(dims);
        let norms_len = 2 * (count / vector_len.max(1));
        if payload.len() != norms_len + packed_len(self.bits, count) {
            return Err(length);
        }
        let (norms, packed) = payload.split_at(norms_len);
        let levels = unpack(packed, self.bits, count).ok_or(length)?;
        let rotation = self.rotation(vector_len);
        let mut feature = Vec::with_capacity(count);
        let (norms, _) = norms.as_chunks::<2>();
        for (norm, levels) in norms.iter().zip(levels.chunks_exact(vector_len.max(1))) {
            let scale = half::f16::from_le_bytes(*norm).to_f32() / (vector_len as f32).sqrt();
            let rotated: Vec<f32> = levels
                .iter()
                .map(|level| self.codebook.value(*level).map(|value| value * scale))
                .collect::<Option<_>>()
                .ok_or(RivalError::payload(METHOD, PayloadProblem::Level))?;
            feature.extend(rotation.inverse(&rotated));
        }
        Ok(feature)
    }
}

fn vector_len(dims: &[usize]) -> usize {
    let layout = Layout::of(dims);
    let is_map = layout.positions > 1 && layout.index(0, 1) != 1;
    if layout.components >= WIDE_TOKEN && !is_map {
        layout.components
    } else {
        layout.positions * layout.components
    }
}
