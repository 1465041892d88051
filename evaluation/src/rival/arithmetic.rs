//! Adaptive binary arithmetic coder, the entropy stage of the clip-and-quantise recipe.
//!
//! Own code because no library at hand codes adaptive binary decisions; it is one hundred lines.
//! A 32-bit interval is narrowed by a 16-bit probability and shifted out byte by byte. The encoder
//! ends with the shortest bytes that name a point of the interval when zeros follow, and the
//! decoder checks that the payload had exactly this length.

/// Adaptive probability that a decision is 1: the mean of a fast and a slow estimate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Probability {
    /// Both with 32 fractional bits, so that rounding does not bias rare decisions.
    fast: u32,
    slow: u32,
}

impl Probability {
    /// Starts at a share of ones, from 0 to 1.
    pub(crate) fn new(share: f64) -> Self {
        let start = (share.clamp(0.0, 1.0) * f64::from(u32::MAX)) as u32;
        Self { fast: start, slow: start }
    }

    /// Returns the probability in units of 2^-16, never certain.
    fn one(self) -> u64 {
        let mean = (u64::from(self.fast) + u64::from(self.slow)) >> 17;
        mean.clamp(FLOOR, (1 << 16) - FLOOR)
    }

    fn update(&mut self, bit: Bit) {
        for (estimate, shift) in [(&mut self.fast, FAST_SHIFT), (&mut self.slow, SLOW_SHIFT)] {
            match bit {
                Bit::One => *estimate += (u32::MAX - *estimate) >> shift,
                Bit::Zero => *estimate -= *estimate >> shift,
            }
        }
    }
}

/// One binary decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bit {
    Zero,
    One,
}

const FLOOR: u64 = 48;
const FAST_SHIFT: u32 = 6;
const SLOW_SHIFT: u32 = 9;

/// Interval of the coder; both sides narrow it alike.
#[derive(Debug, Clone, Copy)]
struct Interval {
    low: u32,
    high: u32,
}

impl Interval {
    const FULL: Self = Self { low: 0, high: u32::MAX };

    /// Returns the last point that means 1.
    fn split(self, probability: Probability) -> u32 {
        let width = u64::from(self.high - self.low);
        self.low + ((width * probability.one()) >> 16) as u32
    }

    fn narrow(&mut self, split: u32, bit: Bit) {
        match bit {
            Bit::One => self.high = split,
            Bit::Zero => self.low = split + 1,
        }
    }

    /// Shifts out the leading byte once both ends agree on it.
    fn shift(&mut self) -> Option<u8> {
        if (self.low ^ self.high) >> 24 != 0 {
            return None;
        }
        let byte = (self.high >> 24) as u8;
        self.low <<= 8;
        self.high = (self.high << 8) | 0xff;
        Some(byte)
    }

    /// Returns the point of the interval with the fewest leading bytes that are not zero.
    fn shortest(self) -> (u32, usize) {
        (0..4)
            .map(|bytes| {
                ((u64::from(self.high) & !(u64::from(u32::MAX) >> (8 * bytes))) as u32, bytes)
            })
            .find(|(point, _)| *point >= self.low)
            .unwrap_or((self.high, 4))
    }
}

/// Encodes decisions into bytes.
#[derive(Debug)]
pub(crate) struct BinaryEncoder {
    interval: Interval,
    bytes: Vec<u8>,
}

impl BinaryEncoder {
    pub(crate) fn new() -> Self {
        Self { interval: Interval::FULL, bytes: Vec::new() }
    }

    pub(crate) fn encode(&mut self, bit: Bit, probability: &mut Probability) {
        let split = self.interval.split(*probability);
        self.interval.narrow(split, bit);
        probability.update(bit);
        while let Some(byte) = self.interval.shift() {
            self.bytes.push(byte);
        }
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        let (point, count) = self.interval.shortest();
        self.bytes.extend(point.to_be_bytes().iter().take(count));
        self.bytes
    }
}

/// Decodes what [`BinaryEncoder`] wrote.
#[derive(Debug)]
pub(crate) struct BinaryDecoder<'a> {
    interval: Interval,
    point: u32,
    bytes: &'a [u8],
    shifted: usize,
}

impl<'a> BinaryDecoder<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        let at = |i| bytes.get(i).copied().unwrap_or(0);
        let point = u32::from_be_bytes([at(0), at(1), at(2), at(3)]);
        Self { interval: Interval::FULL, point, bytes, shifted: 0 }
    }

    pub(crate) fn decode(&mut self, probability: &mut Probability) -> Bit {
        let split = self.interval.split(*probability);
        let bit = if self.point <= split { Bit::One } else { Bit::Zero };
        self.interval.narrow(split, bit);
        probability.update(bit);
        while self.interval.shift().is_some() {
            self.shifted += 1;
            let next = self.bytes.get(self.shifted + 3).copied().unwrap_or(0);
            self.point = (self.point << 8) | u32::from(next);
        }
        bit
    }

    /// Returns whether the payload was exactly what an encoder of these decisions writes.
    pub(crate) fn ended(&self) -> bool {
        let (point, count) = self.interval.shortest();
        self.bytes.len() == self.shifted + count && self.point == point
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::SplitMix64;

    fn round_trip(bits: &[Bit], share: f64) -> usize {
        let mut encoder = BinaryEncoder::new();
        let mut probability = Probability::new(share);
        bits.iter().for_each(|bit| encoder.encode(*bit, &mut probability));
        let bytes = encoder.finish();
        let mut decoder = BinaryDecoder::new(&bytes);
        let mut probability = Probability::new(share);
        for bit in bits {
            assert_eq!(decoder.decode(&mut probability), *bit);
        }
        assert!(decoder.ended());
        bytes.len()
    }

    #[test]
    fn any_sequence_returns_and_skewed_ones_near_their_entropy() {
        assert_eq!(round_trip(&[], 0.5), 0);
        let mut random = SplitMix64::new(1);
        for (percent, bits_per_decision) in [(1, 0.081), (10, 0.469), (50, 1.0), (97, 0.195)] {
            let bits: Vec<Bit> = (0..20_000)
                .map(|_| if random.below(100) < percent { Bit::One } else { Bit::Zero })
                .collect();
            let ideal = bits_per_decision * 20_000.0 / 8.0;
            let length = round_trip(&bits, percent as f64 / 100.0) as f64;
            assert!(length < 1.04 * ideal + 4.0, "{percent}: {length} against {ideal}");
            for cut in [1, 2, 3, 7, 100] {
                round_trip(&bits[..cut], 0.5);
            }
        }
    }

    #[test]
    fn every_shorter_payload_is_refused_or_decodes_elsewhere() {
        let bits: Vec<Bit> =
            (0..400).map(|i| if i * i % 7 < 3 { Bit::One } else { Bit::Zero }).collect();
        let mut encoder = BinaryEncoder::new();
        let mut probability = Probability::new(0.5);
        bits.iter().for_each(|bit| encoder.encode(*bit, &mut probability));
        let bytes = encoder.finish();
        for length in 0..bytes.len() {
            let mut decoder = BinaryDecoder::new(&bytes[..length]);
            let mut probability = Probability::new(0.5);
            let same = bits.iter().all(|bit| decoder.decode(&mut probability) == *bit);
            assert!(!(same && decoder.ended()), "prefix of {length} bytes passed");
        }
    }
}
