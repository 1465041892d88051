//! The recipe "clip + entropy-constrained scalar quantiser", from the published descriptions by
//! Cohen, Choi and Bajić.
//!
//! Values are clipped to a range learned by least squares, quantised with few levels whose outer
//! two are pinned to the ends of the range and whose thresholds minimise distortion plus λ times
//! rate, written as truncated unary code and coded with one adaptive binary context per decision.
//! The contexts start from the shares seen in calibration, which favours the recipe on short
//! payloads. The settings are the designs on the lower convex hull of rate and distortion.

use super::arithmetic::{BinaryDecoder, BinaryEncoder, Bit, Probability};
use super::uniform::ClipRange;
use super::{Calibration, FeatureCodec, expect_values, value_count};
use crate::error::{PayloadProblem, RivalError};

const METHOD: &str = "clip-ecsq";
const LEVEL_COUNTS: [usize; 10] = [2, 3, 4, 5, 6, 8, 10, 12, 16, 24];
/// Lagrangian weights in units of the variance of the clipped values.
const LAMBDAS: [f64; 12] = [0.0, 0.003, 0.006, 0.0125, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.45, 0.6];
const FIT_VALUES: usize = 16_384;
const ITERATIONS: usize = 30;

/// Codes clipped values with a designed quantiser and adaptive contexts.
#[derive(Debug, Clone)]
pub(crate) struct EcsqCodec {
    setting: String,
    quantiser: Quantiser,
    contexts: Vec<Probability>,
}

impl EcsqCodec {
    /// Designs a quantiser for every number of levels and λ and keeps those on the hull.
    pub(crate) fn calibrate(calibration: &Calibration<'_>) -> Vec<Self> {
        let mut values = calibration.values(FIT_VALUES);
        values.sort_by(f32::total_cmp);
        let (low, high) = calibration.range();
        let mut designs = Vec::new();
        for count in LEVEL_COUNTS {
            let range = ClipRange { low, high }.fit(&values, count as u32 - 1);
            let scale = variance(&values, range);
            for lambda in LAMBDAS {
                designs.push(Design::new(&values, range, count, lambda * scale));
            }
        }
        lower_hull(designs, variance(&values, ClipRange { low, high }))
            .into_iter()
            .map(|design| Self {
                setting: format!("bits={:.4},levels={}", design.rate, design.shares.len()),
                contexts: contexts(&design.shares),
                quantiser: design.quantiser,
            })
            .collect()
    }
}

impl FeatureCodec for EcsqCodec {
    fn name(&self) -> &str {
        METHOD
    }

    fn setting(&self) -> &str {
        &self.setting
    }

    fn encode(&self, feature: &[f32], dims: &[usize]) -> Result<Vec<u8>, RivalError> {
        expect_values(METHOD, dims, feature.len())?;
        let mut contexts = self.contexts.clone();
        let mut encoder = BinaryEncoder::new();
        for value in feature {
            let level = self.quantiser.level(*value);
            for (i, context) in contexts.iter_mut().enumerate().take(level + 1) {
                encoder.encode(if i < level { Bit::One } else { Bit::Zero }, context);
            }
        }
        Ok(encoder.finish())
    }

    fn decode(&self, payload: &[u8], dims: &[usize]) -> Result<Vec<f32>, RivalError> {
        let count = value_count(METHOD, dims)?;
        let mut contexts = self.contexts.clone();
        let mut decoder = BinaryDecoder::new(payload);
        let feature = (0..count)
            .map(|_| {
                let mut ones = 0;
                for context in &mut contexts {
                    if decoder.decode(context) == Bit::Zero {
                        break;
                    }
                    ones += 1;
                }
                self.quantiser.levels[ones]
            })
            .collect();
        if decoder.ended() {
            Ok(feature)
        } else {
            Err(RivalError::payload(METHOD, PayloadProblem::Length))
        }
    }

    fn profile_bytes(&self) -> usize {
        let quantiser = self.quantiser.levels.len() + self.quantiser.thresholds.len();
        quantiser * size_of::<f32>() + self.contexts.len() * size_of::<u16>()
    }
}

