//! Sessions: loaded parts, kept for the next run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ::ort::environment::Environment;
use ::ort::session::builder::GraphOptimizationLevel;
use ::ort::session::{Session, SessionInputValue};

use super::extract::Part;
use super::{convert, failed};
use crate::engine::{RunError, Threads};
use crate::value::Value;

/// Loaded parts of one model.
pub(super) struct Sessions {
    environment: Environment,
    threads: Threads,
    /// Where weights in other files lie.
    folder: Option<PathBuf>,
    idle: Mutex<Idle>,
}

/// Sessions that nobody uses at the moment, and when each part was last used.
#[derive(Default)]
struct Idle {
    clock: u64,
    parts: BTreeMap<Part, (u64, Vec<PartSession>)>,
}

/// One loaded part.
pub(super) struct PartSession {
    session: Session,
}

impl Sessions {
    pub(super) fn new(environment: Environment, threads: Threads, folder: Option<&Path>) -> Self {
        let idle = Mutex::default();
        Self { environment, threads, folder: folder.map(Path::to_owned), idle }
    }

    /// Loads a model and forgets it again.
    pub(super) fn try_build(&self, model: &[u8]) -> Result<(), RunError> {
        self.build(model, GraphOptimizationLevel::Disable).map(drop)
    }

    /// Takes a session for a part: one that is idle, else a new one.
    pub(super) fn take(
        &self,
        part: &Part,
        write: impl FnOnce(&Part) -> Vec<u8>,
    ) -> Result<PartSession, RunError> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = idle.parts.get_mut(part).and_then(|(_, kept)| kept.pop()) {
            return Ok(session);
        }
        drop(idle);
        let session = self.build(&write(part), GraphOptimizationLevel::Level3)?;
        Ok(PartSession { session })
    }

    /// Keeps a session for the next run; the part that was not used for longest gives way.
    pub(super) fn give_back(&self, part: &Part, session: PartSession) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.clock += 1;
        let clock = idle.clock;
        let entry = idle.parts.entry(part.clone()).or_default();
        entry.0 = clock;
        entry.1.push(session);
        while idle.parts.len() > KEPT_PARTS {
            let oldest = idle.parts.iter().min_by_key(|(_, (used, _))| *used);
            let Some(oldest) = oldest.map(|(part, _)| part.clone()) else { return };
            idle.parts.remove(&oldest);
        }
    }

    fn build(&self, model: &[u8], level: GraphOptimizationLevel) -> Result<Session, RunError> {
        let build = || -> ::ort::Result<Session> {
            let mut builder = Session::builder(&self.environment)?
                .with_intra_threads(self.threads.get())?
                .with_inter_threads(1)?
                .with_intra_op_spinning(false)?
                .with_optimization_level(level)?;
            if let Some(folder) = self.folder.as_ref().and_then(|folder| folder.to_str()) {
                builder = builder.with_config_entry(EXTERNAL_FOLDER, folder)?;
            }
            builder.commit_from_memory(model)
        };
        build().map_err(failed)
    }
}

impl PartSession {
    /// Runs the part.
    pub(super) fn run(
        &mut self,
        inputs: Vec<(&str, SessionInputValue<'_>)>,
        fetch: &[&str],
    ) -> Result<Vec<Value>, RunError> {
        let results = self.session.run(inputs).map_err(failed)?;
        let take = |name: &&str| {
            let value = results.get(name);
            convert::from_ort(
                name,
                value.ok_or_else(|| RunError::UnknownValue { name: (*name).to_owned() })?,
            )
        };
        fetch.iter().map(take).collect()
    }
}

/// Parts whose sessions are kept: head and tail of a few cuts. Each holds a copy of its weights.
const KEPT_PARTS: usize = 8;

/// The library's setting for the folder of weights in other files.
const EXTERNAL_FOLDER: &str = "session.model_external_initializers_file_folder_path";
