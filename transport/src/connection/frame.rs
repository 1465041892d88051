//! Frames and results, as the application hands them over.

use aiflow_units::{Bytes, Micros, Timestamp};
use bytes::Bytes as Buffer;

use super::RequestId;
use crate::Code;
use crate::wire::{FrameFlags, FrameHeader, PointId, RateIndex, ResultFlags};

/// What becomes of older frames of the session when a newer one is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Older {
    /// They are sent as long as they can be on time.
    #[default]
    Keep,
    /// Those whose base layer is not wholly handed to the carrier are given up as superseded.
    Supersede,
}

/// One encoded feature on its way to the peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub(crate) layers: Vec<Buffer>,
    pub(crate) captured: Option<Timestamp>,
    pub(crate) deadline: Timestamp,
    pub(crate) answer_by: Option<Timestamp>,
    pub(crate) point: Option<PointId>,
    pub(crate) rate: RateIndex,
    pub(crate) flags: FrameFlags,
    pub(crate) older: Older,
}

impl Frame {
    /// Takes the layers, base first, and the time after which neither frame nor result are of use:
    /// bytes that have not left by then never leave. Buffers are reference-counted, nothing is
    /// copied.
    pub const fn new(layers: Vec<Buffer>, deadline: Timestamp) -> Self {
        Self {
            layers,
            captured: None,
            deadline,
            answer_by: None,
            point: None,
            rate: RateIndex(0),
            flags: FrameFlags::NONE,
            older: Older::Keep,
        }
    }

    /// Sets when the input was captured; the peer learns the age. Default: when it is sent.
    #[must_use]
    pub const fn with_captured(mut self, at: Timestamp) -> Self {
        self.captured = Some(at);
        self
    }

    /// Sets until when the result is waited for. Default: the deadline.
    #[must_use]
    pub const fn with_answer_by(mut self, at: Timestamp) -> Self {
        self.answer_by = Some(at);
        self
    }

    /// Sets the operating point, one of the set of the epoch. Default: the active one.
    #[must_use]
    pub const fn with_point(mut self, point: PointId) -> Self {
        self.point = Some(point);
        self
    }

    /// Sets the rate index that the codec used. Default: 0.
    #[must_use]
    pub const fn with_rate(mut self, rate: RateIndex) -> Self {
        self.rate = rate;
        self
    }

    /// Sets the flags of the header; [`FrameFlags::FINAL`] is set without being asked for. Default:
    /// none.
    #[must_use]
    pub const fn with_flags(mut self, flags: FrameFlags) -> Self {
        self.flags = flags;
        self
    }

    /// Sets what becomes of older frames. Default: [`Older::Keep`].
    #[must_use]
    pub const fn with_older(mut self, older: Older) -> Self {
        self.older = older;
        self
    }

    /// Returns the size of all layers.
    pub fn size(&self) -> Bytes {
        self.layers.iter().map(|layer| Bytes::of_len(layer.len())).sum()
    }
}

/// A layer of a frame that arrived, with all layers below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Which frame.
    pub request: RequestId,
    /// What the sender said about the layer.
    pub header: FrameHeader,
    /// When the first byte of the frame arrived.
    pub arrived: Timestamp,
    /// When the frame is no longer of use, on this side's clock: as though it had travelled for half
    /// of the shortest round trip, where that is known. A path that has queues makes the true
    /// deadline earlier.
    pub deadline: Timestamp,
    /// The bytes, in the pieces in which they arrived; small pieces are merged.
    pub chunks: Vec<Buffer>,
}

impl Layer {
    /// Returns the bytes in one piece: without a copy if they arrived in one.
    pub fn contiguous(&self) -> Buffer {
        join(&self.chunks)
    }
}

/// Joins pieces; a single one is not copied.
pub(crate) fn join(chunks: &[Buffer]) -> Buffer {
    match chunks {
        [] => Buffer::new(),
        [only] => only.clone(),
        many => many.concat().into(),
    }
}

/// How a request ended; each request has exactly one end.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The peer answered.
    Result(Reply),
    /// The frame could not leave in time, or no answer came in time.
    Deadline,
    /// The application cancelled it, or a newer frame superseded it.
    Cancelled,
    /// The peer or the connection failed; the code says how.
    Failed(Code),
}

/// What is answered to a frame.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reply {
    /// The result, in whatever form the applications agreed on.
    pub payload: Buffer,
    /// How many layers the result is made from.
    pub layers: u8,
    /// How the result came about.
    pub flags: ResultFlags,
    /// Where the time went on the side that answered.
    pub timings: Timings,
}

/// Where the time of a request went on the side that answered. Spans only: clocks are not compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timings {
    /// From the last byte to the start of decoding.
    pub wait: Micros,
    /// Decoding.
    pub decode: Micros,
    /// Running the tail.
    pub infer: Micros,
}
