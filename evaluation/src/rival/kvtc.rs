//! The recipe "KLT + integer bits + DEFLATE", from the published description of KVTC.
//!
//! Components are decorrelated by a transform learned on calibration features, each gets an
//! integer number of bits by dynamic programming over its measured distortion, is quantised
//! uniformly, and all levels go through DEFLATE. Groups hold one component, the finest published
//! size, and ranges are learned beforehand instead of sent with each group: both favour the recipe
//! on features as small as these. Positions kept uncompressed belong to caches and have no
//! counterpart here.

use std::sync::Arc;

use ndarray::{Array2, ArrayView1, Axis};

use super::bits::{BitReader, BitWriter};
use super::bytes::{ByteCoder, Unwrapped};
use super::karhunen::KarhunenLoeve;
use super::layout::Layout;
use super::uniform::ClipRange;
use super::{Calibration, FeatureCodec, expect_values, value_count};
use crate::error::{PayloadProblem, RivalError};

const METHOD: &str = "kvtc";
/// Bits per feature, on average, before DEFLATE.
const TARGETS: [f64; 12] = [0.03, 0.06, 0.125, 0.25, 0.375, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0];
const MAX_BITS: usize = 8;
const FIT_ROWS: usize = 2_048;

/// Codes KLT coefficients with an integer number of bits each.
#[derive(Debug, Clone)]
pub(crate) struct KvtcCodec {
    setting: String,
    transform: Arc<KarhunenLoeve>,
    /// Bits and range of the leading components; the rest is dropped.
    plan: Vec<ComponentPlan>,
}

#[derive(Debug, Clone, Copy)]
struct ComponentPlan {
    bits: u32,
    range: ClipRange,
}

impl KvtcCodec {
    /// Fits one transform and one allocation per target rate; targets that allocate alike once.
    pub(crate) fn calibrate(calibration: &Calibration<'_>) -> Vec<Self> {
        let (transform, samples) = KarhunenLoeve::fit(calibration);
        let transform = Arc::new(transform);
        let options: Vec<Vec<Candidate>> = samples.axis_iter(Axis(1)).map(candidates).collect();
        let most = TARGETS.iter().fold(0.0, |most: f64, target| most.max(*target));
        let allocation =
            Allocation::new(&options, (most * transform.components() as f64).round() as usize);
        let mut codecs: Vec<Self> = Vec::new();
        let mut last_total = 0;
        for target in TARGETS {
            let total = (target * transform.components() as f64).round() as usize;
            if total == 0 || total == last_total {
                continue;
            }
            last_total = total;
            let chosen = allocation.bits(total);
            let rank = chosen.iter().rposition(|bits| *bits > 0).map_or(0, |last| last + 1);
            let plan = (0..rank)
                .map(|j| ComponentPlan {
                    bits: chosen[j] as u32,
                    range: options[j][chosen[j]].range,
                })
                .collect();
            let setting = format!("bits={target}");
            codecs.push(Self { setting, transform: Arc::clone(&transform), plan });
        }
        codecs
    }

    fn layout(&self, dims: &[usize]) -> Result<Layout, RivalError> {
        let layout = Layout::of(dims);
        if layout.components == self.transform.components() {
            Ok(layout)
        } else {
            let (expected, found) = (self.transform.components(), layout.components);
            Err(RivalError::Shape { method: METHOD, expected, found })
        }
    }

    fn coded(&self) -> impl Iterator<Item = (usize, ComponentPlan)> {
        self.plan.iter().copied().enumerate().filter(|(_, component)| component.bits > 0)
    }

    fn unpack(&self, bytes: &[u8], positions: usize) -> Option<Vec<u8>> {
        let mut reader = BitReader::new(bytes);
        let mut levels = Vec::new();
        for (_, component) in self.coded() {
            for _ in 0..positions {
                levels.push(reader.take(component.bits)? as u8);
            }
        }
        reader.at_end().then_some(levels)
    }
}

impl FeatureCodec for KvtcCodec {
    fn name(&self) -> &str {
        METHOD
    }

    fn setting(&self) -> &str {
        &self.setting
    }

    fn encode(&self, feature: &[f32], dims: &[usize]) -> Result<Vec<u8>, RivalError> {
        expect_values(METHOD, dims, feature.len())?;
        let coefficients = self.transform.forward(feature, self.layout(dims)?, self.plan.len());
        let mut writer = BitWriter::default();
        let mut levels = Vec::with_capacity(coefficients.len());
        for (j, component) in self.coded() {
            for value in coefficients.column(j) {
                let level = component.range.level(*value, (1 << component.bits) - 1);
                writer.push(level as u16, component.bits);
                levels.push(level as u8);
            }
        }
        Ok(ByteCoder::Deflate.wrap(writer.finish(), &levels))
    }

