//! Engines: what runs a model, whole or in part.
//!
//! [`Engine::load`] turns a [`ModelFile`] into a [`Program`], and a program runs any part of the
//! model: it is fed with any tensors by name and asked for any tensors by name. `rten` is built in
//! ([`RtenEngine`]); ONNX Runtime is used when its library is found on the machine
//! ([`OrtEngine`]). [`discover()`] says what is there.

mod choice;
mod discover;
mod error;
mod fetch;
mod ort;
mod rten;

use std::num::NonZeroUsize;
use std::sync::Arc;

pub use self::choice::{EngineChoice, ParseEngineError};
pub use self::discover::{CpuFeature, EngineStatus, cpu_features, discover};
pub use self::error::{LoadError, RunError, UnsupportedOperator};
pub use self::ort::OrtEngine;
pub use self::rten::RtenEngine;
use crate::onnx::ModelFile;
use crate::value::Value;

/// Something that can run ONNX models.
pub trait Engine: Send + Sync {
    /// Returns the name that commands and reports use for the engine.
    fn name(&self) -> &'static str;

    /// Prepares a model for running.
    ///
    /// # Errors
    /// When the engine lacks an operator of the model, or refuses the model.
    fn load(&self, model: &ModelFile) -> Result<Arc<dyn Program>, LoadError>;
}

/// A loaded model of which any part can be run.
///
/// A program may be used from several threads at the same time, each running its own sample.
pub trait Program: Send + Sync {
    /// Computes the values named in `fetch` from those in `feeds`, in the order of `fetch`.
    ///
    /// Feeding an inner value cuts off everything that only it depends on: the program never goes
    /// behind a value that is fed, and it fails when what is fetched needs a graph input that is
    /// not fed. Values that depend on weights alone need no feed. A value that is fed and fetched
    /// comes back as it is.
    ///
    /// # Errors
    /// When a name is unknown, an input that is needed is missing, or an operator fails.
    fn run(&self, feeds: &[(&str, Value)], fetch: &[&str]) -> Result<Vec<Value>, RunError>;
}

/// Threads that one run of a program may use.
///
/// The default is 1: bundles, reports and tests then give the same numbers on every machine, and
/// samples are run in parallel instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threads(NonZeroUsize);

impl Threads {
    /// Wraps a number of threads; 0 becomes 1.
    pub fn new(count: usize) -> Self {
        Self(NonZeroUsize::new(count).unwrap_or(NonZeroUsize::MIN))
    }

    /// Returns the number of threads.
    pub const fn get(self) -> usize {
        self.0.get()
    }
}

impl Default for Threads {
    fn default() -> Self {
        Self(NonZeroUsize::MIN)
    }
}

#[cfg(test)]
mod tests;
