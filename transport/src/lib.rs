//! The protocol that agrees on model, cut and bitrate over QUIC.

pub mod channel;
pub mod error;
pub mod negotiate;
#[cfg(feature = "proto")]
pub mod proto;
pub mod wire;
