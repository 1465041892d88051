//! Choosing an engine by name.

use std::fmt;
use std::str::FromStr;

use super::{Engine, LoadError, OrtEngine, RtenEngine, Threads};

/// Which engine to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EngineChoice {
    /// The built-in one: the default, since it gives the same numbers wherever it runs.
    #[default]
    Rten,
    /// ONNX Runtime.
    Ort,
    /// ONNX Runtime when its library is found, else the built-in one.
    Fastest,
}

impl EngineChoice {
    /// Opens the engine.
    ///
    /// # Errors
    /// When the library of ONNX Runtime was asked for and is not found.
    pub fn open(self, threads: Threads) -> Result<Box<dyn Engine>, LoadError> {
        let rten = || Box::new(RtenEngine::new().with_threads(threads));
        match self {
            Self::Rten => Ok(rten()),
            Self::Ort => Ok(Box::new(OrtEngine::open()?.with_threads(threads))),
            Self::Fastest => match OrtEngine::open() {
                Ok(engine) => Ok(Box::new(engine.with_threads(threads))),
                Err(_) => Ok(rten()),
            },
        }
    }
}

/// A text that names no engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an engine is called rten, ort or fastest")]
pub struct ParseEngineError;

impl FromStr for EngineChoice {
    type Err = ParseEngineError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "rten" => Ok(Self::Rten),
            "ort" => Ok(Self::Ort),
            "fastest" => Ok(Self::Fastest),
            _ => Err(ParseEngineError),
        }
    }
}

impl fmt::Display for EngineChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Rten => "rten",
            Self::Ort => "ort",
            Self::Fastest => "fastest",
        })
    }
}
