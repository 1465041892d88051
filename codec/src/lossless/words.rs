//! Elements as integers, and their prediction.

use half::slice::HalfFloatSliceExt;

use super::Predictor;
use crate::tensor::{ElementType, TensorData};

/// The bits of each element with the sign moved to the lowest place, so that the exponent of f32
/// and bf16 fills the highest byte.
pub(super) fn words_of(data: TensorData<'_>) -> Vec<u32> {
    let half = |bits: &u16| u32::from(bits.rotate_left(1));
    match data {
        TensorData::F32(data) => data.iter().map(|value| value.to_bits().rotate_left(1)).collect(),
        TensorData::F16(data) => data.reinterpret_cast().iter().map(half).collect(),
        TensorData::Bf16(data) => data.reinterpret_cast().iter().map(half).collect(),
    }
}

/// Appends the element of which `word` is the integer, little-endian.
#[inline]
pub(super) fn push_element(word: u32, element: ElementType, out: &mut Vec<u8>) {
    match element {
        ElementType::F32 => out.extend(word.rotate_right(1).to_le_bytes()),
        ElementType::F16 | ElementType::Bf16 => {
            out.extend((word as u16).rotate_right(1).to_le_bytes());
        }
    }
}

impl Predictor {
    /// The residual of `word` after `before`.
    #[inline]
    pub(super) const fn residual(self, word: u32, before: u32, width: u32) -> u32 {
        match self {
            Self::None => word,
            Self::Xor => word ^ before,
            Self::Delta => word.wrapping_sub(before) & mask(width),
        }
    }

    /// The word with the given residual after `before`.
    #[inline]
    pub(super) const fn restore(self, residual: u32, before: u32, width: u32) -> u32 {
        match self {
            Self::None => residual,
            Self::Xor => residual ^ before,
            Self::Delta => residual.wrapping_add(before) & mask(width),
        }
    }
}

const fn mask(width: u32) -> u32 {
    u32::MAX >> (u32::BITS.saturating_sub(width))
}
