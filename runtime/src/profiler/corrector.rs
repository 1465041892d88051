//! What a profile is off by now, learned from requests that really ran.

use std::ops::Range;

/// How fast a [`Corrector`] follows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CorrectorConfig {
    tier: f64,
    segment: f64,
    surprise: f64,
}

impl Default for CorrectorConfig {
    /// The tier follows by a fifth of what is seen, single segments by a twentieth, and after three
    /// surprises in a row the tier by six tenths: a processor that throttles to half is believed
    /// after about five requests, a single slow one moves the estimate by at most a third.
    fn default() -> Self {
        Self { tier: 0.2, segment: 0.05, surprise: 0.6 }
    }
}

impl CorrectorConfig {
    /// Sets the share of an observed deviation that the whole tier takes over, 0 to 1. Too large
    /// follows noise, too small lags behind a processor that throttles.
    #[must_use]
    pub const fn with_tier(mut self, share: f64) -> Self {
        self.tier = share;
        self
    }

    /// Sets the share of what then is left that the segments take over, 0 to 1.
    #[must_use]
    pub const fn with_segment(mut self, share: f64) -> Self {
        self.segment = share;
        self
    }
}

/// Measured over predicted time of one tier, as a moving average for the tier and for each segment.
///
/// A processor that throttles slows all segments down, and a request runs only some of them: so what
/// is seen moves the factor of the tier first, and what that does not explain moves the segments that
/// ran. It reads no clock.
#[derive(Clone, Debug, PartialEq)]
pub struct Corrector {
    config: CorrectorConfig,
    /// Logarithm of the tier's factor.
    tier: f64,
    /// Logarithms of the segments' own factors.
    segments: Vec<f64>,
    /// Observations in a row that lay far off on one side: positive above, negative below.
    surprises: i32,
}

impl Corrector {
    /// Starts with factors of one for a number of segments.
    pub fn new(segments: usize, config: CorrectorConfig) -> Self {
        Self { config, tier: 0.0, segments: vec![0.0; segments], surprises: 0 }
    }

    /// Returns the number of segments.
    pub fn segments(&self) -> usize {
        self.segments.len()
    }

    /// Learns that the segments of a range took `measured` where the profile says `profiled`, in any
    /// one unit. Times that are not positive numbers are ignored.
    ///
    /// A single observation counts for at most a factor of four.
    pub fn observe(&mut self, range: Range<usize>, profiled: f64, measured: f64) {
        let usable = |time: f64| time.is_finite() && time > 0.0;
        let Some(own) = self.segments.get(range.clone()).filter(|own| !own.is_empty()) else {
            return;
        };
        if !usable(profiled) || !usable(measured) {
            return;
        }
        let residual = own.iter().sum::<f64>() / own.len() as f64;
        let off = (measured / profiled).ln() - residual - self.tier;
        let off = off.clamp(-FARTHEST, FARTHEST);
        let side = if off > 0.0 { 1 } else { -1 };
        self.surprises = match off.abs() > SURPRISE {
            true if self.surprises.signum() == -side => side,
            true => (self.surprises + side).clamp(-IN_A_ROW, IN_A_ROW),
            false => 0,
        };
        let changed = self.surprises.abs() >= IN_A_ROW;
        let share = if changed { self.config.surprise } else { self.config.tier };
        let taken = share.clamp(0.0, 1.0) * off;
        self.tier = (self.tier + taken).clamp(-LIMIT, LIMIT);
        let left = self.config.segment.clamp(0.0, 1.0) * (off - taken);
        for segment in self.segments.get_mut(range).into_iter().flatten() {
            *segment = (*segment + left).clamp(-LIMIT, LIMIT);
        }
    }

    /// Returns measured over profiled time of one segment; the tier's alone beyond the last.
    pub fn factor(&self, segment: usize) -> f64 {
        (self.tier + self.segments.get(segment).copied().unwrap_or(0.0)).exp()
    }

    /// Returns measured over profiled time of the tier.
    pub fn tier_factor(&self) -> f64 {
        self.tier.exp()
    }
}

/// One observation counts for at most a factor of four.
const FARTHEST: f64 = 1.386_294_361_119_890_6;
/// A third off is a surprise.
const SURPRISE: f64 = 0.287_682_072_451_780_9;
/// Surprises on one side that mean a change and not noise.
const IN_A_ROW: i32 = 3;
/// No factor leaves 1/1000 to 1000.
const LIMIT: f64 = 6.907_755_278_982_137;

#[cfg(test)]
mod tests {
    use super::*;

    fn corrector() -> Corrector {
        Corrector::new(4, CorrectorConfig::default())
    }

    #[test]
    fn throttling_to_half_is_believed_after_a_few_requests() {
        let mut corrector = corrector();
        for _ in 0..20 {
            corrector.observe(0..2, 10.0, 10.0);
        }
        assert!((corrector.factor(0) - 1.0).abs() < 1e-9);
        for _ in 0..6 {
            corrector.observe(0..2, 10.0, 20.0);
        }
        // Segments that did not run are slow as well: it is the processor.
        assert!((1.7..=2.1).contains(&corrector.factor(3)), "{}", corrector.factor(3));
        assert!((1.7..=2.1).contains(&corrector.factor(0)), "{}", corrector.factor(0));
        for _ in 0..6 {
            corrector.observe(0..2, 10.0, 10.0);
        }
        assert!((0.95..=1.2).contains(&corrector.factor(3)), "{}", corrector.factor(3));
    }

    #[test]
    fn one_slow_request_changes_little() {
        let mut corrector = corrector();
        corrector.observe(0..4, 10.0, 5000.0);
        assert!(corrector.factor(0) < 1.5, "{}", corrector.factor(0));
    }

    #[test]
    fn a_segment_that_is_always_off_gets_its_own_factor() {
        let mut corrector = corrector();
        for _ in 0..400 {
            corrector.observe(0..1, 10.0, 13.0);
            corrector.observe(1..4, 10.0, 10.0);
        }
        assert!((1.2..=1.4).contains(&corrector.factor(0)), "{}", corrector.factor(0));
        assert!((0.93..=1.07).contains(&corrector.factor(2)), "{}", corrector.factor(2));
    }

    #[test]
    fn nonsense_is_ignored() {
        let mut corrector = corrector();
        for (profiled, measured) in [(0.0, 1.0), (1.0, f64::NAN), (1.0, -1.0), (1.0, 0.0)] {
            corrector.observe(0..4, profiled, measured);
        }
        corrector.observe(2..9, 1.0, 3.0);
        corrector.observe(2..2, 1.0, 3.0);
        assert_eq!(corrector, Corrector::new(4, CorrectorConfig::default()));
        assert_eq!(corrector.segments(), 4);
    }
}
