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

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_origin(Micros::from_millis(millis))
    }

    fn acked(now: u64, first_sent: u64, packets: u32, in_flight: u64) -> Acked {
        Acked {
            at: at(now),
            bytes: Bytes::new(1000 * u64::from(packets)),
            packets,
            first_sent: at(first_sent),
            last_sent: at(first_sent),
            in_flight: Bytes::new(in_flight),
            oldest_in_flight: None,
            delivery: None,
        }
    }

    #[test]
    fn only_what_waited_is_service() {
        let (mut meter, rtt) = (ServiceMeter::default(), Micros::from_millis(40));
        assert_eq!(meter.observe(&acked(42, 0, 2, 4000), rtt), Interval::Unclear);
        // Sent with the first packets: it waited while those were served.
        let busy = Interval::Busy(Bytes::new(2000), Micros::from_millis(6));
        assert_eq!(meter.observe(&acked(48, 0, 2, 2000), rtt), busy);
        // Sent later: the path had been empty when it came.
        let idle = Interval::Idle(Micros::from_millis(52));
        assert_eq!(meter.observe(&acked(100, 60, 2, 2000), rtt), idle);
    }

    #[test]
    fn a_delayed_acknowledgement_says_nothing() {
        let (mut meter, rtt) = (ServiceMeter::default(), Micros::from_millis(40));
        meter.observe(&acked(42, 0, 2, 1000), rtt);
        assert_eq!(meter.observe(&acked(68, 0, 1, 0), rtt), Interval::Unclear);
        let waits = meter.waiting_since(at(20), rtt);
        assert_eq!(waits, at(68));
        assert_eq!(meter.waiting_since(at(90), rtt), at(131));
    }
}
