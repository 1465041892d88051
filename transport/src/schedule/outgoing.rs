//! One stream on its way out.

use std::collections::VecDeque;

use aiflow_units::{Bytes, Timestamp};
use bytes::{Buf as _, Bytes as Buffer};

use crate::connection::{Chunk, Direction, End, Priority, RequestId, Stream};
use crate::error::EncodeError;
use crate::wire::{FrameHeader, Notepad, StreamType, Wire as _};

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
    Result,
    /// Padding of a probe.
    Padding,
    /// Anything else.
    Other,
}

/// What a layer begins with; written when the stream is opened, because it states an age.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header {
    pub(crate) frame: FrameHeader,
    pub(crate) captured: Timestamp,
}

/// The bytes of one stream that are still here.
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// The direction in which the stream is to be opened; `None` once it is open.
    pub(crate) unopened: Option<Direction>,
    pub(crate) rank: Rank,
    pub(crate) content: Content,
    header: Option<Header>,
    /// The next bytes; empty if there are none.
    next: Buffer,
    /// The bytes after them; empty if there are none.
    second: Buffer,
    /// The bytes after those: nearly always there are none, and nothing is allocated.
    rest: VecDeque<Buffer>,
    /// Whether the stream ends after the chunks, or waits for more.
    pub(crate) end: End,
    pub(crate) blocked: bool,
    /// Whether the carrier took any byte.
    pub(crate) started: bool,
    pub(crate) left: Bytes,
}

impl Outgoing {
    /// Takes a stream that is yet to be opened.
    pub(crate) fn new(direction: Direction, rank: Rank, content: Content) -> Self {
        Self {
            unopened: Some(direction),
            rank,
            content,
            header: None,
            next: Buffer::new(),
            second: Buffer::new(),
            rest: VecDeque::new(),
            end: End::Open,
            blocked: false,
            started: false,
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

    /// Sets the header of a layer.
    pub(crate) fn with_header(mut self, header: Header) -> Self {
        self.header = Some(header);
        self
    }

    /// Writes the header, if there is one: the stream begins now.
    ///
    /// # Errors
    /// The header cannot be written.
    pub(super) fn begin(
        &mut self,
        now: Timestamp,
        notepad: &mut Notepad,
    ) -> Result<(), EncodeError> {
        let Some(Header { mut frame, captured }) = self.header.take() else { return Ok(()) };
        frame.age = now.since(captured);
        let bytes = notepad.write(|writer| {
            writer.varint("stream type", StreamType::Frame.number());
            frame.write(writer);
        })?;
        self.left = self.left.saturating_add(Bytes::of_len(bytes.len()));
        let payload = std::mem::replace(&mut self.next, bytes);
        let behind = std::mem::replace(&mut self.second, payload);
        if !behind.is_empty() {
            self.rest.push_front(behind);
        }
        Ok(())
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
            if self.next.is_empty() {
                self.next = chunk;
            } else if self.second.is_empty() {
                self.second = chunk;
            } else {
                self.rest.push_back(chunk);
            }
        }
    }

    /// Says whether no bytes are left.
    pub(crate) fn is_empty(&self) -> bool {
        self.next.is_empty()
    }

    /// Says whether something can be handed out.
    pub(crate) fn is_ready(&self) -> bool {
        !self.blocked && (!self.is_empty() || self.end == End::Fin)
    }

    /// Returns the next bytes, at most `largest` beside a header, and whether the stream ends with
    /// them.
    pub(crate) fn offer(&self, largest: usize) -> (Chunk, End) {
        let both = !self.second.is_empty() && self.next.len() <= HEAD;
        let (head, body) = match both {
            true => (self.next.clone(), &self.second),
            false => (Buffer::new(), &self.next),
        };
        if body.len() > largest {
            return (Chunk { head, body: body.slice(..largest) }, End::Open);
        }
        let is_last = if both { self.rest.is_empty() } else { self.second.is_empty() };
        let end = if is_last { self.end } else { End::Open };
        (Chunk { head, body: body.clone() }, end)
    }

    /// Drops `taken` bytes, which were handed out.
    pub(crate) fn take(&mut self, taken: usize) {
        self.left = self.left.saturating_sub(Bytes::of_len(taken));
        self.started |= taken > 0;
        let mut taken = taken;
        while taken > 0 && taken >= self.next.len() && !self.next.is_empty() {
            taken -= self.next.len();
            let behind = self.rest.pop_front().unwrap_or_default();
            self.next = std::mem::replace(&mut self.second, behind);
        }
        self.next.advance(taken.min(self.next.len()));
    }
}

/// Up to this size, bytes are handed out together with those after them.
const HEAD: usize = 256;

/// Names a stream in the order of ranks.
pub(super) type Place = (Rank, Stream);
