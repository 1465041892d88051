//! Curves of bytes against quality.

use serde::{Deserialize, Serialize};

use super::isotonic::pool_adjacent_violators;
use super::pchip::Pchip;

/// Says where a curve reaches a quality.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Crossing {
    /// At this many bytes, between measured points.
    At(f64),
    /// Every measured point is better; the smallest has this many bytes.
    AtMost(f64),
    /// No measured point is that good.
    Unreached,
}

impl Crossing {
    /// Returns the bytes where they are known, and nothing where only a bound is.
    #[must_use]
    pub const fn bytes(self) -> Option<f64> {
        match self {
            Self::At(bytes) => Some(bytes),
            Self::AtMost(_) | Self::Unreached => None,
        }
    }
}

/// Bytes needed for each quality, cleaned of noise.
///
/// Points are sorted by bytes. Where a dearer point measured worse, the two are pooled (isotonic
/// regression); a pooled block stands at the geometric mean of its bytes. Of equally good points
/// the cheapest counts. In between, the logarithm of the bytes is interpolated by [`Pchip`] over
/// quality.
#[derive(Debug, Clone, PartialEq)]
pub struct RateCurve {
    /// Rising.
    quality: Vec<f64>,
    /// Natural logarithm, rising.
    log_bytes: Vec<f64>,
    interpolant: Option<Pchip>,
}

impl RateCurve {
    /// Builds the curve from points `(bytes, quality)`, greater quality being better.
    ///
    /// Points without positive finite bytes or without a finite quality are left out; returns
    /// `None` when none remains.
    #[must_use]
    pub fn new(points: impl IntoIterator<Item = (f64, f64)>) -> Option<Self> {
        let mut points: Vec<(f64, f64)> = points
            .into_iter()
            .filter(|(bytes, quality)| *bytes > 0.0 && bytes.is_finite() && quality.is_finite())
            .map(|(bytes, quality)| (bytes.ln(), quality))
            .collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)));
        points.dedup_by(|later, kept| later.0 == kept.0);
        let qualities: Vec<f64> = points.iter().map(|point| point.1).collect();
        let (mut quality, mut log_bytes) = (Vec::new(), Vec::new());
        let mut start = 0;
        for block in pool_adjacent_violators(&qualities) {
            let members = &points[start..start + block.count];
            start += block.count;
            if quality.last().is_some_and(|last| *last >= block.mean) {
                continue;
            }
            quality.push(block.mean);
            log_bytes.push(members.iter().map(|m| m.0).sum::<f64>() / block.count as f64);
        }
        let interpolant = Pchip::new(quality.clone(), log_bytes.clone());
        (!quality.is_empty()).then_some(Self { quality, log_bytes, interpolant })
    }

    /// Returns the least and the greatest quality of the curve.
    #[must_use]
    pub fn quality_range(&self) -> (f64, f64) {
        (self.quality[0], self.quality[self.quality.len() - 1])
    }

    /// Returns where the curve reaches a quality; nothing is extrapolated.
    #[must_use]
    pub fn crossing(&self, quality: f64) -> Crossing {
        let (low, high) = self.quality_range();
        if quality.is_nan() || quality > high {
            Crossing::Unreached
        } else if quality < low {
            Crossing::AtMost(self.log_bytes[0].exp())
        } else {
            self.log_bytes_at(quality).map_or(Crossing::Unreached, |log| Crossing::At(log.exp()))
        }
    }

    /// Returns the mean of the logarithm of the bytes between two qualities, or `None` when the
    /// curve does not span them.
    #[must_use]
    pub fn mean_log_bytes(&self, from: f64, to: f64) -> Option<f64> {
        (from < to).then_some(())?;
        Some(self.interpolant.as_ref()?.integral(from, to)? / (to - from))
    }

    /// Returns the cleaned points `(bytes, quality)`, both rising.
    pub fn points(&self) -> impl Iterator<Item = (f64, f64)> {
        self.log_bytes.iter().map(|log| log.exp()).zip(self.quality.iter().copied())
    }

    fn log_bytes_at(&self, quality: f64) -> Option<f64> {
        match &self.interpolant {
            Some(interpolant) => interpolant.value(quality),
            None => (quality == self.quality[0]).then_some(self.log_bytes[0]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn interpolates_log_bytes_over_quality() {
        let curve = RateCurve::new([(100.0, 0.90), (400.0, 0.98)]).unwrap();
        let Crossing::At(bytes) = curve.crossing(0.94) else { panic!("{curve:?}") };
        assert!((bytes - 200.0).abs() < 1e-9);
        assert_eq!(curve.crossing(0.89), Crossing::AtMost(100.0_f64.ln().exp()));
        assert_eq!(curve.crossing(0.99), Crossing::Unreached);
    }

    #[test]
    fn noise_is_pooled_and_the_cheapest_of_equals_counts() {
        let curve = RateCurve::new([
            (100.0, 0.9),
            (200.0, 0.96),
            (800.0, 0.94),
            (1600.0, 1.0),
            (3200.0, 1.0),
        ])
        .unwrap();
        let points: Vec<(f64, f64)> = curve.points().collect();
        assert_eq!(points.len(), 3, "{points:?}");
        assert!((points[1].0 - 400.0).abs() < 1e-9 && (points[1].1 - 0.95).abs() < 1e-12);
        assert!((points[2].0 - 1600.0).abs() < 1e-9);
    }

    #[test]
    fn one_point_bounds_what_lies_below_it() {
        let curve = RateCurve::new([(50.0, 0.97)]).unwrap();
        assert!(matches!(curve.crossing(0.95), Crossing::AtMost(b) if (b - 50.0).abs() < 1e-9));
        assert!(matches!(curve.crossing(0.97), Crossing::At(b) if (b - 50.0).abs() < 1e-9));
        assert_eq!(curve.crossing(0.98), Crossing::Unreached);
        assert!(RateCurve::new([(0.0, 0.5), (f64::NAN, 0.5), (5.0, f64::NAN)]).is_none());
    }

    proptest! {
        #[test]
        fn crossings_rise_with_quality(
            points in prop::collection::vec((1.0_f64..1e5, 0.5_f64..1.0), 1..20),
            a in 0.5_f64..1.0, b in 0.5_f64..1.0,
        ) {
            let curve = RateCurve::new(points).unwrap();
            let (a, b) = (a.min(b), a.max(b));
            if let (Some(low), Some(high)) = (curve.crossing(a).bytes(), curve.crossing(b).bytes()) {
                prop_assert!(low <= high * (1.0 + 1e-9));
            }
        }
    }
}
