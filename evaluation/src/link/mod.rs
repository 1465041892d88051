//! Links under a magnifying glass: the transport on an emulated path, in virtual time.
//!
//! Two endpoints of quinn-proto run in one process on a path of [`aiflow_netsim`], under a clock that
//! jumps from event to event: 140 s of an LTE drive take less than a second, and equal runs are
//! equal to the byte.
//!
//! * [`bulk()`] sends as fast as it can, to compare estimates with the truth, and [`saturate()`] does so
//!   with frames, to compare with bare QUIC;
//! * [`contest`] sends frames with deadlines under one of the [`policy`]s and sums up what arrived in
//!   time.
//!
//! Links carry the payloads of UDP: the 28 bytes of IP and UDP are left out on both sides of every
//! comparison.

mod accuracy;
mod bulk;
mod compare;
mod constant;
mod error;
mod frames;
mod path;
pub mod policy;
mod record;
mod saturate;
#[cfg(test)]
mod tests;
mod tls;
mod world;

pub use accuracy::Accuracy;
pub use bulk::{Congestion, Observation, bulk};
pub use compare::{Contestant, LinkResult, contest};
pub use constant::{ConstantRecord, StepRecord};
pub use error::LinkError;
pub use frames::{FrameOutcome, FrameRun, Step, Traffic, Usage, frames, stream};
pub use path::Path;
pub use record::LinkRecord;
pub use saturate::saturate;
