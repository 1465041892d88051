//! The rate policy of a live-video sender, from its description.

use aiflow_transport::rate::Budget;
use aiflow_units::{BitRate, Timestamp};

use super::{Policy, SMALLEST_BASE, View};

/// Keeps a tenth of the estimate back, ignores changes below 5 %, falls at once, rises by a quarter
/// a second, and never goes below a tenth of the highest rate.
#[derive(Debug, Clone, Copy)]
pub struct MoqRate {
    highest: BitRate,
    rate: Option<BitRate>,
    changed: Timestamp,
    switches: u64,
}

impl MoqRate {
    /// Makes the policy; `highest` is the rate beyond which nothing is gained.
    pub const fn new(highest: BitRate) -> Self {
        Self { highest, rate: None, changed: Timestamp::ORIGIN, switches: 0 }
    }

    fn follow(&mut self, estimate: BitRate, now: Timestamp) {
        if estimate == BitRate::ZERO {
            return;
        }
        let highest = self.highest.get() as f64;
        let lowest = highest / 10.0;
        let wanted = (estimate.get() as f64 * 0.9).clamp(lowest, highest);
        let Some(rate) = self.rate.map(|rate| rate.get() as f64) else {
            self.rate = Some(BitRate::bits_per_second(wanted as u64));
            self.changed = now;
            return;
        };
        let passed = now.since(self.changed).get() as f64 / 1e6;
        let next = if wanted <= rate {
            wanted
        } else {
            wanted.min(rate * (1.0 + 0.25 * passed)).max(lowest)
        };
        if (next - rate).abs() >= 0.05 * rate {
            self.rate = Some(BitRate::bits_per_second(next as u64));
            self.changed = now;
            self.switches += 1;
        }
    }
}

impl Policy for MoqRate {
    fn budget(&mut self, view: &View) -> Option<Budget> {
        self.follow(view.estimate.p50, view.now);
        let room = self.rate().bytes_in(view.period);
        let total = room.saturating_sub(view.backlog).max(SMALLEST_BASE);
        Some(Budget { base: total, total })
    }

    fn rate(&self) -> BitRate {
        self.rate.unwrap_or(BitRate::ZERO)
    }

    fn switches(&self) -> u64 {
        self.switches
    }
}
