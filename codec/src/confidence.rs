//! The confidence head: how sure the model will be, read off a feature before it is coded.
//!
//! A closed-form linear head on pooled features guesses the model's outputs. Where the guess is
//! sure, the frame bears a coarser step; where it is not, a finer one. This is the encoder's choice:
//! the frame carries its rate index anyway, so decoders need not know.

use crate::layout::Grid;
use crate::rate::RateIndex;
use crate::transform::Matrix;

/// A linear head on pooled channels and the shifts of the rate index it asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct ConfidenceHead {
    /// Classes by `2 * channels + 1`: weights of the mean, of the root mean square, and a constant.
    pub(crate) weights: Matrix,
    /// Ascending borders of the uncertainty (nats).
    pub(crate) borders: Vec<f32>,
    /// Shift of the rate index per class of uncertainty; one more than borders.
    pub(crate) shifts: Vec<i8>,
}

impl ConfidenceHead {
    /// Uncertainty of a position-major feature: the entropy of the guessed class distribution in nats.
    #[must_use]
    pub fn uncertainty(&self, grid: Grid, feature: &[f32]) -> f32 {
        let pooled = pool(grid, feature);
        let logits: Vec<f32> = self
            .weights
            .entries
            .chunks(self.weights.columns.max(1))
            .zip(&self.weights.scales)
            .map(|(row, scale)| {
                let dot: f32 = row.iter().zip(&pooled).map(|(&w, x)| f32::from(w) * x).sum();
                dot * scale
            })
            .collect();
        entropy(&logits)
    }

    /// The rate index for a feature when `base` is asked for on average.
    #[must_use]
    pub fn adjust(&self, base: RateIndex, uncertainty: f32) -> RateIndex {
        let class = self.borders.iter().filter(|&&border| uncertainty >= border).count();
        base.shifted(i32::from(self.shifts.get(class).copied().unwrap_or(0)))
    }
}

/// Mean and root mean square of every channel, then a one.
pub(crate) fn pool(grid: Grid, feature: &[f32]) -> Vec<f32> {
    let c = grid.components;
    let mut sums = vec![0f32; 2 * c + 1];
    for position in feature.chunks_exact(c.max(1)) {
        let (means, squares) = sums.split_at_mut(c);
        for ((m, s), &v) in means.iter_mut().zip(squares).zip(position) {
            *m += v;
            *s += v * v;
        }
    }
    let n = grid.positions().max(1) as f32;
    for (i, sum) in sums.iter_mut().enumerate() {
        *sum /= n;
        if i >= c {
            *sum = sum.max(0.0).sqrt();
        }
    }
    if let Some(last) = sums.last_mut() {
        *last = 1.0;
    }
    sums
}

/// Entropy of the softmax of logits, in nats.
pub(crate) fn entropy(logits: &[f32]) -> f32 {
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weights: Vec<f32> = logits.iter().map(|l| (l - top).exp()).collect();
    let sum: f32 = weights.iter().sum();
    let mean: f32 = weights.iter().zip(logits).map(|(w, l)| w * (l - top)).sum::<f32>() / sum;
    sum.ln() - mean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_knows_sure_and_unsure() {
        assert!((entropy(&[0.0, 0.0, 0.0, 0.0]) - 4f32.ln()).abs() < 1e-6);
        assert!(entropy(&[50.0, 0.0, 0.0]) < 1e-3);
    }

    #[test]
    fn shifts_follow_the_borders() {
        let head = ConfidenceHead {
            weights: Matrix::quantised(2, 3, &[4.0, 0.0, 0.0, -4.0, 0.0, 0.0]),
            borders: vec![0.3],
            shifts: vec![4, -4],
        };
        let grid = Grid { components: 1, height: 1, width: 2 };
        let sure = head.uncertainty(grid, &[3.0, 3.0]);
        let unsure = head.uncertainty(grid, &[0.01, -0.01]);
        assert!(sure < 0.3 && unsure > 0.3, "{sure} {unsure}");
        let base = RateIndex::clamped(20);
        assert_eq!(head.adjust(base, sure).get(), 24);
        assert_eq!(head.adjust(base, unsure).get(), 16);
    }
}
