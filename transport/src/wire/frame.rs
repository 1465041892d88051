//! The header of a FRAME stream: one layer of one frame (`protocol.md` 7.1).

use aiflow_units::{Bytes, Micros};

use super::{
    Epoch, LayerIndex, Limit, Limits, PointId, RateIndex, Reader, Sequence, SessionId, Wire, Writer,
};
use crate::error::{ErrorKind, ProtocolError};

/// What a layer is to its frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct FrameFlags(u8);

impl FrameFlags {
    /// Nothing special.
    pub const NONE: Self = Self(0);
    /// The sender intends to send no further layer of this frame.
    pub const FINAL: Self = Self(0x01);
    /// The frame can only be used together with the one before it.
    pub const DEPENDS: Self = Self(0x02);
    /// A start of the payload is of use, so that the stream may end before it is whole.
    pub const TRUNCATABLE: Self = Self(0x04);
    /// The frame was sent before, on a connection that was lost.
    pub const AGAIN: Self = Self(0x08);

    const ALL: u8 = 0x0f;

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

/// What stands before the payload of a layer, after the stream type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FrameHeader {
    /// The session.
    pub session: SessionId,
    /// The epoch whose set of operating points holds `point`.
    pub epoch: Epoch,
    /// The frame.
    pub sequence: Sequence,
    /// The layer; below `layers`.
    pub layer: LayerIndex,
    /// How many layers the frame has, sent or not: 1 to 16.
    pub layers: u8,
    /// The operating point.
    pub point: PointId,
    /// The rate index that the frame was coded with.
    pub rate: RateIndex,
    /// The deadline for the result, counted from the capture of the input; zero for none. Sent
    /// in whole milliseconds, rounded down, but never to none.
    pub deadline: Micros,
    /// The time from the capture to the writing of this header.
    pub age: Micros,
    /// What the layer is to its frame.
    pub flags: FrameFlags,
    /// The length of the payload that follows.
    pub length: Bytes,
}

impl FrameHeader {
    /// Returns what is left until the deadline when the header is written; `None` without one.
    pub const fn time_left(&self) -> Option<Micros> {
        match self.deadline {
            Micros::ZERO => None,
            deadline => Some(deadline.saturating_sub(self.age)),
        }
    }
}

impl Wire for FrameHeader {
    const SECTION: &'static str = "protocol.md 7.1";

    fn read(reader: &mut Reader<'_>, limits: &Limits) -> Result<Self, ProtocolError> {
        let session = SessionId(reader.varint()?);
        let epoch = Epoch(reader.varint()?);
        let sequence = Sequence(reader.varint()?);
        let (layer, layers) = read_layers(reader, limits)?;
        let point = PointId(reader.varint_u16()?);
        let rate = RateIndex(reader.varint_u8()?);
        let deadline = reader.millis()?;
        let age = reader.micros()?;
        let reserved = reader.error(ErrorKind::ReservedBits);
        let flags = FrameFlags(reader.u8()?);
        if flags.0 & !FrameFlags::ALL != 0 {
            return Err(reserved);
        }
        let above = reader.error(ErrorKind::LimitExceeded(Limit::FrameBytes));
        let length = reader.size()?;
        if length > limits.frame_bytes() {
            return Err(above);
        }
        Ok(Self {
            session,
            epoch,
            sequence,
            layer,
            layers,
            point,
            rate,
            deadline,
            age,
            flags,
            length,
        })
    }

    fn write(&self, writer: &mut Writer) {
        writer.varint("session", self.session.0);
        writer.varint("epoch", self.epoch.0);
        writer.varint("sequence", self.sequence.0);
        if self.layers == 0 || self.layers > 16 || self.layer.0 >= self.layers {
            writer.invalid("layers", "there are 1 to 16, and the layer is one of them");
        }
        writer.u8(self.layer.0 << 4 | self.layers.saturating_sub(1) & 0x0f);
        writer.varint("point", u64::from(self.point.0));
        writer.varint("rate", u64::from(self.rate.0));
        let deadline = self.deadline.get();
        writer.millis(Micros::from_millis((deadline / 1000).max(deadline.min(1))));
        writer.micros(self.age);
        writer.u8(self.flags.0);
        writer.size(self.length);
    }
}

/// Reads the byte that holds layer and number of layers minus one.
fn read_layers(
    reader: &mut Reader<'_>,
    limits: &Limits,
) -> Result<(LayerIndex, u8), ProtocolError> {
    let invalid = reader.error(ErrorKind::InvalidValue);
    let above = reader.error(ErrorKind::LimitExceeded(Limit::Layers));
    let byte = reader.u8()?;
    let (layer, layers) = (byte >> 4, (byte & 0x0f).saturating_add(1));
    if layer >= layers {
        return Err(invalid);
    }
    if layers > limits.layers() {
        return Err(above);
    }
    Ok((LayerIndex(layer), layers))
}
