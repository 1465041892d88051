//! One stream on its way out.

use std::collections::VecDeque;

use aiflow_units::{Bytes, Timestamp};
use bytes::Bytes as Buffer;

use crate::connection::{Direction, End, Priority, RequestId, Stream};

/// Orders the streams that wait: kind, deadline, age of the request, layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    pub(crate) priority: Priority,
    pub(crate) deadline: Timestamp,
    pub(crate) order: u64,
    pub(crate) layer: u8,
}

impl Rank {
    /// Ranks a stream that never grows late.
    pub(crate) const fn timeless(priority: Priority) -> Self {
        Self { priority, deadline: Timestamp::MAX, order: 0, layer: 0 }
    }
}

/// What a stream carries, as far as the scheduler's owner wants to hear of its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// A layer of a frame; the layer is in the rank.
    Layer(RequestId),
    /// A result.
    Result(RequestId),
    /// Padding of a probe.
    Padding,
    /// Anything else.
    Other,
}

/// The bytes of one stream that are still here.
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// The direction in which the stream is to be opened; `None` once it is open.
    pub(crate) unopened: Option<Direction>,
    pub(crate) rank: Rank,
    pub(crate) content: Content,
    pub(crate) chunks: VecDeque<Buffer>,
    /// Whether the stream ends after the chunks, or waits for more.
    pub(crate) end: End,
    pub(crate) blocked: bool,
    pub(crate) left: Bytes,
}

impl Outgoing {
    /// Takes a stream that is yet to be opened.
    pub(crate) fn new(direction: Direction, rank: Rank, content: Content) -> Self {
        Self {
            unopened: Some(direction),
            rank,
            content,
            chunks: VecDeque::new(),
            end: End::Open,
            blocked: false,
            left: Bytes::ZERO,
        }
    }

    /// Takes a stream that is yet to be opened, and that only this side writes to.
    pub(crate) fn uni(rank: Rank, content: Content) -> Self {
        Self::new(Direction::Uni, rank, content)
    }

    /// Takes the sending part of a stream that the peer opened.
    pub(crate) fn answer(rank: Rank, content: Content) -> Self {
        Self { unopened: None, ..Self::new(Direction::Bi, rank, content) }
    }

    /// Appends bytes.
    pub(crate) fn with_chunk(mut self, chunk: Buffer) -> Self {
        self.push(chunk);
        self
    }

    /// Ends the stream after the bytes it has.
    pub(crate) fn with_fin(mut self) -> Self {
        self.end = End::Fin;
        self
    }

    /// Appends bytes; empty ones are left out.
    pub(crate) fn push(&mut self, chunk: Buffer) {
        if !chunk.is_empty() {
            self.left = self.left.saturating_add(Bytes::of_len(chunk.len()));
            self.chunks.push_back(chunk);
        }
    }

    /// Says whether something can be handed out.
    pub(crate) fn is_ready(&self) -> bool {
        !self.blocked && (!self.chunks.is_empty() || self.end == End::Fin)
    }

    /// Returns the next bytes, at most `largest`, and whether the stream ends with them.
    pub(crate) fn offer(&self, largest: usize) -> (Buffer, End) {
        let Some(first) = self.chunks.front() else { return (Buffer::new(), self.end) };
        let data = first.slice(..first.len().min(largest));
        let last = self.chunks.len() == 1 && data.len() == first.len();
        (data, if last { self.end } else { End::Open })
    }

    /// Drops `taken` bytes, which were handed out.
    pub(crate) fn take(&mut self, taken: usize) {
        self.left = self.left.saturating_sub(Bytes::of_len(taken));
        let Some(first) = self.chunks.front_mut() else { return };
        if taken >= first.len() {
            self.chunks.pop_front();
        } else {
            *first = first.slice(taken..);
        }
    }
}

/// Names a stream in the order of ranks.
pub(super) type Place = (Rank, Stream);
