//! Data sets, rival codecs, statistics and reports for bits-versus-accuracy studies.

pub mod curve;
pub mod data;
pub mod error;
pub mod rival;
pub mod scenes;
pub mod statistics;
