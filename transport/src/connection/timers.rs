//! What is due when.

use std::collections::BTreeSet;

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
#[derive(Debug, Default)]
pub(crate) struct Timers {
    due: BTreeSet<(Timestamp, Timer)>,
    set: FxHashMap<Timer, Timestamp>,
}

impl Timers {
    /// Sets a timer, anew if it was set; one at the end of time is not set at all.
    pub(crate) fn set(&mut self, timer: Timer, at: Timestamp) {
        if at == Timestamp::MAX {
            return self.clear(timer);
        }
        match self.set.insert(timer, at) {
            Some(before) if before == at => {}
            Some(before) => {
                self.due.remove(&(before, timer));
                self.due.insert((at, timer));
            }
            None => drop(self.due.insert((at, timer))),
        }
    }

    /// Unsets a timer.
    pub(crate) fn clear(&mut self, timer: Timer) {
        if let Some(at) = self.set.remove(&timer) {
            self.due.remove(&(at, timer));
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
        self.due.first().map(|&(at, _)| at)
    }

    /// Unsets and returns the first timer that ran out by `now`.
    pub(crate) fn expire(&mut self, now: Timestamp) -> Option<Timer> {
        let &(at, timer) = self.due.first()?;
        (at <= now).then(|| {
            self.clear(timer);
            timer
        })
    }
}

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
}
