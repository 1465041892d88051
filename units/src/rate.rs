//! Rates of data.

use core::fmt;

use crate::{Bytes, Micros};

/// A number of bits per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct BitRate(u64);

impl BitRate {
    /// A channel that carries nothing.
    pub const ZERO: Self = Self(0);

    /// Takes a number of bits per second.
    pub const fn bits_per_second(bits: u64) -> Self {
        Self(bits)
    }

    /// Takes a number of kilobits (1,000 bits) per second.
    pub const fn kilobits_per_second(kilobits: u64) -> Self {
        Self(kilobits.saturating_mul(1000))
    }

    /// Takes a number of megabits (1,000,000 bits) per second.
    pub const fn megabits_per_second(megabits: u64) -> Self {
        Self(megabits.saturating_mul(1_000_000))
    }

    /// Returns the rate at which `size` passes in `time`, rounded down; zero time gives the
    /// largest rate.
    pub const fn over(size: Bytes, time: Micros) -> Self {
        if time.get() == 0 {
            return Self(u64::MAX);
        }
        let rate = size.get() as u128 * 8_000_000 / time.get() as u128;
        Self(if rate > u64::MAX as u128 { u64::MAX } else { rate as u64 })
    }

    /// Returns the number of bits per second.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Returns how long `size` takes, rounded up; [`Micros::MAX`] at rate zero.
    pub const fn time_to_send(self, size: Bytes) -> Micros {
        if self.0 == 0 {
            return if size.get() == 0 { Micros::ZERO } else { Micros::MAX };
        }
        let micros = (size.get() as u128 * 8_000_000).div_ceil(self.0 as u128);
        Micros::new(if micros > u64::MAX as u128 { u64::MAX } else { micros as u64 })
    }

    /// Returns how much passes in `time`, rounded down.
    pub const fn bytes_in(self, time: Micros) -> Bytes {
        let bytes = self.0 as u128 * time.get() as u128 / 8_000_000;
        Bytes::new(if bytes > u64::MAX as u128 { u64::MAX } else { bytes as u64 })
    }
}

impl fmt::Display for BitRate {
    /// Writes kbit/s below 1 Mbit/s, else Mbit/s or Gbit/s, with one decimal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, name) = match self.0 {
            0..1_000_000 => (1000, "kbit/s"),
            1_000_000..1_000_000_000 => (1_000_000, "Mbit/s"),
            _ => (1_000_000_000, "Gbit/s"),
        };
        let tenths = (u128::from(self.0) * 10 + unit / 2) / unit;
        write!(f, "{}.{} {name}", tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::ToString;

    use super::*;

    #[test]
    fn constructors_agree() {
        assert_eq!(BitRate::kilobits_per_second(5), BitRate::bits_per_second(5000));
        assert_eq!(BitRate::megabits_per_second(5), BitRate::kilobits_per_second(5000));
        let over = BitRate::over(Bytes::new(125), Micros::from_millis(1));
        assert_eq!(over, BitRate::megabits_per_second(1));
    }

    #[test]
    fn time_and_size_are_inverse() {
        let rate = BitRate::megabits_per_second(7);
        for size in [1, 13, 1500, 10_000_000].map(Bytes::new) {
            let time = rate.time_to_send(size);
            assert!(rate.bytes_in(time) >= size);
            assert!(rate.bytes_in(time.saturating_sub(Micros::new(1))) < size);
        }
    }

    #[test]
    fn extremes_saturate() {
        assert_eq!(BitRate::ZERO.time_to_send(Bytes::new(1)), Micros::MAX);
        assert_eq!(BitRate::ZERO.time_to_send(Bytes::ZERO), Micros::ZERO);
        assert_eq!(BitRate::bits_per_second(1).time_to_send(Bytes::MAX), Micros::MAX);
        assert_eq!(BitRate::over(Bytes::new(1), Micros::ZERO).get(), u64::MAX);
        assert_eq!(BitRate::over(Bytes::MAX, Micros::new(1)).get(), u64::MAX);
        assert_eq!(BitRate::bits_per_second(u64::MAX).bytes_in(Micros::MAX), Bytes::MAX);
    }

    #[test]
    fn display_picks_the_unit() {
        let text = [500, 999_949, 25_000_000, 2_500_000_000]
            .map(|bits| BitRate::bits_per_second(bits).to_string());
        assert_eq!(text, ["0.5 kbit/s", "999.9 kbit/s", "25.0 Mbit/s", "2.5 Gbit/s"]);
    }
}
