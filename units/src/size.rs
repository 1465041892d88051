//! Sizes of data.

use core::fmt;
use core::iter::Sum;

/// A number of bytes, as counted on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Bytes(u64);

impl Bytes {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// The largest size; saturating sums end here.
    pub const MAX: Self = Self(u64::MAX);

    /// Takes a number of bytes.
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// Takes a number of kibibytes (1,024 bytes).
    pub const fn from_kib(kib: u64) -> Self {
        Self(kib.saturating_mul(1024))
    }

    /// Takes a number of mebibytes (1,048,576 bytes).
    pub const fn from_mib(mib: u64) -> Self {
        Self::from_kib(mib.saturating_mul(1024))
    }

    /// Takes the length of a buffer.
    pub const fn of_len(length: usize) -> Self {
        Self(length as u64)
    }

    /// Returns the number of bytes.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Returns the number of bits.
    pub const fn bits(self) -> u64 {
        self.0.saturating_mul(8)
    }

    /// Adds; ends at [`Bytes::MAX`].
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Subtracts; ends at zero.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// Subtracts; `None` when `other` is larger. For budgets that are drawn down.
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(left) => Some(Self(left)),
            None => None,
        }
    }
}

impl Sum for Bytes {
    fn sum<I: Iterator<Item = Self>>(sizes: I) -> Self {
        sizes.fold(Self::ZERO, Self::saturating_add)
    }
}

impl fmt::Display for Bytes {
    /// Writes bytes below 10 KiB exactly, larger sizes in KiB, MiB or GiB with one decimal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, name) = match self.0 {
            0..0x2800 => return write!(f, "{} B", self.0),
            0x2800..0x10_0000 => (1 << 10, "KiB"),
            0x10_0000..0x4000_0000 => (1 << 20, "MiB"),
            _ => (1 << 30, "GiB"),
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
        assert_eq!(Bytes::from_kib(3), Bytes::new(3072));
        assert_eq!(Bytes::from_mib(2), Bytes::from_kib(2048));
        assert_eq!(Bytes::of_len([0; 7].len()), Bytes::new(7));
        assert_eq!(Bytes::from_mib(u64::MAX), Bytes::MAX);
    }

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Bytes::MAX.saturating_add(Bytes::new(1)), Bytes::MAX);
        assert_eq!(Bytes::new(1).saturating_sub(Bytes::new(2)), Bytes::ZERO);
        assert_eq!(Bytes::new(1).checked_sub(Bytes::new(2)), None);
        assert_eq!(Bytes::new(3).checked_sub(Bytes::new(2)), Some(Bytes::new(1)));
        assert_eq!([Bytes::new(4), Bytes::new(5)].into_iter().sum::<Bytes>(), Bytes::new(9));
        assert_eq!(Bytes::MAX.bits(), u64::MAX);
    }

    #[test]
    fn display_picks_the_unit() {
        let text = [0, 10_239, 10_240, 1 << 20, 3 << 29].map(|size| Bytes::new(size).to_string());
        assert_eq!(text, ["0 B", "10239 B", "10.0 KiB", "1.0 MiB", "1.5 GiB"]);
    }
}
