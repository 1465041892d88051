//! Why nothing was measured.

use std::path::PathBuf;

use aiflow_netsim::relay::RelayError;
use aiflow_runtime::cut::CutId;
use aiflow_runtime::planner::TableError;
use aiflow_runtime::tier::PartError;
use aiflow_runtime::tier::net::{ServerError, UplinkError};
use aiflow_transport::driver::TlsError;

use crate::data::DataError;
use crate::error::RivalError;
use crate::link::LinkError;

/// Why a scenario file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScenarioError {
    /// The file cannot be read.
    #[error("cannot read the scenario file {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is no TOML, or has a key that nobody knows.
    #[error("{}, line {line}: {reason}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// The file lists no scenario.
    #[error("{} has no scenario; add [[scenario]] with a name and a trace", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// Two scenarios have one name.
    #[error("{} has two scenarios called `{name}`; records could not be told apart", path.display())]
    Twice {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// A scenario lacks a key.
    #[error("{}, scenario `{scenario}`: `{key}` is missing; set it there or in [defaults]", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// The scenario.
        scenario: String,
        /// The key.
        key: &'static str,
    },
    /// A key has a value that it cannot have.
    #[error("{}, scenario `{scenario}`: `{key}` cannot be `{value}`: {reason}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The scenario.
        scenario: String,
        /// The key.
        key: &'static str,
        /// Its value.
        value: String,
        /// What it can be.
        reason: String,
    },
    /// The trace cannot be opened.
    #[error("{}, scenario `{scenario}`", path.display())]
    Trace {
        /// The file.
        path: PathBuf,
        /// The scenario.
        scenario: String,
        /// Why.
        source: LinkError,
    },
    /// A variable of the environment is named but not set.
    #[error("{} names ${{{name}}}, which is not set; set it, or write the path", path.display())]
    Variable {
        /// The file.
        path: PathBuf,
        /// The variable.
        name: String,
    },
}

/// Why a scenario was not measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EndToEndError {
    /// The bundle has no plan sheet.
    #[error("the bundle has no plan sheet; measure one with `aiflow sheet BUNDLE --data SPEC`")]
    NoSheet,
    /// The plan sheet cannot be planned with.
    #[error(transparent)]
    Table(#[from] TableError),
    /// There is nothing to answer.
    #[error("there is no sample to answer; check the options of the data set")]
    NoSamples,
    /// The bundle has no such cut.
    #[error("the bundle has no cut {cut} for the fixed policies; it has {known}")]
    UnknownCut {
        /// The cut.
        cut: CutId,
        /// Those of the bundle.
        known: String,
    },
    /// No cut can be used.
    #[error(
        "the plan sheet has no point of a cut; learn the bundle with cuts, and measure its sheet"
    )]
    NoCut,
    /// No picture codec keeps the loss budget.
    #[error(
        "the plan sheet has no point of the picture within the loss budget; raise `max-loss`, or leave the policy `webp` out"
    )]
    NoPicture,
    /// A part of the model does not run.
    #[error(transparent)]
    Part(#[from] PartError),
    /// A rival does not code.
    #[error(transparent)]
    Rival(#[from] RivalError),
    /// A sample cannot be prepared.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The emulated link does not start.
    #[error(transparent)]
    Relay(#[from] RelayError),
    /// The server does not start.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// Certificates cannot be made or used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The device does not reach the server over the emulated link.
    #[error(
        "no connection over the emulated link of `{scenario}`; a channel that carries nothing cannot be measured on"
    )]
    Connect {
        /// The scenario.
        scenario: String,
        /// Why.
        source: UplinkError,
    },
    /// The system refuses sockets or threads.
    #[error("the system refuses a socket or a thread")]
    System(#[from] std::io::Error),
}
