//! Shares of packets.

use core::fmt;

/// How likely something happens to one packet, in parts per million.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Probability(u32);

impl Probability {
    /// The number of parts that make certainty.
    pub(crate) const PARTS: u32 = 1_000_000;

    /// Happens to no packet.
    pub const NEVER: Self = Self(0);

    /// Happens to every packet.
    pub const ALWAYS: Self = Self(Self::PARTS);

    /// Takes parts per million; more than a million are certainty.
    pub const fn ppm(parts: u32) -> Self {
        Self(if parts > Self::PARTS { Self::PARTS } else { parts })
    }

    /// Takes percent; more than a hundred are certainty.
    pub const fn percent(percent: u32) -> Self {
        Self::ppm(percent.saturating_mul(Self::PARTS / 100))
    }

    /// Returns the parts per million, 0 to 1,000,000.
    pub const fn parts_per_million(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Probability {
    /// Writes percent with four decimals, which is exact.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:04} %", self.0 / 10_000, self.0 % 10_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constructors_agree_and_end_at_certainty() {
        assert_eq!(Probability::percent(3), Probability::ppm(30_000));
        assert_eq!(Probability::percent(101), Probability::ALWAYS);
        assert_eq!(Probability::ppm(u32::MAX), Probability::ALWAYS);
        assert_eq!(Probability::default(), Probability::NEVER);
        assert_eq!(Probability::ppm(12_345).to_string(), "1.2345 %");
    }
}
