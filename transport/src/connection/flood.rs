//! How often a peer may do what costs us something.

use aiflow_units::{Micros, Timestamp};

use crate::wire::{Limit, Limits};

/// A bucket of tokens that refills with time: an act takes one, and one that finds none is a flood.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bucket {
    /// Tokens in millionths, so that refilling is exact.
    level: u64,
    capacity: u64,
    per_second: u64,
    filled: Timestamp,
}

impl Bucket {
    /// Builds a full bucket of `burst` tokens that gains `per_second`.
    pub(crate) const fn new(burst: u64, per_second: u64, now: Timestamp) -> Self {
        let capacity = burst * Self::TOKEN;
        Self { level: capacity, capacity, per_second, filled: now }
    }

    /// Takes a token; `false` if there is none.
    pub(crate) fn take(&mut self, now: Timestamp) -> bool {
        self.refill(now);
        let enough = self.level >= Self::TOKEN;
        if enough {
            self.level -= Self::TOKEN;
        }
        enough
    }

    /// Returns when the next token is there.
    pub(crate) fn next(&mut self, now: Timestamp) -> Timestamp {
        self.refill(now);
        let missing = Self::TOKEN.saturating_sub(self.level);
        now.after(Micros::new(missing.div_ceil(self.per_second.max(1))))
    }

    /// Gives a token back, for an act that turned out useful.
    pub(crate) fn give(&mut self) {
        self.level = self.capacity.min(self.level + Self::TOKEN);
    }

    fn refill(&mut self, now: Timestamp) {
        let gained = now.since(self.filled).get().saturating_mul(self.per_second);
        self.level = self.capacity.min(self.level.saturating_add(gained));
        self.filled = self.filled.max(now);
    }

    const TOKEN: u64 = 1_000_000;
}

/// One bucket for each thing that a peer can do too often.
#[derive(Debug)]
pub(crate) struct Floods {
    /// Control messages of any kind.
    pub(crate) messages: Bucket,
    /// RECONF: 2/s.
    pub(crate) proposals: Bucket,
    /// CHANNEL_REPORT and FRAME_REPORT: 25/s.
    pub(crate) reports: Bucket,
    /// Streams given up before they ended; every stream that ends well pays for one.
    pub(crate) resets: Bucket,
    /// Streams refused because a limit was reached.
    pub(crate) refusals: Bucket,
    /// Requests.
    pub(crate) requests: Bucket,
    /// PROBE: one in 5 s.
    pub(crate) probes: Bucket,
}

impl Floods {
    /// Fills all buckets. Bursts are larger than a well-behaved peer needs: what it sent evenly
    /// may arrive at once after an outage.
    pub(crate) fn new(limits: &Limits, now: Timestamp) -> Self {
        let proposals = limits.get(Limit::ReconfsPerSecond);
        // Reports of the channel and of frames.
        let reports = limits.get(Limit::ReportsPerSecond).saturating_mul(2);
        Self {
            messages: Bucket::new(1_000, 250, now),
            proposals: Bucket::new(4 * proposals, proposals, now),
            reports: Bucket::new(10 * reports, reports, now),
            resets: Bucket::new(2_000, 1_000, now),
            refusals: Bucket::new(256, 64, now),
            requests: Bucket::new(256, 64, now),
            probes: Bucket::new(4, 1, now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_origin(Micros::from_millis(millis))
    }

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let mut bucket = Bucket::new(3, 2, at(0));
        assert_eq!((0..5).filter(|_| bucket.take(at(0))).count(), 3);
        assert_eq!(bucket.next(at(0)), at(500));
        assert!(!bucket.take(at(499)) && bucket.take(at(500)) && !bucket.take(at(501)));
        assert_eq!((0..99).filter(|_| bucket.take(at(60_000))).count(), 3);
    }

    #[test]
    fn useful_acts_are_free() {
        let mut bucket = Bucket::new(1, 1, at(0));
        for _ in 0..10 {
            assert!(bucket.take(at(0)));
            bucket.give();
        }
        assert!(bucket.take(at(0)) && !bucket.take(at(0)));
    }
}
