//! How many states share one payload.

/// The number of interleaved coder states of a payload (`codec.md` 5.2 and 5.3).
///
/// Four lanes decode about twice as fast as one, since the states do not wait for each other; 32
/// leave room for vector instructions and are no faster without them. Each lane of the interleaved
/// forms costs about three bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lanes {
    /// One state, renormalised byte by byte, without any start state: for small payloads.
    One,
    /// Four states over 16-bit words: from about 2 KiB on.
    Four,
    /// Thirty-two states over 16-bit words: from about 64 KiB on.
    ThirtyTwo,
}

impl Lanes {
    /// All lane counts, by code.
    pub const ALL: [Self; 3] = [Self::One, Self::Four, Self::ThirtyTwo];

    /// Chooses by the ideal code length of the payload, in bits.
    ///
    /// An interleaved lane costs 3 bytes on average: these thresholds keep that below 0.6 % with
    /// four lanes and below 0.15 % with 32.
    pub const fn for_bits(bits: u64) -> Self {
        if bits < 2048 * 8 {
            Self::One
        } else if bits < 65_536 * 8 {
            Self::Four
        } else {
            Self::ThirtyTwo
        }
    }

    /// Returns the number of states: 1, 4 or 32.
    pub const fn count(self) -> usize {
        match self {
            Self::One => 1,
            Self::Four => 4,
            Self::ThirtyTwo => 32,
        }
    }

    /// Returns the two-bit code of the bitstream.
    pub const fn code(self) -> u8 {
        match self {
            Self::One => 0,
            Self::Four => 1,
            Self::ThirtyTwo => 2,
        }
    }

    /// Returns the lane count with the given code, or `None` for a reserved one.
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::One),
            1 => Some(Self::Four),
            2 => Some(Self::ThirtyTwo),
            _ => None,
        }
    }
}

/// Lower bound of the state of the single-lane form, in which bytes are exchanged.
pub(super) const LOW_BYTES: u32 = 1 << 23;

/// Lower bound of a state of the interleaved forms, in which 16-bit words are exchanged.
pub(super) const LOW_WORDS: u32 = 1 << 16;
