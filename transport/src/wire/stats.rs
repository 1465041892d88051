//! STATS: what a peer counted (`protocol.md` 6.9).

use super::{Limits, Reader, SessionId, Values, Wire, Writer};
use crate::error::{ErrorKind, ProtocolError};

/// Asks what the peer counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stats {
    /// Over all that this connection may know of.
    Server,
    /// In one session.
    Session(SessionId),
}

impl Wire for Stats {
    const SECTION: &'static str = "protocol.md 6.9";

    fn read(reader: &mut Reader<'_>, _: &Limits) -> Result<Self, ProtocolError> {
        let invalid = reader.error(ErrorKind::InvalidValue);
        match reader.varint()? {
            0 => Ok(Self::Server),
            1 => Ok(Self::Session(SessionId(reader.varint()?))),
            _ => Err(invalid),
        }
    }

    fn write(&self, writer: &mut Writer) {
        match self {
            Self::Server => writer.varint("scope", 0),
            Self::Session(session) => {
                writer.varint("scope", 1);
                writer.varint("session", session.0);
            }
        }
    }
}

/// What the peer counted, by the numbers of [`statistic`](super::statistic).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct StatsAnswer {
    /// The values.
    pub values: Values,
}

impl Wire for StatsAnswer {
    const SECTION: &'static str = "protocol.md 6.9";

    fn read(reader: &mut Reader<'_>, limits: &Limits) -> Result<Self, ProtocolError> {
        Values::read(reader, limits).map(|values| Self { values })
    }

    fn write(&self, writer: &mut Writer) {
        self.values.write(writer);
    }
}
