//! What is known about a channel.

use core::fmt;
use core::ops::{BitOr, BitOrAssign};

use aiflow_units::{BitRate, Micros};

/// What an [`Estimator`](super::Estimator) says about the channel at one time.
///
/// Rates count packets as QUIC sends them, with its headers and without those of UDP and IP. They
/// speak of the mean over the next half second, the horizon within which a frame is sent and
/// answered. A zero rate or time means "unknown".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Estimate {
    /// The channel carries less than this in half of all cases.
    pub p50: BitRate,
    /// The channel carries less than this in a tenth of all cases.
    pub p10: BitRate,
    /// What was delivered over the last round trip; a lower bound of what could have been.
    pub delivery_rate: BitRate,
    /// The shortest round trip of the last 30 s.
    pub min_rtt: Micros,
    /// The smoothed round trip.
    pub srtt: Micros,
    /// The mean deviation of round trips from the smoothed one.
    pub rtt_deviation: Micros,
    /// How long packets wait in the queues of the path.
    pub queue_delay: Micros,
    /// By how much the queue grows.
    pub queue_trend: QueueTrend,
    /// The share of bytes lost, over the last seconds.
    pub loss: Share,
    /// The share of the last moments in which the path was at its limit. Far below one, it may carry
    /// more than the estimate says.
    pub busy: Share,
    /// How long ago the path was last seen at its limit.
    pub age: Micros,
    /// What to keep in mind.
    pub flags: Flags,
}

/// Growth of the queueing delay in microseconds per second; negative while the queue drains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct QueueTrend(i64);

impl QueueTrend {
    /// Takes microseconds of queueing delay gained per second.
    pub const fn micros_per_second(growth: i64) -> Self {
        Self(growth)
    }

    /// Returns microseconds of queueing delay gained per second.
    pub const fn get(self) -> i64 {
        self.0
    }
}

/// A part of a whole, in parts per million.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Share(u32);

impl Share {
    /// Nothing.
    pub const NONE: Self = Self(0);

    /// The whole.
    pub const ALL: Self = Self(1_000_000);

    /// Takes parts per million; beyond a million it is the whole.
    pub const fn parts_per_million(parts: u32) -> Self {
        if parts > Self::ALL.0 { Self::ALL } else { Self(parts) }
    }

    /// Returns the share of `part` in the sum of both; nothing if both are zero.
    pub(super) fn of(part: f64, rest: f64) -> Self {
        let whole = part + rest;
        if whole > 0.0 { Self::parts_per_million((part / whole * 1e6) as u32) } else { Self::NONE }
    }

    /// Returns parts per million, at most a million.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Share {
    /// Writes percent with two decimals.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02} %", self.0 / 10_000, self.0 % 10_000 / 100)
    }
}

/// Reservations about an estimate; any set of the named ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Flags(u8);

impl Flags {
    /// No reservation.
    pub const NONE: Self = Self(0);

    /// The path was not at its limit lately: it may carry more.
    pub const APP_LIMITED: Self = Self(1);

    /// Padding is being sent to find out more.
    pub const PROBING: Self = Self(2);

    /// Too little was seen of this path: at the start, after a migration, or for too long.
    pub const STALE: Self = Self(4);

    /// Returns whether all of `others` are set.
    pub const fn contains(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// Takes the bits of a report; unknown ones are dropped.
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits & 7)
    }

    /// Returns the bits for a report.
    pub const fn bits(self) -> u8 {
        self.0
    }
}

impl BitOr for Flags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Flags {
    fn bitor_assign(&mut self, other: Self) {
        *self = *self | other;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_a_set() {
        let set = Flags::STALE | Flags::PROBING;
        assert!(set.contains(Flags::STALE) && !set.contains(Flags::APP_LIMITED));
        assert!(set.contains(Flags::NONE));
        assert_eq!(Flags::from_bits(set.bits()), set);
        assert_eq!(Flags::from_bits(0xf8), Flags::NONE);
    }

    #[test]
    fn a_share_is_at_most_everything() {
        assert_eq!(Share::parts_per_million(2_000_000), Share::ALL);
        assert_eq!(Share::of(1.0, 3.0), Share::parts_per_million(250_000));
        assert_eq!(Share::of(0.0, 0.0), Share::NONE);
        assert_eq!(Share::parts_per_million(12_345).to_string(), "1.23 %");
    }
}
