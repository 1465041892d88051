//! Reserved numbers that keep peers from choking on what they do not know (`protocol.md` 4.5).

/// Draws numbers of the form `0x1f * N + 0x21`, which no registry ever assigns.
///
/// Equal seeds draw equal numbers: the caller owns the randomness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grease {
    state: u64,
}

impl Grease {
    /// Starts from a seed.
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// Returns whether a number is reserved for greasing.
    pub const fn is_reserved(number: u64) -> bool {
        matches!(number.checked_sub(FIRST), Some(above) if above.is_multiple_of(STEP))
    }

    /// Draws a number for a stream type, a parameter, a codec or an error code.
    pub const fn number(&mut self) -> u64 {
        FIRST.saturating_add(STEP.saturating_mul(self.draw()))
    }

    /// Draws an odd number, for a message that an unknowing peer must ignore.
    pub const fn message(&mut self) -> u64 {
        FIRST.saturating_add(STEP.saturating_mul(self.draw() & !1))
    }

    /// Fills 0 to 15 bytes with noise, for a value that nobody reads.
    pub fn value(&mut self) -> Vec<u8> {
        let length = self.draw() & 15;
        (0..length).map(|_| self.draw() as u8).collect()
    }

    /// The next number below 2^24 of a SplitMix64 sequence.
    const fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) >> 40
    }
}

/// The first reserved number.
const FIRST: u64 = 0x21;
/// The distance between reserved numbers; odd, so that every second one is even.
const STEP: u64 = 0x1f;
