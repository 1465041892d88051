//! How many bytes may be under way.

use aiflow_units::{Bytes, Micros};

use crate::channel::{Estimate, PathSample};
use crate::connection::Priority;

/// Keeps bytes at the sender that the path could not serve yet anyway.
///
/// What is under way can neither be overtaken by the base of the next frame nor be dropped when it
/// becomes late, and when the channel collapses it stands before everything that follows. So
/// enhancements and padding get what fills the path and a queue of 25 ms; bases may go beyond it by
/// their own size; what comes before bases is not held back.
///
/// This is no congestion control, which stays in force below it, and it works at the source rather
/// than in the congestion window: a small window would pace the first packets after an outage at
/// the round trips of the outage. QUIC's send window does not do either, as it forgets bytes of
/// streams that were reset while their packets are still under way.
#[derive(Debug, Clone, Copy, Default)]
pub struct Flight {
    /// What left and is neither acknowledged nor given up.
    under_way: u64,
    /// What was handed over and has not left.
    handed: u64,
}

impl Flight {
    /// Starts with an empty path.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what the carrier saw.
    pub fn handle(&mut self, sample: &PathSample) {
        match sample {
            PathSample::Sent(sent) => {
                self.under_way += sent.bytes.get();
                self.handed = self.handed.saturating_sub(sent.bytes.get());
            }
            PathSample::Acked(acked) => self.under_way = acked.in_flight.get(),
            PathSample::Lost(lost) => {
                self.under_way = self.under_way.saturating_sub(lost.bytes.get());
            }
            PathSample::Migrated(_) => *self = Self::default(),
        }
        if self.under_way == 0 {
            // What is handed over leaves at once on an empty path, or was taken back by a reset.
            self.handed = 0;
        }
    }

    /// Takes note that QUIC took bytes.
    pub fn written(&mut self, bytes: Bytes) {
        self.handed = self.handed.saturating_add(bytes.get());
    }

    /// Returns how many bytes of a priority may be handed over now. `left` is what is left of the
    /// stream, as far as the answer may be about it.
    pub fn room(&self, priority: Priority, left: Bytes, estimate: &Estimate) -> Bytes {
        let rate = estimate.p50;
        if priority < Priority::Base || rate.get() == 0 || estimate.min_rtt == Micros::ZERO {
            return Bytes::MAX;
        }
        let window = rate.bytes_in(estimate.min_rtt.saturating_add(QUEUE)).max(LEAST);
        let limit = match priority {
            Priority::Base => window.saturating_add(left).saturating_add(LEAST),
            _ => window,
        };
        limit.saturating_sub(Bytes::new(self.under_way.saturating_add(self.handed)))
    }
}

/// The queue that is kept in the path. On LTE drives, 10 ms less cost a tenth of the bytes, and 10 ms more
/// cost a fiftieth of the bases on the worst.
const QUEUE: Micros = Micros::from_millis(25);

/// Two packets: with less, nothing moves.
const LEAST: Bytes = Bytes::new(3000);
