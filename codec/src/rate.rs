//! The rate index: one integer that moves a profile along its whole rate range.

/// Index of a quantiser step; larger is coarser and cheaper.
///
/// The step is `base_step * 2^(q / 8)`, so eight steps of the index double it. Range 0..=63: from
/// nearly lossless to a few bytes per feature. One profile serves every index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RateIndex(u8);

impl RateIndex {
    /// The finest step.
    pub const MIN: Self = Self(0);
    /// The coarsest step.
    pub const MAX: Self = Self(63);

    /// Makes an index; `None` above [`RateIndex::MAX`].
    #[must_use]
    pub const fn new(index: u8) -> Option<Self> {
        if index <= Self::MAX.0 { Some(Self(index)) } else { None }
    }

    /// Makes an index and clamps it into the valid range.
    #[must_use]
    pub const fn clamped(index: i32) -> Self {
        if index < 0 {
            Self::MIN
        } else if index > Self::MAX.0 as i32 {
            Self::MAX
        } else {
            Self(index as u8)
        }
    }

    /// The index as it stands on the wire.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// Moves by `shift` steps and clamps: positive is coarser.
    #[must_use]
    pub const fn shifted(self, shift: i32) -> Self {
        Self::clamped(self.0 as i32 + shift)
    }

    /// Step relative to the profile's base step: `2^(q/8)`.
    ///
    /// The eight fractional powers are constants, so that every machine computes the same f32.
    #[must_use]
    pub fn factor(self) -> f32 {
        let octave = f32::from(1u16 << (self.0 / 8));
        EIGHTHS.get(usize::from(self.0 % 8)).copied().unwrap_or(1.0) * octave
    }
}

/// `2^(k/8)` for k in 0..8, rounded to f32.
const EIGHTHS: [f32; 8] = [
    1.0,
    1.090_507_7,
    1.189_207_1,
    1.296_839_6,
    std::f32::consts::SQRT_2,
    1.542_210_8,
    1.681_792_9,
    1.834_008,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_steps_double() {
        for q in 0..=55 {
            let (a, b) = (RateIndex::clamped(q), RateIndex::clamped(q + 8));
            assert_eq!(a.factor() * 2.0, b.factor());
        }
    }

    #[test]
    fn factors_are_the_eighth_roots() {
        for q in 0..=63u8 {
            let exact = (f64::from(q) / 8.0).exp2();
            let got = f64::from(RateIndex::new(q).map_or(0.0, RateIndex::factor));
            assert!((got / exact - 1.0).abs() < 1e-6, "q {q}: {got} against {exact}");
        }
    }

    #[test]
    fn range_is_enforced() {
        assert!(RateIndex::new(64).is_none());
        assert_eq!(RateIndex::clamped(-3), RateIndex::MIN);
        assert_eq!(RateIndex::MAX.shifted(5), RateIndex::MAX);
    }
}
