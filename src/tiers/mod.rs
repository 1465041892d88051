//! What `serve` and `run` are made of: certificates, pictures, the metrics endpoint, the live view, and
//! the loop of a device.

pub(crate) mod drive;
pub(crate) mod identity;
pub(crate) mod live;
pub(crate) mod metrics;
pub(crate) mod observe;
pub(crate) mod pictures;
pub(crate) mod spec;
pub(crate) mod token;

use aiflow::runtime::tier::ModelParts;
use anyhow::Result;

use crate::bundle::LoadedBundle;

/// Takes a loaded bundle apart for a tier.
pub(crate) fn parts(loaded: &LoadedBundle) -> Result<ModelParts> {
    let (program, graph) = (loaded.model.program.clone(), loaded.model.graph.clone());
    Ok(ModelParts::new(&loaded.bundle, program, graph)?)
}

/// Starts tokio for a command.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}
