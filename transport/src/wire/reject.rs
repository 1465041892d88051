//! REJECT: turns a change down (`protocol.md` 5.4).

use super::{Epoch, Limits, Reader, SessionId, Wire, Writer};
use crate::error::{Code, ProtocolError};

/// Turns a RECONF down: the epoch before it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reject {
    /// The session.
    pub session: SessionId,
    /// The epoch that was proposed.
    pub epoch: Epoch,
    /// Why.
    pub code: Code,
}

impl Wire for Reject {
    const SECTION: &'static str = "protocol.md 5.4";

    fn read(reader: &mut Reader<'_>, _: &Limits) -> Result<Self, ProtocolError> {
        let session = SessionId(reader.varint()?);
        let epoch = Epoch(reader.varint()?);
        let code = Code::from_number(reader.varint()?);
        Ok(Self { session, epoch, code })
    }

    fn write(&self, writer: &mut Writer) {
        writer.varint("session", self.session.0);
        writer.varint("epoch", self.epoch.0);
        writer.varint("code", self.code.number());
    }
}
