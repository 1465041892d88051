//! What a peer may make this side spend (`protocol.md` 15).

use core::fmt;

use aiflow_units::{Bytes, Micros};

use super::{Reader, Wire, Writer};
use crate::error::{ConfigError, ErrorKind, ProtocolError};

/// One limit; `spec/registry/limits.toml` holds the same table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Limit {
    /// The payload of one message, in bytes.
    MessageBytes,
    /// The payloads of all layers of one frame, in bytes.
    FrameBytes,
    /// Payload bytes of frames that are not complete yet, over all sessions.
    BufferedBytes,
    /// Sessions open at once.
    Sessions,
    /// Frames of one session without an answer.
    FramesInFlight,
    /// Streams that one side keeps open at once, besides its control stream.
    Streams,
    /// Requests without an answer.
    Requests,
    /// Operating points in one OPEN.
    Points,
    /// Layers of a frame.
    Layers,
    /// RECONF messages of one side per second, over all sessions.
    ReconfsPerSecond,
    /// CHANNEL_REPORT messages per second.
    ReportsPerSecond,
    /// Milliseconds between the starts of two probes.
    ProbeInterval,
}

struct Row {
    number: u64,
    name: &'static str,
    default: u64,
    least: u64,
    most: u64,
}

impl Limit {
    /// All limits, in the order of their numbers.
    pub const ALL: [Self; 12] = [
        Self::MessageBytes,
        Self::FrameBytes,
        Self::BufferedBytes,
        Self::Sessions,
        Self::FramesInFlight,
        Self::Streams,
        Self::Requests,
        Self::Points,
        Self::Layers,
        Self::ReconfsPerSecond,
        Self::ReportsPerSecond,
        Self::ProbeInterval,
    ];

    const fn row(self) -> Row {
        let (number, name, default, least, most) = match self {
            Self::MessageBytes => (0x00, "message-bytes", 1 << 16, 1 << 14, 1 << 24),
            Self::FrameBytes => (0x01, "frame-bytes", 1 << 26, 1 << 16, 1 << 40),
            Self::BufferedBytes => (0x02, "buffered-bytes", 1 << 26, 1 << 16, 1 << 40),
            Self::Sessions => (0x03, "sessions", 16, 1, 1 << 16),
            Self::FramesInFlight => (0x04, "frames-in-flight", 32, 1, 1 << 16),
            Self::Streams => (0x05, "streams", 256, 8, 1 << 20),
            Self::Requests => (0x06, "requests", 16, 2, 1 << 16),
            Self::Points => (0x07, "points", 64, 8, 1 << 12),
            Self::Layers => (0x08, "layers", 8, 1, 16),
            Self::ReconfsPerSecond => (0x09, "reconfs-per-second", 2, 1, 1 << 10),
            Self::ReportsPerSecond => (0x0a, "reports-per-second", 25, 1, 1 << 10),
            Self::ProbeInterval => (0x0b, "probe-interval", 5000, 1000, 3_600_000),
        };
        Row { number, name, default, least, most }
    }

    /// Returns the number on the wire.
    pub const fn number(self) -> u64 {
        self.row().number
    }

    /// Returns the name in the specification.
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// Returns the value of a side that advertises nothing.
    pub const fn default_value(self) -> u64 {
        self.row().default
    }

    /// Returns the smallest value that may be advertised.
    ///
    /// Before the peer's SETUP arrived, a side keeps to this value (for
    /// [`ProbeInterval`](Self::ProbeInterval) to the default).
    pub const fn least(self) -> u64 {
        self.row().least
    }

    /// Returns the largest value that may be advertised.
    pub const fn most(self) -> u64 {
        self.row().most
    }

    /// Finds the limit of a number.
    pub fn from_number(number: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|limit| limit.number() == number)
    }
}

impl fmt::Display for Limit {
    /// Writes the name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Values of all limits. A limit is advertised in SETUP and enforced before memory is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Limits {
    values: [u64; Limit::ALL.len()],
}

impl Default for Limits {
    /// The values of a side that advertises nothing.
    fn default() -> Self {
        Self { values: Limit::ALL.map(Limit::default_value) }
    }
}

