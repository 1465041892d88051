//! Bjøntegaard's mean difference of rate.

use super::rate_curve::RateCurve;

/// Range of quality over which two curves are compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QualityRange {
    /// Worst quality that still matters.
    pub low: f64,
    /// Best quality that still matters.
    pub high: f64,
}

impl QualityRange {
    /// Agreement from 85 % to 99.5 %. Nobody operates below; above, a thousand samples hold five
    /// disagreements and the curve is noise.
    pub const AGREEMENT: Self = Self { low: 0.85, high: 0.995 };

    /// Negative logarithm of KL from 0.5 to 0.003 nats, for the same reasons.
    pub const LOG_KL: Self = Self { low: std::f64::consts::LN_2, high: 5.809_142_990_314_028 };
}

/// Returns how many percent more bytes `test` needs than `anchor` at equal quality, on average over
/// the qualities that both curves span within `range`: −50 means half the bytes.
///
/// The average is that of the logarithm of the bytes over quality, integrated exactly over monotone
/// cubics. Returns `None` when the curves have less than [`MIN_OVERLAP`] of the narrower one's
/// range in common: a figure from a sliver would speak for the whole curve.
#[must_use]
pub fn bd_rate(test: &RateCurve, anchor: &RateCurve, range: QualityRange) -> Option<f64> {
    let clip = |curve: &RateCurve| {
        let (low, high) = curve.quality_range();
        (low.max(range.low), high.min(range.high))
    };
    let (test_range, anchor_range) = (clip(test), clip(anchor));
    let (low, high) = (test_range.0.max(anchor_range.0), test_range.1.min(anchor_range.1));
    let narrower = (test_range.1 - test_range.0).min(anchor_range.1 - anchor_range.0);
    if high - low <= 0.0 || high - low < MIN_OVERLAP * narrower {
        return None;
    }
    let difference = test.mean_log_bytes(low, high)? - anchor.mean_log_bytes(low, high)?;
    Some(100.0 * difference.exp_m1())
}

/// Share of the narrower curve's range that two curves must have in common.
pub const MIN_OVERLAP: f64 = 0.25;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: QualityRange = QualityRange { low: f64::NEG_INFINITY, high: f64::INFINITY };

    fn curve(points: &[(f64, f64)]) -> RateCurve {
        RateCurve::new(points.iter().copied()).unwrap()
    }

    #[test]
    fn half_the_bytes_everywhere_is_minus_fifty_percent() {
        let anchor = curve(&[(100.0, 0.90), (200.0, 0.94), (700.0, 0.99)]);
        let test = curve(&[(50.0, 0.90), (100.0, 0.94), (350.0, 0.99)]);
        assert!((bd_rate(&test, &anchor, ALL).unwrap() + 50.0).abs() < 1e-9);
        assert!((bd_rate(&anchor, &test, ALL).unwrap() - 100.0).abs() < 1e-9);
    }

    #[test]
    fn a_ratio_that_grows_linearly_in_the_logarithm_is_averaged() {
        let anchor = curve(&[(100.0, 0.0), (100.0 * 8.0, 1.0)]);
        let test = curve(&[(100.0, 0.0), (100.0 * 2.0, 1.0)]);
        // Mean of ln(test/anchor) = -ln(4)/2, so the factor is 1/2.
        assert!((bd_rate(&test, &anchor, ALL).unwrap() + 50.0).abs() < 1e-9);
    }

    #[test]
    fn curves_that_hardly_meet_are_not_compared() {
        let low = curve(&[(10.0, 0.5), (20.0, 0.8)]);
        let high = curve(&[(10.0, 0.79), (20.0, 0.99)]);
        assert_eq!(bd_rate(&low, &high, ALL), None);
        let narrow = QualityRange { low: 0.9, high: 1.0 };
        assert_eq!(bd_rate(&low, &low, narrow), None);
    }

    #[test]
    fn log_kl_range_is_as_named() {
        assert!((QualityRange::LOG_KL.low + 0.5_f64.ln()).abs() < 1e-12);
        assert!((QualityRange::LOG_KL.high + 0.003_f64.ln()).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn swapping_the_curves_inverts_the_factor(
            a in prop::collection::vec((1.0_f64..1e4, 0.0_f64..1.0), 4..10),
            b in prop::collection::vec((1.0_f64..1e4, 0.0_f64..1.0), 4..10),
        ) {
            let (a, b) = (curve(&a), curve(&b));
            if let (Some(ab), Some(ba)) = (bd_rate(&a, &b, ALL), bd_rate(&b, &a, ALL)) {
                prop_assert!(((1.0 + ab / 100.0) * (1.0 + ba / 100.0) - 1.0).abs() < 1e-6);
            }
        }
    }
}
