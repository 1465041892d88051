//! One module for each command.

pub(crate) mod bench;
pub(crate) mod cuts;
pub(crate) mod decode;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod encode;
pub(crate) mod inspect;
pub(crate) mod learn;
pub(crate) mod link;
pub(crate) mod plan;
pub(crate) mod profile;
pub(crate) mod run;
pub(crate) mod serve;
pub(crate) mod sheet;
pub(crate) mod vectors;
