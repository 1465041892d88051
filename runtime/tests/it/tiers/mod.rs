//! Tiers on real connections.

mod chains;
mod faults;
mod load;
mod world;
