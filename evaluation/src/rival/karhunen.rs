//! Karhunen-Loève transform of the component vectors of a cut.

use half::f16;
use nalgebra::{DMatrix, SymmetricEigen};
use ndarray::{Array1, Array2, ArrayView2, Axis, Slice};

use super::Calibration;
use super::layout::Layout;

/// Orthogonal basis of the components, strongest first, held as it would be sent: half precision.
#[derive(Debug, Clone)]
pub(crate) struct KarhunenLoeve {
    mean: Array1<f32>,
    /// One basis vector per column.
    basis: Array2<f32>,
}

impl KarhunenLoeve {
    /// Fits mean and basis to the calibration features; returns also the projected samples.
    pub(crate) fn fit(calibration: &Calibration<'_>) -> (Self, Array2<f32>) {
        let components = Layout::of(calibration.dims()).components;
        let rows = calibration.vectors(FIT_ROWS.max(ROWS_PER_COMPONENT * components));
        let samples = Array2::from_shape_fn((rows.len() / components, components), |(i, j)| {
            rows[i * components + j]
        });
        let mean = samples.mean_axis(Axis(0)).unwrap_or_else(|| Array1::zeros(components));
        let centred = &samples - &mean;
        let scale = 1.0 / samples.nrows().max(1) as f32;
        let covariance = centred.t().dot(&centred) * scale;
        let basis = eigenvectors(&covariance);
        let projected = centred.dot(&basis);
        (Self { mean, basis }, projected)
    }

    /// Returns the number of components.
    pub(crate) fn components(&self) -> usize {
        self.mean.len()
    }

    /// Returns the first `rank` coefficients of every position, one row per position.
    pub(crate) fn forward(&self, feature: &[f32], layout: Layout, rank: usize) -> Array2<f32> {
        let shape = (layout.positions, layout.components);
        let centred = Array2::from_shape_fn(shape, |(position, component)| {
            feature[layout.index(position, component)] - self.mean[component]
        });
        centred.dot(&self.leading(rank))
    }

    /// Rebuilds a feature from as many leading coefficients as there are columns.
    pub(crate) fn inverse(&self, coefficients: &Array2<f32>, layout: Layout) -> Vec<f32> {
        let rebuilt = coefficients.dot(&self.leading(coefficients.ncols()).t());
        let mut feature = vec![0.0; layout.positions * layout.components];
        for ((position, component), value) in rebuilt.indexed_iter() {
            feature[layout.index(position, component)] = value + self.mean[component];
        }
        feature
    }

    /// Returns the bytes of mean and `rank` basis vectors at half precision.
    pub(crate) fn profile_bytes(&self, rank: usize) -> usize {
        self.components() * (rank + 1) * size_of::<f16>()
    }

    fn leading(&self, rank: usize) -> ArrayView2<'_, f32> {
        self.basis.slice_axis(Axis(1), Slice::from(..rank))
    }
}

const FIT_ROWS: usize = 16_384;
/// Fewer vectors than this per component leave the weak directions to chance.
const ROWS_PER_COMPONENT: usize = 20;

/// Returns the eigenvectors as columns by falling eigenvalue, each with its largest entry positive
/// so that the sign does not depend on the solver.
fn eigenvectors(covariance: &Array2<f32>) -> Array2<f32> {
    let size = covariance.nrows();
    let symmetric = DMatrix::from_fn(size, size, |i, j| {
        0.5 * (f64::from(covariance[[i, j]]) + f64::from(covariance[[j, i]]))
    });
    let eigen = SymmetricEigen::new(symmetric);
    let mut order: Vec<usize> = (0..size).collect();
    order.sort_by(|a, b| eigen.eigenvalues[*b].total_cmp(&eigen.eigenvalues[*a]).then(a.cmp(b)));
    let signs: Vec<f64> = (0..size)
        .map(|column| {
            let vector = eigen.eigenvectors.column(column);
            let peak = vector.iter().fold(0.0_f64, |m, v| if v.abs() > m.abs() { *v } else { m });
            if peak < 0.0 { -1.0 } else { 1.0 }
        })
        .collect();
    Array2::from_shape_fn((size, size), |(row, rank)| {
        let column = order[rank];
        f16::from_f64(signs[column] * eigen.eigenvectors[(row, column)]).to_f32()
    })
}
