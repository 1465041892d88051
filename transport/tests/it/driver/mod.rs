//! Endpoints on loopback.

mod frames;
mod world;
