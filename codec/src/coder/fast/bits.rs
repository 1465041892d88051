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
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor {
    /// The first bit of the window as it was last filled.
    bit: usize,
    /// The bits that come next, from the top, with a mark at the bottom that moves along: the zeros below it
    /// say how many bits were left behind.
    window: u64,
}

/// Zero bytes that must follow the data of a [`Cursor`], for it to be fast to the end.
pub(super) const PADDING: usize = 8;

impl Cursor {
    pub(super) const fn at(byte: usize) -> Self {
        Self { bit: byte.saturating_mul(8), window: 1 }
    }

    /// Where it is, in bits.
    const fn position(&self) -> usize {
        self.bit.wrapping_add(self.window.trailing_zeros() as usize)
    }

    /// Makes at least 56 bits ready.
    #[inline]
    pub(super) fn refill(&mut self, data: &[u8]) {
        self.bit = self.position();
        let at = self.bit >> 3;
        let bytes = data.get(at..at.wrapping_add(8)).and_then(<[u8]>::first_chunk);
        let word = bytes.map_or(0, |&bytes| u64::from_be_bytes(bytes));
        self.window = (word << (self.bit & 7)) | 1;
    }

    /// The next `count` bits, 1 to 32, which stay.
    #[inline]
    pub(super) const fn peek(&self, count: u32) -> u32 {
        (self.window >> 64u32.wrapping_sub(count)) as u32
    }

    /// Leaves as many bits behind as the lowest six bits of `count` say: at most 63 from one filling to the next.
    #[inline]
    pub(super) const fn skip(&mut self, count: u32) {
        self.window <<= count & 63;
    }

    /// Goes back by `count` bits, which only [`Cursor::refill`] may follow.
    #[inline]
    pub(super) const fn back(&mut self, count: u32) {
        self.bit = self.bit.wrapping_sub(count as usize);
    }

    /// Checks that a string that ends before the byte `end` was read to its end.
    pub(super) fn check_end(
        &self,
        data: &[u8],
        end: usize,
    ) -> Result<(), (DecodeErrorKind, usize)> {
        let (bit, ends) = (self.position(), end.saturating_mul(8));
        if bit > ends {
            return Err((DecodeErrorKind::Truncated, end));
        }
        if ends.saturating_sub(bit) >= 8 {
            return Err((DecodeErrorKind::TrailingBytes, bit.div_ceil(8)));
        }
        let last = end.checked_sub(1).and_then(|at| data.get(at)).copied().unwrap_or(0);
        let unused = ends.saturating_sub(bit) as u32;
        if u32::from(last) & !(u32::MAX << unused) != 0 {
            return Err((DecodeErrorKind::NonCanonical, end.saturating_sub(1)));
        }
        Ok(())
    }
}

impl Default for Cursor {
    fn default() -> Self {
        Self::at(0)
    }
}
