//! Strings of bits, most significant bit first (`codec.md` 3.4).
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use super::reader::Reader;
use crate::error::{DecodeError, DecodeErrorKind};

/// Collects bits into bytes; the last byte is filled up with zeros.
#[derive(Debug, Default)]
pub struct BitWriter {
    bytes: Vec<u8>,
    pending: u64,
    count: u32,
}

impl BitWriter {
    /// Creates an empty string.
    pub const fn new() -> Self {
        Self { bytes: Vec::new(), pending: 0, count: 0 }
    }

    /// Appends the lowest `count` bits of `value`; at most 32, more are ignored.
    pub fn bits(&mut self, value: u32, count: u32) {
        let count = count.min(32);
        let value = u64::from(value) & !(u64::MAX << count);
        self.pending = (self.pending << count) | value;
        self.count = self.count.saturating_add(count);
        while self.count >= 8 {
            self.count = self.count.saturating_sub(8);
            self.bytes.push((self.pending >> self.count) as u8);
        }
    }

    /// Appends `value` zeros and a one.
    pub fn unary(&mut self, value: u32) {
        for _ in 0..value {
            self.bits(0, 1);
        }
        self.bits(1, 1);
    }

    /// Returns the number of bits so far.
    pub const fn len(&self) -> usize {
        self.bytes.len().saturating_mul(8).saturating_add(self.count as usize)
    }

    /// Returns whether no bit was appended.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills up the last byte and appends all of them to `out`.
    pub fn finish(mut self, out: &mut Vec<u8>) {
        if self.count > 0 {
            self.bits(0, 8_u32.saturating_sub(self.count));
        }
        out.append(&mut self.bytes);
    }
}

/// Reads a string of bits from the bytes of a [`Reader`].
#[derive(Debug)]
pub struct BitReader<'r, 'a> {
    reader: &'r mut Reader<'a>,
    byte: u8,
    left: u32,
}

impl<'r, 'a> BitReader<'r, 'a> {
    /// Starts at the next byte of `reader`.
    pub const fn new(reader: &'r mut Reader<'a>) -> Self {
        Self { reader, byte: 0, left: 0 }
    }

    /// Builds an error at the next byte that was not touched.
    pub const fn error(&self, kind: DecodeErrorKind) -> DecodeError {
        self.reader.error(kind)
    }

    /// Reads `count` bits; at most 32, more are not read.
    ///
    /// # Errors
    /// [`DecodeErrorKind::Truncated`] when the bytes end.
    pub fn bits(&mut self, count: u32) -> Result<u32, DecodeError> {
        let mut wanted = count.min(32);
        let mut value = 0_u64;
        while wanted > 0 {
            if self.left == 0 {
                self.byte = self.reader.u8()?;
                self.left = 8;
            }
            let taken = wanted.min(self.left);
            self.left = self.left.saturating_sub(taken);
            wanted = wanted.saturating_sub(taken);
            let part = (u64::from(self.byte) >> self.left) & !(u64::MAX << taken);
            value = (value << taken) | part;
        }
        Ok(value as u32)
    }

    /// Reads zeros up to a one and returns their number.
    ///
    /// # Errors
    /// [`DecodeErrorKind::Truncated`] when the bytes end,
    /// [`DecodeErrorKind::InvalidSymbol`] for more than `most` zeros.
    pub fn unary(&mut self, most: u32) -> Result<u32, DecodeError> {
        let mut zeros = 0_u32;
        while self.bits(1)? == 0 {
            if zeros >= most {
                return Err(self.error(DecodeErrorKind::InvalidSymbol));
            }
            zeros = zeros.saturating_add(1);
        }
        Ok(zeros)
    }

    /// Ends the string: the rest of the last byte is skipped.
    ///
    /// # Errors
    /// [`DecodeErrorKind::NonCanonical`] when the skipped bits are not zero.
    pub fn finish(self) -> Result<(), DecodeError> {
        if u32::from(self.byte) & !(u32::MAX << self.left) != 0 {
            return Err(self.error(DecodeErrorKind::NonCanonical));
        }
        Ok(())
    }
}
