//! Deterministic subsets.

#![cfg_attr(not(test), deny(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used))]

/// Which samples of a set are kept; see [`super::DataSpec`] for the meaning and the order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Selection {
    pub(super) class_every: usize,
    pub(super) class_offset: usize,
    pub(super) shuffle: Option<u64>,
    pub(super) offset: usize,
    pub(super) every: usize,
    pub(super) limit: usize,
}

impl Default for Selection {
    fn default() -> Selection {
        Selection {
            class_every: 1,
            class_offset: 0,
            shuffle: None,
            offset: 0,
            every: 1,
            limit: usize::MAX,
        }
    }
}

impl Selection {
    /// Returns the kept ones of `candidates`; samples without a label belong to no class.
    pub(super) fn keep(
        &self,
        candidates: impl Iterator<Item = usize>,
        label: impl Fn(usize) -> Option<usize>,
    ) -> Vec<usize> {
        let by_class = (self.class_every, self.class_offset) != (1, 0);
        let in_class = |index: usize| {
            let beyond = label(index).and_then(|label| label.checked_sub(self.class_offset));
            beyond.is_some_and(|beyond| beyond.is_multiple_of(self.class_every))
        };
        let mut kept: Vec<usize> =
            candidates.filter(|&index| !by_class || in_class(index)).collect();
        if let Some(seed) = self.shuffle {
            shuffle(&mut kept, seed);
        }
        kept.into_iter().skip(self.offset).step_by(self.every).take(self.limit).collect()
    }
}

/// Sorts by a hash of seed and sample, so that a sample's place does not hang on the machine.
fn shuffle(samples: &mut [usize], seed: u64) {
    samples.sort_by_cached_key(|&sample| (hash(seed ^ hash(sample as u64)), sample));
}

/// The finaliser of SplitMix64.
fn hash(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thirds(index: usize) -> Option<usize> {
        Some(index / 3)
    }

    #[test]
    fn halves_are_disjoint_and_complete() {
        let half = |offset| Selection { every: 2, offset, ..Selection::default() };
        let mut all = half(0).keep(0..11, thirds);
        assert_eq!(all, [0, 2, 4, 6, 8, 10]);
        all.extend(half(1).keep(0..11, thirds));
        all.sort_unstable();
        assert_eq!(all, (0..11).collect::<Vec<_>>());
    }

    #[test]
    fn classes_are_kept_whole() {
        let odd = Selection { class_every: 2, class_offset: 1, ..Selection::default() };
        assert_eq!(odd.keep(0..12, thirds), [3, 4, 5, 9, 10, 11]);
        assert!(odd.keep(0..12, |_| None).is_empty());
    }

    #[test]
    fn shuffling_precedes_the_limit_and_repeats() {
        let mixed = Selection { shuffle: Some(5), limit: 10, ..Selection::default() };
        let kept = mixed.keep(0..1000, thirds);
        assert_eq!(kept, mixed.keep(0..1000, thirds));
        assert_eq!(kept.len(), 10);
        assert!(kept.iter().any(|&index| index > 500));
        let other = Selection { shuffle: Some(6), ..mixed };
        assert_ne!(kept, other.keep(0..1000, thirds));
    }
}
