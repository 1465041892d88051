//! What a model answers, for people.

use std::fmt;

use aiflow::runtime::Value;
use serde::Serialize;

/// One output of a model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Answer {
    output: String,
    shape: Vec<usize>,
    /// The likeliest classes, where the output looks like one score for each class.
    classes: Vec<Class>,
    minimum: f64,
    maximum: f64,
    mean: f64,
}

/// A class with its probability.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Class {
    class: usize,
    probability: f64,
}

/// Describes the outputs of a tail.
pub(crate) fn answers(names: &[String], outputs: &[Value]) -> Vec<Answer> {
    names.iter().zip(outputs).map(|(name, value)| Answer::new(name, value)).collect()
}

impl Answer {
    fn new(name: &str, value: &Value) -> Self {
        let numbers = value.to_f64();
        let count = numbers.len().max(1) as f64;
        let scores = matches!(value, Value::F32(_))
            && numbers.len() > 1
            && value.dims().iter().filter(|&&size| size > 1).count() == 1;
        Self {
            output: name.to_owned(),
            shape: value.dims().to_vec(),
            classes: if scores { likeliest(&numbers) } else { Vec::new() },
            minimum: numbers.iter().copied().fold(f64::INFINITY, f64::min),
            maximum: numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            mean: numbers.iter().sum::<f64>() / count,
        }
    }
}

/// Scores to probabilities, unless they are that already; the likeliest first.
fn likeliest(scores: &[f64]) -> Vec<Class> {
    let sum: f64 = scores.iter().sum();
    let ready = scores.iter().all(|&score| score >= 0.0) && (sum - 1.0).abs() < 1e-3;
    let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let total: f64 = scores.iter().map(|score| (score - top).exp()).sum();
    let probability = |score: f64| if ready { score } else { (score - top).exp() / total };
    let classes = scores.iter().enumerate();
    let mut classes: Vec<Class> =
        classes.map(|(class, &score)| Class { class, probability: probability(score) }).collect();
    classes.sort_by(|a, b| b.probability.total_cmp(&a.probability).then(a.class.cmp(&b.class)));
    classes.truncate(SHOWN);
    classes
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.output)?;
        for class in &self.classes {
            write!(f, " class {} ({:.1} %)", class.class, 100.0 * class.probability)?;
        }
        if self.classes.is_empty() {
            let (low, high, mean) = (self.minimum, self.maximum, self.mean);
            write!(f, " {:?} from {low:.4} to {high:.4}, mean {mean:.4}", self.shape)?;
        }
        Ok(())
    }
}

/// Classes that an answer names.
const SHOWN: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::ArrayD;

    fn answer(dims: &[usize], values: Vec<f32>) -> Answer {
        let tensor = ArrayD::from_shape_vec(dims, values).expect("values that fill the shape");
        Answer::new("y", &Value::F32(tensor))
    }

    #[test]
    fn scores_become_probabilities() {
        let scores = answer(&[1, 3], vec![0.0, 2.0_f32.ln(), 0.0]);
        assert_eq!(scores.to_string(), "y: class 1 (50.0 %) class 0 (25.0 %) class 2 (25.0 %)");
        let ready = answer(&[1, 2], vec![0.9, 0.1]);
        assert_eq!(ready.to_string(), "y: class 0 (90.0 %) class 1 (10.0 %)");
    }

    #[test]
    fn other_outputs_are_summed_up() {
        let map = answer(&[1, 2, 2], vec![0.0, 1.0, 2.0, 3.0]);
        assert_eq!(map.to_string(), "y: [1, 2, 2] from 0.0000 to 3.0000, mean 1.5000");
    }
}
