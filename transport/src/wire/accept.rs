//! ACCEPT: agrees to a change (`protocol.md` 5.3).

use super::{Epoch, Limits, Reader, SessionId, Wire, Writer};
use crate::error::ProtocolError;

/// Agrees to a RECONF: the sender of this message is ready for frames of the new epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Accept {
    /// The session.
    pub session: SessionId,
    /// The epoch that was proposed.
    pub epoch: Epoch,
}

impl Wire for Accept {
    const SECTION: &'static str = "protocol.md 5.3";

    fn read(reader: &mut Reader<'_>, _: &Limits) -> Result<Self, ProtocolError> {
        let session = SessionId(reader.varint()?);
        let epoch = Epoch(reader.varint()?);
        Ok(Self { session, epoch })
    }

    fn write(&self, writer: &mut Writer) {
        writer.varint("session", self.session.0);
        writer.varint("epoch", self.epoch.0);
    }
}
