//! Intervals of the 15-bit probability scale.

use core::num::NonZeroU16;

/// The number of bits of a probability: every distribution sums to `1 << PROB_BITS`.
pub const PROB_BITS: u32 = 15;

/// The sum of all frequencies of a distribution.
pub const PROB_SCALE: u32 = 1 << PROB_BITS;

/// The part of the probability scale that belongs to one symbol (`codec.md` 5.1).
///
/// `start + width` is at most 2^15. A width of 2^15 is the certain symbol, which costs nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Span {
    start: u16,
    width: NonZeroU16,
}

impl Span {
    /// The span of a symbol that cannot be anything else: coding it leaves the state unchanged.
    pub const CERTAIN: Self = match Self::new(0, PROB_SCALE as u16) {
        Some(span) => span,
        None => unreachable!(),
    };

    /// Builds a span; `None` when `width` is 0 or the end lies above 2^15.
    pub const fn new(start: u16, width: u16) -> Option<Self> {
        match NonZeroU16::new(width) {
            Some(nonzero) if start as u32 + width as u32 <= PROB_SCALE => {
                Some(Self { start, width: nonzero })
            }
            _ => None,
        }
    }

    /// Returns the span of a value of `count` equally likely bits, `count` at most 12; higher
    /// bits of both arguments are ignored.
    pub const fn uniform(value: u32, count: u32) -> Self {
        let count = if count > MAX_CHUNK { MAX_CHUNK } else { count };
        let shift = PROB_BITS - count;
        let start = (value & ((1 << count) - 1)) << shift;
        match Self::new(start as u16, (1 << shift) as u16) {
            Some(span) => span,
            None => Self::CERTAIN,
        }
    }

    /// Returns the first slot, 0 to 2^15 - 1.
    pub const fn start(self) -> u16 {
        self.start
    }

    /// Returns the number of slots, 1 to 2^15: the probability times 2^15.
    pub const fn width(self) -> u16 {
        self.width.get()
    }

    /// Returns whether `slot` lies inside.
    pub const fn contains(self, slot: u32) -> bool {
        slot >= self.start as u32 && slot - (self.start as u32) < self.width.get() as u32
    }

    /// Returns the ideal code length, in bits; exact to 2^-16 and equal on every machine.
    pub fn cost_bits(self) -> f32 {
        // At most 15 * 2^16, so the conversion is exact.
        self.cost_q16() as f32 / 65_536.0
    }

    /// Returns the ideal code length in units of 2^-16 bit, 0 to 15 * 2^16; equal on every machine.
    #[inline]
    pub const fn cost_q16(self) -> u32 {
        let width = self.width.get() as u32;
        let whole = width.ilog2();
        // 24 fractional bits of the mantissa: 8 select the interval, 16 interpolate in it.
        let mantissa = (width << (24 - whole)) & 0x00ff_ffff;
        let index = (mantissa >> 16) as usize;
        let low = LOG2_Q24[index];
        let step = LOG2_Q24[index + 1] - low;
        let fraction = low + (((step as u64 * (mantissa & 0xffff) as u64) >> 16) as u32);
        (((PROB_BITS - whole) << 24) - fraction + (1 << 7)) >> 8
    }

    pub(super) const fn width_nonzero(self) -> NonZeroU16 {
        self.width
    }
}

/// log2(1 + i / 256) in units of 2^-24.
static LOG2_Q24: [u32; 257] = {
    let mut table = [0; 257];
    let mut index = 0;
    while index < 256 {
        table[index] = log2_q24(256 + index as u64);
        index += 1;
    }
    table[256] = 1 << 24;
    table
};

/// log2(value / 256) for 256 <= value < 512 in units of 2^-24, by repeated squaring.
const fn log2_q24(value: u64) -> u32 {
    let mut mantissa = value << 23;
    let mut fraction = 0;
    let mut bit = 0;
    while bit < 24 {
        mantissa = (mantissa * mantissa) >> 31;
        fraction <<= 1;
        if mantissa >= 1 << 32 {
            mantissa >>= 1;
            fraction |= 1;
        }
        bit += 1;
    }
    fraction
}

/// The largest number of uniform bits that one step codes.
pub(super) const MAX_CHUNK: u32 = 12;

/// The largest number of uniform bits of one call.
pub const MAX_UNIFORM_BITS: u32 = 24;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_stay_on_the_scale() {
        assert!(Span::new(0, 0).is_none());
        assert!(Span::new(32_767, 2).is_none());
        assert!(Span::new(1, 32_768).is_none());
        assert_eq!(Span::new(0, 32_768), Some(Span::CERTAIN));
        let span = Span::new(100, 50).unwrap();
        assert!(span.contains(100) && span.contains(149));
        assert!(!span.contains(99) && !span.contains(150));
    }

    #[test]
    fn uniform_spans_tile_the_scale() {
        for count in 0..=MAX_CHUNK {
            let mut next = 0_u32;
            for value in 0..1 << count {
                let span = Span::uniform(value, count);
                assert_eq!(u32::from(span.start()), next);
                next += u32::from(span.width());
            }
            assert_eq!(next, PROB_SCALE);
        }
    }

    #[test]
    fn costs_follow_the_logarithm() {
        assert_eq!(Span::CERTAIN.cost_q16(), 0);
        assert_eq!(Span::new(0, 1).unwrap().cost_q16(), 15 << 16);
        for width in 1..=32_768_u16 {
            let exact = 15.0 - f64::from(width).log2();
            let cost = f64::from(Span::new(0, width).unwrap().cost_bits());
            assert!((cost - exact).abs() < 2.0 / 65_536.0, "width {width}: {cost} {exact}");
        }
    }
}
