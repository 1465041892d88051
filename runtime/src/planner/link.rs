//! What is known of the channel between two tiers, and what of it may be relied on.

use aiflow_units::{BitRate, Micros};

/// Whether anything passes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LinkState {
    /// Bytes are acknowledged.
    #[default]
    Up,
    /// Nothing was acknowledged for so long that the link counts as dead.
    Down,
}

/// What an estimator says about one hop, in the direction of the requests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinkEstimate {
    /// Whether anything passes.
    pub state: LinkState,
    /// The rate in the middle of what may be expected.
    pub rate_p50: BitRate,
    /// The rate that is exceeded nine times in ten.
    pub rate_p10: BitRate,
    /// Round trip of a small packet on an empty queue.
    pub rtt: Micros,
    /// How long what is sent now waits behind what was sent before.
    pub queue: Micros,
    /// Time since the last sample.
    pub age: Micros,
    /// The largest recent relative over-estimate, as [`RateErrors`] tracks it: 0.2 when a rate was
    /// predicted a fifth too high.
    pub error: f64,
    /// Number of the report; a report that is seen twice counts once.
    pub report: u64,
}

impl LinkEstimate {
    /// A link that is known well: no spread, no queue, no age.
    pub const fn steady(rate: BitRate, rtt: Micros) -> Self {
        Self {
            state: LinkState::Up,
            rate_p50: rate,
            rate_p10: rate,
            rtt,
            queue: Micros::ZERO,
            age: Micros::ZERO,
            error: 0.0,
            report: 0,
        }
    }

    /// Returns the rate to plan with, in bits per second.
    ///
    /// The median, divided by one plus the largest recent over-estimate; it sinks to the lower
    /// quantile while the estimate grows old, from one second (or ten round trips) to ten times that.
    pub fn safe_rate(&self) -> f64 {
        let fresh = (10.0 * micros(self.rtt)).max(1e6);
        let stale = ((micros(self.age) - fresh) / (9.0 * fresh)).clamp(0.0, 1.0);
        let (middle, low) = (self.rate_p50.get() as f64, self.low_rate());
        (middle + (low - middle) * stale) / (1.0 + self.error())
    }

    /// Returns the lower quantile, never above the median.
    fn low_rate(&self) -> f64 {
        self.rate_p10.get().min(self.rate_p50.get()) as f64
    }

    fn error(&self) -> f64 {
        if self.error.is_finite() { self.error.clamp(0.0, MOST_ERROR) } else { MOST_ERROR }
    }

    /// Returns what sending costs; `None` when nothing passes.
    pub(super) fn wire(&self) -> Option<Wire> {
        let safe = self.safe_rate();
        if self.state == LinkState::Down || safe < 1.0 {
            return None;
        }
        let low = (self.low_rate() / (1.0 + self.error())).max(1.0).min(safe);
        let per_byte = 8e6 / safe;
        Some(Wire {
            per_byte,
            deviation: (8e6 / low - per_byte) / Z90,
            queue: micros(self.queue),
            travel: micros(self.rtt) / 2.0,
        })
    }
}

/// What sending over a hop costs, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Wire {
    /// For each byte.
    pub(super) per_byte: f64,
    /// Standard deviation for each byte; all bytes of a request share their luck.
    pub(super) deviation: f64,
    /// Waiting behind what was sent before.
    pub(super) queue: f64,
    /// One way.
    pub(super) travel: f64,
}

/// The largest over-estimate among the last few predictions.
///
/// Predict, observe, and hand [`worst`](Self::worst) to [`LinkEstimate`]: after a rate turned
/// out lower than predicted, the next predictions are lowered as much, until it is forgotten.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RateErrors {
    recent: [f64; Self::KEPT],
    next: usize,
}

impl RateErrors {
    /// Predictions that are remembered: half a second of reports.
    pub const KEPT: usize = 5;

    /// Learns what a rate was predicted as and what it was.
    pub fn observe(&mut self, predicted: BitRate, actual: BitRate) {
        let actual = actual.get().max(1) as f64;
        let error = (predicted.get() as f64 / actual - 1.0).clamp(0.0, MOST_ERROR);
        if let Some(slot) = self.recent.get_mut(self.next % Self::KEPT) {
            *slot = error;
        }
        self.next = (self.next + 1) % Self::KEPT;
    }

    /// Returns the largest over-estimate that is remembered; 0 when there was none.
    pub fn worst(&self) -> f64 {
        self.recent.iter().copied().fold(0.0, f64::max)
    }
}

/// One step down from a good link to a bad one must not make it look dead.
const MOST_ERROR: f64 = 2.0;

/// Standard deviations from the median to the 90th percentile of a normal distribution.
const Z90: f64 = 1.2816;

fn micros(span: Micros) -> f64 {
    span.get() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link() -> LinkEstimate {
        let rate_p10 = BitRate::megabits_per_second(4);
        let steady =
            LinkEstimate::steady(BitRate::megabits_per_second(10), Micros::from_millis(20));
        LinkEstimate { rate_p10, ..steady }
    }

    #[test]
    fn age_lowers_the_rate_to_the_low_quantile() {
        let aged = |seconds| LinkEstimate { age: Micros::from_secs(seconds), ..link() }.safe_rate();
        assert_eq!(aged(0), 1e7);
        assert_eq!(aged(1), 1e7);
        assert!(aged(5) < aged(3) && aged(3) < 1e7);
        assert_eq!(aged(10), 4e6);
        assert_eq!(aged(1000), 4e6);
    }

    #[test]
    fn past_mistakes_lower_the_rate_until_they_are_forgotten() {
        let mut errors = RateErrors::default();
        let (ten, eight) = (BitRate::megabits_per_second(10), BitRate::megabits_per_second(8));
        errors.observe(ten, eight);
        assert!((errors.worst() - 0.25).abs() < 1e-12);
        let careful = LinkEstimate { error: errors.worst(), ..link() };
        assert!((careful.safe_rate() - 8e6).abs() < 1.0);
        for _ in 0..RateErrors::KEPT {
            assert!(errors.worst() > 0.0);
            errors.observe(eight, ten);
        }
        assert_eq!(errors.worst(), 0.0);
        errors.observe(ten, BitRate::ZERO);
        assert_eq!(errors.worst(), MOST_ERROR);
    }

    #[test]
    fn a_dead_or_absurd_link_costs_no_finite_time() {
        assert!(LinkEstimate { state: LinkState::Down, ..link() }.wire().is_none());
        assert!(LinkEstimate { rate_p50: BitRate::ZERO, ..link() }.wire().is_none());
        let odd = LinkEstimate { error: f64::NAN, rate_p10: BitRate::ZERO, ..link() };
        let wire = odd.wire().expect("it is up");
        assert!(wire.per_byte.is_finite() && wire.deviation.is_finite());
    }
}