    fn decode(&self, payload: &[u8], dims: &[usize]) -> Result<Vec<f32>, RivalError> {
        value_count(METHOD, dims)?;
        let layout = self.layout(dims)?;
        let fail = |problem| RivalError::payload(METHOD, problem);
        let total_bits: usize = self.coded().map(|(_, c)| c.bits as usize).sum();
        let packed_len = (total_bits * layout.positions).div_ceil(8);
        let count = self.coded().count() * layout.positions;
        let levels = match ByteCoder::Deflate.unwrap(METHOD, payload, packed_len, count)? {
            Unwrapped::Levels(levels) => levels,
            Unwrapped::Packed(bytes) => {
                self.unpack(&bytes, layout.positions).ok_or(fail(PayloadProblem::Length))?
            }
        };
        let mut coefficients = Array2::zeros((layout.positions, self.plan.len()));
        let mut planes = levels.chunks_exact(layout.positions.max(1));
        for (j, component) in self.coded() {
            let plane = planes.next().ok_or(fail(PayloadProblem::Length))?;
            let steps = (1_u32 << component.bits) - 1;
            for (value, level) in coefficients.column_mut(j).iter_mut().zip(plane) {
                if u32::from(*level) > steps {
                    return Err(fail(PayloadProblem::Level));
                }
                *value = component.range.value(u32::from(*level), steps);
            }
        }
        Ok(self.transform.inverse(&coefficients, layout))
    }

    fn profile_bytes(&self) -> usize {
        self.transform.profile_bytes(self.plan.len())
            + self.plan.len() * (1 + size_of::<ClipRange>())
    }
}

/// One way to code a component: its range and the squared error that this leaves.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    range: ClipRange,
    distortion: f64,
}

/// Measures the best uniform quantiser of a component for 0 to [`MAX_BITS`] bits.
fn candidates(column: ArrayView1<'_, f32>) -> Vec<Candidate> {
    let stride = column.len().div_ceil(FIT_ROWS).max(1);
    let values: Vec<f32> = column.iter().step_by(stride).copied().collect();
    let peak = column.iter().fold(0.0_f32, |peak, value| peak.max(value.abs()));
    let energy: f64 = values.iter().map(|value| f64::from(*value).powi(2)).sum();
    let nothing = Candidate { range: ClipRange { low: 0.0, high: 0.0 }, distortion: energy };
    std::iter::once(nothing)
        .chain((1..=MAX_BITS).map(|bits| best_range(&values, peak, bits)))
        .collect()
}

fn best_range(values: &[f32], peak: f32, bits: usize) -> Candidate {
    let steps = (1_u32 << bits) - 1;
    let attempts = (0..RANGE_STEPS).map(|i| {
        let high = peak * (-(i as f32) / RANGE_STEPS_PER_OCTAVE).exp2();
        let range = ClipRange { low: -high, high };
        let distortion = values
            .iter()
            .map(|value| f64::from(range.value(range.level(*value, steps), steps) - value).powi(2))
            .sum();
        Candidate { range, distortion }
    });
    attempts.min_by(|a, b| a.distortion.total_cmp(&b.distortion)).unwrap_or(Candidate {
        range: ClipRange { low: -peak, high: peak },
        distortion: f64::INFINITY,
    })
}

const RANGE_STEPS: usize = 20;
const RANGE_STEPS_PER_OCTAVE: f32 = 3.0;

/// Optimal integer bits for every total up to a greatest one, by dynamic programming.
#[derive(Debug)]
struct Allocation {
    /// For each component, the bits it gets when this much is left for it and those before it.
    choices: Vec<Vec<u8>>,
}

impl Allocation {
    fn new(options: &[Vec<Candidate>], max_total: usize) -> Self {
        let mut cost = vec![0.0; max_total + 1];
        let mut choices = Vec::with_capacity(options.len());
        for component in options {
            let mut next = vec![f64::INFINITY; max_total + 1];
            let mut choice = vec![0_u8; max_total + 1];
            for budget in 0..=max_total {
                for (bits, option) in component.iter().enumerate().take(budget + 1) {
                    let candidate = cost[budget - bits] + option.distortion;
                    if candidate < next[budget] {
                        next[budget] = candidate;
                        choice[budget] = bits as u8;
                    }
                }
            }
            cost = next;
            choices.push(choice);
        }
        Self { choices }
    }

    /// Returns the bits of each component that minimise the summed distortion within `total`.
    fn bits(&self, total: usize) -> Vec<usize> {
        let mut left = total;
        let mut bits: Vec<usize> = Vec::with_capacity(self.choices.len());
        for choice in self.choices.iter().rev() {
            let used = usize::from(choice[left]);
            bits.push(used);
            left -= used;
        }
        bits.reverse();
        bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allocation_equals_exhaustive_search() {
        let table = [[16.0, 5.0, 1.0], [9.0, 4.0, 0.5], [4.0, 0.2, 0.1]];
        let range = ClipRange { low: 0.0, high: 1.0 };
        let options: Vec<Vec<Candidate>> = table
            .iter()
            .map(|row| row.iter().map(|d| Candidate { range, distortion: *d }).collect())
            .collect();
        let allocation = Allocation::new(&options, 6);
        for total in 0..=6 {
            let sum = |bits: &[usize]| -> f64 {
                bits.iter().zip(&table).map(|(b, row): (_, &[f64; 3])| row[*b]).sum()
            };
            let mut best = f64::INFINITY;
            for code in 0..27 {
                let bits = [code % 3, code / 3 % 3, code / 9];
                if bits.iter().sum::<usize>() <= total {
                    best = best.min(sum(&bits));
                }
            }
            let bits = allocation.bits(total);
            assert!(bits.iter().sum::<usize>() <= total);
            assert!((sum(&bits) - best).abs() < 1e-12, "total {total}: {bits:?}");
        }
    }
}
