//! Endpoints on loopback.

mod early;
mod ends;
mod frames;
mod observed;
mod paths;
mod pressure;
mod reconf;
mod refusals;
mod world;
