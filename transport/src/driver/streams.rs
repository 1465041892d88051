//! The core's names for streams, and quinn's streams behind them.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use aiflow_units::{Bytes, Micros, Timestamp};
use bytes::Bytes as Buffer;
use quinn::{ReadError, RecvStream, SendStream, VarInt, WriteError};
use rustc_hash::FxHashMap;

use super::halves::{Content, Receiving, Sending};
use super::signals::{Half, Signals};
use crate::channel::{Estimate, PathSample, Supply};
use crate::rate::Flight;
use crate::{Chunk, Code, Connection, Direction, End, Priority, Side, Stream, Transmit};

/// The streams of one connection.
///
/// Nothing here waits: futures of quinn are polled once, with a waker that names the stream.
#[derive(Debug)]
pub(super) struct Streams {
    quic: quinn::Connection,
    signals: Arc<Signals>,
    receiving: FxHashMap<Stream, Receiving>,
    sending: FxHashMap<Stream, Sending>,
    /// Streams that the core wants to open, and for which the peer gave no credit yet.
    wishes: [VecDeque<(Stream, Priority)>; 2],
    /// Streams with payload that are not read before the application takes what it has.
    paused: Vec<Stream>,
    accepted: u64,
    /// The priority of most streams, which is QUIC's default.
    usual: Priority,
    /// Streams that wait for QUIC to take more.
    blocked: usize,
    flight: Flight,
    /// The path, as it was last looked at.
    path: Estimate,
    looked: Option<Timestamp>,
    /// The stream that waits for less to be under way; those behind it do with it.
    waiting: Option<Stream>,
    /// When to try the streams that were not tried because QUIC took nothing of others.
    retry: Option<Timestamp>,
    /// What is being read, and what was read before.
    chunks: Vec<Buffer>,
    held: Vec<Buffer>,
    closed: bool,
}

/// Whether there is more to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    /// Everything was done.
    Nothing,
    /// The share of this round is used up.
    More,
}

impl Streams {
    pub(super) fn new(quic: quinn::Connection, signals: Arc<Signals>, side: Side) -> Self {
        Self {
            quic,
            signals,
            receiving: FxHashMap::default(),
            sending: FxHashMap::default(),
            wishes: [VecDeque::new(), VecDeque::new()],
            paused: Vec::new(),
            accepted: 0,
            usual: match side {
                Side::Client => Priority::Base,
                Side::Server => Priority::Request,
            },
            blocked: 0,
            flight: Flight::default(),
            path: Estimate::default(),
            looked: None,
            waiting: None,
            retry: None,
            chunks: vec![Buffer::new(); CHUNKS],
            held: vec![Buffer::new(); CHUNKS],
            closed: false,
        }
    }

    /// Returns QUIC's end of the connection.
    pub(super) const fn quic(&self) -> &quinn::Connection {
        &self.quic
    }

    /// Says whether the core asked for the connection to be closed.
    pub(super) const fn is_closed(&self) -> bool {
        self.closed
    }

    /// Takes a stream that the peer opened and only it writes to.
    pub(super) fn accept_uni(&mut self, stream: RecvStream, core: &mut Connection, now: Timestamp) {
        let name = self.name_accepted();
        self.receive(name, stream);
        core.handle_opened(name, Direction::Uni, now);
    }

    /// Takes a stream that the peer opened and both sides write to.
    pub(super) fn accept_bi(
        &mut self,
        (send, receive): (SendStream, RecvStream),
        core: &mut Connection,
        now: Timestamp,
    ) {
        let name = self.name_accepted();
        self.receive(name, receive);
        self.send(name, send, Priority::Request);
        core.handle_opened(name, Direction::Bi, now);
    }

    fn name_accepted(&mut self) -> Stream {
        let name = Stream::remote(self.accepted);
        self.accepted += 1;
        name
    }

    fn receive(&mut self, name: Stream, stream: RecvStream) {
        self.receiving.insert(name, Receiving::new(stream));
        self.signals.note(name, Half::Receive);
    }

    fn send(&mut self, name: Stream, stream: SendStream, priority: Priority) {
        let level = priority.level() - self.usual.level();
        if level != 0 {
            // A stream that the peer stopped at once has none, and tells so when it is written.
            let _ = stream.set_priority(level);
        }
        self.sending.insert(name, Sending::new(stream, priority));
    }

    /// A stream takes bytes again.
    pub(super) fn writable(&mut self, name: Stream, core: &mut Connection) {
        if let Some(sending) = self.sending.get_mut(&name) {
            self.blocked -= usize::from(std::mem::take(&mut sending.blocked));
        }
        core.handle_writable(name);
    }

    /// Says whether streams of a direction wait for credit.
    pub(super) fn wants(&self, direction: Direction) -> bool {
        self.wishes.get(direction as usize).is_some_and(|wishes| !wishes.is_empty())
    }

    /// Gives a stream to the first wish for one.
    pub(super) fn grant_uni(&mut self, stream: SendStream, core: &mut Connection) {
        if let Some((name, priority)) = self.next_wish(Direction::Uni) {
            self.send(name, stream, priority);
            core.handle_writable(name);
        }
    }

