//! Learning the profiles of a cut: the model's own head and tail supply what the codec asks for.

mod outputs;
mod task;

use std::sync::atomic::{AtomicBool, Ordering};

use aiflow_codec::learn::{LearnConfig, LearnReport, learn};
use aiflow_codec::tensor::ShapeError;
use aiflow_codec::{Dims, Layout, LearnError, Profile};

pub use self::outputs::{OutputKind, Outputs};
use self::task::CutTask;
use crate::cut::{SplitError, SplitModel};
use crate::parallel_map;
use crate::value::{Tensor, Value};

/// The profile of one tensor of a cut.
#[derive(Clone, Debug)]
pub struct LearnedTensor {
    /// Name of the tensor in the model.
    pub name: String,
    /// What the codec learned.
    pub profile: Profile,
    /// What was measured on the way.
    pub report: LearnReport,
}

/// Why the profiles of a cut could not be learned.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LearningError {
    /// A side of the cut did not run on a calibration sample.
    #[error("calibration sample {sample} does not run")]
    Run {
        /// Number of the sample.
        sample: usize,
        /// What went wrong.
        source: SplitError,
    },
    /// The model's own answer to a sample is no number.
    #[error(
        "the model's answer to sample {sample} is not a number (NaN): nothing can be compared with it; \
         check the model and the preprocessing"
    )]
    NotANumber {
        /// Number of the sample.
        sample: usize,
    },
    /// The samples give features of different shapes.
    #[error(
        "calibration sample {sample} gives {found:?} for tensor {tensor}, the first {expected:?}; use samples of one shape"
    )]
    Shapes {
        /// Name of the tensor.
        tensor: String,
        /// Number of the sample.
        sample: usize,
        /// Dimensions of the first sample.
        expected: Vec<usize>,
        /// Dimensions of this one.
        found: Vec<usize>,
    },
    /// The codec could not learn from the features of a tensor.
    #[error("no profile for tensor {tensor}")]
    Learn {
        /// Name of the tensor.
        tensor: String,
        /// What went wrong.
        source: LearnError,
    },
    /// The tail failed on a reconstructed feature.
    #[error("the tail does not run on reconstructed features of tensor {tensor}")]
    Tail {
        /// Name of the tensor.
        tensor: String,
    },
}

/// Inputs of one sample by name.
pub type NamedInputs = Vec<(String, Value)>;

/// Features and outputs of the uncompressed model on some samples.
#[derive(Clone, Debug)]
pub struct Reference {
    /// Tensors of the cut, per sample.
    pub features: Vec<Vec<Tensor>>,
    /// Outputs of the model, per sample.
    pub outputs: Vec<Outputs>,
}

/// Runs head and tail on samples, two or more at a time.
///
/// # Errors
/// When a side does not run on a sample, or the answer has something in it that is no number.
pub fn reference(
    split: &SplitModel,
    inputs: &[NamedInputs],
    threads: usize,
) -> Result<Reference, LearningError> {
    let run = |sample: usize| -> Result<(Vec<Tensor>, Outputs), SplitError> {
        let named: Vec<(&str, Value)> =
            inputs[sample].iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        let features = split.head_with(&named)?.features;
        let outputs = split.tail_with(&features, &named, None)?;
        Ok((features, Outputs::of(&outputs)))
    };
    let mut reference = Reference { features: Vec::new(), outputs: Vec::new() };
    for (sample, result) in parallel_map(inputs.len(), threads, run).into_iter().enumerate() {
        let (features, outputs) = result.map_err(|source| LearningError::Run { sample, source })?;
        if outputs.has_nan() {
            return Err(LearningError::NotANumber { sample });
        }
        reference.features.push(features);
        reference.outputs.push(outputs);
    }
    Ok(reference)
}

/// Learns one profile per tensor of the cut of `split`.
///
/// A tensor is learned while the others of the cut stay uncompressed. `progress` gets what is being
/// done and the finished share, 0 to 1.
///
/// # Errors
/// When a side of the cut does not run, samples differ in shape, or there are too few.
pub fn learn_cut(
    split: &SplitModel,
    inputs: &[NamedInputs],
    config: &LearnConfig,
    threads: usize,
    progress: &dyn Fn(&str, f32),
) -> Result<Vec<LearnedTensor>, LearningError> {
    progress("running the model", 0.0);
    let reference = reference(split, inputs, threads)?;
    let count = split.cut().tensors.len();
    let mut learned = Vec::with_capacity(count);
    for (index, tensor) in split.cut().tensors.iter().enumerate() {
        let wrap =
            |source: LearnError| LearningError::Learn { tensor: tensor.name.clone(), source };
        let dims = common_dims(&reference, index, &tensor.name)?;
        let layout = Layout::infer(&dims);
        let features: Vec<Vec<f32>> =
            reference.features.iter().map(|f| f[index].iter().copied().collect()).collect();
        let failed = AtomicBool::new(false);
        let task = CutTask { split, inputs, reference: &reference, index, failed: &failed };
        let share = |name: &str, done: f32| {
            progress(name, (index as f32 + done) / count as f32);
        };
        let dims = Dims::new(&dims).map_err(|e: ShapeError| wrap(e.into()))?;
        let config = config.clone().with_threads(threads);
        let result = learn(layout, &dims, &features, &task, &config, &share).map_err(wrap)?;
        if failed.load(Ordering::Relaxed) {
            return Err(LearningError::Tail { tensor: tensor.name.clone() });
        }
        let (profile, report) = (result.profile, result.report);
        learned.push(LearnedTensor { name: tensor.name.clone(), profile, report });
    }
    Ok(learned)
}

fn common_dims(
    reference: &Reference,
    index: usize,
    tensor: &str,
) -> Result<Vec<usize>, LearningError> {
    let dims =
        |features: &Vec<Tensor>| features.get(index).map_or(Vec::new(), |f| f.shape().to_vec());
    let expected = reference.features.first().map_or(Vec::new(), dims);
    for (sample, features) in reference.features.iter().enumerate() {
        let found = dims(features);
        if found != expected {
            return Err(LearningError::Shapes {
                tensor: tensor.to_owned(),
                sample,
                expected,
                found,
            });
        }
    }
    Ok(expected)
}
