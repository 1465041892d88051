//! Data sets, rival codecs, statistics and reports for bits-versus-accuracy studies.

pub mod bench;
pub mod curve;
pub mod data;
pub mod end_to_end;
pub mod error;
pub mod link;
pub mod report;
pub mod rival;
pub mod scenes;
pub mod sheet;
pub mod statistics;
