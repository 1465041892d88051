//! Bit strings, most significant bit first, written and read many bits at a time.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use crate::error::DecodeErrorKind;

/// Collects bits.
#[derive(Debug, Default)]
pub(super) struct Writer {
    bytes: Vec<u8>,
    pending: u64,
    count: u32,
}

impl Writer {
    /// Appends the lowest `count` bits of `value`, which has no others; at most 31.
    #[inline]
    pub(super) fn put(&mut self, value: u32, count: u32) {
        self.pending = (self.pending << count) | u64::from(value);
        self.count = self.count.wrapping_add(count);
        if self.count >= 32 {
            self.count = self.count.wrapping_sub(32);
            self.bytes.extend_from_slice(&((self.pending >> self.count) as u32).to_be_bytes());
        }
    }

    /// Fills up the last byte with zeros, moves all bytes to `out` and starts again.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        let aligned = (self.pending << 32u32.wrapping_sub(self.count)) as u32;
        let whole = self.count.div_ceil(8) as usize;
        out.extend_from_slice(&self.bytes);
        out.extend(aligned.to_be_bytes().iter().take(whole));
        self.clear();
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        (self.pending, self.count) = (0, 0);
    }

    /// Bytes once finished.
    pub(super) fn len(&self) -> usize {
        self.bytes.len().saturating_add(self.count.div_ceil(8) as usize)
    }
}

/// Where a string is being read. Beyond the data come zeros; the end is checked once.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cursor {
    bit: usize,
    window: u64,
}

impl Cursor {
    pub(super) const fn at(byte: usize) -> Self {
        Self { bit: byte.saturating_mul(8), window: 0 }
    }

    /// Makes at least 57 bits ready.
    #[inline]
    pub(super) fn refill(&mut self, data: &[u8]) {
        let at = self.bit >> 3;
        let bytes = data.get(at..).and_then(<[u8]>::first_chunk);
        let word = bytes.map_or_else(|| last_bytes(data, at), |&bytes| u64::from_be_bytes(bytes));
        self.window = word << (self.bit & 7);
    }

    /// The next `count` bits, 1 to 32, which stay.
    #[inline]
    pub(super) const fn peek(&self, count: u32) -> u32 {
        (self.window >> 64u32.wrapping_sub(count)) as u32
    }

    /// Leaves `count` bits behind.
    #[inline]
    pub(super) const fn skip(&mut self, count: u32) {
        self.window <<= count & 63;
        self.bit = self.bit.wrapping_add(count as usize);
    }

    /// Checks that a string that ends before the byte `end` was read to its end.
    pub(super) fn check_end(
        &self,
        data: &[u8],
        end: usize,
    ) -> Result<(), (DecodeErrorKind, usize)> {
        let ends = end.saturating_mul(8);
        if self.bit > ends {
            return Err((DecodeErrorKind::Truncated, end));
        }
        if ends.saturating_sub(self.bit) >= 8 {
            return Err((DecodeErrorKind::TrailingBytes, self.bit.div_ceil(8)));
        }
        let last = end.checked_sub(1).and_then(|at| data.get(at)).copied().unwrap_or(0);
        let unused = ends.saturating_sub(self.bit) as u32;
        if u32::from(last) & !(u32::MAX << unused) != 0 {
            return Err((DecodeErrorKind::NonCanonical, end.saturating_sub(1)));
        }
        Ok(())
    }
}

/// What is left from a byte on, as the start of eight bytes.
#[cold]
fn last_bytes(data: &[u8], at: usize) -> u64 {
    let mut bytes = [0; 8];
    let left = data.get(at..).unwrap_or_default();
    bytes.iter_mut().zip(left).for_each(|(slot, &byte)| *slot = byte);
    u64::from_be_bytes(bytes)
}
