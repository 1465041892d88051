//! The rate, and the budget that follows from it.

use aiflow_units::{BitRate, Bytes, Micros, Timestamp};

use super::{Budget, Demand};
use crate::channel::{Estimate, Flags, Share};

/// How a [`RateController`] behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateConfig {
    floor: Bytes,
    reach: Share,
}

impl Default for RateConfig {
    fn default() -> Self {
        Self { floor: Bytes::new(1000), reach: Share::parts_per_million(500_000) }
    }
}

impl RateConfig {
    /// Sets the smallest base that is worth sending: no budget is below it. Default: 1,000 bytes.
    /// Too large, and bases are late on a bad channel; too small, and they are worthless.
    #[must_use]
    pub const fn with_floor(mut self, smallest_base: Bytes) -> Self {
        self.floor = smallest_base;
        self
    }

    /// Sets how far a total may go beyond the estimate while the path is not busy, as a share of it;
    /// at most 100 %. Default: 50 %. That much more enhancement finds out what more the path carries;
    /// with nothing, an estimate that is too low stays too low.
    #[must_use]
    pub const fn with_reach(mut self, share: Share) -> Self {
        self.reach = share;
        self
    }
}

/// Turns estimates into budgets.
///
/// The rate of bases follows the median of the estimate: down at once, up within a second by no more
/// than the highest rate of the last ten seconds, and not at all for changes below 5 %. A base also
/// fits into a third of what the channel carries until its deadline in nine of ten cases.
///
/// The total follows the median without delay. Where the path was not busy lately, it goes beyond
/// it, by as much as was left unused; before the limit of the path was ever seen, to three times of
/// what is known.
#[derive(Debug, Clone)]
pub struct RateController {
    config: RateConfig,
    rate: Option<BitRate>,
    changed: Timestamp,
    highest: Highest,
    switches: u64,
}

impl RateController {
    /// Starts without a rate; the first estimate is taken as it is.
    pub fn new(config: RateConfig) -> Self {
        let (changed, highest) = (Timestamp::ORIGIN, Highest::default());
        Self { config, rate: None, changed, highest, switches: 0 }
    }

    /// Returns the rate that bases follow; zero before the first estimate.
    pub fn rate(&self) -> BitRate {
        self.rate.unwrap_or(BitRate::ZERO)
    }

    /// Returns how often the rate has changed.
    pub const fn switches(&self) -> u64 {
        self.switches
    }

    /// Decides what the next frame may take.
    pub fn budget(&mut self, demand: &Demand) -> Budget {
        let estimate = &demand.estimate;
        self.follow(estimate.p50, demand.now);
        let travel = Micros::new(estimate.min_rtt.get() / 2).saturating_add(estimate.queue_delay);
        let left = demand.deadline.saturating_sub(travel);
        let span = demand.period.min(left);
        let sure = scaled(estimate.p10.bytes_in(left), SURE_SHARE);
        let base = scaled(self.rate().bytes_in(span), BASE_SHARE)
            .min(sure)
            .saturating_sub(demand.base_backlog)
            .max(self.config.floor);
        if estimate.p50 == BitRate::ZERO {
            return Budget { base, total: FIRST.max(base) };
        }
        if estimate.flags.contains(Flags::STALE) {
            return Budget { base, total: base };
        }
        let total = scaled(estimate.p50.bytes_in(span), self.reach(estimate));
        let total = total.saturating_sub(demand.backlog);
        Budget { base, total: total.max(self.config.floor) }
    }

    /// By which factor the total exceeds the estimate.
    fn reach(&self, estimate: &Estimate) -> f64 {
        if estimate.age == Micros::MAX {
            return FIRST_REACH;
        }
        let most = 1.0 + f64::from(self.config.reach.get()) / 1e6;
        (1e6 / f64::from(estimate.busy.get().max(1))).clamp(1.0, most)
    }

    fn follow(&mut self, wanted: BitRate, now: Timestamp) {
        let Some(rate) = self.rate else {
            if wanted > BitRate::ZERO {
                self.change(wanted, now);
            }
            return;
        };
        let passed = now.since(self.changed).get() as f64 / 1e6;
        let rise = self.highest.get().get() as f64 * RAMP * passed;
        let rate = rate.get() as f64;
        let next = (wanted.get() as f64).min(rate + rise);
        if (next - rate).abs() >= HYSTERESIS * rate {
            self.switches += 1;
            self.change(BitRate::bits_per_second(next as u64), now);
        }
    }

    fn change(&mut self, rate: BitRate, now: Timestamp) {
        self.rate = Some(rate);
        self.changed = now;
        self.highest.observe(rate, now);
    }
}

/// The highest rate of the present and the previous window.
#[derive(Debug, Clone, Copy, Default)]
struct Highest {
    started: Timestamp,
    current: BitRate,
    previous: BitRate,
}

impl Highest {
    fn observe(&mut self, rate: BitRate, now: Timestamp) {
        let passed = now.since(self.started);
        if passed >= WINDOW {
            let recent = passed < WINDOW.saturating_add(WINDOW);
            self.previous = if recent { self.current } else { BitRate::ZERO };
            self.current = BitRate::ZERO;
            self.started = now;
        }
        self.current = self.current.max(rate);
    }

    fn get(&self) -> BitRate {
        self.current.max(self.previous)
    }
}

fn scaled(size: Bytes, factor: f64) -> Bytes {
    Bytes::new((size.get() as f64 * factor) as u64)
}

/// What the first frame takes: what QUIC sends before it has heard of the path.
const FIRST: Bytes = Bytes::new(10_000);

/// By which factor totals exceed estimates that are only lower bounds, as long as the limit of the path
/// was never seen.
const FIRST_REACH: f64 = 3.0;

/// What bases take of the rate: a base that is late costs the frame.
const BASE_SHARE: f64 = 0.9;

/// What a base takes of what the channel carries in nine of ten cases: others wait before it. Measured
/// on LTE drives: with a half, one base in a thousand more is late, and no more bytes are in time.
const SURE_SHARE: f64 = 0.35;

/// How fast the rate rises, in the highest rate of the last seconds per second. Measured from there, and
/// not from the present rate, it takes a second to come back from an outage of any depth.
const RAMP: f64 = 1.0;

/// The smallest change that is followed.
const HYSTERESIS: f64 = 0.05;

/// Half of the time for which the highest rate is remembered at most.
const WINDOW: Micros = Micros::from_secs(5);
