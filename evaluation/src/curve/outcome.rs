//! What one output says: class, distribution, divergence.

use crate::error::MeasureError;

/// Greatest divergence reported, in nats: a probability of 1e-12 where the reference is certain.
pub const MAX_KL: f64 = 27.631_021_115_928_547;

const MIN_PROBABILITY: f64 = 1e-12;
const SUM_TOLERANCE: f64 = 1e-3;

/// Says how outputs become probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputKind {
    /// Unnormalised scores: softmax is applied.
    Logits,
    /// Non-negative and summing to 1 within 1e-3: taken as they are.
    Probabilities,
}

/// Outputs of the uncompressed model on the test samples, and the labels where they exist.
#[derive(Debug, Clone)]
pub struct Reference {
    outputs: Vec<Vec<f32>>,
    labels: Option<Vec<usize>>,
    kind: OutputKind,
}

/// What one sample's compressed output says beside the reference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) agrees: bool,
    pub(crate) correct: Option<bool>,
    pub(crate) kl: f64,
}

impl Reference {
    /// Takes one output row per sample. Top-1 is measured only when every sample has a label.
    ///
    /// Outputs count as probabilities when every row is one, otherwise as logits.
    ///
    /// # Errors
    /// Refuses an empty set, rows of different lengths, and labels beyond the classes.
    pub fn new(outputs: Vec<Vec<f32>>, labels: &[Option<usize>]) -> Result<Self, MeasureError> {
        let classes =
            outputs.first().map(Vec::len).filter(|c| *c > 0).ok_or(MeasureError::Empty)?;
        if labels.len() != outputs.len() {
            let (expected, found) = (outputs.len(), labels.len());
            return Err(MeasureError::Count { what: "labels", expected, found });
        }
        for (sample, (row, label)) in outputs.iter().zip(labels).enumerate() {
            if row.len() != classes {
                return Err(MeasureError::Classes { sample, expected: classes, found: row.len() });
            }
            if let Some(label) = label.filter(|label| *label >= classes) {
                return Err(MeasureError::Label { sample, label, classes });
            }
        }
        let kind = if outputs.iter().all(|row| is_distribution(row)) {
            OutputKind::Probabilities
        } else {
            OutputKind::Logits
        };
        Ok(Self { labels: labels.iter().copied().collect(), outputs, kind })
    }

    /// Returns the number of samples.
    #[must_use]
    pub fn samples(&self) -> usize {
        self.outputs.len()
    }

    /// Returns how outputs are read.
    #[must_use]
    pub const fn kind(&self) -> OutputKind {
        self.kind
    }

    /// Returns the share of samples that the uncompressed model gets right; `None` without labels.
    #[must_use]
    pub fn top1(&self) -> Option<f64> {
        let correct = self.correct()?;
        Some(correct.iter().sum::<f64>() / correct.len() as f64)
    }

    /// Returns 1 for each sample that the uncompressed model gets right and 0 for the others.
    pub(crate) fn correct(&self) -> Option<Vec<f64>> {
        let labels = self.labels.as_ref()?;
        let hit = |(row, label): (&Vec<f32>, &usize)| f64::from(u8::from(argmax(row) == *label));
        Some(self.outputs.iter().zip(labels).map(hit).collect())
    }

    /// Compares the outputs behind a codec with the reference, sample by sample.
    pub(crate) fn compare(&self, outputs: &[Vec<f32>]) -> Result<Vec<Outcome>, MeasureError> {
        if outputs.len() != self.samples() {
            let (expected, found) = (self.samples(), outputs.len());
            return Err(MeasureError::Count { what: "outputs", expected, found });
        }
        let pairs = self.outputs.iter().zip(outputs).enumerate();
        pairs
            .map(|(sample, (reference, row))| {
                if row.len() != reference.len() {
                    let (expected, found) = (reference.len(), row.len());
                    return Err(MeasureError::Classes { sample, expected, found });
                }
                let class = argmax(row);
                Ok(Outcome {
                    agrees: class == argmax(reference),
                    correct: self.labels.as_ref().map(|labels| labels[sample] == class),
                    kl: divergence(reference, row, self.kind),
                })
            })
            .collect()
    }
}

fn is_distribution(row: &[f32]) -> bool {
    let sum: f64 = row.iter().map(|value| f64::from(*value)).sum();
    row.iter().all(|value| *value >= 0.0) && (sum - 1.0).abs() <= SUM_TOLERANCE
}

