//! What a model's outputs are, and how far two of them are apart.

use crate::value::Value;

/// How outputs are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputKind {
    /// One score per class: a softmax makes them probabilities.
    Logits,
    /// One probability per class.
    Probabilities,
    /// Anything else: boxes, masks, audio. Compared by relative squared error.
    Dense,
}

/// All outputs of one sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Outputs {
    kind: OutputKind,
    /// Logits, logarithms of probabilities, or plain values, one after the other.
    values: Vec<f32>,
}

/// How far a sum of probabilities may be from one.
const SUM_TOLERANCE: f32 = 1e-3;
/// Probabilities below this are taken for it: their logarithm is rounding noise.
const PROBABILITY_FLOOR: f32 = 1e-9;

impl Outputs {
    /// Takes the outputs of a run. One output of shape `[1, K]` or `[K]`, K at least 2, is a
    /// classification; its values are probabilities when none is negative and they add up to 1.
    #[must_use]
    pub fn of(outputs: &[Value]) -> Self {
        let floats = outputs.iter().filter_map(Value::as_f32);
        let values: Vec<f32> = floats.flat_map(|tensor| tensor.iter().copied()).collect();
        let classes = match outputs {
            [Value::F32(tensor)] => {
                tensor.shape().iter().filter(|&&d| d > 1).count() == 1 && tensor.ndim() <= 4
            }
            _ => false,
        };
        if !classes {
            return Self { kind: OutputKind::Dense, values };
        }
        let sum: f32 = values.iter().sum();
        if values.iter().all(|&v| v >= 0.0) && (sum - 1.0).abs() <= SUM_TOLERANCE {
            let logarithms = values.iter().map(|p| (p + PROBABILITY_FLOOR).ln()).collect();
            return Self { kind: OutputKind::Probabilities, values: logarithms };
        }
        Self { kind: OutputKind::Logits, values }
    }

    /// Returns what kind of outputs they are.
    #[must_use]
    pub const fn kind(&self) -> OutputKind {
        self.kind
    }

    /// Tells whether anything in them is no number.
    pub(super) fn has_nan(&self) -> bool {
        self.values.iter().any(|value| value.is_nan())
    }

    /// Returns logits (or logarithms of probabilities) of a classification, nothing otherwise.
    #[must_use]
    pub fn logits(&self) -> Option<&[f32]> {
        (self.kind != OutputKind::Dense).then_some(self.values.as_slice())
    }

    /// Returns the class with the highest score, the first of equals.
    #[must_use]
    pub fn class(&self) -> Option<usize> {
        let best =
            |best: (usize, f32), (i, &v): (usize, &f32)| if v > best.1 { (i, v) } else { best };
        let logits = self.logits()?;
        Some(logits.iter().enumerate().fold((0, f32::NEG_INFINITY), best).0)
    }

    /// Returns the task loss of `other` against this as the reference: Kullback-Leibler divergence
    /// in nats for classifications, otherwise the squared error relative to the reference's energy.
    #[must_use]
    pub fn divergence(&self, other: &Self) -> f64 {
        if self.values.len() != other.values.len() {
            return f64::INFINITY;
        }
        let pairs = self.values.iter().zip(&other.values);
        if self.kind == OutputKind::Dense {
            let (mut error, mut energy) = (0f64, 0f64);
            for (a, b) in pairs {
                error += f64::from(a - b).powi(2);
                energy += f64::from(*a).powi(2);
            }
            return error / energy.max(f64::MIN_POSITIVE);
        }
        let (p, q) = (log_softmax(&self.values), log_softmax(&other.values));
        let sum: f64 = p.iter().zip(&q).map(|(a, b)| a.exp() * (a - b)).sum();
        sum.max(0.0)
    }
}

fn log_softmax(logits: &[f32]) -> Vec<f64> {
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let shifted = logits.iter().map(|&l| f64::from(l - top));
    let sum: f64 = shifted.clone().map(f64::exp).sum();
    shifted.map(|l| l - sum.ln()).collect()
}

#[cfg(test)]
mod tests {
    use ndarray::{ArrayD, IxDyn};

    use super::*;

    fn outputs(dims: &[usize], values: &[f32]) -> Outputs {
        let tensor = ArrayD::from_shape_vec(IxDyn(dims), values.to_vec()).expect("shape");
        Outputs::of(&[Value::F32(tensor)])
    }

    #[test]
    fn kinds_are_told_apart() {
        assert_eq!(outputs(&[1, 3], &[0.2, 0.3, 0.5]).kind(), OutputKind::Probabilities);
        assert_eq!(outputs(&[1, 3], &[2.0, -1.0, 0.5]).kind(), OutputKind::Logits);
        assert_eq!(outputs(&[1, 2, 2], &[0.0; 4]).kind(), OutputKind::Dense);
        assert_eq!(outputs(&[1, 3], &[2.0, -1.0, 0.5]).class(), Some(0));
    }

    #[test]
    fn divergence_of_known_distributions() {
        let p = outputs(&[1, 2], &[0.5, 0.5]);
        let q = outputs(&[1, 2], &[0.25, 0.75]);
        let expected = 0.5 * 2f64.ln() + 0.5 * (2.0f64 / 3.0).ln();
        assert!((p.divergence(&q) - expected).abs() < 1e-6);
        assert!(p.divergence(&p) < 1e-12);
        let a = outputs(&[1, 2, 2], &[1.0, 1.0, 1.0, 1.0]);
        let b = outputs(&[1, 2, 2], &[1.0, 1.0, 1.0, 0.0]);
        assert!((a.divergence(&b) - 0.25).abs() < 1e-9);
    }
}
