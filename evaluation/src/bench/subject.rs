//! What is measured: test samples through one model, and one cut of it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use aiflow_codec::learn::LearnConfig;
use aiflow_runtime::cut::SplitModel;
use aiflow_runtime::learning::{self, NamedInputs};
use aiflow_runtime::{Tensor, Value};

use super::BenchError;
use crate::data::{Dataset, Picture, Preprocess};

/// Samples in memory, as the model takes them.
#[derive(Clone, Debug)]
pub struct Samples {
    /// Inputs by name.
    pub inputs: Vec<NamedInputs>,
    /// Labels, where the set has them.
    pub labels: Vec<Option<usize>>,
    /// Pictures before normalisation, where the set has them.
    pub pictures: Vec<Option<Picture>>,
}

impl Samples {
    /// Reads the first `limit` samples of a set for the model's input `name`.
    ///
    /// # Errors
    /// When a sample cannot be read.
    pub fn read(data: &dyn Dataset, name: &str, limit: usize) -> Result<Self, BenchError> {
        let mut samples = Self { inputs: Vec::new(), labels: Vec::new(), pictures: Vec::new() };
        for index in 0..data.len().min(limit) {
            let sample = data.sample(index)?;
            samples.inputs.push(vec![(name.to_owned(), Value::F32(sample.input))]);
            samples.labels.push(sample.label);
            samples.pictures.push(sample.picture);
        }
        Ok(samples)
    }

    /// Returns what to learn from: the inputs, and behind them those of mirror images where the samples are
    /// so few pictures that these help; and the setting that tells learning so.
    #[must_use]
    pub fn to_learn(
        &self,
        preprocess: Option<&Preprocess>,
        config: LearnConfig,
    ) -> (Cow<'_, [NamedInputs]>, LearnConfig) {
        let few = self.len() <= LearnConfig::FEW_SAMPLES;
        let Some(preprocess) = preprocess.filter(|_| few) else {
            return (Cow::Borrowed(&self.inputs), config);
        };
        let mirrored = self.inputs.iter().map(|inputs| {
            let mut inputs = inputs.clone();
            for (name, value) in &mut inputs {
                if let (Value::F32(tensor), true) = (value, name == preprocess.input()) {
                    *tensor = preprocess.mirrored(tensor);
                }
            }
            inputs
        });
        let all: Vec<NamedInputs> = self.inputs.iter().cloned().chain(mirrored).collect();
        (Cow::Owned(all), config.with_copies(2))
    }

    /// Returns the number of samples.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inputs.len()
    }

    /// Returns whether there is no sample.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inputs.is_empty()
    }
}

/// One cut with the features of the test samples, and the tail's answers so far.
pub(crate) struct Subject<'a> {
    pub(crate) split: &'a SplitModel,
    inputs: &'a [NamedInputs],
    /// Per sample, per tensor.
    pub(crate) features: Vec<Vec<Tensor>>,
    /// Shapes of the tensors.
    pub(crate) dims: Vec<Vec<usize>>,
    /// Outputs by sample and content of the features: many methods decode to the same values.
    seen: Mutex<HashMap<(usize, u64, u64), Vec<f32>>>,
}

impl<'a> Subject<'a> {
    pub(crate) fn new(
        split: &'a SplitModel,
        inputs: &'a [NamedInputs],
        threads: usize,
    ) -> Result<Self, BenchError> {
        let features = learning::reference(split, inputs, threads)?.features;
        let dims = features
            .first()
            .map(|f| f.iter().map(|t| t.shape().to_vec()).collect())
            .ok_or(BenchError::NoSamples)?;
        Ok(Self { split, inputs, features, dims, seen: Mutex::default() })
    }

    /// Values that cross the cut per sample.
    pub(crate) fn elements(&self) -> usize {
        self.dims.iter().map(|d| d.iter().product::<usize>()).sum()
    }

    /// Runs the tail of a sample on decoded features.
    pub(crate) fn tail(&self, sample: usize, decoded: &[Vec<f32>]) -> Result<Vec<f32>, BenchError> {
        let key = fingerprint(sample, decoded);
        if let Some(known) = self.seen.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(known.clone());
        }
        let mut features = Vec::with_capacity(decoded.len());
        for (values, dims) in decoded.iter().zip(&self.dims) {
            let tensor = Tensor::from_shape_vec(dims.as_slice(), values.clone());
            features.push(tensor.map_err(|_| BenchError::DecodedShape)?);
        }
        let named: Vec<(&str, Value)> =
            self.inputs[sample].iter().map(|(n, v)| (n.as_str(), v.clone())).collect();
        let outputs = self.split.tail_with(&features, &named, None)?;
        let flat = flatten(&outputs);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.insert(key, flat.clone());
        Ok(flat)
    }
}

/// All float outputs, one after the other.
pub(crate) fn flatten(outputs: &[Value]) -> Vec<f32> {
    outputs.iter().filter_map(Value::as_f32).flat_map(|t| t.iter().copied()).collect()
}

/// Two independent 64-bit hashes of the bits of the features.
fn fingerprint(sample: usize, decoded: &[Vec<f32>]) -> (usize, u64, u64) {
    let (mut a, mut b) = (0xcbf2_9ce4_8422_2325_u64, 0x9e37_79b9_7f4a_7c15_u64);
    for value in decoded.iter().flatten() {
        let bits = u64::from(value.to_bits());
        a = (a ^ bits).wrapping_mul(0x0000_0100_0000_01b3);
        b = (b.rotate_left(5) ^ bits).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
    (sample, a, b)
}

#[cfg(test)]
mod tests {
    use ndarray::{ArrayD, IxDyn};

    use super::*;

    fn samples(count: usize) -> Samples {
        let input = ArrayD::from_shape_vec(IxDyn(&[1, 1, 1, 2]), vec![1.0, 2.0]).expect("two");
        let inputs = vec![vec![("x".to_owned(), Value::F32(input))]; count];
        Samples { inputs, labels: vec![None; count], pictures: vec![None; count] }
    }

    #[test]
    fn few_pictures_are_learned_from_with_their_mirror_images() {
        let text = "input = 'x'\nsize = [1, 2]\nchannels = 'grey'";
        let preprocess = Preprocess::from_toml(text, "test").expect("in good order");
        let learned_from = |count: usize, preprocess: Option<&Preprocess>| {
            samples(count).to_learn(preprocess, LearnConfig::default()).0.into_owned()
        };
        let few = LearnConfig::FEW_SAMPLES;
        let all = learned_from(few, Some(&preprocess));
        assert_eq!(all.len(), 2 * few);
        let Some((_, Value::F32(mirror))) = all[few].first() else { panic!("an input") };
        assert_eq!(mirror.iter().copied().collect::<Vec<_>>(), [2.0, 1.0]);
        assert_eq!(learned_from(few + 1, Some(&preprocess)).len(), few + 1);
        assert_eq!(learned_from(few, None).len(), few);
    }
}
