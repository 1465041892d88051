//! Levels as tokens: a small alphabet for the entropy coder plus raw extra bits.
//!
//! See section 6.2 of `spec/codec.md`. A difference `d` between a level and its centre becomes one of
//! [`TOKENS`] symbols. Small differences have a token of their own; larger ones share a bucket and
//! send the offset in it as raw bits. What a table has no token for goes through the escape.

/// Size of the token alphabet.
pub const TOKENS: usize = 20;
/// The token that says: sign and magnitude follow as an exponential Golomb code.
pub const ESCAPE: usize = TOKENS - 1;
/// Largest magnitude of a level on the wire.
pub const MAX_LEVEL: i32 = 32_767;
/// Magnitudes up to this have tokens of their own.
const EXACT: u32 = 4;
/// Largest magnitude that a bucket holds.
const BUCKETED: u32 = 66;
/// Added to magnitudes behind the escape, so that at least two bits follow the leading one.
const ESCAPE_OFFSET: u32 = 4;

/// A difference in the coder's terms: symbol, then `count` raw bits of `extra`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// Symbol, below [`TOKENS`].
    pub symbol: usize,
    /// Raw bits, right-aligned.
    pub extra: u32,
    /// Number of raw bits.
    pub count: u32,
}

impl Token {
    /// The token of a difference that is no escape; `None` for magnitudes that only an escape codes.
    #[must_use]
    pub fn direct(difference: i32) -> Option<Self> {
        let magnitude = difference.unsigned_abs();
        let negative = usize::from(difference < 0);
        if magnitude == 0 {
            return Some(Self { symbol: 0, extra: 0, count: 0 });
        }
        if magnitude <= EXACT {
            let symbol = 2 * magnitude as usize - 1 + negative;
            return Some(Self { symbol, extra: 0, count: 0 });
        }
        if magnitude > BUCKETED {
            return None;
        }
        // Bucket k holds 2^k values from 2^k + 3 on.
        let count = (magnitude - 3).ilog2();
        let symbol = 2 * EXACT as usize + 2 * count as usize - 1 + negative;
        Some(Self { symbol, extra: magnitude - 3 - (1 << count), count })
    }

    /// Number of raw bits behind a symbol that is no escape.
    #[must_use]
    pub const fn extra_bits(symbol: usize) -> u32 {
        if symbol <= 2 * EXACT as usize { 0 } else { (symbol as u32 - 2 * EXACT - 1) / 2 + 1 }
    }

    /// The difference of a symbol that is no escape and its raw bits.
    #[must_use]
    pub const fn difference(symbol: usize, extra: u32) -> i32 {
        if symbol == 0 {
            return 0;
        }
        let negative = symbol.is_multiple_of(2);
        let magnitude = if symbol <= 2 * EXACT as usize {
            symbol.div_ceil(2) as i32
        } else {
            (extra + 3 + (1 << Self::extra_bits(symbol))) as i32
        };
        if negative { -magnitude } else { magnitude }
    }
}

/// The raw bits behind an escape: a list of (value, bit count) groups, most significant first.
///
/// A sign bit, four bits that say how many follow beyond two, and that many bits: `magnitude + 4`
/// without its leading one. At most 1 + 4 + 16 bits for magnitudes up to `2 * MAX_LEVEL`.
#[must_use]
pub fn escape_groups(difference: i32) -> [(u32, u32); 3] {
    let value = difference.unsigned_abs() + ESCAPE_OFFSET;
    let bits = value.ilog2();
    [(u32::from(difference < 0), 1), (bits - 2, 4), (value - (1 << bits), bits)]
}

/// Reads what [`escape_groups`] wrote, with `bits` as the source of raw bits.
///
/// Returns `None` for a zero with a sign, which no encoder writes.
pub fn read_escape(mut bits: impl FnMut(u32) -> u32) -> Option<i32> {
    let negative = bits(1) == 1;
    let count = bits(4) + 2;
    let magnitude = ((1 << count) + bits(count)).checked_sub(ESCAPE_OFFSET)? as i32;
    match (negative, magnitude) {
        (true, 0) => None,
        (true, m) => Some(-m),
        (false, m) => Some(m),
    }
}

/// Cost in bits of the escape's raw part.
#[must_use]
pub fn escape_bits(difference: i32) -> u32 {
    escape_groups(difference).iter().map(|&(_, count)| count).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_direct_difference_comes_back() {
        for d in -66..=66 {
            let token = Token::direct(d).expect("within the buckets");
            assert!(token.symbol < ESCAPE, "{d}");
            assert_eq!(Token::extra_bits(token.symbol), token.count, "{d}");
            assert!(token.extra < 1 << token.count || token.count == 0);
            assert_eq!(Token::difference(token.symbol, token.extra), d);
        }
        assert!(Token::direct(67).is_none() && Token::direct(-67).is_none());
    }

    #[test]
    fn symbols_are_dense_and_distinct() {
        let mut seen = [false; TOKENS];
        for d in -66..=66 {
            seen[Token::direct(d).expect("direct").symbol] = true;
        }
        assert_eq!(seen.iter().filter(|&&s| s).count(), TOKENS - 1);
    }

    #[test]
    fn escapes_come_back() {
        for d in [0, 1, -1, 3, 4, -67, 100, 4095, -32_767, 32_767, 65_534, -65_534] {
            let mut bits = Vec::new();
            for (value, count) in escape_groups(d) {
                bits.extend((0..count).rev().map(|i| (value >> i) & 1));
            }
            assert_eq!(bits.len() as u32, escape_bits(d));
            let mut at = 0;
            let back = read_escape(|n| {
                let value = bits[at..at + n as usize].iter().fold(0, |v, b| v * 2 + b);
                at += n as usize;
                value
            });
            assert_eq!((back, at), (Some(d), bits.len()));
        }
        let signed_zero = read_escape(|n| u32::from(n == 1));
        assert_eq!(signed_zero, None);
    }
}
