//! ONNX Runtime, loaded when its shared library is found.

mod convert;
mod extract;
mod library;
mod sessions;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::ort::environment::Environment;

use self::extract::Extractor;
use self::sessions::Sessions;
use super::{Engine, LoadError, Program, RunError, Threads, fetch};
use crate::graph::Graph;
use crate::onnx::ModelFile;
use crate::value::Value;

pub(super) use self::library::candidates;

/// ONNX Runtime: faster than the built-in engine, and the way to hardware that it supports.
///
/// It cannot run a part of a model, so parts are written as models of their own, and the sessions
/// that run them are kept: the first run of each part is slow, and each part holds its own copy of
/// the weights it uses.
#[derive(Clone, Debug)]
pub struct OrtEngine {
    environment: Environment,
    library: PathBuf,
    version: String,
    threads: Threads,
}

impl OrtEngine {
    /// Name of the engine.
    pub const NAME: &'static str = "ort";

    /// How to get the library.
    pub const HOW_TO_GET: &'static str =
        "install the Python package onnxruntime, or set ORT_DYLIB_PATH to the library's path";

    /// Finds and loads the library, with one thread per run.
    ///
    /// It is looked for at `ORT_DYLIB_PATH` when that is set, else beside the executable, else in
    /// the onnxruntime package of the Python that is first on the path. A process loads it once:
    /// later calls give the same library.
    ///
    /// # Errors
    /// When no library is found or none can be loaded.
    pub fn open() -> Result<Self, LoadError> {
        let loaded = library::load()?;
        Ok(Self {
            environment: loaded.environment.clone(),
            library: loaded.path.clone(),
            version: loaded.version.clone(),
            threads: Threads::default(),
        })
    }

    /// Sets the threads that one run may use.
    #[must_use]
    pub fn with_threads(mut self, threads: Threads) -> Self {
        self.threads = threads;
        self
    }

    /// Returns the path of the library.
    pub fn library(&self) -> &Path {
        &self.library
    }

    /// Returns the version of the library.
    pub fn version(&self) -> &str {
        &self.version
    }
}

impl Engine for OrtEngine {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn load(&self, model: &ModelFile) -> Result<Arc<dyn Program>, LoadError> {
        let graph = Graph::new(model)?;
        let extractor = Extractor::new(model, &graph);
        let folder = model.path().filter(|_| model.has_external_data()).and_then(Path::parent);
        let sessions = Sessions::new(self.environment.clone(), self.threads, folder);
        let program = OrtProgram { extractor, sessions };
        // The whole model is loaded at once, so that an operator that is missing shows here.
        let whole = program.extractor.whole();
        program.sessions.try_build(whole).map_err(|error| LoadError::Refused {
            engine: Self::NAME,
            origin: model.origin().to_owned(),
            message: error.to_string(),
        })?;
        Ok(Arc::new(program))
    }
}

struct OrtProgram {
    extractor: Extractor,
    sessions: Sessions,
}

impl Program for OrtProgram {
    fn run(&self, feeds: &[(&str, Value)], fetch: &[&str]) -> Result<Vec<Value>, RunError> {
        fetch::distinct(feeds, fetch, |fetch| self.run_distinct(feeds, fetch))
    }
}

impl OrtProgram {
    fn run_distinct(
        &self,
        feeds: &[(&str, Value)],
        fetch: &[&str],
    ) -> Result<Vec<Value>, RunError> {
        let part = self.extractor.part(feeds, fetch)?;
        let used: Vec<&(&str, Value)> =
            feeds.iter().filter(|(name, _)| part.inputs.iter().any(|i| i == name)).collect();
        let mut session = self.sessions.take(&part, |part| self.extractor.write(part))?;
        let mut inputs = Vec::with_capacity(used.len());
        for (name, value) in used {
            inputs.push((*name, convert::to_ort(name, value)?));
        }
        let results = session.run(inputs, fetch);
        if results.is_ok() {
            self.sessions.give_back(&part, session);
        }
        results
    }
}

/// Turns the library's message into an error.
fn failed(error: impl std::fmt::Display) -> RunError {
    RunError::Failed { engine: OrtEngine::NAME, message: error.to_string() }
}
