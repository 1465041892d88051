//! Fractional code lengths.

use core::fmt;
use core::iter::Sum;

use crate::Bytes;

/// A code length in units of 1/256 bit: sums are exact and equal on every machine, which those of
/// floats are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Bits(u64);

impl Bits {
    /// Costs nothing.
    pub const ZERO: Self = Self(0);

    /// The largest cost: stands for "cannot be coded".
    pub const MAX: Self = Self(u64::MAX);

    /// Takes a number of whole bits.
    pub const fn whole(bits: u64) -> Self {
        Self(bits.saturating_mul(256))
    }

    /// Takes a number of 1/256 bits.
    pub const fn from_256ths(units: u64) -> Self {
        Self(units)
    }

    /// Returns the number of 1/256 bits.
    pub const fn in_256ths(self) -> u64 {
        self.0
    }

    /// Returns the number of whole bytes that hold this many bits, rounded up.
    pub const fn to_bytes(self) -> Bytes {
        Bytes::new(self.0.div_ceil(256 * 8))
    }

    /// Adds; ends at [`Bits::MAX`].
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

impl Sum for Bits {
    fn sum<I: Iterator<Item = Self>>(costs: I) -> Self {
        costs.fold(Self::ZERO, Self::saturating_add)
    }
}

impl fmt::Display for Bits {
    /// Writes bits with two decimals.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hundredths = (u128::from(self.0) * 100 + 128) / 256;
        write!(f, "{}.{:02} bit", hundredths / 100, hundredths % 100)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::ToString;

    use super::*;

    #[test]
    fn constructors_agree() {
        assert_eq!(Bits::whole(3), Bits::from_256ths(768));
        assert_eq!(Bits::whole(3).in_256ths(), 768);
        assert_eq!(Bits::whole(u64::MAX), Bits::MAX);
    }

    #[test]
    fn bytes_are_rounded_up() {
        let sizes = [0, 1, 8 * 256, 8 * 256 + 1].map(|units| Bits::from_256ths(units).to_bytes());
        assert_eq!(sizes.map(Bytes::get), [0, 1, 1, 2]);
    }

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Bits::MAX.saturating_add(Bits::whole(1)), Bits::MAX);
        assert_eq!(Bits::whole(1).saturating_sub(Bits::whole(2)), Bits::ZERO);
        assert_eq!([Bits::whole(1); 4].into_iter().sum::<Bits>(), Bits::whole(4));
    }

    #[test]
    fn display_shows_hundredths() {
        assert_eq!(Bits::from_256ths(384).to_string(), "1.50 bit");
    }
}
