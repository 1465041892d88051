//! One module for each command.

pub(crate) mod bench;
pub(crate) mod cuts;
pub(crate) mod decode;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod encode;
pub(crate) mod inspect;
pub(crate) mod learn;
pub(crate) mod vectors;
