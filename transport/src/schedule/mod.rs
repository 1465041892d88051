//! What is sent next.
//!
//! Bytes wait here and not in QUIC, where they could only be dropped by a reset: the scheduler
//! hands out one chunk at a time, control before requests before base layers before enhancements
//! before padding, and inside a kind the earliest deadline first. A stream whose deadline has
//! passed is reset if it was started, and never started if it was not.

mod outgoing;
mod queue;
#[cfg(test)]
mod tests;

pub(crate) use outgoing::{Content, Header, Outgoing, Rank};
#[cfg(test)]
pub(crate) use queue::{Backlog, Written};
pub(crate) use queue::{Cut, Scheduler};
