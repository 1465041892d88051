//! PROBE: asks for padding (`protocol.md` 7.4).

use aiflow_units::{BitRate, Bytes, Micros};

use super::{Limits, Reader, Wire, Writer};
use crate::error::{ErrorKind, ProtocolError};

/// Asks the peer to send padding, so that its estimate of the channel can rise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Probe {
    /// The rate to try, frames included; not 0. Sent in kbit/s.
    pub target: BitRate,
    /// The most padding; not 0.
    pub cap: Bytes,
    /// The longest time; up to 1 s, sent in whole milliseconds.
    pub duration: Micros,
}

impl Probe {
    /// The longest time that a probe may ask for.
    pub const MOST_DURATION: Micros = Micros::from_secs(1);
}

impl Wire for Probe {
    const SECTION: &'static str = "protocol.md 7.4";

    fn read(reader: &mut Reader<'_>, _: &Limits) -> Result<Self, ProtocolError> {
        let invalid = reader.error(ErrorKind::InvalidValue);
        let target = reader.kilobits()?;
        if target == BitRate::ZERO {
            return Err(invalid);
        }
        let invalid = reader.error(ErrorKind::InvalidValue);
        let cap = reader.size()?;
        if cap == Bytes::ZERO {
            return Err(invalid);
        }
        let invalid = reader.error(ErrorKind::InvalidValue);
        let duration = reader.millis()?;
        if duration == Micros::ZERO || duration > Self::MOST_DURATION {
            return Err(invalid);
        }
        Ok(Self { target, cap, duration })
    }

    fn write(&self, writer: &mut Writer) {
        if self.target == BitRate::ZERO || self.cap == Bytes::ZERO {
            writer.invalid("target", "rate and size are not 0");
        }
        if self.duration == Micros::ZERO || self.duration > Self::MOST_DURATION {
            writer.invalid("duration", "it is up to 1 s and not 0");
        }
        writer.kilobits(self.target);
        writer.size(self.cap);
        writer.millis(self.duration);
    }
}
