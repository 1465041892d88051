//! Writes fields, and remembers the first one that no peer would accept.

use aiflow_units::{BitRate, Bytes, Micros};
use bytes::{Bytes as Buffer, BytesMut};

use super::reader::{MAX_KILOBITS, MAX_MILLIS};
use super::varint::{MAX_VARINT, varint_len};
use crate::error::EncodeError;

/// Appends fields to a buffer.
#[derive(Debug, Clone, Default)]
pub struct Writer {
    out: Vec<u8>,
    fault: Option<EncodeError>,
}

impl Writer {
    /// Starts empty.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the number of bytes that were written.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Returns whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// Returns what was written.
    ///
    /// # Errors
    /// The first fault that was noted.
    pub fn finish(self) -> Result<Buffer, EncodeError> {
        match self.fault {
            Some(fault) => Err(fault),
            None => Ok(self.out.into()),
        }
    }

    /// Notes that a field is not in the form that peers accept.
    pub fn invalid(&mut self, field: &'static str, rule: &'static str) {
        self.fault.get_or_insert(EncodeError::Invalid { field, rule });
    }

    /// Notes that a value is above the largest one, and returns that instead.
    fn at_most(&mut self, field: &'static str, value: u64, most: u64) -> u64 {
        if value > most {
            self.fault.get_or_insert(EncodeError::TooLarge { field, value, most });
        }
        value.min(most)
    }

    /// Writes bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Writes one byte.
    pub fn u8(&mut self, byte: u8) {
        self.out.push(byte);
    }

    /// Writes an integer of up to 62 bits; a larger one is a fault of `field`.
    pub fn varint(&mut self, field: &'static str, value: u64) {
        if value < 0x40 {
            // Nearly all integers take one byte.
            return self.out.push(value as u8);
        }
        let value = self.at_most(field, value, MAX_VARINT);
        match varint_len(value) {
            1 => self.out.push(value as u8),
            2 => self.raw(&(value as u16 | 0x4000).to_be_bytes()),
            4 => self.raw(&(value as u32 | 0x8000_0000).to_be_bytes()),
            _ => self.raw(&(value | 0xc000_0000_0000_0000).to_be_bytes()),
        }
    }

    /// Writes an integer of at most `most`; a larger one is a fault of `field`.
    pub fn varint_to(&mut self, field: &'static str, value: u64, most: u64) {
        let value = self.at_most(field, value, most);
        self.varint(field, value);
    }

    /// Writes a span in microseconds; one that does not fit becomes the longest.
    pub fn micros(&mut self, span: Micros) {
        self.varint("time", span.get().min(MAX_VARINT));
    }

    /// Writes a span in milliseconds, rounded up; one that does not fit becomes the longest.
    pub fn millis(&mut self, span: Micros) {
        self.varint("time", span.get().div_ceil(1000).min(MAX_MILLIS));
    }

    /// Writes a rate in kbit/s, rounded down but never to 0, which means unknown; one that does
    /// not fit becomes the highest.
    pub fn kilobits(&mut self, rate: BitRate) {
        let kilobits = (rate.get() / 1000).max(rate.get().min(1));
        self.varint("rate", kilobits.min(MAX_KILOBITS));
    }

    /// Writes a size in bytes; one that does not fit becomes the largest.
    pub fn size(&mut self, size: Bytes) {
        self.varint("size", size.get().min(MAX_VARINT));
    }

    /// Writes the number of items that follow.
    pub fn count(&mut self, field: &'static str, count: usize, most: usize) {
        self.varint_to(field, count as u64, most as u64);
    }

    /// Writes a length and the bytes.
    pub fn blob(&mut self, field: &'static str, bytes: &[u8], most: usize) {
        self.count(field, bytes.len(), most);
        self.raw(bytes);
    }

    /// Writes the length of what `content` writes, and then that.
    pub fn sized(&mut self, field: &'static str, content: impl FnOnce(&mut Self)) {
        let mut inner = Self::new();
        content(&mut inner);
        if let Some(fault) = inner.fault {
            self.fault.get_or_insert(fault);
        }
        self.varint(field, inner.out.len() as u64);
        self.raw(&inner.out);
    }
}

/// Makes many small structures in few allocations.
#[derive(Debug, Default)]
pub(crate) struct Notepad {
    draft: Vec<u8>,
    block: BytesMut,
}

impl Notepad {
    /// The size of a block: some hundred headers. One that is not sent keeps its block.
    const BLOCK: usize = 4096;

    /// Returns what `content` writes.
    ///
    /// # Errors
    /// The first fault that was noted.
    pub(crate) fn write(
        &mut self,
        content: impl FnOnce(&mut Writer),
    ) -> Result<Buffer, EncodeError> {
        let mut out = std::mem::take(&mut self.draft);
        out.clear();
        let mut writer = Writer { out, fault: None };
        content(&mut writer);
        let Writer { out, fault } = writer;
        let written = match fault {
            Some(fault) => Err(fault),
            None => {
                if self.block.capacity() < out.len() {
                    self.block = BytesMut::with_capacity(Self::BLOCK.max(out.len()));
                }
                self.block.extend_from_slice(&out);
                Ok(self.block.split().freeze())
            }
        };
        self.draft = out;
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_share_blocks_and_faults_leave_nothing_behind() -> Result<(), EncodeError> {
        let mut notepad = Notepad::default();
        let first = notepad.write(|writer| writer.raw(b"first"))?;
        let faulty = notepad.write(|writer| {
            writer.raw(b"lost");
            writer.invalid("field", "rule");
        });
        assert!(faulty.is_err());
        let second = notepad.write(|writer| writer.raw(b"second"))?;
        assert_eq!((&first[..], &second[..]), (&b"first"[..], &b"second"[..]));
        assert_eq!(first.as_ptr() as usize + first.len(), second.as_ptr() as usize);
        let large = vec![7; 2 * Notepad::BLOCK];
        assert_eq!(notepad.write(|writer| writer.raw(&large))?, large);
        Ok(())
    }
}
