//! Tiers on real connections.

mod both;
mod chains;
mod clocks;
mod deaths;
mod drain;
mod every_cut;
mod faults;
mod hostile;
mod layers;
mod load;
mod world;
