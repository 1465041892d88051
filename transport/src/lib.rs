//! The protocol that agrees on model, cut and bitrate over QUIC.

pub mod channel;
#[cfg(feature = "proto")]
pub mod proto;
