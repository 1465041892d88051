//! Closed-form least squares over many rows.

use nalgebra::{Cholesky, DMatrix, Dyn};
use ndarray::{Array2, ArrayView2, Axis};

/// Rows per input from which regularisation hardly matters.
const AMPLE: usize = 40;
/// Every how many blocks of rows one is held out to choose a ridge.
const HELD_OUT: usize = 4;

/// Sums blocks, and sums them apart: those to fit and those to choose a ridge with.
pub(crate) fn split(blocks: &[NormalEquations]) -> Option<(NormalEquations, [NormalEquations; 2])> {
    let first = blocks.first()?;
    let empty = NormalEquations::new(first.gram.nrows(), first.cross.ncols());
    let (mut all, mut parts) = (empty.clone(), [empty.clone(), empty]);
    for (i, block) in blocks.iter().enumerate() {
        all.merge(block);
        parts[usize::from(i % HELD_OUT == HELD_OUT - 1)].merge(block);
    }
    Some((all, parts))
}

/// The ridge with the smallest error, the smallest of equals, and that error.
pub(crate) fn best_ridge(ridges: &[f64], error: impl Fn(f64) -> f64) -> (f64, f64) {
    let errors = ridges.iter().map(|&ridge| (ridge, error(ridge)));
    errors.min_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((1.0, 0.0))
}

/// Normal equations `AᵀA` and `AᵀB`, summed block by block in a fixed order.
#[derive(Clone, Debug)]
pub(crate) struct NormalEquations {
    gram: Array2<f64>,
    cross: Array2<f64>,
    rows: usize,
}

impl NormalEquations {
    pub(crate) fn new(inputs: usize, targets: usize) -> Self {
        Self {
            gram: Array2::zeros((inputs, inputs)),
            cross: Array2::zeros((inputs, targets)),
            rows: 0,
        }
    }

    /// Takes sums that were made elsewhere.
    pub(crate) const fn from_sums(gram: Array2<f64>, cross: Array2<f64>, rows: usize) -> Self {
        Self { gram, cross, rows }
    }

    /// Adds a block of rows. Products are f32 at matrix speed, sums over blocks f64.
    pub(crate) fn add(&mut self, inputs: ArrayView2<'_, f32>, targets: ArrayView2<'_, f32>) {
        self.gram.zip_mut_with(&inputs.t().dot(&inputs), |a, &b| *a += f64::from(b));
        self.cross.zip_mut_with(&inputs.t().dot(&targets), |a, &b| *a += f64::from(b));
        self.rows += inputs.nrows();
    }

    /// Adds another sum of the same shape.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.gram += &other.gram;
        self.cross += &other.cross;
        self.rows += other.rows;
    }

    /// Squared error of weights on these rows, less what no weights at all leave.
    ///
    /// Negative where the weights help. `weights` may have fewer rows than there are inputs: the
    /// others are zero.
    pub(crate) fn error(&self, weights: ArrayView2<'_, f64>, target: Option<usize>) -> f64 {
        let n = weights.nrows();
        let (gram, _) = self.gram.view().split_at(Axis(0), n);
        let (gram, _) = gram.split_at(Axis(1), n);
        let product = gram.dot(&weights);
        let mut error = 0.0;
        for (i, row) in weights.rows().into_iter().enumerate() {
            for (t, &w) in row.iter().enumerate() {
                error += w * (product[[i, t]] - 2.0 * self.cross[[i, target.unwrap_or(t)]]);
            }
        }
        error
    }

    /// What the weights of one target, from the first inputs alone, explain of its energy.
    pub(crate) fn explained(&self, weights: &[f64], target: usize) -> f64 {
        weights.iter().zip(self.cross.column(target)).map(|(w, c)| w * c).sum()
    }

    /// The energy of all inputs together: what even errors of weights are multiplied by.
    pub(crate) fn energy(&self) -> f64 {
        self.gram.diag().sum().max(1e-30)
    }

    /// Whether there are so many rows that the smallest ridge is safe.
    pub(crate) fn is_ample(&self) -> bool {
        self.rows >= AMPLE * self.gram.nrows()
    }

    /// Factorises the Gram matrix with `ridge` times the row count (and the mean diagonal, for
    /// scale) added to its diagonal.
    pub(crate) fn factorise(&self, ridge: f64) -> Factorised<'_> {
        let n = self.gram.nrows();
        let mean = self.gram.diag().sum() / n.max(1) as f64;
        let mut amount = (ridge * mean).max(1e-9 * mean).max(1e-12);
        loop {
            let matrix = DMatrix::from_fn(n, n, |i, j| {
                self.gram[[i, j]] + if i == j { amount } else { 0.0 }
            });
            if let Some(cholesky) = Cholesky::new(matrix) {
                return Factorised { equations: self, cholesky };
            }
            // Rounding can make the matrix indefinite: more ridge always mends that.
            amount *= 10.0;
        }
    }
}

