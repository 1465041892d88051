//! Spans of time.

use core::fmt;
use core::time::Duration;

/// A span of time in microseconds: fine enough for a network, and exact in a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Micros(u64);

impl Micros {
    /// No time.
    pub const ZERO: Self = Self(0);

    /// The longest span, half a million years; stands for "never".
    pub const MAX: Self = Self(u64::MAX);

    /// Takes a number of microseconds.
    pub const fn new(micros: u64) -> Self {
        Self(micros)
    }

    /// Takes a number of milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1000))
    }

    /// Takes a number of seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// Takes a duration, rounded down to whole microseconds.
    pub const fn from_duration(duration: Duration) -> Self {
        let micros = duration.as_micros();
        if micros > u64::MAX as u128 { Self::MAX } else { Self(micros as u64) }
    }

    /// Returns the number of microseconds.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Returns the span as a duration.
    pub const fn to_duration(self) -> Duration {
        Duration::from_micros(self.0)
    }

    /// Adds; ends at [`Micros::MAX`].
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Subtracts; ends at zero.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for Micros {
    /// Writes whole microseconds below 1 ms, else milliseconds or seconds with two decimals.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, name) = match self.0 {
            0..1000 => return write!(f, "{} µs", self.0),
            1000..1_000_000 => (1000, "ms"),
            _ => (1_000_000, "s"),
        };
        let hundredths = (u128::from(self.0) * 100 + unit / 2) / unit;
        write!(f, "{}.{:02} {name}", hundredths / 100, hundredths % 100)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::ToString;

    use super::*;

    #[test]
    fn constructors_agree() {
        assert_eq!(Micros::from_millis(2), Micros::new(2000));
        assert_eq!(Micros::from_secs(2), Micros::from_millis(2000));
        assert_eq!(Micros::from_duration(Duration::from_nanos(1999)), Micros::new(1));
        assert_eq!(Micros::from_duration(Duration::MAX), Micros::MAX);
        assert_eq!(Micros::new(5).to_duration(), Duration::from_micros(5));
    }

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Micros::MAX.saturating_add(Micros::new(1)), Micros::MAX);
        assert_eq!(Micros::new(3).saturating_sub(Micros::new(1)), Micros::new(2));
        assert_eq!(Micros::new(1).saturating_sub(Micros::new(3)), Micros::ZERO);
    }

    #[test]
    fn display_picks_the_unit() {
        let text = [999, 1000, 1_234_567].map(|micros| Micros::new(micros).to_string());
        assert_eq!(text, ["999 µs", "1.00 ms", "1.23 s"]);
    }
}
