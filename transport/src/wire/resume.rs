//! RESUME: goes on with a session of another connection (`protocol.md` 6.8).

use core::fmt;

use bytes::Bytes as Buffer;

use super::parameter::skip_parameters;
use super::{Epoch, Limits, PointId, Reader, Sequence, SessionId, Wire, Writer};
use crate::error::{ErrorKind, ProtocolError};

/// The most bytes of a ticket.
pub const MAX_TICKET: usize = 1024;

/// Goes on with a session of another connection. The ticket is a secret: it is left out of debug
/// output.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Resume {
    /// The number of the session on this connection.
    pub session: SessionId,
    /// The epoch in which the session was left.
    pub epoch: Epoch,
    /// The number of the next frame: one more than the last one that was sent.
    pub next: Sequence,
    /// What the server gave in TICKET.
    pub ticket: Buffer,
}

impl fmt::Debug for Resume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (id, epoch, next) = (self.session.0, self.epoch.0, self.next.0);
        write!(f, "Resume(session {id}, epoch {epoch}, next {next}, {} bytes)", self.ticket.len())
    }
}

impl Wire for Resume {
    const SECTION: &'static str = "protocol.md 6.8";

    fn read(reader: &mut Reader<'_>, _: &Limits) -> Result<Self, ProtocolError> {
        let session = SessionId(reader.varint()?);
        let epoch = Epoch(reader.varint()?);
        let next = Sequence(reader.varint()?);
        let missing = reader.error(ErrorKind::Missing);
        let ticket = reader.buffer(MAX_TICKET)?;
        if ticket.is_empty() {
            return Err(missing);
        }
        skip_parameters(reader)?;
        Ok(Self { session, epoch, next, ticket })
    }

    fn write(&self, writer: &mut Writer) {
        writer.varint("session", self.session.0);
        writer.varint("epoch", self.epoch.0);
        writer.varint("next", self.next.0);
        if self.ticket.is_empty() {
            writer.invalid("ticket", "it has at least one byte");
        }
        writer.blob("ticket", &self.ticket, MAX_TICKET);
    }
}

/// The session goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ResumeAnswer {
    /// The session.
    pub session: SessionId,
    /// The epoch in which it goes on: that of the server, where both differ.
    pub epoch: Epoch,
    /// The active point of that epoch.
    pub active: PointId,
    /// One more than the last frame that was answered; later ones may be sent again.
    pub answered: Sequence,
}

impl Wire for ResumeAnswer {
    const SECTION: &'static str = "protocol.md 6.8";

    fn read(reader: &mut Reader<'_>, _: &Limits) -> Result<Self, ProtocolError> {
        let session = SessionId(reader.varint()?);
        let epoch = Epoch(reader.varint()?);
        let active = PointId(reader.varint_u16()?);
        let answered = Sequence(reader.varint()?);
        skip_parameters(reader)?;
        Ok(Self { session, epoch, active, answered })
    }

    fn write(&self, writer: &mut Writer) {
        writer.varint("session", self.session.0);
        writer.varint("epoch", self.epoch.0);
        writer.varint("active", u64::from(self.active.0));
        writer.varint("answered", self.answered.0);
    }
}