impl Limits {
    /// Returns the limits that a side keeps to before it has seen the SETUP of its peer.
    pub fn floor() -> Self {
        let least = |limit| match limit {
            Limit::ProbeInterval => limit.default_value(),
            _ => limit.least(),
        };
        Self { values: Limit::ALL.map(least) }
    }

    /// Returns one value, in the unit that [`Limit`] states.
    pub fn get(&self, limit: Limit) -> u64 {
        self.values.get(limit as usize).copied().unwrap_or_default()
    }

    /// Sets one value, in the unit that [`Limit`] states.
    #[must_use]
    pub fn with(mut self, limit: Limit, value: u64) -> Self {
        if let Some(slot) = self.values.get_mut(limit as usize) {
            *slot = value;
        }
        self
    }

    /// Checks that all values may be advertised.
    ///
    /// # Errors
    /// The first limit that is outside of its range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        for limit in Limit::ALL {
            let value = self.get(limit);
            let (least, most) = (limit.least(), limit.most());
            if value < least || value > most {
                return Err(ConfigError::Limit { limit, value, least, most });
            }
        }
        Ok(())
    }

    /// Returns the limits that both sides keep: the smaller of each value, the longer interval.
    #[must_use]
    pub fn agreed_with(&self, other: &Self) -> Self {
        let both = |limit| match limit {
            Limit::ProbeInterval => self.get(limit).max(other.get(limit)),
            _ => self.get(limit).min(other.get(limit)),
        };
        Self { values: Limit::ALL.map(both) }
    }

    /// Returns the largest payload of a message.
    pub fn message_bytes(&self) -> usize {
        usize::try_from(self.get(Limit::MessageBytes)).unwrap_or(usize::MAX)
    }

    /// Returns the largest sum of the payloads of the layers of a frame.
    pub fn frame_bytes(&self) -> Bytes {
        Bytes::new(self.get(Limit::FrameBytes))
    }

    /// Returns how many payload bytes of incomplete frames may be held.
    pub fn buffered_bytes(&self) -> Bytes {
        Bytes::new(self.get(Limit::BufferedBytes))
    }

    /// Returns the largest number of operating points of an OPEN.
    pub fn points(&self) -> usize {
        usize::try_from(self.get(Limit::Points)).unwrap_or(usize::MAX)
    }

    /// Returns the largest number of layers of a frame.
    pub fn layers(&self) -> u8 {
        u8::try_from(self.get(Limit::Layers)).unwrap_or(u8::MAX)
    }

    /// Returns the shortest time between the starts of two probes.
    pub fn probe_interval(&self) -> Micros {
        Micros::from_millis(self.get(Limit::ProbeInterval))
    }
}

impl Wire for Limits {
    const SECTION: &'static str = "protocol.md 5.1.2";

    fn read(reader: &mut Reader<'_>, _: &Limits) -> Result<Self, ProtocolError> {
        let mut limits = Self::default();
        let mut last = None;
        while !reader.is_empty() {
            let at = reader.offset();
            let number = reader.varint()?;
            if last >= Some(number) {
                let twice = last == Some(number);
                let kind = if twice { ErrorKind::Duplicate } else { ErrorKind::Order };
                return Err(reader.error_at(kind, at));
            }
            last = Some(number);
            let at = reader.offset();
            let value = reader.varint()?;
            let Some(limit) = Limit::from_number(number) else { continue };
            if value < limit.least() || value > limit.most() {
                return Err(reader.error_at(ErrorKind::InvalidValue, at));
            }
            limits = limits.with(limit, value);
        }
        Ok(limits)
    }

    fn write(&self, writer: &mut Writer) {
        for limit in Limit::ALL {
            let value = self.get(limit);
            if value == limit.default_value() {
                continue;
            }
            if value < limit.least() {
                writer.invalid(limit.name(), "it lies below the smallest value of its limit");
            }
            writer.varint("limit", limit.number());
            writer.varint_to(limit.name(), value, limit.most());
        }
    }
}
