//! What is known of one session.

use std::collections::{BTreeSet, VecDeque};

use aiflow_units::{Micros, Timestamp};

use super::epochs::Epochs;
use super::{SessionState, Stream};
use crate::wire::{
    Cancel, ControlMessage, EarlyFrames, Epoch, ModelId, Open, PointId, Reason, Sequence,
    SequenceRange,
};

/// A change of the operating point that this side wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(crate) active: PointId,
    /// Ascending.
    pub(crate) points: Vec<PointId>,
    pub(crate) reason: Reason,
}

/// A change that the peer wants and the application is getting ready for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PeerWish {
    pub(crate) epoch: Epoch,
    pub(crate) active: PointId,
    pub(crate) points: Vec<PointId>,
}

/// One session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) state: SessionState,
    /// The stream of the request that opened it: the session lives as long as it does.
    pub(crate) stream: Stream,
    pub(crate) model: Option<ModelId>,
    /// The usual time between two frames, zero if unknown.
    pub(crate) period: Micros,
    /// Points that OPEN offered, and after the answer those that were accepted, with their layers.
    pub(crate) offered: Vec<(PointId, u8)>,
    pub(crate) epochs: Option<Epochs>,
    /// The number of the next frame: to be sent, or one more than the highest that came.
    pub(crate) next: Sequence,
    /// Unanswered frames.
    pub(crate) in_flight: u64,
    /// What this side proposed, and when.
    pub(crate) proposed: Option<(Wish, Timestamp)>,
    /// What this side will propose when it may.
    pub(crate) queued: Option<Wish>,
    pub(crate) asked: Option<PeerWish>,
    /// Messages that overtook the answer to OPEN.
    pub(crate) held: Vec<ControlMessage>,
    /// Whether it goes on from an earlier connection, and frames may go before the answer.
    pub(crate) resumed: Option<EarlyFrames>,
    pub(crate) answered: Answered,
    pub(crate) cancelled: Ranges,
    pub(crate) counters: SessionCounters,
    /// When the first byte of the frame came that was reported last, and when that was.
    pub(crate) reported: Option<(Timestamp, Timestamp)>,
}

/// What a server counts for STATS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SessionCounters {
    /// Frames of which the base arrived.
    pub frames: u64,
    /// Frames that were answered with a result.
    pub results: u64,
    /// Frames that were given up because they were late.
    pub late: u64,
    /// Frames that were cancelled or superseded.
    pub cancelled: u64,
    /// Frames that could not be decoded.
    pub damaged: u64,
    /// Payload bytes that arrived.
    pub payload_bytes: u64,
    /// Changes of the operating point.
    pub switches: u64,
}

impl SessionCounters {
    /// Adds what another session counted.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            frames: self.frames + other.frames,
            results: self.results + other.results,
            late: self.late + other.late,
            cancelled: self.cancelled + other.cancelled,
            damaged: self.damaged + other.damaged,
            payload_bytes: self.payload_bytes + other.payload_bytes,
            switches: self.switches + other.switches,
        }
    }
}

impl Session {
    /// How many messages may overtake the answer to OPEN.
    pub(crate) const MOST_HELD: usize = 8;

    /// Begins with what OPEN says.
    pub(crate) fn opening(state: SessionState, stream: Stream, open: &Open) -> Self {
        let offered = open.points.iter().map(|point| (point.id, point.layers)).collect();
        Self { model: Some(open.model), period: open.period, offered, ..Self::blank(state, stream) }
    }

    /// Begins with nothing known.
    pub(crate) fn blank(state: SessionState, stream: Stream) -> Self {
        Self {
            state,
            stream,
            model: None,
            period: Micros::ZERO,
            offered: Vec::new(),
            epochs: None,
            next: Sequence(0),
            in_flight: 0,
            proposed: None,
            queued: None,
            asked: None,
            held: Vec::new(),
            resumed: None,
            answered: Answered::default(),
            cancelled: Ranges::default(),
            counters: SessionCounters::default(),
            reported: None,
        }
    }

