//! FRAME_REPORT: how a frame arrived (`protocol.md` 5.11).

use aiflow_units::Micros;

use super::{Limits, Reader, Sequence, SessionId, Wire, Writer};
use crate::error::{Code, ProtocolError};

/// How a frame arrived, so that the sender can learn what time a size takes. All times are spans
/// on the clock of the receiver; zero means unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FrameReport {
    /// The session.
    pub session: SessionId,
    /// The frame.
    pub sequence: Sequence,
    /// Layers that arrived whole.
    pub layers: u8,
    /// From the first byte of the frame reported before in this session to the first byte of
    /// this one.
    pub since_previous: Micros,
    /// From the first byte to the last byte of the last whole layer.
    pub transfer: Micros,
    /// From the last byte to the start of decoding.
    pub wait: Micros,
    /// Decoding.
    pub decode: Micros,
    /// Inference.
    pub infer: Micros,
    /// How it ended; [`Code::NoError`] for a result.
    pub status: Code,
}

impl Wire for FrameReport {
    const SECTION: &'static str = "protocol.md 5.11";

    fn read(reader: &mut Reader<'_>, _: &Limits) -> Result<Self, ProtocolError> {
        Ok(Self {
            session: SessionId(reader.varint()?),
            sequence: Sequence(reader.varint()?),
            layers: reader.varint_u8()?,
            since_previous: reader.micros()?,
            transfer: reader.micros()?,
            wait: reader.micros()?,
            decode: reader.micros()?,
            infer: reader.micros()?,
            status: Code::from_number(reader.varint()?),
        })
    }

    fn write(&self, writer: &mut Writer) {
        writer.varint("session", self.session.0);
        writer.varint("sequence", self.sequence.0);
        writer.varint("layers", u64::from(self.layers));
        writer.micros(self.since_previous);
        writer.micros(self.transfer);
        writer.micros(self.wait);
        writer.micros(self.decode);
        writer.micros(self.infer);
        writer.varint("status", self.status.number());
    }
}
