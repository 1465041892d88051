//! Which operating points are valid in which epoch of a session.

use crate::Code;
use crate::wire::{Epoch, PointId, Sequence};

/// The operating points of an epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PointSet {
    pub(crate) epoch: Epoch,
    pub(crate) active: PointId,
    /// All points that frames may use, ascending.
    pub(crate) points: Vec<PointId>,
}

/// How far an epoch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// This side proposed it. Frames of it say that the peer accepted, though its ACCEPT may still be
    /// on the way.
    Proposed,
    /// New frames use it.
    Active,
    /// New frames use a later one.
    Old { last: Option<Sequence> },
}

/// All epochs of a session in which frames may arrive or be sent.
#[derive(Debug, Clone)]
pub(crate) struct Epochs {
    /// Ascending.
    entries: Vec<(PointSet, Stage)>,
    /// Sets that are no longer valid but may be resumed.
    past: Vec<PointSet>,
}

impl Epochs {
    /// More epochs are never kept: at two changes per second, those of four seconds.
    const MOST: usize = 8;

    /// Starts with one active epoch.
    pub(crate) fn new(first: PointSet) -> Self {
        Self { entries: vec![(first, Stage::Active)], past: Vec::new() }
    }

    /// Returns the active epoch.
    pub(crate) fn active(&self) -> Option<&PointSet> {
        self.entries.iter().find(|(_, stage)| *stage == Stage::Active).map(|(set, _)| set)
    }

    /// Returns the number that the next proposal has.
    pub(crate) fn next(&self) -> Epoch {
        self.active().map_or(Epoch::FIRST, |set| set.epoch.next())
    }

    /// Takes a proposal of this side.
    pub(crate) fn propose(&mut self, set: PointSet) {
        self.withdraw();
        self.entries.push((set, Stage::Proposed));
    }

    /// Drops the proposal of this side.
    pub(crate) fn withdraw(&mut self) {
        self.entries.retain(|(_, stage)| *stage != Stage::Proposed);
    }

    /// Makes a set the active one; returns the epoch that it takes over from, and one that had to
    /// make room.
    pub(crate) fn switch(&mut self, set: PointSet) -> (Option<Epoch>, Option<Epoch>) {
        self.withdraw();
        let mut from = None;
        for (old, stage) in &mut self.entries {
            if *stage == Stage::Active {
                *stage = Stage::Old { last: None };
                from = Some(old.epoch);
            }
        }
        self.entries.push((set, Stage::Active));
        let mut dropped = None;
        if self.entries.len() > Self::MOST {
            let (oldest, _) = self.entries.remove(0);
            dropped = Some(oldest.epoch);
            self.remember(oldest);
        }
        (from, dropped)
    }

    /// Returns the proposal of this side.
    pub(crate) fn proposed(&self) -> Option<&PointSet> {
        self.entries.iter().find(|(_, stage)| *stage == Stage::Proposed).map(|(set, _)| set)
    }

    /// Notes the last frame of an old epoch; `false` if it is not an old one.
    pub(crate) fn retire(&mut self, epoch: Epoch, last: Sequence) -> bool {
        match self.entries.iter_mut().find(|(set, _)| set.epoch == epoch) {
            Some((_, Stage::Old { last: known })) => {
                known.get_or_insert(last);
                true
            }
            Some(_) => false,
            // It ended by its own timer before.
            None => self.active().is_some_and(|active| epoch < active.epoch),
        }
    }

    /// Ends an old epoch; `true` if it was there.
    pub(crate) fn end(&mut self, epoch: Epoch) -> bool {
        let old = |(set, stage): &(PointSet, Stage)| {
            set.epoch == epoch && matches!(stage, Stage::Old { .. })
        };
        let Some(index) = self.entries.iter().position(old) else { return false };
        let (set, _) = self.entries.remove(index);
        self.remember(set);
        true
    }

    /// Says whether a frame is what was agreed on.
    ///
    /// # Errors
    /// [`Code::EpochUnknown`] for an epoch that is not valid, or no longer for this frame;
    /// [`Code::SplitRejected`] for a point that the epoch does not have.
    pub(crate) fn admit(
        &self,
        epoch: Epoch,
        sequence: Sequence,
        point: PointId,
    ) -> Result<(), Code> {
        let entry = self.entries.iter().find(|(set, _)| set.epoch == epoch);
        let Some((set, stage)) = entry else { return Err(Code::EpochUnknown) };
        if matches!(stage, Stage::Old { last: Some(last) } if sequence > *last) {
            return Err(Code::EpochUnknown);
        }
        if set.points.contains(&point) { Ok(()) } else { Err(Code::SplitRejected) }
    }

