//! Why a bundle cannot be read or written.

use std::io;
use std::path::PathBuf;

use crate::onnx::{ModelError, ModelId};

/// Why a bundle cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// There is no bundle at the path.
    #[error("no bundle at {path}: learn one with `aiflow learn`")]
    NotFound {
        /// The path.
        path: PathBuf,
    },
    /// The path leads to something else.
    #[error("{path} is not a bundle: {reason}")]
    NotABundle {
        /// The path.
        path: PathBuf,
        /// What is wrong.
        reason: &'static str,
    },
    /// The manifest cannot be understood.
    #[error("the manifest {path} cannot be read (line {line}): {message}; learn the bundle again")]
    Manifest {
        /// Path of the manifest.
        path: PathBuf,
        /// Line of the first thing that is wrong, from 1; 0 when no line is.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// The bundle is of a version that this program does not know.
    #[error("the bundle {path} has format version {found}, this program reads {known}: update it")]
    Version {
        /// The path.
        path: PathBuf,
        /// Major version of the bundle.
        found: u16,
        /// Major version that can be read.
        known: u16,
    },
    /// Something is larger than the limits allow.
    #[error("{path} has {found} {unit}, at most {limit} are read")]
    TooLarge {
        /// What is too large.
        path: PathBuf,
        /// How large it is.
        found: u64,
        /// How large it may be.
        limit: u64,
        /// What is counted.
        unit: &'static str,
    },
    /// The manifest names a file that lies outside the bundle.
    #[error("the manifest of {bundle} names the file `{path}`, which is no path inside a bundle")]
    Path {
        /// The bundle.
        bundle: PathBuf,
        /// The path.
        path: String,
    },
    /// A file of the bundle is missing.
    #[error("the file {path} of the bundle is missing: copy the whole folder, or learn it again")]
    Missing {
        /// The path.
        path: PathBuf,
    },
    /// A file of the bundle is not the one that was written.
    #[error("the file {path} is not the one that the manifest names: copy or learn it again")]
    Changed {
        /// The path.
        path: PathBuf,
    },
    /// The manifest contradicts itself.
    #[error("the manifest of {bundle} contradicts itself: {problem}")]
    Inconsistent {
        /// The bundle, or "the new bundle".
        bundle: String,
        /// What is wrong.
        problem: String,
    },
    /// No model with the right content was found.
    #[error(
        "the bundle was learned for the model {name} ({expected:#}), which was not found at {}: \
         give its path with --model",
        tried.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
    )]
    ModelNotFound {
        /// Name of the model.
        name: String,
        /// Name of its content.
        expected: ModelId,
        /// Where it was looked for.
        tried: Vec<PathBuf>,
    },
    /// The model is not the one that the bundle was learned for.
    #[error(
        "{path} is another model ({found:#}) than the one that the bundle was learned for \
         ({expected:#}): learn a bundle for it"
    )]
    WrongModel {
        /// Path of the model.
        path: PathBuf,
        /// Name of its content.
        found: ModelId,
        /// Name of the content that is needed.
        expected: ModelId,
    },
    /// The model cannot be read.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Something else is in the way.
    #[error("{path} exists and is not a bundle: choose another name")]
    InTheWay {
        /// The path.
        path: PathBuf,
    },
    /// There is a bundle already.
    #[error("there is a bundle at {path} already: choose another name, or ask to replace it")]
    Exists {
        /// The path.
        path: PathBuf,
    },
    /// The system refused.
    #[error("cannot {doing} {path}: {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// The path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}
