//! Why a model cannot be loaded or run.

use std::fmt;

use crate::onnx::ModelError;
use crate::value::ElementKind;

/// An operator that an engine lacks, with the nodes that use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsupportedOperator {
    /// Operator, with its domain in front where it has one.
    pub operator: String,
    /// Names of the nodes that use it.
    pub nodes: Vec<String>,
}

impl fmt::Display for UnsupportedOperator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (", self.operator)?;
        for (i, node) in self.nodes.iter().take(SHOWN_NODES).enumerate() {
            write!(f, "{}`{node}`", if i == 0 { "" } else { ", " })?;
        }
        match self.nodes.len().saturating_sub(SHOWN_NODES) {
            0 => write!(f, ")"),
            more => write!(f, " and {more} more)"),
        }
    }
}

/// Why an engine does not take a model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The model itself is unusable.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The engine lacks operators.
    #[error(
        "{engine} cannot run {origin}: it lacks {}; {advice}",
        operators.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    )]
    Unsupported {
        /// Name of the engine.
        engine: &'static str,
        /// The model.
        origin: String,
        /// Every operator that is missing, in the order of the file.
        operators: Vec<UnsupportedOperator>,
        /// What to do about it.
        advice: &'static str,
    },
    /// The engine refuses the model.
    #[error("{engine} cannot load {origin}: {message}")]
    Refused {
        /// Name of the engine.
        engine: &'static str,
        /// The model.
        origin: String,
        /// What the engine said.
        message: String,
    },
    /// The library of the engine is not on this machine.
    #[error("the engine {engine} is not available: {detail}; {how_to_get}")]
    Unavailable {
        /// Name of the engine.
        engine: &'static str,
        /// What was looked for.
        detail: String,
        /// How to get it.
        how_to_get: &'static str,
    },
}

/// Why a program does not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The model has no value of that name.
    #[error("the model has no value `{name}`: check the name against the model")]
    UnknownValue {
        /// The name.
        name: String,
    },
    /// What was fetched needs an input that was not fed.
    #[error("cannot compute {}: it needs an input that was not given ({message})", fetch.join(", "))]
    MissingInput {
        /// What was to be computed.
        fetch: Vec<String>,
        /// What the engine said.
        message: String,
    },
    /// A value that was fed does not fit.
    #[error("`{name}` cannot be fed as {kind:?}{dims:?}: {message}")]
    InvalidInput {
        /// Name of the value.
        name: String,
        /// Its element type.
        kind: ElementKind,
        /// Its dimensions.
        dims: Vec<usize>,
        /// What the engine said.
        message: String,
    },
    /// A result is no tensor, or has elements that no cut can carry.
    #[error("`{name}` is not a tensor of a kind that can be handed out")]
    NotATensor {
        /// Name of the value.
        name: String,
    },
    /// An operator failed.
    #[error("{engine} failed: {message}")]
    Failed {
        /// Name of the engine.
        engine: &'static str,
        /// What the engine said.
        message: String,
    },
}

/// Nodes that a message names for each missing operator.
const SHOWN_NODES: usize = 3;