    /// Returns the epochs that are valid for late frames only.
    pub(crate) fn old(&self) -> impl Iterator<Item = Epoch> {
        let old = |entry: &&(PointSet, Stage)| matches!(entry.1, Stage::Old { .. });
        self.entries.iter().filter(old).map(|(set, _)| set.epoch)
    }

    /// Returns the set of an epoch that is or was valid.
    pub(crate) fn find(&self, epoch: Epoch) -> Option<&PointSet> {
        let valid = self.entries.iter().map(|(set, _)| set);
        valid.chain(&self.past).find(|set| set.epoch == epoch)
    }

    fn remember(&mut self, set: PointSet) {
        self.past.push(set);
        if self.past.len() > Self::MOST {
            self.past.remove(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(epoch: u64, active: u16) -> PointSet {
        let active = PointId(active);
        PointSet { epoch: Epoch(epoch), active, points: vec![PointId(0), active] }
    }

    fn admit(epochs: &Epochs, epoch: u64, sequence: u64, point: u16) -> Result<(), Code> {
        epochs.admit(Epoch(epoch), Sequence(sequence), PointId(point))
    }

    #[test]
    fn both_epochs_are_valid_until_the_old_one_ends() {
        let mut epochs = Epochs::new(set(0, 1));
        assert_eq!(epochs.next(), Epoch(1));
        assert_eq!(admit(&epochs, 1, 0, 2), Err(Code::EpochUnknown));
        assert_eq!(epochs.switch(set(1, 2)), (Some(Epoch(0)), None));
        assert_eq!(admit(&epochs, 0, 9, 1), Ok(()));
        assert_eq!(admit(&epochs, 1, 9, 2), Ok(()));
        assert!(epochs.retire(Epoch(0), Sequence(7)));
        assert_eq!(admit(&epochs, 0, 7, 1), Ok(()));
        assert_eq!(admit(&epochs, 0, 8, 1), Err(Code::EpochUnknown));
        assert!(epochs.end(Epoch(0)) && !epochs.end(Epoch(0)));
        assert_eq!(admit(&epochs, 0, 7, 1), Err(Code::EpochUnknown));
        assert!(!epochs.end(Epoch(1)), "the active epoch does not end");
        assert_eq!(epochs.find(Epoch(0)), Some(&set(0, 1)));
    }

    #[test]
    fn points_belong_to_their_epoch() {
        let mut epochs = Epochs::new(set(0, 1));
        epochs.switch(set(1, 2));
        assert_eq!(admit(&epochs, 0, 0, 2), Err(Code::SplitRejected));
        assert_eq!(admit(&epochs, 1, 0, 1), Err(Code::SplitRejected));
        assert_eq!(admit(&epochs, 1, 0, 0), Ok(()));
    }

    #[test]
    fn frames_of_a_proposal_say_that_it_was_accepted() {
        let mut epochs = Epochs::new(set(0, 1));
        epochs.propose(set(1, 2));
        assert_eq!(admit(&epochs, 1, 0, 2), Ok(()));
        epochs.withdraw();
        assert_eq!(admit(&epochs, 1, 0, 2), Err(Code::EpochUnknown));
        assert_eq!(epochs.next(), Epoch(1));
    }

    #[test]
    fn only_old_epochs_retire() {
        let mut epochs = Epochs::new(set(0, 1));
        assert!(!epochs.retire(Epoch(0), Sequence(0)));
        assert!(!epochs.retire(Epoch(5), Sequence(0)));
        epochs.switch(set(1, 2));
        assert!(epochs.end(Epoch(0)));
        assert!(epochs.retire(Epoch(0), Sequence(0)), "its timer was faster");
    }

    #[test]
    fn few_epochs_are_kept() {
        let mut epochs = Epochs::new(set(0, 1));
        for epoch in 1..100 {
            epochs.switch(set(epoch, 1));
        }
        assert_eq!(epochs.old().count(), Epochs::MOST - 1);
        assert_eq!(epochs.past.len(), Epochs::MOST);
        assert_eq!(epochs.find(Epoch(80)), None);
    }
}
