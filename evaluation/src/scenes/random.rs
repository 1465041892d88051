//! The generator of random numbers behind every picture: integers only, the same everywhere.

/// A SplitMix64 stream, started from a seed and a sample index.
#[derive(Clone, Debug)]
pub(super) struct Random {
    state: u64,
}

impl Random {
    /// Starts the stream of sample `index` of the set `seed`; streams do not overlap in practice.
    pub(super) fn new(seed: u64, index: u64) -> Random {
        let outer = mix(seed ^ 0x5ca1_ab1e_0ddb_a11d);
        Random { state: mix(outer.wrapping_add(index.wrapping_mul(GOLDEN))) }
    }

    /// Returns the next 64 random bits.
    pub(super) fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN);
        mix(self.state)
    }

    /// Returns a number in `low..=high`; `low` where the range is empty.
    pub(super) fn between(&mut self, low: i32, high: i32) -> i32 {
        let span = (i64::from(high) - i64::from(low) + 1).max(1);
        let scaled = ((self.bits() >> 32) as i64 * span) >> 32;
        low + scaled as i32
    }

    /// Returns true in `numerator` of `denominator` cases.
    pub(super) fn chance(&mut self, numerator: i32, denominator: i32) -> bool {
        self.between(1, denominator) <= numerator
    }
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn between_reaches_both_ends_and_nothing_else() {
        let mut random = Random::new(1, 2);
        let drawn: Vec<i32> = (0..400).map(|_| random.between(-3, 3)).collect();
        assert_eq!(drawn.iter().min(), Some(&-3));
        assert_eq!(drawn.iter().max(), Some(&3));
    }

    #[test]
    fn neighbouring_seeds_and_samples_have_unrelated_streams() {
        let first: Vec<u64> = [(1, 1), (1, 2), (2, 1), (2, 2)]
            .iter()
            .map(|&(seed, index)| Random::new(seed, index).bits())
            .collect();
        for (i, a) in first.iter().enumerate() {
            for b in &first[i + 1..] {
                let differing = (a ^ b).count_ones();
                assert!((12..=52).contains(&differing), "{differing} bits differ");
            }
        }
    }
}
