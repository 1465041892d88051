//! Frames without any loss: byte planes, or the elements as they are (`codec.md` 6).
//!
//! ```text
//! elements -> sign bit last -> predictor -> byte planes, top first -> constant | rANS | stored
//! ```
//!
//! Every bit comes back, also those of NaN payloads, infinities and negative zeros. A lossless
//! frame is never larger than the raw one, since the raw mode is the fallback.

mod decode;
mod encode;
mod words;

pub use decode::{decode_lossless, decode_lossless_f32};
pub use encode::encode_lossless;

use crate::rans::CdfSet;

/// How an element is predicted from the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Predictor {
    /// Not at all.
    None,
    /// The bits that differ.
    Xor,
    /// The difference, modulo 2^width.
    Delta,
}

impl Predictor {
    const ALL: [Self; 3] = [Self::None, Self::Xor, Self::Delta];

    const fn code(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Xor => 1,
            Self::Delta => 2,
        }
    }

    const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::None),
            1 => Some(Self::Xor),
            2 => Some(Self::Delta),
            _ => None,
        }
    }
}

/// The first two bits of a plane header: how the bytes of a plane are represented.
const PLANE_STORED: u8 = 0;
const PLANE_CONSTANT: u8 = 1;
const PLANE_CODED: u8 = 2;

/// The number of symbols that are decoded in one go: contexts are made for so many at a time.
const CHUNK: usize = 4096;

/// The table of a byte: 1 where all bytes of higher planes of the same element are zero, if the
/// plane has two tables.
fn context_mask(tables: &CdfSet) -> u16 {
    if tables.len() == 2 { 1 } else { 0 }
}

#[cfg(test)]
mod tests;
