//! Points in time.

use core::fmt;

use crate::Micros;

/// A point in time, in microseconds since an origin that the owner of the clock chose.
///
/// State machines take it as an argument instead of reading a clock, so that the same code runs on
/// real and on virtual time. Only timestamps of one clock may be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The origin of the clock.
    pub const ORIGIN: Self = Self(0);

    /// The last point that can be named; stands for "never".
    pub const MAX: Self = Self(u64::MAX);

    /// Takes the time that has passed since the origin.
    pub const fn from_origin(passed: Micros) -> Self {
        Self(passed.get())
    }

    /// Returns the time that has passed since the origin.
    pub const fn since_origin(self) -> Micros {
        Micros::new(self.0)
    }

    /// Returns the time from `earlier` to this point; zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Micros {
        Micros::new(self.0.saturating_sub(earlier.0))
    }

    /// Returns the point `span` later; ends at [`Timestamp::MAX`].
    #[must_use]
    pub const fn after(self, span: Micros) -> Self {
        Self(self.0.saturating_add(span.get()))
    }

    /// Returns the point `span` earlier; ends at the origin.
    #[must_use]
    pub const fn before(self, span: Micros) -> Self {
        Self(self.0.saturating_sub(span.get()))
    }
}

impl fmt::Display for Timestamp {
    /// Writes seconds since the origin with six decimals.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06} s", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::ToString;

    use super::*;

    #[test]
    fn points_and_spans_agree() {
        let start = Timestamp::from_origin(Micros::from_millis(5));
        let end = start.after(Micros::new(7));
        assert_eq!(end.since(start), Micros::new(7));
        assert_eq!(start.since(end), Micros::ZERO);
        assert_eq!(end.before(Micros::new(7)), start);
        assert_eq!(end.since_origin(), Micros::new(5007));
    }

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Timestamp::MAX.after(Micros::new(1)), Timestamp::MAX);
        assert_eq!(Timestamp::ORIGIN.before(Micros::new(1)), Timestamp::ORIGIN);
    }

    #[test]
    fn display_has_six_decimals() {
        let point = Timestamp::from_origin(Micros::new(12_000_345));
        assert_eq!(point.to_string(), "12.000345 s");
    }
}
