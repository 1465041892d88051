//! Features that rivals learn from.

use super::layout::Layout;
use super::value_count;
use crate::error::RivalError;

/// Borrows the features of one cut on calibration samples, all of one shape.
#[derive(Debug, Clone)]
pub struct Calibration<'a> {
    features: Vec<&'a [f32]>,
    dims: Vec<usize>,
    low: f32,
    high: f32,
}

impl<'a> Calibration<'a> {
    /// Collects calibration features of shape `dims`, one slice per sample.
    ///
    /// # Errors
    /// Refuses an empty list, features without a finite value, and slices that do not fill `dims`.
    pub fn new(
        features: impl IntoIterator<Item = &'a [f32]>,
        dims: &[usize],
    ) -> Result<Self, RivalError> {
        let expected = value_count("calibration", dims)?;
        let features: Vec<&[f32]> = features.into_iter().collect();
        let (mut low, mut high) = (f32::INFINITY, f32::NEG_INFINITY);
        for feature in &features {
            if feature.len() != expected {
                let found = feature.len();
                return Err(RivalError::Shape { method: "calibration", expected, found });
            }
            for value in feature.iter().filter(|value| value.is_finite()) {
                low = low.min(*value);
                high = high.max(*value);
            }
        }
        if low > high {
            return Err(RivalError::EmptyCalibration);
        }
        Ok(Self { features, dims: dims.to_vec(), low, high })
    }

    /// Returns the shape of every feature.
    #[must_use]
    pub fn dims(&self) -> &[usize] {
        &self.dims
    }

    /// Returns the number of calibration samples.
    #[must_use]
    pub fn samples(&self) -> usize {
        self.features.len()
    }

    /// Returns the least and the greatest finite value.
    pub(crate) fn range(&self) -> (f32, f32) {
        (self.low, self.high)
    }

    /// Returns at most `limit` finite values, spread evenly over all samples, in order.
    pub(crate) fn values(&self, limit: usize) -> Vec<f32> {
        let per_sample = self.features.first().map_or(0, |feature| feature.len());
        let total = per_sample * self.features.len();
        let stride = spread_stride(total, limit);
        (0..total)
            .step_by(stride)
            .map(|i| self.features[i / per_sample][i % per_sample])
            .filter(|value| value.is_finite())
            .collect()
    }

    /// Returns at most `limit` position vectors, row after row, spread evenly over all samples.
    /// Values that are not finite become zero.
    pub(crate) fn vectors(&self, limit: usize) -> Vec<f32> {
        let layout = Layout::of(&self.dims);
        let total = layout.positions * self.features.len();
        let mut rows = Vec::new();
        for row in (0..total).step_by(spread_stride(total, limit)) {
            let feature = self.features[row / layout.positions];
            let position = row % layout.positions;
            rows.extend((0..layout.components).map(|component| {
                let value = feature[layout.index(position, component)];
                if value.is_finite() { value } else { 0.0 }
            }));
        }
        rows
    }
}

/// Returns an odd stride that visits about `limit` of `total` items: an even one would keep
/// hitting the same columns of maps whose sides are powers of two.
fn spread_stride(total: usize, limit: usize) -> usize {
    let stride = total.div_ceil(limit.max(1)).max(1);
    if stride > 1 { stride | 1 } else { 1 }
}
