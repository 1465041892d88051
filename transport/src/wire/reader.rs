//! A cursor over hostile bytes.

use aiflow_units::{BitRate, Bytes, Micros};
use bytes::Bytes as Buffer;

use super::varint::varint_len;
use crate::error::{ErrorKind, ProtocolError};

const SECTION_VARINT: &str = "protocol.md 1.3";

/// Reads fields from a slice and knows where it stands.
///
/// Every error carries the offset of the field that failed, counted from the start of the input,
/// and the section of the specification that was set last.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
    offset: u64,
    section: &'static str,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte; `section` names the rule that errors refer to.
    pub const fn new(bytes: &'a [u8], section: &'static str) -> Self {
        Self { rest: bytes, offset: 0, section }
    }

    /// Sets the rule that the errors from here on refer to.
    pub const fn section(&mut self, section: &'static str) {
        self.section = section;
    }

    /// Returns the number of bytes that were read.
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns the bytes that are left.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Returns whether everything was read.
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Builds an error at the next byte.
    pub const fn error(&self, kind: ErrorKind) -> ProtocolError {
        ProtocolError::new(kind, self.offset, self.section)
    }

    /// Builds an error at a byte that was read before.
    pub const fn error_at(&self, kind: ErrorKind, offset: u64) -> ProtocolError {
        ProtocolError::new(kind, offset, self.section)
    }

    /// Reads `count` bytes.
    ///
    /// # Errors
    /// [`ErrorKind::Truncated`] when fewer are left.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], ProtocolError> {
        let Some((taken, rest)) = self.rest.split_at_checked(count) else {
            return Err(self.error(ErrorKind::Truncated));
        };
        self.rest = rest;
        self.offset = self.offset.saturating_add(count as u64);
        Ok(taken)
    }

    /// Reads a fixed number of bytes.
    ///
    /// # Errors
    /// [`ErrorKind::Truncated`] when fewer are left.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], ProtocolError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    /// Reads one byte.
    ///
    /// # Errors
    /// [`ErrorKind::Truncated`] at the end.
    pub fn u8(&mut self) -> Result<u8, ProtocolError> {
        self.array().map(|[byte]| byte)
    }

    /// Reads an integer of up to 62 bits.
    ///
    /// # Errors
    /// [`ErrorKind::Truncated`] when it does not end, [`ErrorKind::NonMinimal`] when fewer bytes
    /// would do. The offset is that of its first byte.
    pub fn varint(&mut self) -> Result<u64, ProtocolError> {
        let at = |kind| ProtocolError::new(kind, self.offset, SECTION_VARINT);
        let (&first, behind) = self.rest.split_first().ok_or(at(ErrorKind::Truncated))?;
        if first < 0x40 {
            // Nearly all integers take one byte.
            (self.rest, self.offset) = (behind, self.offset.saturating_add(1));
            return Ok(u64::from(first));
        }
        let length = 1_usize << (first >> 6);
        let bytes = self.rest.get(..length).ok_or(at(ErrorKind::Truncated))?;
        let start = u64::from(first & 0x3f);
        let value = bytes.iter().skip(1).fold(start, |value, &byte| value << 8 | u64::from(byte));
        if varint_len(value) != length {
            return Err(at(ErrorKind::NonMinimal));
        }
        self.take(length)?;
        Ok(value)
    }

    /// Reads an integer of at most `most`.
    ///
    /// # Errors
    /// As [`varint`](Self::varint), and [`ErrorKind::InvalidValue`] above.
    pub fn varint_to(&mut self, most: u64) -> Result<u64, ProtocolError> {
        let at = self.offset;
        let value = self.varint()?;
        if value > most { Err(self.error_at(ErrorKind::InvalidValue, at)) } else { Ok(value) }
    }

    /// Reads an integer of at most 32 bits.
    ///
    /// # Errors
    /// As [`varint_to`](Self::varint_to).
    pub fn varint_u32(&mut self) -> Result<u32, ProtocolError> {
        self.varint_to(u64::from(u32::MAX)).map(|value| value as u32)
    }

    /// Reads an integer of at most 16 bits.
    ///
    /// # Errors
    /// As [`varint_to`](Self::varint_to).
    pub fn varint_u16(&mut self) -> Result<u16, ProtocolError> {
        self.varint_to(u64::from(u16::MAX)).map(|value| value as u16)
    }

    /// Reads an integer of at most 8 bits.
    ///
    /// # Errors
    /// As [`varint_to`](Self::varint_to).
    pub fn varint_u8(&mut self) -> Result<u8, ProtocolError> {
        self.varint_to(u64::from(u8::MAX)).map(|value| value as u8)
    }

    /// Reads a span in microseconds.
    ///
    /// # Errors
    /// As [`varint`](Self::varint).
    pub fn micros(&mut self) -> Result<Micros, ProtocolError> {
        self.varint().map(Micros::new)
    }

    /// Reads a span in milliseconds.
    ///
    /// # Errors
    /// As [`varint`](Self::varint).
    pub fn millis(&mut self) -> Result<Micros, ProtocolError> {
        self.varint_to(MAX_MILLIS).map(Micros::from_millis)
    }

    /// Reads a rate in kbit/s.
    ///
    /// # Errors
    /// As [`varint`](Self::varint).
    pub fn kilobits(&mut self) -> Result<BitRate, ProtocolError> {
        self.varint_to(MAX_KILOBITS).map(BitRate::kilobits_per_second)
    }

    /// Reads a size in bytes.
    ///
    /// # Errors
    /// As [`varint`](Self::varint).
    pub fn size(&mut self) -> Result<Bytes, ProtocolError> {
        self.varint().map(Bytes::new)
    }

    /// Reads a count of items of at least one byte each, before they are allocated.
    ///
    /// # Errors
    /// [`ErrorKind::TooMany`] above `most`, [`ErrorKind::Truncated`] when the input is too short
    /// for so many items.
    pub fn count(&mut self, most: usize) -> Result<usize, ProtocolError> {
        let at = self.offset;
        let count = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
        if count > most {
            return Err(self.error_at(ErrorKind::TooMany, at));
        }
        if count > self.rest.len() {
            return Err(self.error_at(ErrorKind::Truncated, at));
        }
        Ok(count)
    }

    /// Reads a length and so many bytes.
    ///
    /// # Errors
    /// As [`count`](Self::count).
    pub fn blob(&mut self, most: usize) -> Result<&'a [u8], ProtocolError> {
        let length = self.count(most)?;
        self.take(length)
    }

    /// Reads a length and so many bytes, and copies them.
    ///
    /// # Errors
    /// As [`count`](Self::count).
    pub fn buffer(&mut self, most: usize) -> Result<Buffer, ProtocolError> {
        self.blob(most).map(Buffer::copy_from_slice)
    }

    /// Reads a length and so many bytes of UTF-8.
    ///
    /// # Errors
    /// As [`count`](Self::count), and [`ErrorKind::InvalidText`] at the first byte of the text.
    pub fn text(&mut self, most: usize) -> Result<String, ProtocolError> {
        let bytes = self.blob(most)?;
        let at = self.offset.saturating_sub(bytes.len() as u64);
        match str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => Err(self.error_at(ErrorKind::InvalidText, at)),
        }
    }

    /// Checks that everything was read.
    ///
    /// # Errors
    /// [`ErrorKind::TrailingBytes`] at the first byte that is left.
    pub const fn expect_end(&self) -> Result<(), ProtocolError> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.error(ErrorKind::TrailingBytes)) }
    }
}

/// The longest span in milliseconds: as many microseconds as fit 62 bits.
pub(super) const MAX_MILLIS: u64 = super::MAX_VARINT / 1000;
/// The highest rate in kbit/s: as many bit/s as fit 62 bits.
pub(super) const MAX_KILOBITS: u64 = super::MAX_VARINT / 1000;
