//! Why a file is no model that can be used.

use std::path::PathBuf;

/// A model file that cannot be read, or that contradicts itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// There is no such file.
    #[error("no model at {path}: give the path of an ONNX file")]
    NotFound {
        /// The path that was asked for.
        path: PathBuf,
    },
    /// The file is there but cannot be read.
    #[error("cannot read the model {path}: {source}; give the path of an ONNX file")]
    Read {
        /// The path that was asked for.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The bytes are no ONNX model.
    #[error(
        "{origin} is not an ONNX model ({reason}): export the network as ONNX and give that file"
    )]
    NotOnnx {
        /// The file, or "the given bytes".
        origin: String,
        /// What gives it away.
        reason: &'static str,
    },
    /// The file ends before its own lengths say so.
    #[error("{origin} is cut short: it holds {present} bytes and needs {needed}; copy it again")]
    Truncated {
        /// The file, or "the given bytes".
        origin: String,
        /// Bytes that its outermost lengths ask for.
        needed: u64,
        /// Bytes that are there.
        present: u64,
    },
    /// A weight's data does not fit its dimensions.
    #[error("{origin}: weight `{tensor}` {reason}; export the model again")]
    Tensor {
        /// The file, or "the given bytes".
        origin: String,
        /// Name of the weight.
        tensor: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Weights in a file beside the model are missing or unusable.
    #[error("{origin}: the data of weight `{tensor}` should be in `{file}`, {reason}")]
    ExternalData {
        /// The model file.
        origin: String,
        /// Name of the weight.
        tensor: String,
        /// The file that should hold the data, as the model names it.
        file: String,
        /// What is wrong and what to do.
        reason: &'static str,
    },
    /// The graph contradicts itself.
    #[error("{origin}: {problem}; check the model with an ONNX checker and export it again")]
    Graph {
        /// The file, or "the given bytes".
        origin: String,
        /// What is wrong, with the name of the node or value.
        problem: String,
    },
}
