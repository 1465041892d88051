//! Elements as integers, and their prediction.

use half::slice::HalfFloatSliceExt;

use super::Predictor;
use crate::tensor::TensorData;

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

/// The number of bits of an element of `N` bytes.
pub(super) const fn width_of<const N: usize>() -> u32 {
    8 * N as u32
}

/// The integer whose little-endian bytes are given.
#[inline]
pub(super) fn word_of<const N: usize>(bytes: [u8; N]) -> u32 {
    bytes.iter().rev().fold(0, |word, &byte| (word << 8) | u32::from(byte))
}

/// The little-endian bytes of the element of which `word` is the integer: the sign moves back up.
#[inline]
pub(super) fn element_of<const N: usize>(word: u32) -> [u8; N] {
    let bits = (word >> 1) | ((word & 1) << (width_of::<N>() - 1));
    core::array::from_fn(|index| (bits >> (8 * index)) as u8)
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