/// Levels in rising order and the thresholds between them.
#[derive(Debug, Clone)]
struct Quantiser {
    levels: Vec<f32>,
    thresholds: Vec<f32>,
}

impl Quantiser {
    #[inline]
    fn level(&self, value: f32) -> usize {
        self.thresholds.partition_point(|threshold| *threshold <= value)
    }
}

/// A quantiser with what it does to the calibration values.
#[derive(Debug, Clone)]
struct Design {
    quantiser: Quantiser,
    /// Share of the values in each level.
    shares: Vec<f64>,
    /// Entropy in bits per value.
    rate: f64,
    distortion: f64,
}

impl Design {
    /// Alternates thresholds, shares and centroids on sorted values.
    fn new(values: &[f32], range: ClipRange, count: usize, lambda: f64) -> Self {
        let sums = PrefixSums::new(values);
        let mut levels: Vec<f64> =
            (0..count as u32).map(|i| f64::from(range.value(i, count as u32 - 1))).collect();
        let mut shares = vec![1.0 / count as f64; count];
        let mut thresholds = Vec::new();
        for _ in 0..ITERATIONS {
            thresholds = place_thresholds(&levels, &shares, lambda);
            let bounds = sums.bounds(values, &thresholds);
            for (i, cell) in bounds.windows(2).enumerate() {
                shares[i] = (cell[1] - cell[0]) as f64 / values.len() as f64;
                if i > 0 && i + 1 < count && cell[1] > cell[0] {
                    levels[i] = sums.mean(cell[0], cell[1]);
                }
            }
        }
        // Levels nothing falls into would only lengthen the unary code of those above.
        let used = |i: &usize| shares[*i] > 0.0;
        let kept: Vec<usize> = (0..count).filter(used).collect();
        let levels: Vec<f64> = kept.iter().map(|i| levels[*i]).collect();
        let shares: Vec<f64> = kept.iter().map(|i| shares[*i]).collect();
        if kept.len() < count {
            thresholds = place_thresholds(&levels, &shares, lambda);
        }
        Self::measured(values, &levels, &thresholds)
    }

    fn measured(values: &[f32], levels: &[f64], thresholds: &[f64]) -> Self {
        let quantiser = Quantiser {
            levels: levels.iter().map(|level| *level as f32).collect(),
            thresholds: thresholds.iter().map(|threshold| *threshold as f32).collect(),
        };
        let mut shares = vec![0.0; levels.len()];
        let mut distortion = 0.0;
        let weight = 1.0 / values.len() as f64;
        for value in values {
            let level = quantiser.level(*value);
            shares[level] += weight;
            distortion += f64::from(quantiser.levels[level] - value).powi(2) * weight;
        }
        let rate = shares.iter().map(|p| if *p > 0.0 { -p * p.log2() } else { 0.0 }).sum();
        Self { quantiser, shares, rate, distortion }
    }
}

/// Places each threshold where two neighbouring levels cost the same, never out of order.
fn place_thresholds(levels: &[f64], shares: &[f64], lambda: f64) -> Vec<f64> {
    let bits = |share: f64| -share.max(1e-9).log2();
    let mut last = f64::NEG_INFINITY;
    (1..levels.len())
        .map(|i| {
            let gap = (levels[i] - levels[i - 1]).max(f64::MIN_POSITIVE);
            let penalty = lambda * (bits(shares[i]) - bits(shares[i - 1]));
            last = last.max(0.5 * (levels[i] + levels[i - 1]) + 0.5 * penalty / gap);
            last
        })
        .collect()
}

/// Sums of the leading sorted values, for means of any range of them.
struct PrefixSums(Vec<f64>);

impl PrefixSums {
    fn new(values: &[f32]) -> Self {
        let mut total = 0.0;
        Self(
            std::iter::once(0.0)
                .chain(values.iter().map(|value| {
                    total += f64::from(*value);
                    total
                }))
                .collect(),
        )
    }

