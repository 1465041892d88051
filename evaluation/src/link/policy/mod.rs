//! Who decides how much a frame takes.
//!
//! All policies but `quinn-stream`, which is none, run on the same transport: the core with its
//! scheduler, over QUIC. They differ in what they ask of it.

mod aiflow;
mod fixed;
mod moq;
mod oracle;

use aiflow_transport::channel::Estimate;
use aiflow_transport::rate::Budget;
use aiflow_units::{BitRate, Bytes, Micros, Timestamp};

pub use aiflow::Aiflow;
pub use fixed::Fixed;
pub use moq::MoqRate;
pub use oracle::Oracle;

/// What a policy sees when a frame is due.
#[derive(Debug, Clone, Copy)]
pub struct View {
    /// When.
    pub now: Timestamp,
    /// What the transport's estimator says.
    pub estimate: Estimate,
    /// What the transport's rate controller allows.
    pub budget: Budget,
    /// What waits at the sender.
    pub backlog: Bytes,
    /// The time between frames.
    pub period: Micros,
    /// What nobody can know.
    pub future: Future,
}

/// What the channel will do; for the oracle alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct Future {
    /// What it will carry until the next frame, beyond what is queued in it.
    pub until_next: Bytes,
    /// What it will carry in time for the deadline of this frame, beyond what is queued in it.
    pub until_deadline: Bytes,
}

/// Decides how much each frame takes.
pub trait Policy {
    /// Returns the size of the next frame; `None` if it is not worth sending.
    fn budget(&mut self, view: &View) -> Option<Budget>;

    /// Returns the rate that the policy follows now.
    fn rate(&self) -> BitRate;

    /// Returns how often that rate has changed.
    fn switches(&self) -> u64;
}

/// The smallest base that is worth sending.
pub(super) const SMALLEST_BASE: Bytes = Bytes::new(1000);
