//! One module for each command.

pub(crate) mod cuts;
pub(crate) mod doctor;
