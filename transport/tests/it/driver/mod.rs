//! Endpoints on loopback.

mod early;
mod ends;
mod frames;
#[cfg(target_os = "linux")]
mod holes;
#[cfg(target_os = "linux")]
mod hostile;
mod observed;
mod paths;
mod pressure;
mod reconf;
mod refusals;
mod world;
