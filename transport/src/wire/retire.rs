//! RETIRE: ends an epoch, or a session (`protocol.md` 5.5).

use super::{Epoch, Limits, Reader, Sequence, SessionId, Wire, Writer};
use crate::error::ProtocolError;

/// Says that no frame of an epoch follows after a given one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Retire {
    /// The session.
    pub session: SessionId,
    /// The epoch that ends.
    pub epoch: Epoch,
    /// The last frame that was sent in it, or the last before it if there was none.
    pub last: Sequence,
}

impl Wire for Retire {
    const SECTION: &'static str = "protocol.md 5.5";

    fn read(reader: &mut Reader<'_>, _: &Limits) -> Result<Self, ProtocolError> {
        let session = SessionId(reader.varint()?);
        let epoch = Epoch(reader.varint()?);
        let last = Sequence(reader.varint()?);
        Ok(Self { session, epoch, last })
    }

    fn write(&self, writer: &mut Writer) {
        writer.varint("session", self.session.0);
        writer.varint("epoch", self.epoch.0);
        writer.varint("last", self.last.0);
    }
}
