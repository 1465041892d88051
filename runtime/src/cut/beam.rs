//! Cuts that no single order of the nodes shows: a bounded search over many orders at once.

use std::collections::{BTreeMap, BTreeSet};

use super::bits::Bits;
use super::frontier::{DataPath, Progress};
use crate::graph::{Shapes, ValueId};

/// Returns what can be alive, at most `most` tensors, after some closed set of nodes.
///
/// Level by level, one more node is run in every way that is open, and the [`WIDTH`] sets with
/// the fewest elements alive go on to the next level. With two branches, for example, the order of
/// the file stops in one of them; here both may be stopped anywhere.
pub(super) fn search(path: &DataPath, shapes: &Shapes, most: usize) -> BTreeSet<Vec<ValueId>> {
    let mut level = vec![path.start()];
    let mut found = BTreeSet::new();
    for _ in 0..path.len() {
        let mut next: BTreeMap<Bits, Progress> = BTreeMap::new();
        for progress in &level {
            for &node in &progress.ready {
                let mut done = progress.done.clone();
                done.insert(node);
                next.entry(done).or_insert_with(|| {
                    let mut progress = progress.clone();
                    path.advance(&mut progress, node);
                    progress
                });
            }
        }
        level = next.into_values().collect();
        level.sort_by_cached_key(|progress| elements(shapes, progress));
        level.truncate(WIDTH);
        let small = level.iter().filter(|progress| (1..=most).contains(&progress.alive.len()));
        let sets = small.map(|progress| progress.alive.iter().copied().collect::<Vec<_>>());
        found.extend(sets.take(PROPOSED));
    }
    found
}

fn elements(shapes: &Shapes, progress: &Progress) -> u64 {
    progress.alive.iter().map(|&id| shapes.elements(id)).sum()
}

/// Sets that go on to the next level. Wider finds little more on detectors with three heads and
/// costs time in proportion.
const WIDTH: usize = 32;

/// Sets of each level, smallest first, that become candidates.
const PROPOSED: usize = 8;
