//! Levels as digits: groups of them in a byte, and what exceeds a digit.

use super::EXCESS_TOKENS;

/// Bits per digit, so that a group of 8, 4 or 2 levels fills a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Width {
    /// Whether a level is zero: for features with few others.
    One,
    /// Four digits: for most.
    #[default]
    Two,
    /// Sixteen digits: for fine steps.
    Four,
}

impl Width {
    #[cfg(any(test, feature = "learn"))]
    pub(crate) const ALL: [Self; 3] = [Self::One, Self::Two, Self::Four];

    pub(crate) const fn bits(self) -> u32 {
        match self {
            Self::One => 1,
            Self::Two => 2,
            Self::Four => 4,
        }
    }

    pub(crate) const fn from_bits(bits: u8) -> Option<Self> {
        match bits {
            1 => Some(Self::One),
            2 => Some(Self::Two),
            4 => Some(Self::Four),
            _ => None,
        }
    }

    /// Levels of a group.
    pub(crate) const fn levels(self) -> usize {
        8 / self.bits() as usize
    }

    /// The largest digit: this or more.
    pub(crate) const fn top(self) -> u32 {
        (1 << self.bits()) - 1
    }
}

/// A level as a number that is not negative: itself, or with signs 0, 1, -1, 2, -2, ...
#[inline]
pub(crate) const fn index_of(signed: bool, level: i32) -> u32 {
    if !signed {
        return level as u32;
    }
    (level.unsigned_abs() << 1).wrapping_sub((level > 0) as u32)
}

/// The level of a number.
#[inline]
pub(super) const fn level_of(signed: bool, index: u32) -> i32 {
    if !signed {
        return index as i32;
    }
    let magnitude = index.div_ceil(2) as i32;
    if index & 1 == 1 { magnitude } else { -magnitude }
}

/// Excesses that are tokens by themselves.
pub(super) const NEAR: usize = 8;

/// The token of an excess, and the number of bits that follow it.
pub(crate) const fn excess_token(excess: u32) -> (usize, u32) {
    if excess < NEAR as u32 {
        return (excess as usize, 0);
    }
    let bits = excess.ilog2();
    (bits as usize + 5, bits)
}

/// The smallest excess of a token and the number of bits that add to it.
#[inline]
pub(super) const fn excess_range(token: u32) -> (u32, u32) {
    if token < NEAR as u32 {
        return (token, 0);
    }
    let bits = if token < EXCESS_TOKENS as u32 { token - 5 } else { 3 };
    (1 << bits, bits)
}

/// How active a group is, 0 to 3.
pub(crate) const fn activity(width: Width, signed: bool, group: u8) -> u8 {
    let mut sum = 0;
    let mut at = 0;
    while at < 8 {
        let digit = (group as u32 >> at) & width.top();
        sum += if signed { digit.div_ceil(2) } else { digit };
        at += width.bits();
    }
    match (width, sum) {
        (_, 0) => 0,
        (Width::One | Width::Two, 1) | (Width::Four, 1..=2) => 1,
        (Width::One | Width::Two, 2..=3) | (Width::Four, 3..=5) => 2,
        _ => 3,
    }
}

/// Where the levels that exceed a digit are in each group, the rest unspecified; `P` levels per group.
pub(super) const fn places<const P: usize>() -> [[u32; P]; 256] {
    let mut table = [[0; P]; 256];
    let bits = 8 / P;
    let top = (1 << bits) - 1;
    let mut group = 0;
    while group < 256 {
        let (mut at, mut rank) = (0, 0);
        while at < P {
            if (group >> (at * bits)) & top == top {
                table[group][rank] = at as u32;
                rank += 1;
            }
            at += 1;
        }
        group += 1;
    }
    table
}

/// How many levels of each group exceed a digit.
pub(super) const fn excesses<const P: usize>() -> [u8; 256] {
    let mut table = [0; 256];
    let bits = 8 / P;
    let top = (1 << bits) - 1;
    let mut group = 0;
    while group < 256 {
        let mut at = 0;
        while at < P {
            if (group >> (at * bits)) & top == top {
                table[group] += 1;
            }
            at += 1;
        }
        group += 1;
    }
    table
}
