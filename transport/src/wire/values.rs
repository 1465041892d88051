//! Lists of numbered values: capabilities and statistics (`protocol.md` 4.4).

use super::{Limits, Reader, Wire, Writer};
use crate::error::{ErrorKind, ProtocolError};

/// The most values in one list.
pub const MAX_VALUES: usize = 64;

/// Numbered values in ascending order of their numbers.
///
/// Numbers that this version does not know are kept and handed on: what they mean is the
/// business of the application.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Values {
    pairs: Vec<(u64, u64)>,
}

impl Values {
    /// Starts without values.
    pub const fn new() -> Self {
        Self { pairs: Vec::new() }
    }

    /// Returns the value of a number.
    pub fn get(&self, number: u64) -> Option<u64> {
        let found = self.pairs.binary_search_by_key(&number, |pair| pair.0).ok()?;
        self.pairs.get(found).map(|pair| pair.1)
    }

    /// Sets the value of a number; both below 2^62.
    pub fn set(&mut self, number: u64, value: u64) {
        match self.pairs.binary_search_by_key(&number, |pair| pair.0) {
            Ok(found) => {
                if let Some(pair) = self.pairs.get_mut(found) {
                    pair.1 = value;
                }
            }
            Err(place) => self.pairs.insert(place, (number, value)),
        }
    }

    /// Sets the value of a number; both below 2^62.
    #[must_use]
    pub fn with(mut self, number: u64, value: u64) -> Self {
        self.set(number, value);
        self
    }

    /// Returns all numbers with their values.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.pairs.iter().copied()
    }

    /// Returns whether there are no values.
    pub const fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }
}

impl Wire for Values {
    const SECTION: &'static str = "protocol.md 4.4";

    /// Reads to the end of the input.
    fn read(reader: &mut Reader<'_>, _: &Limits) -> Result<Self, ProtocolError> {
        reader.section(Self::SECTION);
        let mut pairs: Vec<(u64, u64)> = Vec::new();
        while !reader.is_empty() {
            let at = reader.offset();
            let number = reader.varint()?;
            match pairs.last() {
                Some(last) if last.0 == number => {
                    return Err(reader.error_at(ErrorKind::Duplicate, at));
                }
                Some(last) if last.0 > number => return Err(reader.error_at(ErrorKind::Order, at)),
                _ if pairs.len() == MAX_VALUES => {
                    return Err(reader.error_at(ErrorKind::TooMany, at));
                }
                _ => pairs.push((number, reader.varint()?)),
            }
        }
        Ok(Self { pairs })
    }

    fn write(&self, writer: &mut Writer) {
        if self.pairs.len() > MAX_VALUES {
            writer.invalid("values", "there are at most 64 of them");
        }
        for &(number, value) in &self.pairs {
            writer.varint("number", number);
            writer.varint("value", value);
        }
    }
}

/// Numbers of static capabilities; `spec/registry/capabilities.toml` holds the same table.
pub mod capability {
    /// The tier: 0 device, 1 edge, 2 cloud.
    pub const TIER: u64 = 0x00;
    /// Memory for models, in MiB.
    pub const MEMORY: u64 = 0x01;
    /// Speed of inference, in millions of multiply-adds per second.
    pub const SPEED: u64 = 0x02;
    /// Cores for inference.
    pub const CORES: u64 = 0x03;
    /// Accelerators for inference.
    pub const ACCELERATORS: u64 = 0x04;
    /// Classes that an answer should name, 0 for all outputs (`spec/answer.md` 4).
    pub const ANSWER_CLASSES: u64 = 0x41;
}

/// Numbers of dynamic capabilities; `spec/registry/capabilities.toml` holds the same table.
pub mod load {
    /// Load of the processor, in parts per 10,000.
    pub const PROCESSOR: u64 = 0x00;
    /// Free memory for models, in MiB.
    pub const FREE_MEMORY: u64 = 0x01;
    /// Frames that wait for a tail.
    pub const QUEUE: u64 = 0x02;
    /// Charge of the battery, in parts per 10,000.
    pub const BATTERY: u64 = 0x03;
    /// How much slower than in its static capabilities it is at present, in parts per 10,000.
    pub const SLOWDOWN: u64 = 0x04;
}

/// Numbers of statistics; `spec/registry/statistics.toml` holds the same table.
pub mod statistic {
    /// Frames of which the base arrived.
    pub const FRAMES: u64 = 0x00;
    /// Frames that were answered with a result.
    pub const RESULTS: u64 = 0x01;
    /// Frames that were given up because they were late.
    pub const LATE: u64 = 0x02;
    /// Frames that were cancelled or superseded.
    pub const CANCELLED: u64 = 0x03;
    /// Frames that could not be decoded.
    pub const DAMAGED: u64 = 0x04;
    /// Payload bytes that arrived.
    pub const PAYLOAD_BYTES: u64 = 0x05;
    /// Payload bytes of layers that were not used.
    pub const WASTED_BYTES: u64 = 0x06;
    /// Changes of the set of operating points.
    pub const RECONFS: u64 = 0x07;
    /// Median time from the last byte to the result, in microseconds.
    pub const SERVICE_P50: u64 = 0x08;
    /// 95th percentile of the time from the last byte to the result, in microseconds.
    pub const SERVICE_P95: u64 = 0x09;
    /// Sessions that are open.
    pub const SESSIONS: u64 = 0x0a;
    /// Seconds since the server started.
    pub const UPTIME: u64 = 0x0b;
}
