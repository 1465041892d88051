//! TICKET: lets a session go on over another connection (`protocol.md` 5.8).

use core::fmt;

use aiflow_units::Micros;
use bytes::Bytes as Buffer;

use super::resume::MAX_TICKET;
use super::{Limits, Reader, SessionId, Wire, Writer};
use crate::error::{ErrorKind, ProtocolError};

/// Whether frames may follow a RESUME in 0-RTT packets, which an attacker can replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum EarlyFrames {
    /// They wait for the handshake.
    #[default]
    Refused,
    /// They may: inference of this session has no effect that a repetition could do harm with.
    Allowed,
}

/// Lets a session go on over another connection. The ticket is a secret: it is left out of debug
/// output.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Ticket {
    /// The session.
    pub session: SessionId,
    /// How long the ticket is good for; sent in whole milliseconds.
    pub lifetime: Micros,
    /// Whether frames may be sent before the next handshake is done.
    pub early: EarlyFrames,
    /// What to give back in RESUME: 1 to 1,024 bytes that only the server understands.
    pub ticket: Buffer,
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (id, lifetime, early) = (self.session.0, self.lifetime, self.early);
        write!(f, "Ticket(session {id}, {lifetime}, early {early:?}, {} bytes)", self.ticket.len())
    }
}

impl Wire for Ticket {
    const SECTION: &'static str = "protocol.md 5.8";

    fn read(reader: &mut Reader<'_>, _: &Limits) -> Result<Self, ProtocolError> {
        let session = SessionId(reader.varint()?);
        let lifetime = reader.millis()?;
        let reserved = reader.error(ErrorKind::ReservedBits);
        let early = match reader.u8()? {
            0 => EarlyFrames::Refused,
            1 => EarlyFrames::Allowed,
            _ => return Err(reserved),
        };
        let missing = reader.error(ErrorKind::Missing);
        let ticket = reader.buffer(MAX_TICKET)?;
        if ticket.is_empty() {
            return Err(missing);
        }
        Ok(Self { session, lifetime, early, ticket })
    }

    fn write(&self, writer: &mut Writer) {
        writer.varint("session", self.session.0);
        writer.millis(self.lifetime);
        writer.u8(self.early as u8);
        if self.ticket.is_empty() {
            writer.invalid("ticket", "it has at least one byte");
        }
        writer.blob("ticket", &self.ticket, MAX_TICKET);
    }
}
