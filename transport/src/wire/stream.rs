//! Types of streams (`protocol.md` 3.3), and structures at the start of a stream.

use bytes::Bytes as Buffer;

use super::{Limits, Reader, Wire, Writer};
use crate::error::{EncodeError, ErrorKind, ProtocolError};

/// What a stream carries; the first integer on it. `spec/registry/streams.toml` holds the same
/// table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum StreamType {
    /// Unidirectional, one from each side: messages.
    Control,
    /// Unidirectional: one layer of one frame.
    Frame,
    /// Unidirectional: the result of one frame.
    Result,
    /// Unidirectional: bytes that nobody reads.
    Padding,
    /// Bidirectional: a request and its answer.
    Request,
    /// Bidirectional: a request for padding, and the padding.
    Probe,
}

impl StreamType {
    /// All types, in the order of their numbers.
    pub const ALL: [Self; 6] =
        [Self::Control, Self::Frame, Self::Result, Self::Padding, Self::Request, Self::Probe];

    /// Returns the number on the wire.
    pub const fn number(self) -> u64 {
        match self {
            Self::Control => 0x00,
            Self::Frame => 0x01,
            Self::Result => 0x02,
            Self::Padding => 0x03,
            Self::Request => 0x10,
            Self::Probe => 0x11,
        }
    }

    /// Returns the name in the specification, in capitals.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Control => "CONTROL",
            Self::Frame => "FRAME",
            Self::Result => "RESULT",
            Self::Padding => "PADDING",
            Self::Request => "REQUEST",
            Self::Probe => "PROBE",
        }
    }

    /// Returns whether both sides write on it.
    pub const fn is_bidirectional(self) -> bool {
        matches!(self, Self::Request | Self::Probe)
    }

    /// Finds the type of a number.
    pub fn from_number(number: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }
}

impl Wire for StreamType {
    const SECTION: &'static str = "protocol.md 3.3";

    /// Reads a type; an unknown one is [`ErrorKind::UnknownStream`], which ends that stream only.
    fn read(reader: &mut Reader<'_>, _: &Limits) -> Result<Self, ProtocolError> {
        reader.section(Self::SECTION);
        let at = reader.offset();
        let number = reader.varint()?;
        Self::from_number(number).ok_or(reader.error_at(ErrorKind::UnknownStream, at))
    }

    fn write(&self, writer: &mut Writer) {
        writer.varint("stream type", self.number());
    }
}

/// What was found at the start of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prefix<T> {
    /// The structure, and how many bytes it took.
    Whole(T, usize),
    /// The bytes so far are the start of one: wait for more.
    Partial,
}

/// Reads a structure at the start of a stream, of which `bytes` is what arrived so far.
///
/// Structures that stand there are below 100 bytes, so waiting costs no more than that.
///
/// # Errors
/// As [`Wire::read`], except that bytes may be missing.
pub fn decode_prefix<T: Wire>(bytes: &[u8], limits: &Limits) -> Result<Prefix<T>, ProtocolError> {
    let mut reader = Reader::new(bytes, T::SECTION);
    match T::read(&mut reader, limits) {
        Ok(value) => Ok(Prefix::Whole(value, bytes.len().saturating_sub(reader.rest().len()))),
        Err(error) if error.kind == ErrorKind::Truncated => Ok(Prefix::Partial),
        Err(error) => Err(error),
    }
}

/// Writes what a stream begins with: its type and a header.
///
/// # Errors
/// A field that no peer would accept.
pub fn encode_start<T: Wire>(kind: StreamType, header: &T) -> Result<Buffer, EncodeError> {
    let mut writer = Writer::new();
    kind.write(&mut writer);
    header.write(&mut writer);
    writer.finish()
}

/// What senders fill PADDING streams and answers to probes with; receivers accept any bytes.
pub const PADDING_BYTE: u8 = 0;
