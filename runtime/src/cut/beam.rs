//! Cuts that no single order of the nodes shows: a bounded search over many orders at once.

use std::collections::{BTreeMap, BTreeSet};

use super::bits::Bits;
use super::frontier::{DataPath, Progress};
use crate::graph::{Graph, NodeId, Shapes, ValueId};

/// Returns what can be alive, at most `most` tensors, after some closed set of nodes.
///
/// Level by level, one more node is run in every way that is open, and the [`WIDTH`] sets with
/// the fewest elements alive go on to the next level. With two branches, for example, the order of
/// the file stops in one of them; here both may be stopped anywhere.
pub(super) fn search(
    graph: &Graph,
    path: &DataPath,
    shapes: &Shapes,
    most: usize,
) -> BTreeSet<Vec<ValueId>> {
    let position: BTreeMap<NodeId, usize> =
        path.nodes.iter().enumerate().map(|(i, &node)| (node, i)).collect();
    let needs: Vec<Vec<usize>> = path
        .nodes
        .iter()
        .map(|&node| {
            let uses = DataPath::distinct_uses(graph, node);
            let producers = uses.into_iter().filter_map(|id| graph.producer(id));
            producers.filter_map(|producer| position.get(&producer).copied()).collect()
        })
        .collect();
    let mut level = vec![(Bits::new(path.nodes.len()), path.start())];
    let mut found = BTreeSet::new();
    for _ in 0..path.nodes.len() {
        let mut next: BTreeMap<Bits, Progress> = BTreeMap::new();
        for (done, progress) in &level {
            for (index, &node) in path.nodes.iter().enumerate() {
                if done.contains(index) || !needs[index].iter().all(|&n| done.contains(n)) {
                    continue;
                }
                let mut set = done.clone();
                set.insert(index);
                next.entry(set).or_insert_with(|| {
                    let mut progress = progress.clone();
                    path.advance(graph, &mut progress, node);
                    progress
                });
            }
        }
        level = next.into_iter().collect();
        level.sort_by_cached_key(|(_, progress)| elements(shapes, progress));
        level.truncate(WIDTH);
        let small = level.iter().filter(|(_, p)| (1..=most).contains(&p.alive.len()));
        found.extend(small.map(|(_, p)| p.alive.iter().copied().collect::<Vec<_>>()));
    }
    found
}

fn elements(shapes: &Shapes, progress: &Progress) -> u64 {
    progress.alive.iter().map(|&id| shapes.elements(id)).sum()
}

/// Sets that go on to the next level. Wider finds little more on detectors with three heads and
/// costs time in proportion.
const WIDTH: usize = 32;
