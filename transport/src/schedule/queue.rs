//! The queue of streams.

use std::collections::{BTreeSet, VecDeque};

use aiflow_units::{Bytes, Micros, Timestamp};
use bytes::Bytes as Buffer;
use rustc_hash::FxHashMap;

use super::outgoing::{Content, Outgoing, Place};
use crate::Code;
use crate::connection::{End, Priority, Stream, Transmit};
use crate::wire::Notepad;

/// Bytes that wait, by what they are worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Backlog {
    /// Bytes of base layers.
    pub(crate) base: Bytes,
    /// Bytes of everything but padding.
    pub(crate) total: Bytes,
}

/// A stream that was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut {
    pub(crate) stream: Stream,
    pub(crate) content: Content,
    pub(crate) layer: u8,
    /// Whether any of it left.
    pub(crate) started: bool,
}

/// What the carrier took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) content: Content,
    pub(crate) layer: u8,
    /// Whether that was all of the stream.
    pub(crate) done: bool,
}

/// Streams with bytes to send.
#[derive(Debug, Default)]
pub(crate) struct Scheduler {
    streams: FxHashMap<Stream, Outgoing>,
    ready: BTreeSet<Place>,
    signals: VecDeque<Transmit>,
    backlog: Backlog,
    offered: Option<(Stream, usize, End)>,
    cuts: VecDeque<Cut>,
    next_stream: u64,
    /// How long what is not a base waits in the queues of the path.
    queued: Micros,
    notepad: Notepad,
}

impl Scheduler {
    /// The largest chunk handed out; carriers take less of it on slow paths.
    pub(crate) const CHUNK: usize = 128 * 1024;

    /// Takes a new stream and names it.
    pub(crate) fn open(&mut self, outgoing: Outgoing) -> Stream {
        let stream = Stream::local(self.next_stream);
        self.next_stream += 1;
        self.insert(stream, outgoing);
        stream
    }

    /// Takes the sending part of a stream that the peer opened.
    pub(crate) fn answer(&mut self, stream: Stream, outgoing: Outgoing) {
        self.insert(stream, outgoing);
    }

    /// Appends bytes to a stream that did not end; does nothing for one that is gone.
    pub(crate) fn push(&mut self, stream: Stream, chunk: Buffer) {
        self.change(stream, |outgoing| outgoing.push(chunk));
    }

    /// Ends a stream after the bytes that it has; does nothing for one that is gone.
    pub(crate) fn finish(&mut self, stream: Stream) {
        self.change(stream, |outgoing| outgoing.end = End::Fin);
    }

    /// Abandons a stream: it is reset if the peer may know of it. Returns what was given up.
    pub(crate) fn cut(&mut self, stream: Stream, code: Code) -> Option<Cut> {
        let outgoing = self.remove(stream)?;
        let started = outgoing.started;
        if outgoing.unopened.is_none() {
            self.signals.push_back(Transmit::Reset { stream, code });
        }
        let (content, layer) = (outgoing.content, outgoing.rank.layer);
        Some(Cut { stream, content, layer, started })
    }

    /// Abandons those of the streams that are still here; returns how many of them were started
    /// and how many were not.
    pub(crate) fn cut_all(
        &mut self,
        streams: impl IntoIterator<Item = Stream>,
        code: Code,
    ) -> (u64, u64) {
        let mut counts = (0, 0);
        for stream in streams {
            match self.cut(stream, code) {
                Some(Cut { started: true, .. }) => counts.0 += 1,
                Some(_) => counts.1 += 1,
                None => {}
            }
        }
        counts
    }

    /// Says whether the stream has bytes or an end to send.
    pub(crate) fn is_waiting(&self, stream: Stream) -> bool {
        self.streams.get(&stream).is_some_and(|outgoing| !outgoing.is_empty())
    }

    /// Asks the peer to stop sending on a stream.
    pub(crate) fn stop(&mut self, stream: Stream, code: Code) {
        self.signals.push_back(Transmit::Stop { stream, code });
    }

    /// Resets a sending part that has nothing here.
    pub(crate) fn reset(&mut self, stream: Stream, code: Code) {
        if self.cut(stream, code).is_none() {
            self.signals.push_back(Transmit::Reset { stream, code });
        }
    }

    /// Sets how long bytes wait in the queues of the path, which only enhancements mind.
    pub(crate) const fn set_queued(&mut self, queued: Micros) {
        self.queued = queued;
    }