/// Returns the first index of the greatest value; values that are no number lose.
fn argmax(row: &[f32]) -> usize {
    let mut best = (0, f32::NEG_INFINITY);
    for (i, value) in row.iter().enumerate() {
        if *value > best.1 {
            best = (i, *value);
        }
    }
    best.0
}

/// Returns KL(reference || compressed) in nats, from 0 to [`MAX_KL`].
fn divergence(reference: &[f32], compressed: &[f32], kind: OutputKind) -> f64 {
    let p = log_probabilities(reference, kind);
    let q = log_probabilities(compressed, kind);
    let kl: f64 = p.iter().zip(&q).map(|(p, q)| p.exp() * (p - q)).sum();
    if kl.is_finite() { kl.clamp(0.0, MAX_KL) } else { MAX_KL }
}

fn log_probabilities(row: &[f32], kind: OutputKind) -> Vec<f64> {
    let values = row.iter().map(|value| f64::from(*value));
    match kind {
        OutputKind::Probabilities => {
            let sum: f64 = values.clone().sum();
            values.map(|value| (value / sum).max(MIN_PROBABILITY).ln()).collect()
        }
        OutputKind::Logits => {
            let peak = values.clone().fold(f64::NEG_INFINITY, f64::max);
            let log_sum = values.clone().map(|value| (value - peak).exp()).sum::<f64>().ln();
            values.map(|value| value - peak - log_sum).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divergence_of_two_known_distributions() {
        // 0.5 ln(0.5/0.25) + 0.5 ln(0.5/0.75)
        let expected = 0.5 * 2.0_f64.ln() + 0.5 * (2.0_f64 / 3.0).ln();
        let found = divergence(&[0.5, 0.5], &[0.25, 0.75], OutputKind::Probabilities);
        assert!((found - expected).abs() < 1e-7);
        let logits = [0.25_f32.ln() + 3.0, 0.75_f32.ln() + 3.0];
        let found = divergence(&[7.0, 7.0], &logits, OutputKind::Logits);
        assert!((found - expected).abs() < 1e-6);
        assert_eq!(divergence(&[1.0, 2.0], &[1.0, 2.0], OutputKind::Logits), 0.0);
    }

    #[test]
    fn divergence_stays_finite_whatever_comes() {
        let worst = divergence(&[1.0, 0.0], &[0.0, 1.0], OutputKind::Probabilities);
        assert!((worst - MAX_KL).abs() < 1e-9);
        for strange in [[f32::NAN, 1.0], [f32::INFINITY, 0.0], [-1e30, 1e30]] {
            let found = divergence(&[3.0, 1.0], &strange, OutputKind::Logits);
            assert!((0.0..=MAX_KL).contains(&found), "{strange:?} {found}");
        }
    }

    #[test]
    fn kind_is_found_from_all_rows() {
        let kind = |rows: Vec<Vec<f32>>| {
            let labels = vec![None; rows.len()];
            Reference::new(rows, &labels).unwrap().kind()
        };
        assert_eq!(kind(vec![vec![0.2, 0.8], vec![0.5, 0.5]]), OutputKind::Probabilities);
        assert_eq!(kind(vec![vec![0.2, 0.8], vec![0.5, 1.5]]), OutputKind::Logits);
        assert_eq!(kind(vec![vec![1.2, -0.2]]), OutputKind::Logits);
    }

    #[test]
    fn first_of_equals_wins_and_not_a_number_never() {
        assert_eq!(argmax(&[1.0, 3.0, 3.0]), 1);
        assert_eq!(argmax(&[f32::NAN, -5.0, -4.0]), 2);
    }

    #[test]
    fn mismatches_are_named() {
        let reference = Reference::new(vec![vec![1.0, 0.5]], &[None]).unwrap();
        assert_eq!(reference.top1(), None);
        let count = reference.compare(&[]).unwrap_err();
        assert!(matches!(count, MeasureError::Count { what: "outputs", expected: 1, found: 0 }));
        let classes = reference.compare(&[vec![1.0]]).unwrap_err();
        assert!(matches!(classes, MeasureError::Classes { sample: 0, expected: 2, found: 1 }));
        let label = Reference::new(vec![vec![1.0, 0.5]], &[Some(2)]).unwrap_err();
        assert!(matches!(label, MeasureError::Label { label: 2, classes: 2, .. }));
        assert!(matches!(Reference::new(Vec::new(), &[]), Err(MeasureError::Empty)));
    }
}
