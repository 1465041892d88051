//! Whether an edge answers itself or passes on: whichever takes less, by what both took until now.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aiflow_units::{Micros, Timestamp};

use crate::tier::Place;

/// One of the two ways that an edge has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// It answers itself.
    Here,
    /// The tier behind answers.
    Behind,
}

/// What the ways took for requests that came in at each place.
#[derive(Debug, Default)]
pub(super) struct Ways {
    places: Mutex<BTreeMap<Place, Known>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Known {
    here: Option<Seen>,
    behind: Option<Seen>,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    /// Microseconds, smoothed.
    usual: f64,
    last: Timestamp,
}

impl Ways {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Place, Known>> {
        // Plain values are whole at any time, whoever panicked.
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Chooses for a request that came in at a place; `backlog` is how long it would wait here, and
    /// `left` what is left of its time.
    ///
    /// A way that nothing is known of is tried, and one that was not taken for some time is tried
    /// again, unless the request would be late then.
    pub(super) fn choose(
        &self,
        from: Place,
        backlog: Micros,
        left: Option<Micros>,
        now: Timestamp,
    ) -> Way {
        let known = self.lock().get(&from).copied().unwrap_or_default();
        let (here, behind) = match (known.here, known.behind) {
            (None, _) => return Way::Here,
            (_, None) => return Way::Behind,
            (Some(here), Some(behind)) => (here, behind),
        };
        let (here_takes, behind_takes) = (here.usual + backlog.get() as f64, behind.usual);
        let (way, other, takes) = if here_takes <= behind_takes {
            (Way::Here, behind, behind_takes)
        } else {
            (Way::Behind, here, here_takes)
        };
        let in_time = left.is_none_or(|left| takes * SPARE <= left.get() as f64);
        let forgotten = now.since(other.last) >= FORGOTTEN;
        match (forgotten && in_time, way) {
            (false, way) => way,
            (true, Way::Here) => Way::Behind,
            (true, Way::Behind) => Way::Here,
        }
    }

    /// Learns what a way took, without the time that a request waited here.
    pub(super) fn learn(&self, from: Place, way: Way, took: Micros, now: Timestamp) {
        let mut places = self.lock();
        let known = places.entry(from).or_default();
        let slot = match way {
            Way::Here => &mut known.here,
            Way::Behind => &mut known.behind,
        };
        let micros = took.get() as f64;
        let seen = slot.get_or_insert(Seen { usual: micros, last: now });
        seen.usual += (micros - seen.usual) * SMOOTHING;
        seen.last = now;
    }

    /// Learns that the tier behind did not answer within a time: it takes longer than that.
    pub(super) fn silent(&self, from: Place, waited: Micros, now: Timestamp) {
        self.learn(from, Way::Behind, Micros::new(waited.get().saturating_mul(4)), now);
    }
}

/// A way that was not taken for so long may have changed.
const FORGOTTEN: Micros = Micros::from_secs(5);
/// Room for what takes longer than usual.
const SPARE: f64 = 1.5;
/// Share of a new time in the smoothed one.
const SMOOTHING: f64 = 0.25;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_origin(Micros::from_millis(millis))
    }

    #[test]
    fn the_quicker_way_is_taken_and_the_other_one_tried_now_and_then() {
        let (ways, from, none) = (Ways::default(), Place::Input, Micros::ZERO);
        assert_eq!(ways.choose(from, none, None, at(0)), Way::Here);
        ways.learn(from, Way::Here, Micros::from_millis(30), at(0));
        assert_eq!(ways.choose(from, none, None, at(1)), Way::Behind);
        ways.learn(from, Way::Behind, Micros::from_millis(50), at(1));
        assert_eq!(ways.choose(from, none, None, at(2)), Way::Here);
        // A queue makes this way the longer one.
        assert_eq!(ways.choose(from, Micros::from_millis(30), None, at(2)), Way::Behind);
        // Other places are other work.
        assert_eq!(
            ways.choose(Place::Cut(crate::cut::CutId::listed(1)), none, None, at(2)),
            Way::Here
        );
        ways.learn(from, Way::Here, Micros::from_millis(30), at(6000));
        assert_eq!(ways.choose(from, none, None, at(6002)), Way::Behind);
        // Who has no time for a trial is not tried with.
        let hurry = Some(Micros::from_millis(60));
        assert_eq!(ways.choose(from, none, hurry, at(6002)), Way::Here);
        // The tier behind grew quicker.
        (0..20).for_each(|_| ways.learn(from, Way::Behind, Micros::from_millis(10), at(6003)));
        assert_eq!(ways.choose(from, none, None, at(6004)), Way::Behind);
        ways.silent(from, Micros::from_millis(100), at(6005));
        assert_eq!(ways.choose(from, none, None, at(6006)), Way::Here);
    }
}
