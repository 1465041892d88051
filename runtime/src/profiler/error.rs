//! Why something could not be timed.

use crate::coding::CodingError;
use crate::cut::SplitError;

/// Why the parts of a model or its codings could not be timed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MeasureError {
    /// There is nothing to run.
    #[error("no sample to run was given")]
    NoSamples,
    /// There is nothing between the input and the output.
    #[error("the bundle has no cut; learn it again")]
    NoCuts,
    /// A part of the model does not run.
    #[error(transparent)]
    Split(#[from] SplitError),
    /// The tensors of a cut cannot be coded.
    #[error(transparent)]
    Coding(#[from] CodingError),
    /// Something that was given from outside failed, such as a codec of pictures.
    #[error(transparent)]
    Other(#[from] Box<dyn std::error::Error + Send + Sync>),
}