    /// Gives a stream to the first wish for one.
    pub(super) fn grant_bi(
        &mut self,
        (send, receive): (SendStream, RecvStream),
        core: &mut Connection,
    ) {
        if let Some((name, priority)) = self.next_wish(Direction::Bi) {
            self.send(name, send, priority);
            self.receive(name, receive);
            core.handle_writable(name);
        }
    }

    fn next_wish(&mut self, direction: Direction) -> Option<(Stream, Priority)> {
        self.wishes.get_mut(direction as usize)?.pop_front()
    }

    /// The peer did not take early data: the streams that were opened before never were.
    pub(super) fn forget_early(&mut self) {
        self.receiving.clear();
        self.sending.clear();
        self.wishes.iter_mut().for_each(VecDeque::clear);
        self.paused.clear();
        self.blocked = 0;
        self.waiting = None;
        self.retry = None;
    }

    /// Says whether QUIC takes less than there is.
    pub(super) const fn supply(&self) -> Supply {
        if self.blocked > 0 || self.waiting.is_some() { Supply::Ample } else { Supply::Empty }
    }

    /// Says whether bytes wait for less to be under way.
    pub(super) const fn awaits_acks(&self) -> bool {
        self.waiting.is_some()
    }

    /// Returns the path as it was last looked at, anew if that is too long ago.
    pub(super) fn path(&mut self, core: &Connection, now: Timestamp) -> &Estimate {
        if self.looked.is_none_or(|looked| now.since(looked) >= LOOK) {
            self.looked = Some(now);
            self.path = core.estimate(now);
        }
        &self.path
    }

    /// Takes what was seen of the path.
    pub(super) fn observe(&mut self, sample: &PathSample) {
        self.flight.handle(sample);
    }

    /// Takes up reading of streams that were set aside.
    pub(super) fn resume_paused(&mut self) {
        for stream in self.paused.drain(..) {
            self.signals.note(stream, Half::Receive);
        }
    }

    /// Reads a stream until it is empty or `budget` bytes were read.
    pub(super) fn read(
        &mut self,
        name: Stream,
        core: &mut Connection,
        now: Timestamp,
        budget: &mut usize,
    ) {
        let Self { receiving, signals, chunks, held, paused, .. } = self;
        // The last chunks so far: they are handed on with the end of the stream, if that has come.
        let mut waiting = 0;
        let Some(half) = receiving.get_mut(&name) else { return };
        let end = loop {
            if half.content == Content::Payload && !signals.has_room() {
                paused.push(name);
                break End::Open;
            }
            if *budget == 0 {
                signals.note(name, Half::Receive);
                break End::Open;
            }
            match half.poll(chunks, name, signals) {
                Poll::Ready(Ok(Some(count))) => {
                    if let Some(before) = held.get_mut(..waiting).filter(|held| !held.is_empty()) {
                        core.handle_chunks(name, before, End::Open, now);
                    }
                    std::mem::swap(chunks, held);
                    waiting = count;
                    let read = held.iter().take(count).map(Buffer::len).sum();
                    *budget = budget.saturating_sub(read);
                    if half.content == Content::Unknown {
                        half.content = held.first().map_or(Content::Unknown, Content::of);
                    }
                }
                Poll::Ready(Ok(None)) => {
                    receiving.remove(&name);
                    break End::Fin;
                }
                Poll::Ready(Err(ReadError::Reset(code))) => {
                    receiving.remove(&name);
                    if let Some(last) = held.get_mut(..waiting).filter(|held| !held.is_empty()) {
                        core.handle_chunks(name, last, End::Open, now);
                    }
                    return core.handle_reset(name, Code::from_number(code.into_inner()), now);
                }
                // The end of the connection is noticed elsewhere, once, for all streams.
                Poll::Pending | Poll::Ready(Err(_)) => break End::Open,
            }
        };
        if waiting > 0 || end == End::Fin {
            core.handle_chunks(name, held.get_mut(..waiting).unwrap_or_default(), end, now);
        }
    }

    /// Carries out what the core wants, until it wants nothing more or `budget` bytes were written.
    pub(super) fn transmit(
        &mut self,
        core: &mut Connection,
        now: Timestamp,
        budget: &mut usize,
    ) -> Rest {
        self.path(core, now);
        if self.retry.is_some_and(|retry| retry <= now) {
            self.flight.settle();
        }
        if let Some(waiting) = self.waiting.take() {
            core.handle_writable(waiting);
        }
        let mut turned_away = 0;
        while turned_away < TURNED_AWAY && self.waiting.is_none() {
            let Some(transmit) = core.poll_transmit(now) else { break };
            match transmit {
                Transmit::Open { stream, direction, priority } => {
                    self.open(stream, direction, priority);
                }
                Transmit::Write { stream, data, end } => {
                    *budget = budget.saturating_sub(data.len());
                    turned_away += usize::from(!self.write(stream, data, end, core, now));
                }
                Transmit::Reset { stream, code } => self.reset(stream, code),
                Transmit::Stop { stream, code } => self.stop(stream, code),
                Transmit::Close { code, reason } => {
                    self.closed = true;
                    self.quic.close(varint(code), reason.as_bytes());
                    return Rest::Nothing;
                }
            }
            if *budget == 0 {
                return Rest::More;
            }
        }
        let patience = match self.waiting {
            Some(_) => Some(UNSEEN),
            None => (turned_away == TURNED_AWAY).then_some(RETRY),
        };
        self.retry = patience.map(|patience| match self.retry {
            Some(at) if at > now => at,
            _ => now.after(patience),
        });
        Rest::Nothing
    }

