//! The two halves of a stream of quinn, polled without waiting.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes as Buffer;
use quinn::{ReadError, RecvStream, SendStream, WriteError};

use super::signals::{Half, Signals};
use crate::wire::StreamType;
use crate::{Chunk, Priority, Stream};

/// The half on which the peer writes.
#[derive(Debug)]
pub(super) struct Receiving {
    pub(super) stream: RecvStream,
    /// Made when it is first waited for: most streams have arrived by then.
    waker: Option<Waker>,
    pub(super) content: Content,
}

/// What is known of what a stream of the peer carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    Unknown,
    Payload,
    Other,
}

/// The half on which this side writes.
#[derive(Debug)]
pub(super) struct Sending {
    pub(super) stream: SendStream,
    pub(super) priority: Priority,
    /// How much QUIC took.
    pub(super) written: usize,
    /// Made when it is first waited for: most writes are taken at once.
    waker: Option<Waker>,
    pub(super) blocked: bool,
}

impl Content {
    /// Returns what the first byte of a stream says.
    pub(super) fn of(first: &Buffer) -> Self {
        match first.first() {
            Some(&byte) => {
                let payload = [StreamType::Frame, StreamType::Result];
                let is_payload = payload.iter().any(|kind| kind.number() == u64::from(byte));
                if is_payload { Self::Payload } else { Self::Other }
            }
            None => Self::Unknown,
        }
    }
}

impl Sending {
    pub(super) const fn new(stream: SendStream, priority: Priority) -> Self {
        Self { stream, priority, written: 0, waker: None, blocked: false }
    }

    /// Offers bytes to QUIC; returns how many it took.
    pub(super) fn put(
        &mut self,
        data: Chunk,
        name: Stream,
        signals: &Arc<Signals>,
    ) -> Poll<Result<usize, WriteError>> {
        let make = || signals.waker(name, Half::Send);
        let mut chunks = [data.head, data.body];
        // An empty chunk would count as one that was taken.
        let chunks = if chunks[0].is_empty() { &mut chunks[1..] } else { &mut chunks[..] };
        poll_with(&mut self.waker, make, |cx| {
            let written = pin!(self.stream.write_chunks(chunks)).poll(cx);
            written.map_ok(|written| written.bytes)
        })
    }
}

impl Receiving {
    pub(super) const fn new(stream: RecvStream) -> Self {
        Self { stream, waker: None, content: Content::Unknown }
    }

    /// Takes what QUIC has in order; `None` at the end of the stream.
    pub(super) fn poll(
        &mut self,
        chunks: &mut [Buffer],
        name: Stream,
        signals: &Arc<Signals>,
    ) -> Poll<Result<Option<usize>, ReadError>> {
        let make = || signals.waker(name, Half::Receive);
        poll_with(&mut self.waker, make, |cx| pin!(self.stream.read_chunks(chunks)).poll(cx))
    }
}

/// Polls, at first without a waker: one is only made for what has to wait.
fn poll_with<T>(
    waker: &mut Option<Waker>,
    make: impl FnOnce() -> Waker,
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> Poll<T> {
    if let Some(waker) = waker {
        return poll(&mut Context::from_waker(waker));
    }
    let at_once = poll(&mut Context::from_waker(Waker::noop()));
    if at_once.is_ready() {
        return at_once;
    }
    poll(&mut Context::from_waker(waker.insert(make())))
}
