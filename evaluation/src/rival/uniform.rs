//! Uniform scalar quantisers (`int8` to `int2`) with a clipped range learned by least squares.

use super::bits::{pack, packed_len, unpack};
use super::bytes::{ByteCoder, Unwrapped};
use super::{Calibration, FeatureCodec, expect_values, value_count};
use crate::error::{PayloadProblem, RivalError};

/// Quantises every value to `bits` bits over one learned range, then packs or compresses.
#[derive(Debug, Clone)]
pub(crate) struct UniformCodec {
    method: &'static str,
    setting: String,
    bits: u32,
    range: ClipRange,
    coder: ByteCoder,
}

impl UniformCodec {
    /// Learns the range with the least squared error for `bits` bits per value and stretches it by
    /// each factor: behind an entropy coder a coarser step at equal width is a cheaper setting.
    pub(crate) fn calibrate(
        method: &'static str,
        bits: u32,
        coder: ByteCoder,
        calibration: &Calibration<'_>,
    ) -> Vec<Self> {
        let (low, high) = calibration.range();
        let values = calibration.values(FIT_VALUES);
        let steps = (1 << bits) - 1;
        let fitted = ClipRange { low, high }.fit(&values, steps);
        stretches(bits, coder)
            .iter()
            .map(|stretch| {
                let range = ClipRange { low: fitted.low * stretch, high: fitted.high * stretch };
                let aligned = range.with_exact_zero(steps);
                let better = aligned.cost(&values, steps) <= range.cost(&values, steps);
                let range = if better || *stretch > 1.0 { aligned } else { range };
                Self { method, setting: format!("clip={stretch}"), bits, range, coder }
            })
            .collect()
    }
}

/// Returns the factors by which the fitted range is stretched. Only where entropy is coded well
/// does a wider one pay, and 2 and 4 bits together cover what 3, 6 and 8 could reach.
const fn stretches(bits: u32, coder: ByteCoder) -> &'static [f32] {
    match (bits, coder) {
        (2, ByteCoder::Zstd) => &[3.0, 2.3, 1.75, 1.3, 1.0],
        (4, ByteCoder::Zstd) => &[3.2, 2.2, 1.5, 1.0],
        _ => &[1.0],
    }
}

impl FeatureCodec for UniformCodec {
    fn name(&self) -> &str {
        self.method
    }

    fn setting(&self) -> &str {
        &self.setting
    }

    fn encode(&self, feature: &[f32], dims: &[usize]) -> Result<Vec<u8>, RivalError> {
        expect_values(self.method, dims, feature.len())?;
        let steps = (1 << self.bits) - 1;
        let levels: Vec<u8> =
            feature.iter().map(|value| self.range.level(*value, steps) as u8).collect();
        Ok(self.coder.wrap(pack(&levels, self.bits), &levels))
    }

    fn decode(&self, payload: &[u8], dims: &[usize]) -> Result<Vec<f32>, RivalError> {
        let count = value_count(self.method, dims)?;
        let fail = |problem| RivalError::payload(self.method, problem);
        let steps = (1_u32 << self.bits) - 1;
        let levels =
            match self.coder.unwrap(self.method, payload, packed_len(self.bits, count), count)? {
                Unwrapped::Levels(levels) => levels,
                Unwrapped::Packed(bytes) => {
                    unpack(&bytes, self.bits, count).ok_or(fail(PayloadProblem::Length))?
                }
            };
        if levels.iter().any(|level| u32::from(*level) > steps) {
            return Err(fail(PayloadProblem::Level));
        }
        Ok(levels.iter().map(|level| self.range.value(u32::from(*level), steps)).collect())
    }

    fn profile_bytes(&self) -> usize {
        size_of::<ClipRange>()
    }
}

/// Closed interval that a quantiser covers; what lies outside is clipped to its ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ClipRange {
    pub(crate) low: f32,
    pub(crate) high: f32,
}

impl ClipRange {
    /// Returns the nearest of `steps + 1` levels that span the range.
    #[inline]
    pub(crate) fn level(self, value: f32, steps: u32) -> u32 {
        let scale = steps as f32 / self.width();
        ((value - self.low) * scale + 0.5).clamp(0.0, steps as f32) as u32
    }

    /// Returns the value that a level stands for.
    #[inline]
    pub(crate) fn value(self, level: u32, steps: u32) -> f32 {
        self.low + level as f32 * (self.width() / steps as f32)
    }

    /// Narrows the range to the one with the least squared error on `values`, each end on a
    /// geometric grid of fractions of where it was. Non-negative values keep 0 as their lower end,
    /// so that zero stays exact.
    pub(crate) fn fit(self, values: &[f32], steps: u32) -> Self {
        let start = if self.low >= 0.0 { Self { low: 0.0, high: self.high } } else { self };
        let best = |candidates: &mut dyn Iterator<Item = Self>, start: Self| {
            candidates.fold((start.cost(values, steps), start), |best, range| {
                let total = range.cost(values, steps);
                if total < best.0 { (total, range) } else { best }
            })
        };
        let (_, mut range) = best(
            &mut fractions().map(|f| Self { low: start.low * f, high: start.high * f }),
            start,
        );
        // The two ends hardly interact, so two rounds of one end at a time settle them.
        for _ in 0..2 {
            let other = range;
            (_, range) =
                best(&mut fractions().map(|f| Self { high: start.high * f, ..other }), range);
            let other = range;
            (_, range) =
                best(&mut fractions().map(|f| Self { low: start.low * f, ..other }), range);
        }
        range
    }

    /// Moves the range by less than a step so that one level is exactly zero.
    fn with_exact_zero(self, steps: u32) -> Self {
        let step = self.width() / steps as f32;
        let zero = (-self.low / step).round().clamp(0.0, steps as f32);
        Self { low: -zero * step, high: (steps as f32 - zero) * step }
    }

    /// Returns the squared error that the quantiser leaves on values.
    fn cost(self, values: &[f32], steps: u32) -> f64 {
        values
            .iter()
            .map(|value| f64::from(self.value(self.level(*value, steps), steps) - value).powi(2))
            .sum()
    }

    fn width(self) -> f32 {
        (self.high - self.low).max(f32::MIN_POSITIVE)
    }
}

const FIT_VALUES: usize = 16_384;
const FRACTIONS: i32 = 36;
const FRACTIONS_PER_OCTAVE: f32 = 6.0;

fn fractions() -> impl Iterator<Item = f32> {
    (1..=FRACTIONS).map(|i| (-(i as f32) / FRACTIONS_PER_OCTAVE).exp2())
}
