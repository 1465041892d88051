//! The protocol that agrees on model, cut and bitrate over QUIC.

pub mod channel;
mod connection;
#[cfg(feature = "quinn")]
pub mod driver;
pub mod error;
pub mod negotiate;
#[cfg(feature = "proto")]
pub mod proto;
pub mod rate;
mod schedule;
pub mod wire;

pub use connection::*;
pub use error::{CallError, Code, ConfigError, ProtocolError};

#[cfg(test)]
mod tests;
