//! The header of a RESULT stream: the answer to one frame (`protocol.md` 7.2).

use aiflow_units::{Bytes, Micros};

use super::{Epoch, Limit, Limits, Reader, Sequence, SessionId, Wire, Writer};
use crate::error::{Code, ErrorKind, ProtocolError};

/// How a result came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ResultFlags(u8);

impl ResultFlags {
    /// Nothing special.
    pub const NONE: Self = Self(0);
    /// An exit answered before the end of the network.
    pub const EARLY_EXIT: Self = Self(0x01);
    /// A better result of the same frame follows.
    pub const PROVISIONAL: Self = Self(0x02);

    const ALL: u8 = 0x03;

    /// Returns the flags as they stand on the wire.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Returns whether all flags of `other` are set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Returns these flags and those of `other`.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// What stands before the payload of a result, after the stream type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ResultHeader {
    /// The session.
    pub session: SessionId,
    /// The epoch of the frame.
    pub epoch: Epoch,
    /// The frame.
    pub sequence: Sequence,
    /// How it ended; the payload is a result for [`Code::NoError`] only.
    pub status: Code,
    /// How the result came about.
    pub flags: ResultFlags,
    /// Layers that were used.
    pub layers: u8,
    /// From the last byte of the frame to the start of decoding.
    pub wait: Micros,
    /// Decoding.
    pub decode: Micros,
    /// Inference.
    pub infer: Micros,
    /// The length of the payload that follows.
    pub length: Bytes,
}

impl Wire for ResultHeader {
    const SECTION: &'static str = "protocol.md 7.2";

    fn read(reader: &mut Reader<'_>, limits: &Limits) -> Result<Self, ProtocolError> {
        let session = SessionId(reader.varint()?);
        let epoch = Epoch(reader.varint()?);
        let sequence = Sequence(reader.varint()?);
        let status = Code::from_number(reader.varint()?);
        let reserved = reader.error(ErrorKind::ReservedBits);
        let flags = ResultFlags(reader.u8()?);
        if flags.0 & !ResultFlags::ALL != 0 {
            return Err(reserved);
        }
        let layers = reader.varint_u8()?;
        let (wait, decode, infer) = (reader.micros()?, reader.micros()?, reader.micros()?);
        let above = reader.error(ErrorKind::LimitExceeded(Limit::FrameBytes));
        let length = reader.size()?;
        if length > limits.frame_bytes() {
            return Err(above);
        }
        Ok(Self { session, epoch, sequence, status, flags, layers, wait, decode, infer, length })
    }

    fn write(&self, writer: &mut Writer) {
        writer.varint("session", self.session.0);
        writer.varint("epoch", self.epoch.0);
        writer.varint("sequence", self.sequence.0);
        writer.varint("status", self.status.number());
        writer.u8(self.flags.0);
        writer.varint("layers", u64::from(self.layers));
        writer.micros(self.wait);
        writer.micros(self.decode);
        writer.micros(self.infer);
        writer.size(self.length);
    }
}
