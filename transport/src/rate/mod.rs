//! How much a frame may take, from what is known about the channel.
//!
//! [`RateController`] follows an [`Estimate`](crate::channel::Estimate) down at once and up slowly,
//! and turns the rate into a [`Budget`] for the next frame: what the channel carries until the frame
//! after it, less what still waits.
//!
//! The two limits of a budget are of different kinds. A base that is late costs the frame, so the
//! base keeps a distance from the median; an enhancement that is late is cut off where the deadline
//! finds it, so base and enhancements together may take all of it.

mod budget;
mod controller;
#[cfg(test)]
mod tests;

pub use budget::{Budget, Demand};
pub use controller::{RateConfig, RateController};
