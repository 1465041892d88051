//! What a carrier tells about its path.

use aiflow_units::{BitRate, Bytes, Micros, Timestamp};

/// One observation of the path, in the order in which they were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PathSample {
    /// Packets left.
    Sent(Sent),
    /// An acknowledgement came.
    Acked(Acked),
    /// Packets were given up.
    Lost(Lost),
    /// From now on packets take another path.
    Migrated(Timestamp),
}

/// Whether the application had more to send than what left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Supply {
    /// Bytes waited: what left was limited by the path.
    #[default]
    Ample,
    /// The queue ran empty: what left was limited by the application.
    Empty,
}

/// Packets that left together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// When.
    pub at: Timestamp,
    /// How much, with packet headers.
    pub bytes: Bytes,
    /// Whether more waited.
    pub supply: Supply,
}

/// The packets that one acknowledgement confirms for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acked {
    /// When the acknowledgement came.
    pub at: Timestamp,
    /// The size of the confirmed packets.
    pub bytes: Bytes,
    /// Their number.
    pub packets: u32,
    /// When the first of them had been sent.
    pub first_sent: Timestamp,
    /// When the last of them had been sent.
    pub last_sent: Timestamp,
    /// What is still under way.
    pub in_flight: Bytes,
    /// When the first of what is still under way was sent; `None` if nothing is.
    pub oldest_in_flight: Option<Timestamp>,
    /// The rate of delivery, once it is defined.
    pub delivery: Option<Delivery>,
}

/// A delivery-rate sample as in draft-ietf-ccwg-bbr: what was delivered while the newest confirmed
/// packet was under way, over the longer of the time to send it and the time to confirm it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery {
    /// The bytes delivered.
    pub bytes: Bytes,
    /// The time they took.
    pub interval: Micros,
    /// Whether the application limited them at any time.
    pub supply: Supply,
}

impl Delivery {
    /// Returns the rate of delivery.
    pub const fn rate(&self) -> BitRate {
        BitRate::over(self.bytes, self.interval)
    }
}

/// Packets that were given up together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost {
    /// When they were given up.
    pub at: Timestamp,
    /// Their size.
    pub bytes: Bytes,
}
