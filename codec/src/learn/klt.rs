//! Karhunen-Loève transforms with shrinkage, plain and task-weighted.

use nalgebra::{DMatrix, SymmetricEigen};
use ndarray::Array2;

use crate::transform::{Matrix, Transform, TransformKind};

/// Mean and covariance of the channels of calibration features.
#[derive(Clone, Debug)]
pub(crate) struct Moments {
    pub(crate) mean: Vec<f64>,
    pub(crate) covariance: Array2<f64>,
    pub(crate) rows: usize,
}

impl Moments {
    /// Moments over position-major features of `channels` channels.
    pub(crate) fn of<'a>(features: impl Iterator<Item = &'a [f32]>, channels: usize) -> Self {
        let mut sum = vec![0f64; channels];
        let mut second = Array2::<f64>::zeros((channels, channels));
        let mut rows = 0;
        for feature in features {
            let n = feature.len() / channels.max(1);
            let Ok(block) = ndarray::ArrayView2::from_shape((n, channels), feature) else {
                continue;
            };
            second.zip_mut_with(&block.t().dot(&block), |a, &b| *a += f64::from(b));
            for row in block.rows() {
                for (s, &v) in sum.iter_mut().zip(row) {
                    *s += f64::from(v);
                }
            }
            rows += n;
        }
        let n = rows.max(1) as f64;
        let mean: Vec<f64> = sum.iter().map(|s| s / n).collect();
        let covariance = Array2::from_shape_fn((channels, channels), |(i, j)| {
            second[[i, j]] / n - mean[i] * mean[j]
        });
        Self { mean, covariance, rows }
    }

    /// Mean variance of a channel.
    pub(crate) fn mean_variance(&self) -> f64 {
        self.covariance.diag().sum() / self.mean.len().max(1) as f64
    }

    /// The covariance shrunk towards a scaled identity.
    ///
    /// The weight `channels / (channels + rows)` follows the order of Ledoit and Wolf's optimum for
    /// Gaussian rows: it vanishes with data and dominates where the rows do not span the channels.
    fn shrunk(&self) -> Array2<f64> {
        let channels = self.mean.len() as f64;
        let weight = channels / (channels + self.rows as f64);
        let target = self.mean_variance();
        let mut out = &self.covariance * (1.0 - weight);
        for i in 0..self.mean.len() {
            out[[i, i]] += weight * target;
        }
        out
    }
}

/// Eigenvectors of a symmetric matrix as columns, by falling eigenvalue.
fn eigen(matrix: &Array2<f64>) -> (Vec<f64>, Array2<f64>) {
    let n = matrix.nrows();
    let eigen = SymmetricEigen::new(DMatrix::from_fn(n, n, |i, j| matrix[[i, j]]));
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
    let values = order.iter().map(|&i| eigen.eigenvalues[i]).collect();
    let vectors = Array2::from_shape_fn((n, n), |(r, c)| {
        let column = eigen.eigenvectors.column(order[c]);
        // The sign of an eigenvector is arbitrary: fix it so that equal input gives equal bytes.
        let sign = if column[column.iamax()] < 0.0 { -1.0 } else { 1.0 };
        sign * column[r]
    });
    (values, vectors)
}

/// The plain KLT: orthonormal, keeps every component.
pub(crate) fn klt(moments: &Moments) -> Transform {
    let (_, vectors) = eigen(&moments.shrunk());
    let n = moments.mean.len();
    let analysis: Vec<f64> = vectors.t().iter().copied().collect();
    let synthesis: Vec<f64> = vectors.iter().copied().collect();
    dense(moments, n, &analysis, &synthesis)
}

/// The KLT of `W^½ Σ W^½`: common noise in its domain costs the task the same everywhere.
///
/// Directions that the task does not see (weight under a millionth of the largest) are dropped.
pub(crate) fn weighted_klt(moments: &Moments, weight: &Array2<f64>) -> Transform {
    let n = moments.mean.len();
    let (values, vectors) = eigen(weight);
    let largest = values.first().copied().unwrap_or(0.0).max(1e-30);
    let kept = values.iter().take_while(|&&v| v > 1e-6 * largest).count().max(1);
    // Scale so that the mean weight is one and steps stay comparable to the plain KLT's.
    let mean = values.iter().take(kept).sum::<f64>() / n as f64;
    let half =
        Array2::from_shape_fn((kept, n), |(k, c)| (values[k] / mean).sqrt() * vectors[[c, k]]);
    let back =
        Array2::from_shape_fn((n, kept), |(c, k)| vectors[[c, k]] / (values[k] / mean).sqrt());
    let weighted = half.dot(&moments.shrunk()).dot(&half.t());
    let (_, rotation) = eigen(&weighted);
    let analysis = rotation.t().dot(&half);
    let synthesis = back.dot(&rotation);
    let flat = |m: &Array2<f64>| m.iter().copied().collect::<Vec<f64>>();
    dense(moments, kept, &flat(&analysis), &flat(&synthesis))
}

fn dense(moments: &Moments, components: usize, analysis: &[f64], synthesis: &[f64]) -> Transform {
    let channels = moments.mean.len();
    Transform {
        kind: TransformKind::Dense {
            analysis: Matrix::quantised(components, channels, analysis),
            synthesis: Matrix::quantised(channels, components, synthesis),
        },
        mean: moments.mean.iter().map(|&m| m as f32).collect(),
    }
}

/// Channels as they are. Rectified features keep their zero (`offset` false).
pub(crate) fn diagonal(moments: &Moments, rectified: bool) -> Transform {
    let mean = moments.mean.iter().map(|&m| if rectified { 0.0 } else { m as f32 }).collect();
    Transform { kind: TransformKind::Diagonal { gains: vec![1.0; moments.mean.len()] }, mean }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn klt_decorrelates() {
        let mut state = 7u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32 - 0.5
        };
        let rows: Vec<f32> = (0..2000)
            .flat_map(|_| {
                let (a, b) = (next(), 0.1 * next());
                [a + b, a - b]
            })
            .collect();
        let moments = Moments::of(std::iter::once(rows.as_slice()), 2);
        let prepared = klt(&moments).prepare();
        let mut y = Vec::new();
        prepared.forward(&rows, 1.0, &mut y);
        let out = Moments::of(std::iter::once(y.as_slice()), 2);
        assert!(out.covariance[[0, 1]].abs() < 1e-3 * out.covariance[[0, 0]]);
        assert!(out.covariance[[0, 0]] > 20.0 * out.covariance[[1, 1]]);
        let weight = Array2::from_shape_vec((2, 2), vec![1.0, 0.0, 0.0, 0.0]).expect("shape");
        assert_eq!(weighted_klt(&moments, &weight).components(), 1);
    }
}
