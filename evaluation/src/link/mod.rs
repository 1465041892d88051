//! Links under a magnifying glass: the transport on an emulated path, in virtual time.

mod bulk;
mod error;
#[cfg(test)]
mod tests;
mod tls;
mod world;

pub use bulk::{Congestion, Observation, bulk};
pub use error::LinkError;
