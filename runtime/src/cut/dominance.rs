//! Which cuts are worth listing.

use std::cmp::Reverse;
use std::collections::BTreeMap;

/// What dominance looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rank {
    /// Elements of all tensors.
    pub(super) elements: u64,
    /// Operations of the head.
    pub(super) flops_head: u64,
    /// Place of the last tensor in topological order.
    pub(super) depth: usize,
    /// Tensors.
    pub(super) tensors: usize,
    /// Whether every tensor has a shape that a codec can use: not a map flattened to a vector.
    pub(super) structured: bool,
}

/// Returns for each cut the one that dominates it; `None` for those that stay.
///
/// In this order:
/// 1. a cut goes when another has fewer elements, or as many in fewer tensors, and no more head
///    operations;
/// 2. of cuts of one size within 1 % of the operations, the latest stays: after a ReLU, not before;
/// 3. a cut goes when a later one within 1 % of the operations has fewer elements.
///
/// Where the choice is free, a cut with structured tensors stays, then the one with fewer tensors.
pub(super) fn dominators(ranks: &[Rank], total_flops: u64) -> Vec<Option<usize>> {
    let mut by: Vec<Option<usize>> = vec![None; ranks.len()];
    let mut order: Vec<usize> = (0..ranks.len()).collect();
    order.sort_by_key(|&i| {
        let rank = &ranks[i];
        (rank.flops_head, rank.elements, rank.tensors, Reverse(rank.depth), i)
    });
    let size = |i: usize| (ranks[i].elements, ranks[i].tensors);
    let mut smallest: Option<usize> = None;
    for &i in &order {
        match smallest {
            Some(best) if size(best) < size(i) => by[i] = Some(best),
            _ => smallest = Some(i),
        }
    }
    let near = total_flops / 100;
    let late_first = |&i: &usize| Reverse((ranks[i].flops_head, ranks[i].depth, i));
    let mut sizes: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for i in (0..ranks.len()).filter(|&i| by[i].is_none()) {
        sizes.entry(ranks[i].elements).or_default().push(i);
    }
    for mut same in sizes.into_values() {
        same.sort_by_key(late_first);
        thin(ranks, &same, near, &mut by);
    }
    let mut stays: Vec<usize> = (0..ranks.len()).filter(|&i| by[i].is_none()).collect();
    stays.sort_by_key(late_first);
    thin(ranks, &stays, near, &mut by);
    resolve(&mut by);
    by
}

/// Leaves one of each group of cuts that lie within `near` of the latest of the group.
fn thin(ranks: &[Rank], late_first: &[usize], near: u64, by: &mut [Option<usize>]) {
    let mut rest = late_first;
    while let Some(&latest) = rest.first() {
        let reach = |&&i: &&usize| ranks[latest].flops_head - ranks[i].flops_head <= near;
        let (group, others) = rest.split_at(rest.iter().take_while(reach).count());
        // Of equals the first is the latest.
        let best = group
            .iter()
            .copied()
            .min_by_key(|&i| (ranks[i].elements, !ranks[i].structured, ranks[i].tensors));
        for &i in group {
            if Some(i) != best {
                by[i] = best;
            }
        }
        rest = others;
    }
}

/// Follows chains, so that what dominates is itself listed.
fn resolve(by: &mut [Option<usize>]) {
    for i in 0..by.len() {
        let mut last = by[i];
        while let Some(next) = last.and_then(|j| by[j]) {
            last = Some(next);
        }
        by[i] = last;
    }
}

