//! The rate, and the budget that follows from it.

use aiflow_units::{BitRate, Bytes, Micros, Timestamp};

use super::{Budget, Demand};
use crate::channel::{Estimate, Flags};

/// How a [`RateController`] behaves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateConfig {
    base_share: f64,
    total_share: f64,
    ramp: f64,
    hysteresis: f64,
    floor: Bytes,
}

impl Default for RateConfig {
    fn default() -> Self {
        Self {
            base_share: 0.9,
            total_share: 1.0,
            ramp: 1.0,
            hysteresis: 0.05,
            floor: Bytes::new(1000),
        }
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
}

/// Follows an estimate with a rate: down at once, up by at most 100 % a second, and not at all for
/// changes below 5 %.
#[derive(Debug, Clone)]
pub struct RateController {
    config: RateConfig,
    rate: Option<BitRate>,
    changed: Timestamp,
    switches: u64,
}

impl RateController {
    /// Starts without a rate; the first estimate is taken as it is.
    pub const fn new(config: RateConfig) -> Self {
        Self { config, rate: None, changed: Timestamp::ORIGIN, switches: 0 }
    }

    /// Returns the rate that the next frames follow; zero before the first estimate.
    pub fn rate(&self) -> BitRate {
        self.rate.unwrap_or(BitRate::ZERO)
    }

    /// Returns how often the rate has changed.
    pub const fn switches(&self) -> u64 {
        self.switches
    }

    /// Decides what the next frame may take.
    pub fn budget(&mut self, demand: &Demand) -> Budget {
        self.follow(&demand.estimate, demand.now);
        let estimate = &demand.estimate;
        // What a frame of this deadline may take even if it had the channel for itself.
        let travel = Micros::new(estimate.min_rtt.get() / 2).saturating_add(estimate.queue_delay);
        let span = demand.period.min(demand.deadline.saturating_sub(travel));
        let room = self.rate().bytes_in(span);
        let config = &self.config;
        let base =
            share(room, config.base_share).saturating_sub(demand.base_backlog).max(config.floor);
        let total =
            share(room, config.total_share).saturating_sub(demand.backlog).max(config.floor);
        if estimate.flags.contains(Flags::STALE) {
            return Budget { base: base.min(total), total: base.min(total) };
        }
        Budget { base: base.min(total), total }
    }

    fn follow(&mut self, estimate: &Estimate, now: Timestamp) {
        let wanted = estimate.p50;
        let Some(rate) = self.rate else {
            if wanted > BitRate::ZERO {
                self.change(wanted, now);
            }
            return;
        };
        let passed = now.since(self.changed).get() as f64 / 1e6;
        let highest = rate.get() as f64 * (1.0 + self.config.ramp * passed);
        let next = (wanted.get() as f64).min(highest);
        if (next - rate.get() as f64).abs() >= self.config.hysteresis * rate.get() as f64 {
            self.change(BitRate::bits_per_second(next as u64), now);
        }
    }

    fn change(&mut self, rate: BitRate, now: Timestamp) {
        self.switches += u64::from(self.rate.is_some());
        self.rate = Some(rate);
        self.changed = now;
    }
}

fn share(size: Bytes, share: f64) -> Bytes {
    Bytes::new((size.get() as f64 * share) as u64)
}