    /// Returns the next thing to do. What loses its worth by `arrival`, the earliest time at which the
    /// peer could have it, is given up.
    pub(crate) fn poll(&mut self, now: Timestamp, arrival: Timestamp) -> Option<Transmit> {
        if let Some((stream, ..)) = self.offered.take() {
            self.block(stream);
        }
        loop {
            if let Some(signal) = self.signals.pop_front() {
                return Some(signal);
            }
            let &(rank, stream) = self.ready.first()?;
            // A base is tried as long as it can be there; an enhancement that probably will not be
            // takes the room of one that will.
            let behind = rank.priority >= Priority::Enhancement;
            let arrival = if behind { arrival.after(self.queued) } else { arrival };
            if rank.deadline <= arrival {
                let cut = self.cut(stream, Code::DeadlineExceeded);
                self.cuts.extend(cut);
                continue;
            }
            if self.streams.get(&stream)?.unopened.is_some() {
                match self.begin(stream, now) {
                    Some(open) => return Some(open),
                    None => continue,
                }
            }
            let outgoing = self.streams.get(&stream)?;
            let (data, end) = outgoing.offer(Self::CHUNK);
            self.offered = Some((stream, data.len(), end));
            return Some(Transmit::Write { stream, data, end });
        }
    }

    /// Begins a stream; `None` if its header cannot be written, and it was given up.
    fn begin(&mut self, stream: Stream, now: Timestamp) -> Option<Transmit> {
        let mut begun = None;
        let mut notepad = std::mem::take(&mut self.notepad);
        self.change(stream, |outgoing| {
            if outgoing.begin(now, &mut notepad).is_ok() {
                let direction = outgoing.unopened.take();
                begun = direction.map(|direction| (direction, outgoing.rank.priority));
            }
        });
        self.notepad = notepad;
        if begun.is_none() {
            debug_assert!(false, "headers are checked before they come here");
            let cut = self.cut(stream, Code::Internal);
            self.cuts.extend(cut);
        }
        begun.map(|(direction, priority)| Transmit::Open { stream, direction, priority })
    }

    /// Takes the carrier's answer to a write; `None` if it answers to none.
    pub(crate) fn written(&mut self, stream: Stream, taken: usize) -> Option<Written> {
        let (_, length, end) = self.offered.take_if(|(offered, ..)| *offered == stream)?;
        let done = taken >= length && end == End::Fin;
        if done {
            let Outgoing { content, rank, .. } = self.remove(stream)?;
            return Some(Written { content, layer: rank.layer, done });
        }
        self.change(stream, |outgoing| outgoing.take(taken.min(length)));
        let Outgoing { content, rank, .. } = self.streams.get(&stream)?;
        Some(Written { content: *content, layer: rank.layer, done })
    }

    /// Sets a stream aside until [`Scheduler::unblock`].
    pub(crate) fn block(&mut self, stream: Stream) {
        self.offered.take_if(|(offered, ..)| *offered == stream);
        self.change(stream, |outgoing| outgoing.blocked = true);
    }

    /// Takes a stream back that was set aside.
    pub(crate) fn unblock(&mut self, stream: Stream) {
        self.change(stream, |outgoing| outgoing.blocked = false);
    }

    /// Returns the streams that were given up because their deadline passed.
    pub(crate) fn take_cut(&mut self) -> Option<Cut> {
        self.cuts.pop_front()
    }

    /// Returns how many bytes wait.
    pub(crate) const fn backlog(&self) -> Backlog {
        self.backlog
    }

    /// Returns how many streams have something to send or may have later.
    pub(crate) fn len(&self) -> usize {
        self.streams.len()
    }

    /// Drops everything.
    pub(crate) fn clear(&mut self) {
        *self = Self { next_stream: self.next_stream, ..Self::default() };
    }

    fn insert(&mut self, stream: Stream, outgoing: Outgoing) {
        self.backlog.change(outgoing.rank.priority, Bytes::ZERO, outgoing.left);
        if outgoing.is_ready() {
            self.ready.insert((outgoing.rank, stream));
        }
        self.streams.insert(stream, outgoing);
    }

    fn remove(&mut self, stream: Stream) -> Option<Outgoing> {
        let outgoing = self.streams.remove(&stream)?;
        self.backlog.change(outgoing.rank.priority, outgoing.left, Bytes::ZERO);
        if outgoing.is_ready() {
            self.ready.remove(&(outgoing.rank, stream));
        }
        self.offered.take_if(|(offered, ..)| *offered == stream);
        Some(outgoing)
    }

    fn change(&mut self, stream: Stream, change: impl FnOnce(&mut Outgoing)) {
        let Some(outgoing) = self.streams.get_mut(&stream) else { return };
        let (left, was_ready) = (outgoing.left, outgoing.is_ready());
        change(outgoing);
        self.backlog.change(outgoing.rank.priority, left, outgoing.left);
        let place = (outgoing.rank, stream);
        match (was_ready, outgoing.is_ready()) {
            (false, true) => drop(self.ready.insert(place)),
            (true, false) => drop(self.ready.remove(&place)),
            _ => {}
        }
    }
}

impl Backlog {
    fn change(&mut self, priority: Priority, before: Bytes, after: Bytes) {
        let apply = |sum: Bytes| sum.saturating_sub(before).saturating_add(after);
        match priority {
            Priority::Padding => return,
            Priority::Base => self.base = apply(self.base),
            _ => {}
        }
        self.total = apply(self.total);
    }
}
