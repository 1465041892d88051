//! The protocol over `quinn-proto`, still without I/O.
//!
//! [`PathFeed`] makes a congestion controller tell what it sees, so that an
//! [`Estimator`](crate::channel::Estimator) can learn from it.

mod controller;
mod feed;
#[cfg(test)]
mod tests;

pub use feed::PathFeed;