    fn bounds(&self, values: &[f32], thresholds: &[f64]) -> Vec<usize> {
        std::iter::once(0)
            .chain(thresholds.iter().map(|t| values.partition_point(|v| f64::from(*v) < *t)))
            .chain(std::iter::once(values.len()))
            .collect()
    }

    fn mean(&self, start: usize, end: usize) -> f64 {
        (self.0[end] - self.0[start]) / (end - start) as f64
    }
}

fn variance(values: &[f32], range: ClipRange) -> f64 {
    let clipped = || values.iter().map(|v| f64::from(v.clamp(range.low, range.high)));
    let mean = clipped().sum::<f64>() / values.len() as f64;
    clipped().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64
}

/// Turns shares of levels into the share of ones of each truncated unary decision.
fn contexts(shares: &[f64]) -> Vec<Probability> {
    (1..shares.len())
        .map(|i| {
            let above: f64 = shares[i..].iter().sum();
            let here: f64 = shares[i - 1..].iter().sum();
            Probability::new(if here > 0.0 { above / here } else { 0.5 })
        })
        .collect()
}

/// Keeps the designs on the lower convex hull of rate and distortion, cheapest first. Designs
/// closer together than [`MIN_RATE_RATIO`] add no point to a curve.
fn lower_hull(mut designs: Vec<Design>, variance: f64) -> Vec<Design> {
    designs.retain(|design| design.rate > 1e-4 && design.distortion < MAX_NOISE * variance);
    designs.sort_by(|a, b| a.rate.total_cmp(&b.rate).then(a.distortion.total_cmp(&b.distortion)));
    let mut hull: Vec<Design> = Vec::new();
    for design in designs {
        if hull.last().is_some_and(|last| last.distortion <= design.distortion) {
            continue;
        }
        while let [.., a, b] = hull.as_slice() {
            let turn = (b.rate - a.rate) * (design.distortion - a.distortion)
                - (b.distortion - a.distortion) * (design.rate - a.rate);
            if turn > 0.0 {
                break;
            }
            hull.pop();
        }
        hull.push(design);
    }
    let mut last_rate = 0.0;
    hull.retain(|design| {
        let apart = design.rate >= last_rate * MIN_RATE_RATIO;
        if apart {
            last_rate = design.rate;
        }
        apart
    });
    hull
}

const MIN_RATE_RATIO: f64 = 1.12;
/// Share of the variance beyond which a design keeps next to nothing.
const MAX_NOISE: f64 = 0.9;

#[cfg(test)]
mod tests {
    use super::*;

    fn laplacian(count: usize) -> Vec<f32> {
        let mut values: Vec<f32> =
            (0..count).map(|i| -(1.0 - (i as f32 + 0.5) / count as f32).ln()).collect();
        values.sort_by(f32::total_cmp);
        values
    }

    #[test]
    fn a_greater_lambda_spends_fewer_bits_for_more_distortion() {
        let values = laplacian(4_000);
        let range = ClipRange { low: 0.0, high: 4.0 };
        let designs: Vec<Design> =
            [0.0, 0.05, 0.2].iter().map(|l| Design::new(&values, range, 6, *l)).collect();
        for pair in designs.windows(2) {
            assert!(pair[0].rate > pair[1].rate && pair[0].distortion < pair[1].distortion);
        }
    }

    #[test]
    fn outer_levels_stay_at_the_ends_of_the_range() {
        let range = ClipRange { low: 0.0, high: 4.0 };
        let design = Design::new(&laplacian(4_000), range, 5, 0.01);
        assert_eq!(design.quantiser.levels.first(), Some(&0.0));
        assert_eq!(design.quantiser.levels.last(), Some(&4.0));
    }

    #[test]
    fn contexts_hold_conditional_shares() {
        let contexts = contexts(&[0.5, 0.25, 0.25]);
        assert_eq!(contexts, vec![Probability::new(0.5), Probability::new(0.5)]);
    }
}
