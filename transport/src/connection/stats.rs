//! What a connection counted.

use aiflow_units::Bytes;

/// Counters since the connection began, and what it holds now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Statistics {
    /// Frames that the application sent.
    pub frames_sent: u64,
    /// Layers that left whole.
    pub layers_sent: u64,
    /// Layers that were given up while they were being sent.
    pub layers_reset: u64,
    /// Layers that were given up before they began.
    pub layers_unsent: u64,
    /// Bytes of frames that left, headers included.
    pub frame_bytes: Bytes,
    /// Bytes of everything else that left, padding excluded.
    pub other_bytes: Bytes,
    /// Bytes of padding that left.
    pub padding_bytes: Bytes,
    /// Requests that ended with a result.
    pub results: u64,
    /// Requests that missed their deadline.
    pub deadlines: u64,
    /// Requests that were cancelled or superseded.
    pub cancelled: u64,
    /// Requests that failed.
    pub failed: u64,
    /// Frames of which the base arrived.
    pub frames_received: u64,
    /// Layers that arrived whole.
    pub layers_received: u64,
    /// Payload bytes of frames that arrived.
    pub payload_received: Bytes,
    /// Bytes of padding that arrived.
    pub padding_received: Bytes,
    /// Frames that were given up before their base arrived.
    pub frames_lost: u64,
    /// Changes of the operating point that became active.
    pub switches: u64,
    /// Streams, requests and messages of the peer that were refused because of a limit.
    pub refusals: u64,
    /// Channel reports that were sent.
    pub reports_sent: u64,
    /// Channel reports that came.
    pub reports_received: u64,
    /// Times that the peer acknowledged nothing for too long.
    pub outages: u64,
    /// Bytes of frames that wait to be sent.
    pub backlog: Bytes,
    /// What is held for the peer: bytes of messages and frames that are not whole, with a fixed
    /// amount for each stream, frame and session.
    pub memory: Bytes,
}
