//! Quantiles of samples.

/// Returns the quantile `p` (0 to 1) of the values: linear interpolation between order statistics
/// at position `(n - 1)·p`, definition 7 of Hyndman and Fan, as numpy does by default.
///
/// Returns `None` for an empty list, for `p` outside 0 to 1 and when a value is NaN.
#[must_use]
pub fn quantile(values: &[f64], p: f64) -> Option<f64> {
    if values.is_empty() || !(0.0..=1.0).contains(&p) || values.iter().any(|v| v.is_nan()) {
        return None;
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = (sorted.len() - 1) as f64 * p;
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    let fraction = place - below as f64;
    // Equal ends first: the difference of two infinities is no number.
    if fraction == 0.0 || sorted[below] == sorted[above] {
        return Some(sorted[below]);
    }
    Some(sorted[below] + fraction * (sorted[above] - sorted[below]))
}

/// Returns the median, the quantile at 0.5.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn interpolates_between_order_statistics() {
        let values = [40.0, 10.0, 30.0, 20.0];
        assert_eq!(quantile(&values, 0.0), Some(10.0));
        assert_eq!(quantile(&values, 1.0), Some(40.0));
        assert_eq!(median(&values), Some(25.0));
        assert_eq!(quantile(&values, 0.1), Some(13.0));
        assert_eq!(quantile(&[7.0], 0.99), Some(7.0));
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile(&values, 1.1), None);
        assert_eq!(quantile(&[f64::NAN], 0.5), None);
    }

    proptest! {
        #[test]
        fn lies_within_the_values_and_rises_with_p(
            values in prop::collection::vec(-1e6_f64..1e6, 1..40), a in 0.0_f64..=1.0, b in 0.0_f64..=1.0,
        ) {
            let (a, b) = (a.min(b), a.max(b));
            let low = quantile(&values, a).unwrap();
            let high = quantile(&values, b).unwrap();
            prop_assert!(low <= high);
            prop_assert!(values.iter().any(|v| *v <= low) && values.iter().any(|v| *v >= high));
        }
    }
}
