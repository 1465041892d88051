//! Numbers from a seed.

use std::collections::{BTreeMap, BTreeSet};

/// SplitMix64: few lines, and equal everywhere.
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    pub(super) fn pick<T: Copy>(&mut self, set: &BTreeSet<T>) -> Option<T> {
        let index = self.below(set.len().max(1) as u64);
        set.iter().nth(index as usize).copied()
    }

    pub(super) fn pick_key<K: Copy, V>(&mut self, map: &BTreeMap<K, V>) -> Option<K> {
        let index = self.below(map.len().max(1) as u64);
        map.keys().nth(index as usize).copied()
    }
}
