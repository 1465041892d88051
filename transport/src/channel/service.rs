//! The rate of a bottleneck while it has work.

use aiflow_units::{Bytes, Micros, Timestamp};

use super::Acked;

/// What the time between two acknowledgements says about a bottleneck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interval {
    /// It had work all the time, and served these bytes.
    Busy(Bytes, Micros),
    /// It had nothing to do for some of the time.
    Idle(Micros),
    /// Nothing.
    Unclear,
}

/// Finds the acknowledgements between which the bottleneck was never idle.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ServiceMeter {
    previous: Option<Timestamp>,
}

impl ServiceMeter {
    /// Returns what the time since the previous acknowledgement says: the bottleneck was busy if
    /// the oldest packet of this one was already waiting then.
    pub(super) fn observe(&mut self, acked: &Acked, min_rtt: Micros) -> Interval {
        let Some(previous) = self.previous.replace(acked.at) else { return Interval::Unclear };
        let time = acked.at.since(previous);
        if acked.first_sent.after(min_rtt).after(SLACK) >= previous {
            return Interval::Idle(time);
        }
        // A lone packet with nothing behind it waits for the receiver's delayed-acknowledgement
        // timer, not for the bottleneck.
        if acked.packets == 1 && acked.in_flight == Bytes::ZERO {
            return Interval::Unclear;
        }
        Interval::Busy(acked.bytes, time)
    }

    /// Returns since when the bottleneck has owed an answer, if it does.
    pub(super) fn waiting_since(&self, oldest_in_flight: Timestamp, min_rtt: Micros) -> Timestamp {
        let due = oldest_in_flight.after(min_rtt).after(SLACK);
        self.previous.map_or(due, |previous| previous.max(due))
    }

    /// Forgets the path.
    pub(super) fn reset(&mut self) {
        self.previous = None;
    }
}

/// How much later than the shortest round trip a packet may be without having waited: the jitter
/// of a path and of clocks.
const SLACK: Micros = Micros::from_millis(1);
