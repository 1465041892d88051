//! A seeded link emulator that reads no clock.

mod duplex;
mod link;
mod probability;
mod random;
mod scenario;
mod trace;

pub use duplex::{Direction, Duplex};
pub use link::{
    BitFlip, BurstLoss, Corruption, Count, Delivered, Link, LinkConfig, LinkStats, Outage, Packet,
    Rate,
};
pub use probability::Probability;
pub use scenario::Scenario;
pub use trace::{Trace, TraceError};