    /// Says whether frames flow.
    pub(crate) const fn is_live(&self) -> bool {
        matches!(self.state, SessionState::Active | SessionState::Proposed | SessionState::Asked)
    }

    /// Returns how many layers frames of a point have.
    pub(crate) fn layers(&self, point: PointId) -> Option<u8> {
        self.offered.iter().find(|(id, _)| *id == point).map(|(_, layers)| *layers)
    }

    /// Says whether all of `points` were agreed on.
    pub(crate) fn knows(&self, points: &[PointId]) -> bool {
        points.iter().all(|point| self.layers(*point).is_some())
    }
}

/// Frames that came to an end here: answered, lost or given up.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answered {
    /// Everything below came to an end.
    floor: u64,
    above: BTreeSet<u64>,
}

impl Answered {
    /// How far apart frames may be that are under way at once.
    const MOST: usize = 1024;

    /// Begins with everything below `floor`.
    pub(crate) fn below(floor: Sequence) -> Self {
        Self { floor: floor.0, above: BTreeSet::new() }
    }

    /// Notes a frame.
    pub(crate) fn insert(&mut self, sequence: Sequence) {
        if sequence.0 >= self.floor {
            self.above.insert(sequence.0);
        }
        while self.above.len() > Self::MOST
            || self.above.first().is_some_and(|first| *first == self.floor)
        {
            let Some(first) = self.above.pop_first() else { break };
            self.floor = first.saturating_add(1);
        }
    }

    /// Says whether a frame came to an end.
    pub(crate) fn contains(&self, sequence: Sequence) -> bool {
        sequence.0 < self.floor || self.above.contains(&sequence.0)
    }

    /// Returns one more than the last frame below which all came to an end.
    pub(crate) const fn floor(&self) -> Sequence {
        Sequence(self.floor)
    }
}

/// The last ranges of frames that the sender cancelled; their bytes may still be under way.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ranges {
    ranges: VecDeque<SequenceRange>,
}

impl Ranges {
    const MOST: usize = 64;

    /// Notes what a message cancels.
    pub(crate) fn insert(&mut self, cancel: &Cancel) {
        self.ranges.extend(&cancel.ranges);
        let excess = self.ranges.len().saturating_sub(Self::MOST);
        self.ranges.drain(..excess);
    }

    /// Says whether a frame was cancelled.
    pub(crate) fn contains(&self, sequence: Sequence) -> bool {
        self.ranges.iter().any(|range| range.first <= sequence && sequence <= range.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Code;
    use crate::wire::SessionId;

    #[test]
    fn frames_end_in_any_order() {
        let mut answered = Answered::default();
        for sequence in [3, 0, 1] {
            answered.insert(Sequence(sequence));
        }
        assert_eq!(answered.floor(), Sequence(2));
        let ended = [0, 1, 2, 3, 4].map(|sequence| answered.contains(Sequence(sequence)));
        assert_eq!(ended, [true, true, false, true, false]);
        answered.insert(Sequence(2));
        assert_eq!(answered.floor(), Sequence(4));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut answered = Answered::default();
        for sequence in 0..10_000 {
            answered.insert(Sequence(sequence * 2 + 1));
        }
        assert_eq!(answered.above.len(), Answered::MOST);
        assert!(answered.contains(Sequence(0)));
        let range = |first| SequenceRange { first: Sequence(first), last: Sequence(first + 1) };
        let ranges = (0..64).map(|number| range(number * 4)).collect();
        let mut cancelled = Ranges::default();
        for _ in 0..100 {
            cancelled.insert(&Cancel {
                session: SessionId(0),
                code: Code::Cancelled,
                ranges: Vec::clone(&ranges),
            });
        }
        assert_eq!(cancelled.ranges.len(), Ranges::MOST);
        assert!(cancelled.contains(Sequence(5)) && !cancelled.contains(Sequence(6)));
    }
}
