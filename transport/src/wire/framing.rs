//! Cuts a stream of bytes into messages (`protocol.md` 4.1).

use bytes::{Buf as _, Bytes as Buffer, BytesMut};

use super::varint::varint_len;
use super::{Limit, Limits, Reader};
use crate::error::{ErrorKind, ProtocolError};

const SECTION: &str = "protocol.md 4.1";

/// A message before its content is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The number of the type.
    pub number: u64,
    /// The content.
    pub payload: Buffer,
    /// The first byte of the message, counted from the start of the stream.
    pub start: u64,
    /// The first byte of the payload, counted from the start of the stream.
    pub offset: u64,
}

/// Takes the bytes of a control, request or answer stream in pieces and gives whole messages.
///
/// Memory follows what arrived, never what was announced: at most one incomplete message, which is
/// below the advertised limit, besides the piece that was pushed last. Take messages until there is
/// none after each piece.
#[derive(Debug, Clone)]
pub struct Framer {
    buffer: BytesMut,
    offset: u64,
    limit: usize,
}

impl Framer {
    /// Starts at the first byte after the stream type, if there is one; offsets count from there.
    pub fn new(limits: &Limits) -> Self {
        Self { buffer: BytesMut::new(), offset: 0, limit: limits.message_bytes() }
    }

    /// Starts where `offset` bytes of the stream were read before.
    pub fn at(offset: u64, limits: &Limits) -> Self {
        Self { offset, ..Self::new(limits) }
    }

    /// Appends what arrived.
    pub fn push(&mut self, piece: &[u8]) {
        self.buffer.extend_from_slice(piece);
    }

    /// Takes the next whole message; `None` until more arrives.
    ///
    /// # Errors
    /// An integer that is not minimal, and a length above the advertised limit, as soon as the
    /// length has arrived. The stream cannot be read on then.
    pub fn next_message(&mut self) -> Result<Option<Envelope>, ProtocolError> {
        let Some((number, length)) = self.header()? else { return Ok(None) };
        let header = varint_len(number).saturating_add(varint_len(length as u64));
        if self.buffer.len() < header.saturating_add(length) {
            return Ok(None);
        }
        self.buffer.advance(header);
        let payload = self.buffer.split_to(length).freeze();
        let start = self.offset;
        let offset = start.saturating_add(header as u64);
        self.offset = offset.saturating_add(length as u64);
        Ok(Some(Envelope { number, payload, start, offset }))
    }

    /// Reads type and length; `None` when they are not whole.
    fn header(&self) -> Result<Option<(u64, usize)>, ProtocolError> {
        let mut reader = Reader::new(&self.buffer, SECTION);
        let Some(number) = whole(reader.varint(), self.offset)? else { return Ok(None) };
        let at = reader.offset();
        let Some(length) = whole(reader.varint(), self.offset)? else { return Ok(None) };
        match usize::try_from(length) {
            Ok(length) if length <= self.limit => Ok(Some((number, length))),
            _ => {
                let kind = ErrorKind::LimitExceeded(Limit::MessageBytes);
                Err(reader.error_at(kind, at).shifted(self.offset))
            }
        }
    }

    /// Checks that the stream ended between two messages.
    ///
    /// # Errors
    /// [`ErrorKind::Truncated`] inside of one.
    pub fn finish(&self) -> Result<(), ProtocolError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let end = self.offset.saturating_add(self.buffer.len() as u64);
        Err(ProtocolError::new(ErrorKind::Truncated, end, SECTION))
    }

    /// Returns how many bytes wait for the rest of their message.
    pub fn buffered(&self) -> usize {
        self.buffer.len()
    }
}

/// Turns an integer whose end has not arrived into `None`.
fn whole(read: Result<u64, ProtocolError>, offset: u64) -> Result<Option<u64>, ProtocolError> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind == ErrorKind::Truncated => Ok(None),
        Err(error) => Err(error.shifted(offset)),
    }
}
