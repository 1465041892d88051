//! The built-in engine: pure Rust, nothing to install, any part of one loaded model.

mod convert;
mod convolution;
mod operators;
mod pool;
mod rewrite;

use std::collections::BTreeMap;
use std::sync::Arc;

use ::rten::{Model, ModelOptions, NodeId, RunErrorKind, RunOptions, ValueOrView};

use self::pool::PoolSet;
use super::{Engine, LoadError, Program, RunError, Threads, fetch};
use crate::graph::Graph;
use crate::onnx::{ModelError, ModelFile};
use crate::value::{ElementKind, Value};

/// The engine that is built in.
///
/// It keeps the graph as the file has it: fusing nodes and packing weights beforehand saved 0 to
/// 4 % of the time on the networks that were measured, and would take away the values that cuts
/// are made at.
#[derive(Clone, Copy, Debug, Default)]
pub struct RtenEngine {
    threads: Threads,
}

impl RtenEngine {
    /// Name of the engine.
    pub const NAME: &'static str = "rten";

    /// Version of the engine.
    pub const VERSION: &'static str = "0.27.0";

    /// Makes the engine with one thread per run.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the threads that one run may use.
    #[must_use]
    pub fn with_threads(mut self, threads: Threads) -> Self {
        self.threads = threads;
        self
    }
}

impl Engine for RtenEngine {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn load(&self, model: &ModelFile) -> Result<Arc<dyn Program>, LoadError> {
        let graph = Graph::new(model)?;
        let mut options = ModelOptions::with_all_ops();
        options.enable_optimization(false);
        for (index, (_, path)) in model.external_files().enumerate() {
            let read = std::fs::read(&path);
            let bytes = read.map_err(|source| ModelError::Read { path, source })?;
            // The engine keeps this buffer and copies nothing out of it.
            options.external_data(&rewrite::external_name(index), bytes);
        }
        let loaded = options.load(rewrite::readable(model).into_owned());
        let loaded = loaded.map_err(|error| operators::explain(model, error))?;
        let values = graph
            .values()
            .filter_map(|id| {
                let name = graph.value_name(id).to_owned();
                Some((name.clone(), (loaded.find_node(&name)?, graph.kind(id))))
            })
            .collect();
        Ok(Arc::new(RtenProgram { model: loaded, values, pools: PoolSet::new(self.threads) }))
    }
}

struct RtenProgram {
    model: Model,
    /// Every named value with its node and the element type that the file gives it.
    values: BTreeMap<String, (NodeId, Option<ElementKind>)>,
    pools: PoolSet,
}

impl RtenProgram {
    fn find(&self, name: &str) -> Result<(NodeId, Option<ElementKind>), RunError> {
        let found = self.values.get(name).copied();
        found.ok_or_else(|| RunError::UnknownValue { name: name.to_owned() })
    }
}

impl RtenProgram {
    fn run_distinct(
        &self,
        feeds: &[(&str, Value)],
        fetch: &[&str],
    ) -> Result<Vec<Value>, RunError> {
        let mut inputs: Vec<(NodeId, ValueOrView<'_>)> = Vec::with_capacity(feeds.len());
        for (name, value) in feeds {
            inputs.push((self.find(name)?.0, convert::to_rten(name, value)?));
        }
        let wanted: Vec<_> = fetch.iter().map(|name| self.find(name)).collect::<Result<_, _>>()?;
        let ids: Vec<NodeId> = wanted.iter().map(|(id, _)| *id).collect();
        let pool = self.pools.take();
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(pool.pool())));
        let results = self
            .model
            .run(inputs, &ids, Some(options))
            .map_err(|error| translate(&error, feeds, fetch))?;
        let results = fetch.iter().zip(results).zip(wanted);
        results.map(|((name, value), (_, kind))| convert::from_rten(name, value, kind)).collect()
    }
}

impl Program for RtenProgram {
    fn run(&self, feeds: &[(&str, Value)], fetch: &[&str]) -> Result<Vec<Value>, RunError> {
        fetch::distinct(feeds, fetch, |fetch| self.run_distinct(feeds, fetch))
    }
}

fn translate(error: &::rten::RunError, feeds: &[(&str, Value)], fetch: &[&str]) -> RunError {
    let message = error.to_string();
    let fetch = || fetch.iter().map(|name| (*name).to_owned()).collect();
    match error.kind() {
        RunErrorKind::PlanningError => RunError::MissingInput { fetch: fetch(), message },
        RunErrorKind::InvalidInput => {
            let path = error.node_path();
            let name = path.into_iter().flatten().next().unwrap_or_default();
            match feeds.iter().find(|(fed, _)| *fed == name) {
                Some((_, value)) => RunError::InvalidInput {
                    name: name.to_owned(),
                    kind: value.kind(),
                    dims: value.dims().to_vec(),
                    message,
                },
                None => RunError::Failed { engine: RtenEngine::NAME, message },
            }
        }
        _ => {
            let message = format!("{message}; try the engine ort (see `aiflow doctor`)");
            RunError::Failed { engine: RtenEngine::NAME, message }
        }
    }
}
