//! Why a set of tensors is no cut.

use crate::engine::RunError;
use crate::graph::{InputError, ShapeError};

/// Why a set of tensors is no cut, or why no cuts can be looked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CutError {
    /// The whole model's answer to a sample is no number, so that nothing can be proved with it.
    #[error(
        "the model's output `{output}` for sample {sample} is not a number (NaN); check the model and the \
         preprocessing"
    )]
    NotANumber {
        /// Name of the output.
        output: String,
        /// Number of the sample.
        sample: usize,
    },
    /// The set is empty or too large.
    #[error("a cut has 1 to {most} tensors, not {given}")]
    Count {
        /// Number of tensors given.
        given: usize,
        /// Largest number allowed.
        most: usize,
    },
    /// The model has no such value.
    #[error("the model has no value `{name}`: take a name from the list of cuts")]
    UnknownValue {
        /// The name.
        name: String,
    },
    /// The value is not on the data path.
    #[error("`{name}` is computed on both sides anyway and cannot be a tensor of a cut")]
    NotData {
        /// Name of the value.
        name: String,
    },
    /// The value is not a float tensor.
    #[error("`{name}` is not a float tensor and cannot be a tensor of a cut")]
    NotFloat {
        /// Name of the value.
        name: String,
    },
    /// The tail would compute part of the head again.
    #[error(
        "not a cut: the tail still reaches `{root}`, by way of {}; put one of these into the cut",
        path.join(" <- ")
    )]
    Leak {
        /// The graph input, or the result of the look-up, that the tail reaches.
        root: String,
        /// Values from an output back to the root.
        path: Vec<String>,
    },
    /// The tail does not need a tensor.
    #[error("not a cut: the tail does not need `{name}`; leave it out")]
    Unused {
        /// Name of the tensor.
        name: String,
    },
    /// A state input would be needed on both sides.
    #[error("not a cut: both sides read the state `{input}`; move the cut before or behind it")]
    SharedState {
        /// Name of the state input.
        input: String,
    },
    /// Something would be computed on both sides that is not cheap.
    #[error("not a cut: `{value}` would be computed on both sides; move the cut")]
    Overlap {
        /// Name of the value.
        value: String,
    },
    /// Nothing is left for the tail.
    #[error("not a cut: no output is left for the tail")]
    NothingLeft,
    /// Head and tail together do not give what the whole model gives.
    #[error("the parts differ from the whole by {difference} at output `{output}`")]
    Differs {
        /// Name of the output.
        output: String,
        /// Largest absolute difference; not a number where shapes or non-numbers disagree.
        difference: f32,
    },
    /// A pair of state values was named that the model does not have.
    #[error("the model has no input `{input}` with an output `{output}` to pair it with")]
    UnknownState {
        /// Name of the input.
        input: String,
        /// Name of the output.
        output: String,
    },
    /// No inputs could be made up.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The model does not run on the inputs.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// A part of the model does not run.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// Why a part of a divided model does not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SplitError {
    /// The cut has another number of tensors.
    #[error("the cut has {expected} tensors, {given} were given")]
    TensorCount {
        /// Tensors of the cut.
        expected: usize,
        /// Tensors given.
        given: usize,
    },
    /// The method is for models with one input, and this one has more.
    #[error("the model has {count} inputs: name them, with `head_with` and `tail_with`")]
    SeveralInputs {
        /// Number of inputs that the side needs.
        count: usize,
    },
    /// A value that should be a float tensor is none.
    #[error("`{name}` is not a float tensor")]
    NotFloat {
        /// Name of the value.
        name: String,
    },
    /// The model does not run.
    #[error(transparent)]
    Run(#[from] RunError),
}
