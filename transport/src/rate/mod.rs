//! How much a frame may take, from what is known about the channel.
//!
//! [`RateController`] turns an [`Estimate`](crate::channel::Estimate) into a [`Budget`] for the
//! next frame: what the channel carries until the frame after it, less what still waits. The two
//! limits of a budget are of different kinds. A base that is late costs the frame, so bases keep a
//! distance and rise slowly; an enhancement that is late is cut off where the deadline finds it, so
//! base and enhancements together may take all of it at once, and more to find out whether there is
//! more.
//!
//! [`Flight`] keeps what is sent at the sender until the path can serve it, so that it stays
//! possible to overtake it and to drop it.

mod budget;
mod controller;
mod flight;
#[cfg(test)]
mod tests;

pub use budget::{Budget, Demand};
pub use controller::{RateConfig, RateController};
pub use flight::Flight;
