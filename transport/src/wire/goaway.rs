//! GOAWAY: takes no new work (`protocol.md` 5.6).

use aiflow_units::Micros;

use super::{Limits, Reader, Wire, Writer};
use crate::error::{ErrorKind, ProtocolError};

/// The most bytes of an address to go to.
pub const MAX_REDIRECT: usize = 1024;

/// Says that a side shuts down: what it has begun is finished, what is new is refused.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Goaway {
    /// How many of the receiver's request streams, in the order of their stream ids, are or were
    /// served; every later one is refused with GOING_AWAY and may be sent elsewhere.
    pub requests: u64,
    /// How long sessions have to finish; sent in whole milliseconds.
    pub drain: Micros,
    /// Where to go instead, as a URI; empty for nowhere in particular. Only from a server.
    pub redirect: String,
}

impl Wire for Goaway {
    const SECTION: &'static str = "protocol.md 5.6";

    fn read(reader: &mut Reader<'_>, _: &Limits) -> Result<Self, ProtocolError> {
        let requests = reader.varint()?;
        let drain = reader.millis()?;
        let redirect = reader.text(MAX_REDIRECT)?;
        let at = reader.offset().saturating_sub(redirect.len() as u64);
        if redirect.contains(char::is_control) {
            return Err(reader.error_at(ErrorKind::InvalidText, at));
        }
        Ok(Self { requests, drain, redirect })
    }

    fn write(&self, writer: &mut Writer) {
        writer.varint("requests", self.requests);
        writer.millis(self.drain);
        if self.redirect.contains(char::is_control) {
            writer.invalid("redirect", "it has no control characters");
        }
        writer.blob("redirect", self.redirect.as_bytes(), MAX_REDIRECT);
    }
}
