//! A cursor over hostile bytes.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use crate::error::{DecodeError, DecodeErrorKind};

const SECTION_VARINT: &str = "codec.md 3.2";

/// Reads fields from a byte slice and knows where it stands.
///
/// Every error carries the offset of the field that failed, counted from the start of the input,
/// and the section of the specification that was set last.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
    offset: usize,
    section: &'static str,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte of `bytes`; `section` names the rule that errors refer to.
    pub const fn new(bytes: &'a [u8], section: &'static str) -> Self {
        Self { rest: bytes, offset: 0, section }
    }

    /// Starts in the middle of a larger input, of which `bytes` begins at `offset`.
    pub const fn at(bytes: &'a [u8], offset: usize, section: &'static str) -> Self {
        Self { rest: bytes, offset, section }
    }

    /// Names the section that further errors refer to.
    pub const fn set_section(&mut self, section: &'static str) {
        self.section = section;
    }

    /// Returns the offset of the next byte.
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// Returns the bytes that were not read yet.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Builds an error at the next byte.
    pub const fn error(&self, kind: DecodeErrorKind) -> DecodeError {
        DecodeError::new(kind, self.offset, self.section)
    }

    /// Reads `count` bytes.
    ///
    /// # Errors
    /// [`DecodeErrorKind::Truncated`] when fewer are left; nothing is read then.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) =
            self.rest.split_at_checked(count).ok_or(self.error(DecodeErrorKind::Truncated))?;
        self.rest = rest;
        self.offset = self.offset.saturating_add(count);
        Ok(taken)
    }

    /// Reads `N` bytes as an array.
    ///
    /// # Errors
    /// [`DecodeErrorKind::Truncated`] when fewer are left; nothing is read then.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (taken, rest) =
            self.rest.split_first_chunk::<N>().ok_or(self.error(DecodeErrorKind::Truncated))?;
        self.rest = rest;
        self.offset = self.offset.saturating_add(N);
        Ok(*taken)
    }

    /// Reads one byte.
    ///
    /// # Errors
    /// [`DecodeErrorKind::Truncated`] at the end.
    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// Reads a little-endian 16-bit integer.
    ///
    /// # Errors
    /// [`DecodeErrorKind::Truncated`] near the end.
    pub fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_le_bytes)
    }

    /// Reads a little-endian 32-bit integer.
    ///
    /// # Errors
    /// [`DecodeErrorKind::Truncated`] near the end.
    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_le_bytes)
    }

    /// Reads a variable-length integer of at most 64 bits.
    ///
    /// # Errors
    /// [`DecodeErrorKind::Truncated`] when it does not end, [`DecodeErrorKind::InvalidSymbol`]
    /// when it does not fit, [`DecodeErrorKind::NonCanonical`] when a shorter form exists. The
    /// offset is that of its first byte.
    pub fn varint_u64(&mut self) -> Result<u64, DecodeError> {
        let start = self.offset;
        let mut value = 0_u64;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.u8()?;
            let group = u64::from(byte & 0x7f);
            if (group << shift) >> shift != group {
                return Err(DecodeError::new(
                    DecodeErrorKind::InvalidSymbol,
                    start,
                    SECTION_VARINT,
                ));
            }
            value |= group << shift;
            if byte & 0x80 == 0 {
                if byte == 0 && shift > 0 {
                    return Err(DecodeError::new(
                        DecodeErrorKind::NonCanonical,
                        start,
                        SECTION_VARINT,
                    ));
                }
                return Ok(value);
            }
        }
        Err(DecodeError::new(DecodeErrorKind::InvalidSymbol, start, SECTION_VARINT))
    }

    /// Reads a variable-length integer of at most 32 bits.
    ///
    /// # Errors
    /// As [`varint_u64`](Self::varint_u64), and [`DecodeErrorKind::InvalidSymbol`] from 2^32 on.
    pub fn varint_u32(&mut self) -> Result<u32, DecodeError> {
        let start = self.offset;
        let value = self.varint_u64()?;
        u32::try_from(value)
            .map_err(|_| DecodeError::new(DecodeErrorKind::InvalidSymbol, start, SECTION_VARINT))
    }

    /// Checks that everything was read.
    ///
    /// # Errors
    /// [`DecodeErrorKind::TrailingBytes`] at the first byte that is left.
    pub fn expect_end(&self) -> Result<(), DecodeError> {
        if self.rest.is_empty() {
            return Ok(());
        }
        Err(self.error(DecodeErrorKind::TrailingBytes))
    }
}
