//! HEALTH: is the peer able to work (`protocol.md` 6.2).

use super::{Limits, ModelId, Reader, Wire, Writer};
use crate::error::{ErrorKind, ProtocolError};

/// Asks whether the peer is able to work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Health {
    /// Whether it runs at all.
    Live,
    /// Whether it takes sessions.
    Ready,
    /// Whether it takes sessions of one model.
    Model(ModelId),
}

impl Wire for Health {
    const SECTION: &'static str = "protocol.md 6.2";

    fn read(reader: &mut Reader<'_>, _: &Limits) -> Result<Self, ProtocolError> {
        let invalid = reader.error(ErrorKind::InvalidValue);
        match reader.varint()? {
            0 => Ok(Self::Live),
            1 => Ok(Self::Ready),
            2 => Ok(Self::Model(ModelId(reader.array()?))),
            _ => Err(invalid),
        }
    }

    fn write(&self, writer: &mut Writer) {
        match self {
            Self::Live => writer.varint("scope", 0),
            Self::Ready => writer.varint("scope", 1),
            Self::Model(model) => {
                writer.varint("scope", 2);
                writer.raw(&model.0);
            }
        }
    }
}

/// Whether the peer is able to work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HealthAnswer {
    /// It is not.
    No,
    /// It is.
    Yes,
}

impl Wire for HealthAnswer {
    const SECTION: &'static str = "protocol.md 6.2";

    fn read(reader: &mut Reader<'_>, _: &Limits) -> Result<Self, ProtocolError> {
        match reader.varint_to(1)? {
            0 => Ok(Self::No),
            _ => Ok(Self::Yes),
        }
    }

    fn write(&self, writer: &mut Writer) {
        writer.varint("healthy", *self as u64);
    }
}
