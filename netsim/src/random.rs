//! Pseudo-random numbers that are equal on every machine.

use aiflow_units::Micros;

use crate::Probability;

/// A SplitMix64 generator (Steele, Lea and Flood, 2014): 64 bits of state, one addition and two
/// multiplications for each number.
///
/// It passes the usual statistical batteries, which is all that loss patterns ask for, and must
/// not be used where an adversary could profit from a guess.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// Starts the stream named `purpose` of `seed`: streams of different purposes do not
    /// influence each other, so that to switch jitter on leaves the losses where they were.
    pub(crate) const fn new(seed: u64, purpose: Purpose) -> Self {
        Self(mix(seed ^ mix(purpose as u64)))
    }

    /// Draws 64 uniform bits.
    pub(crate) const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// Draws a uniform number below `limit`; 0 where `limit` is 0.
    ///
    /// The bias of the multiplication is below 2⁻⁶⁴ · `limit`.
    pub(crate) const fn below(&mut self, limit: u64) -> u64 {
        ((self.bits() as u128 * limit as u128) >> 64) as u64
    }

    /// Draws a uniform time from zero to `longest`.
    pub(crate) const fn up_to(&mut self, longest: Micros) -> Micros {
        Micros::new(self.below(longest.get().saturating_add(1)))
    }

    /// Draws whether an event of that probability happens.
    pub(crate) const fn happens(&mut self, probability: Probability) -> bool {
        self.below(Probability::PARTS as u64) < probability.parts_per_million() as u64
    }
}

/// What a stream of numbers is drawn for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    Loss = 1,
    Burst = 2,
    Corruption = 3,
    Jitter = 4,
    Trace = 5,
    Direction = 6,
}

/// The finaliser of SplitMix64: a bijection that spreads every bit over all others.
const fn mix(state: u64) -> u64 {
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_published_generator() {
        let mut random = Random(1_234_567);
        let drawn = [(); 3].map(|()| random.bits());
        assert_eq!(
            drawn,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn shares_are_close_to_what_was_asked() {
        let mut random = Random::new(7, Purpose::Loss);
        let hits = (0..100_000).filter(|_| random.happens(Probability::percent(20))).count();
        assert!((19_500..20_500).contains(&hits), "{hits}");
        assert!(!random.happens(Probability::NEVER));
        assert!(random.happens(Probability::ALWAYS));
    }

    #[test]
    fn ranges_are_closed() {
        let mut random = Random::new(7, Purpose::Jitter);
        let mut seen = [false; 4];
        for _ in 0..100 {
            seen[random.up_to(Micros::new(3)).get() as usize] = true;
        }
        assert_eq!(seen, [true; 4]);
        assert_eq!(random.below(0), 0);
        assert!(random.up_to(Micros::MAX) <= Micros::MAX);
    }
}
