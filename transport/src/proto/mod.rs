//! The protocol over `quinn-proto`, still without I/O.
//!
//! [`Adapter`] carries the streams of a [`Connection`](crate::Connection) over those of a
//! `quinn_proto::Connection`. [`PathFeed`] makes a congestion controller tell what it sees, so that an
//! [`Estimator`](crate::channel::Estimator) can learn from it.

mod adapter;
mod controller;
mod feed;
#[cfg(test)]
mod tests;

pub use adapter::Adapter;
pub use feed::PathFeed;
