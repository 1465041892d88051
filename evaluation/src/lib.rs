//! Data sets, rival codecs, statistics and reports for bits-versus-accuracy studies.

pub mod data;
pub mod scenes;
