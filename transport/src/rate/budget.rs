//! What a frame may take.

use aiflow_units::{Bytes, Micros, Timestamp};

use crate::channel::Estimate;

/// What a frame may take on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Budget {
    /// The base layer.
    pub base: Bytes,
    /// All layers together. Less than `base` where enhancements of earlier frames still wait: a base
    /// overtakes them and may be as large as `base`, but nothing should follow it.
    pub total: Bytes,
}

/// What is asked of a [`RateController`](super::RateController).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand {
    /// When the frame is to be encoded.
    pub now: Timestamp,
    /// What is known about the channel.
    pub estimate: Estimate,
    /// What was handed over before and has not left yet.
    pub backlog: Bytes,
    /// The part of it that goes before a new base: earlier bases and control.
    pub base_backlog: Bytes,
    /// The time until the next frame.
    pub period: Micros,
    /// The time until the frame is too late.
    pub deadline: Micros,
}