/// Returns dominated cuts that are worth listing all the same: where more than a quarter of the
/// operations lies between two listed cuts, or behind the last, the smallest cut well inside.
///
/// Elements do not say how few bits a deep feature takes, and a peer may not be free to choose a
/// cut far from the one that suits its load.
pub(super) fn fillers(ranks: &[Rank], by: &[Option<usize>], total_flops: u64) -> Vec<usize> {
    let mut listed: Vec<u64> =
        (0..ranks.len()).filter(|&i| by[i].is_none()).map(|i| ranks[i].flops_head).collect();
    let mut added = Vec::new();
    let (gap, margin) = (total_flops / 4, (total_flops / 12).max(1));
    loop {
        listed.sort_unstable();
        let ends = listed.iter().copied().skip(1).chain([total_flops]);
        let gaps = listed.iter().copied().zip(ends).filter(|(from, to)| to - from > gap);
        let inside = |from: u64, to: u64| {
            (0..ranks.len())
                .filter(|&i| (from + margin..=to - margin).contains(&ranks[i].flops_head))
                .min_by_key(|&i| (ranks[i].elements, !ranks[i].structured, Reverse(i)))
        };
        let found: Vec<usize> = gaps.filter_map(|(from, to)| inside(from, to)).collect();
        if found.is_empty() {
            added.sort_unstable();
            return added;
        }
        listed.extend(found.iter().map(|&i| ranks[i].flops_head));
        added.extend(found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rank(elements: u64, flops_head: u64, depth: usize) -> Rank {
        Rank { elements, flops_head, depth, tensors: 1, structured: true }
    }

    #[test]
    fn a_smaller_cut_that_costs_no_more_dominates() {
        // The second is larger than the first and costs more; the third is smaller again.
        let ranks = [rank(100, 1_000, 1), rank(200, 5_000, 2), rank(50, 9_000, 3)];
        assert_eq!(dominators(&ranks, 10_000), [None, Some(0), None]);
    }

    #[test]
    fn several_tensors_must_be_smaller_than_one() {
        let two = Rank { tensors: 2, ..rank(100, 5_000, 2) };
        assert_eq!(dominators(&[rank(100, 1_000, 1), two], 10_000), [None, Some(0)]);
        let less = Rank { elements: 90, ..two };
        assert_eq!(dominators(&[rank(100, 1_000, 1), less], 10_000), [None, None]);
    }

    #[test]
    fn of_neighbours_the_later_stays() {
        let ranks = [rank(100, 1_000, 1), rank(100, 1_050, 2), rank(100, 3_000, 3)];
        assert_eq!(dominators(&ranks, 10_000), [Some(1), None, None]);
        // Equal in everything but the place: after the ReLU.
        let ranks = [rank(100, 1_000, 1), rank(100, 1_000, 2)];
        assert_eq!(dominators(&ranks, 10_000), [Some(1), None]);
    }

    #[test]
    fn a_flattened_map_does_not_replace_the_map() {
        let flat = Rank { structured: false, ..rank(100, 1_000, 2) };
        assert_eq!(dominators(&[rank(100, 1_000, 1), flat], 10_000), [None, Some(0)]);
        let small_flat = Rank { structured: false, ..rank(10, 1_000, 2) };
        assert_eq!(dominators(&[rank(100, 1_000, 1), small_flat], 10_000), [Some(1), None]);
    }

    #[test]
    fn chains_of_neighbours_leave_one_in_reach_of_each() {
        // Each is within 1 % of the next, but the first is not within 1 % of the last.
        let ranks: Vec<Rank> = (0..5).map(|i| rank(100, 1_000 + 60 * i, i as usize)).collect();
        let by = dominators(&ranks, 10_000);
        assert_eq!(by.iter().filter(|b| b.is_none()).count(), 3);
        for (i, b) in by.iter().enumerate() {
            let Some(b) = *b else { continue };
            assert!(ranks[b].flops_head - ranks[i].flops_head <= 100, "{i} by {b}");
        }
    }

    #[test]
    fn a_wide_gap_is_filled_with_its_smallest_cut() {
        let ranks =
            [rank(50, 1_000, 1), rank(90, 4_000, 2), rank(80, 6_000, 3), rank(70, 9_900, 4)];
        let by = dominators(&ranks, 10_000);
        assert_eq!(by, [None, Some(0), Some(0), Some(0)]);
        // 1,000 to 10,000: the third, and then the second between the first and the third.
        assert_eq!(fillers(&ranks, &by, 10_000), [1, 2]);
        assert_eq!(fillers(&ranks[..1], &[None], 1_200), [0usize; 0]);
    }
}
