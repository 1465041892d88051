//! What is due when.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use aiflow_units::Timestamp;
use rustc_hash::FxHashMap;

use super::{RequestId, Stream};
use crate::wire::{Epoch, SessionId};

/// Something that happens by itself when its time comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Timer {
    /// The carrier never connected, or the peer never sent its SETUP.
    Setup,
    /// The layers of a frame that is being sent lose their worth.
    Delivery(RequestId),
    /// The application no longer waits for a result.
    Answer(RequestId),
    /// A frame that is being received is past its deadline.
    Arrival(RequestId),
    /// The application did not answer a received frame in time.
    Lifetime(RequestId),
    /// An old epoch of a session ends.
    Epoch(SessionId, Epoch),
    /// The application did not decide on a proposal of the peer.
    Decision(SessionId),
    /// A proposal that waits for its turn may be sent.
    Proposal(SessionId),
    /// The next channel report is due.
    Report,
    /// The peer acknowledged nothing for too long.
    Outage,
    /// A probe of this side ends.
    Probe,
    /// The peer may have opened a stream and sent less than a header since.
    Stall,
    /// A layer waits for a session that may never begin.
    Early(Stream),
    /// The time for draining is over.
    Drain,
}

/// Timers that are set, in the order in which they run out.
///
/// Nearly all timers are unset before they run out, and in the order in which they were set. So
/// unsetting one leaves its place in the queue behind, which is dropped when it comes to the front or
/// when most places are such.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    queue: BinaryHeap<Reverse<(Timestamp, Timer)>>,
    set: FxHashMap<Timer, Timestamp>,
}

impl Timers {
    /// Sets a timer, anew if it was set; one at the end of time is not set at all.
    pub(crate) fn set(&mut self, timer: Timer, at: Timestamp) {
        if at == Timestamp::MAX {
            return self.clear(timer);
        }
        let before = self.set.insert(timer, at);
        if before != Some(at) {
            self.queue.push(Reverse((at, timer)));
        }
        if before.is_some_and(|before| before != at) {
            self.tidy();
        }
    }

    /// Unsets a timer.
    pub(crate) fn clear(&mut self, timer: Timer) {
        if self.set.remove(&timer).is_some() {
            self.tidy();
        }
    }

    /// Unsets all timers.
    pub(crate) fn clear_all(&mut self) {
        *self = Self::default();
    }

    /// Says whether a timer is set.
    pub(crate) fn is_set(&self, timer: Timer) -> bool {
        self.set.contains_key(&timer)
    }

    /// Returns when the next timer runs out.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.queue.peek().map(|Reverse((at, _))| *at)
    }

    /// Unsets and returns the first timer that ran out by `now`.
    pub(crate) fn expire(&mut self, now: Timestamp) -> Option<Timer> {
        let &Reverse((at, timer)) = self.queue.peek()?;
        (at <= now).then(|| {
            self.clear(timer);
            timer
        })
    }

    /// Drops places that were left behind: those at the front, and all when they are the most.
    fn tidy(&mut self) {
        let set = &self.set;
        let stands =
            |Reverse((at, timer)): &Reverse<(Timestamp, Timer)>| set.get(timer) == Some(at);
        while self.queue.peek().is_some_and(|place| !stands(place)) {
            self.queue.pop();
        }
        if self.queue.len() > SPARE + 2 * set.len() {
            self.queue.retain(stands);
        }
    }
}

/// So many places that were left behind are kept in any case.
const SPARE: usize = 64;

#[cfg(test)]
mod tests {
    use aiflow_units::Micros;

    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_origin(Micros::from_millis(millis))
    }

    #[test]
    fn timers_run_out_in_order() {
        let mut timers = Timers::default();
        timers.set(Timer::Report, at(20));
        timers.set(Timer::Outage, at(10));
        timers.set(Timer::Drain, Timestamp::MAX);
        assert_eq!(timers.next(), Some(at(10)));
        assert_eq!(timers.expire(at(9)), None);
        assert_eq!(timers.expire(at(20)), Some(Timer::Outage));
        assert_eq!(timers.expire(at(20)), Some(Timer::Report));
        assert_eq!(timers.expire(Timestamp::MAX), None);
    }

    #[test]
    fn setting_anew_moves_a_timer() {
        let mut timers = Timers::default();
        timers.set(Timer::Report, at(20));
        timers.set(Timer::Report, at(30));
        assert_eq!(timers.expire(at(25)), None);
        assert!(timers.is_set(Timer::Report));
        timers.set(Timer::Report, Timestamp::MAX);
        assert_eq!(timers.next(), None);
    }

    #[test]
    fn what_is_left_behind_does_not_pile_up() {
        let mut timers = Timers::default();
        timers.set(Timer::Drain, at(1));
        for millis in 2..10_000 {
            timers.set(Timer::Report, at(millis));
            assert!(timers.queue.len() <= SPARE + 5, "{}", timers.queue.len());
        }
        timers.set(Timer::Report, at(3));
        assert_eq!(timers.expire(at(1)), Some(Timer::Drain));
        assert_eq!(timers.expire(at(5000)), Some(Timer::Report));
        assert_eq!((timers.expire(Timestamp::MAX), timers.next()), (None, None));
    }

    #[test]
    fn a_timer_that_is_set_again_at_the_same_time_runs_out_once() {
        let mut timers = Timers::default();
        timers.set(Timer::Drain, at(1));
        timers.set(Timer::Report, at(20));
        timers.clear(Timer::Report);
        timers.set(Timer::Report, at(20));
        assert_eq!(timers.expire(at(20)), Some(Timer::Drain));
        assert_eq!(timers.expire(at(20)), Some(Timer::Report));
        assert_eq!(timers.expire(at(20)), None);
    }
}