/// Targets that are solved side by side.
pub(crate) const TOGETHER: usize = 8;

/// Normal equations with their Cholesky factor.
pub(crate) struct Factorised<'a> {
    equations: &'a NormalEquations,
    cholesky: Cholesky<f64, Dyn>,
}

impl Factorised<'_> {
    /// Weights for every target, inputs by targets, row-major.
    pub(crate) fn solve(&self) -> Array2<f64> {
        let cross = &self.equations.cross;
        let rhs = DMatrix::from_fn(cross.nrows(), cross.ncols(), |i, j| cross[[i, j]]);
        let solution = self.cholesky.solve(&rhs);
        Array2::from_shape_fn(cross.dim(), |(i, j)| solution[(i, j)])
    }

    /// Weights of up to [`TOGETHER`] targets, each from its first inputs alone: pairs of a target and their number.
    ///
    /// The factor of a leading block is the leading block of the factor, so all nested problems
    /// share one factorisation. Several are solved side by side, since each alone waits for the sum before.
    pub(crate) fn solve_leading(&self, targets: &[(usize, usize)]) -> Vec<Vec<f64>> {
        let lower = self.cholesky.l_dirty();
        let inputs = targets.iter().map(|&(_, inputs)| inputs).max().unwrap_or(0);
        let mut x = vec![[0.0; TOGETHER]; inputs];
        for (lane, &(target, own)) in targets.iter().enumerate().take(TOGETHER) {
            for (i, x) in x.iter_mut().enumerate().take(own) {
                x[lane] = self.equations.cross[[i, target]];
            }
        }
        for i in 0..inputs {
            let column = lower.column(i);
            let mut v = x[i].map(|x| x / column[i]);
            for (v, &(_, own)) in v.iter_mut().zip(targets) {
                *v = if i < own { *v } else { 0.0 };
            }
            x[i] = v;
            for (slots, l) in x[i + 1..].iter_mut().zip(column.iter().skip(i + 1)) {
                slots.iter_mut().zip(&v).for_each(|(slot, v)| *slot -= v * l);
            }
        }
        for i in (0..inputs).rev() {
            let column = lower.column(i);
            let mut sums = [0.0; TOGETHER];
            for (x, l) in x[i + 1..].iter().zip(column.iter().skip(i + 1)) {
                sums.iter_mut().zip(x).for_each(|(sum, x)| *sum += x * l);
            }
            x[i].iter_mut().zip(sums).for_each(|(x, sum)| *x = (*x - sum) / column[i]);
        }
        let lanes = targets.iter().enumerate().take(TOGETHER);
        lanes.map(|(lane, &(_, own))| x.iter().take(own).map(|x| x[lane]).collect()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recovers_weights_and_nested_solutions_agree() {
        // Inputs from a small linear congruential sequence, targets from known weights.
        let mut state = 1u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32 - 0.5
        };
        let a = Array2::from_shape_fn((200, 3), |_| next());
        let w =
            Array2::from_shape_vec((3, 2), vec![1.0, 0.5, -2.0, 0.0, 0.25, 3.0]).expect("shape");
        let mut equations = NormalEquations::new(3, 2);
        let b = a.dot(&w);
        equations.add(a.view(), b.view());
        let factorised = equations.factorise(1e-9);
        let all = factorised.solve();
        for (x, y) in all.iter().zip(w.iter()) {
            assert!((x - f64::from(*y)).abs() < 1e-3, "{all}");
        }
        let leading = factorised.solve_leading(&[(1, 3), (0, 2)]);
        assert_eq!(leading.iter().map(Vec::len).collect::<Vec<_>>(), [3, 2]);
        for (i, x) in leading[0].iter().enumerate() {
            assert!((x - all[[i, 1]]).abs() < 1e-9);
        }
        let mut part = NormalEquations::new(2, 2);
        let (left, _) = a.view().split_at(ndarray::Axis(1), 2);
        part.add(left, b.view());
        let direct = part.factorise(1e-9).solve();
        for (i, x) in leading[1].iter().enumerate() {
            assert!((x - direct[[i, 0]]).abs() < 1e-4);
        }
    }
}