    /// Returns when to try streams again of which nothing else would tell that they can go on.
    pub(super) const fn retry(&self) -> Option<Timestamp> {
        self.retry
    }

    /// Opens a stream if the peer gave credit for one, else remembers the wish.
    fn open(&mut self, name: Stream, direction: Direction, priority: Priority) {
        let mut cx = Context::from_waker(Waker::noop());
        // Streams open in the order of the wishes.
        let free = !self.wants(direction);
        match direction {
            Direction::Uni if free => {
                let opened = pin!(self.quic.open_uni()).poll(&mut cx);
                if let Poll::Ready(Ok(stream)) = opened {
                    return self.send(name, stream, priority);
                }
            }
            Direction::Bi if free => {
                let opened = pin!(self.quic.open_bi()).poll(&mut cx);
                if let Poll::Ready(Ok((send, receive))) = opened {
                    self.send(name, send, priority);
                    return self.receive(name, receive);
                }
            }
            _ => {}
        }
        if let Some(wishes) = self.wishes.get_mut(direction as usize) {
            wishes.push_back((name, priority));
        }
    }

    /// Offers bytes to QUIC; returns whether there was room for any.
    fn write(
        &mut self,
        name: Stream,
        mut data: Chunk,
        end: End,
        core: &mut Connection,
        now: Timestamp,
    ) -> bool {
        let Some(sending) = self.sending.get_mut(&name) else {
            core.blocked(name);
            return true;
        };
        let length = data.len();
        let room = self.flight.room(sending.priority, &self.path);
        if room.get() < length.min(WORTH) as u64 {
            core.blocked(name);
            self.waiting = Some(name);
            return false;
        }
        data.truncate(usize::try_from(Flight::piece(room).get()).unwrap_or(usize::MAX));
        let put = match length {
            0 => Poll::Ready(Ok(0)),
            _ => sending.put(data, name, &self.signals),
        };
        match put {
            Poll::Ready(Ok(taken)) => {
                core.written(name, taken);
                sending.written += taken;
                self.flight.written(Bytes::of_len(taken));
                if taken == length && end == End::Fin {
                    // A stream that the peer stopped meanwhile needs no end.
                    let _ = sending.stream.finish();
                    self.sending.remove(&name);
                }
                true
            }
            Poll::Pending => {
                self.blocked += usize::from(!std::mem::replace(&mut sending.blocked, true));
                core.blocked(name);
                false
            }
            Poll::Ready(Err(error)) => {
                self.failed(name, &error, core, now);
                true
            }
        }
    }

    fn failed(&mut self, name: Stream, error: &WriteError, core: &mut Connection, now: Timestamp) {
        core.blocked(name);
        if let WriteError::Stopped(code) = error {
            core.handle_stop(name, Code::from_number(code.into_inner()), now);
        }
    }

    fn reset(&mut self, name: Stream, code: Code) {
        if let Some(mut sending) = self.sending.remove(&name) {
            self.blocked -= usize::from(sending.blocked);
            self.flight.taken_back(Bytes::of_len(sending.written));
            // A stream that ended needs no reset.
            let _ = sending.stream.reset(varint(code));
        }
        self.wishes.iter_mut().for_each(|wishes| wishes.retain(|(wish, _)| *wish != name));
    }

    fn stop(&mut self, name: Stream, code: Code) {
        if let Some(mut receiving) = self.receiving.remove(&name) {
            // A stream that ended needs no stop.
            let _ = receiving.stream.stop(varint(code));
        }
    }
}

fn varint(code: Code) -> VarInt {
    VarInt::from_u64(code.number()).unwrap_or(VarInt::MAX)
}

/// Chunks that are read at once; each comes from one packet.
const CHUNKS: usize = 64;
/// Streams of which QUIC takes nothing before the others are not tried either. One may be held by its
/// own flow control; two nearly always mean that what QUIC may hold is used up, and then each
/// acknowledgement would wake all of them, for one of them to go on.
const TURNED_AWAY: usize = 2;
/// How long streams wait at most that are held back because others were turned away.
const RETRY: Micros = Micros::from_millis(2);
/// For how long a look at the path is good.
const LOOK: Micros = Micros::from_millis(5);
/// How long to wait for acknowledgements before looking whether anything is under way at all.
const UNSEEN: Micros = Micros::from_millis(20);
/// What is worth a packet, as long as more follows.
const WORTH: usize = 1200;
