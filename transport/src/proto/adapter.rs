//! The core's streams over those of quinn-proto.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

use aiflow_units::{Bytes, Timestamp};
use bytes::Bytes as Buffer;
use quinn_proto::crypto::rustls::HandshakeData;
use quinn_proto::{
    Connection as Quic, ConnectionError, Dir, Event, ReadError, StreamEvent, StreamId, VarInt,
    WriteError,
};

use super::PathFeed;
use crate::channel::{PathSample, Supply};
use crate::rate::Flight;
use crate::{
    Chunk, Code, Connection, Direction, Early, End, PeerIdentity, Priority, Stream, Transmit,
};

/// Lets a [`Connection`] run over a connection of quinn-proto, still without I/O and clock.
///
/// Whenever anything happened to either of them, in this order:
///
/// 1. hand each event of `quinn_proto::Connection::poll` to [`Adapter::handle`];
/// 2. call [`Adapter::drive`], also after commands to the core and when
///    [`Connection::poll_timeout`] is due;
/// 3. send what `quinn_proto::Connection::poll_transmit` gives.
///
/// Bases, enhancements and padding are written only as far as a [`Flight`] has room for them.
#[derive(Debug)]
pub struct Adapter {
    feed: PathFeed,
    samples: Vec<PathSample>,
    flight: Flight,
    /// Streams of this side, by their names in the core.
    local: BTreeMap<Stream, Sending>,
    /// Streams of either side, by their names in QUIC, with the halves that are not over.
    names: BTreeMap<StreamId, (Stream, u8)>,
    /// Streams that QUIC has no credit for yet.
    wishes: VecDeque<(Stream, Direction, Priority)>,
    /// Streams that wait for room under way.
    waiting: BTreeSet<Stream>,
    readable: BTreeSet<StreamId>,
    accepted: u64,
}

#[derive(Debug, Clone, Copy)]
struct Sending {
    id: StreamId,
    priority: Priority,
    /// How much QUIC took.
    written: Bytes,
}

impl Sending {
    const fn new(id: StreamId, priority: Priority) -> Self {
        Self { id, priority, written: Bytes::ZERO }
    }
}

impl Adapter {
    /// Makes an adapter for the connection whose congestion controller `feed` observes.
    pub fn new(feed: PathFeed, flight: Flight) -> Self {
        Self {
            feed,
            samples: Vec::new(),
            flight,
            local: BTreeMap::new(),
            names: BTreeMap::new(),
            wishes: VecDeque::new(),
            waiting: BTreeSet::new(),
            readable: BTreeSet::new(),
            accepted: 0,
        }
    }

    /// Takes an event of QUIC.
    pub fn handle(&mut self, event: Event, quic: &mut Quic, core: &mut Connection, now: Timestamp) {
        match event {
            Event::Connected => core.handle_connected(identity(quic), now),
            Event::ConnectionLost { reason } => core.handle_closed(code_of(&reason), now),
            Event::Stream(event) => self.handle_stream(event, quic, core, now),
            _ => {}
        }
    }

    /// Moves everything that can be moved between QUIC and the core. `instant` is `now` on QUIC's
    /// clock.
    pub fn drive(
        &mut self,
        quic: &mut Quic,
        core: &mut Connection,
        now: Timestamp,
        instant: Instant,
    ) {
        self.feed.drain(&mut self.samples);
        for sample in self.samples.drain(..) {
            self.flight.handle(&sample);
            match sample {
                PathSample::Migrated(at) => core.handle_migrated(at),
                sample => core.handle_path(sample, now),
            }
        }
        core.handle_timeout(now);
        while let Some(id) = self.readable.pop_first() {
            self.read(id, quic, core, now);
        }
        self.open_wishes(quic, core);
        for stream in core::mem::take(&mut self.waiting) {
            core.handle_writable(stream);
        }
        while let Some(transmit) = core.poll_transmit(now) {
            match transmit {
                Transmit::Open { stream, direction, priority } => {
                    self.wishes.push_back((stream, direction, priority));
                    self.open_wishes(quic, core);
                }
                Transmit::Write { stream, data, end } => {
                    self.write(stream, data, end, quic, core, now);
                }
                Transmit::Reset { stream, code } => self.reset(stream, code, quic),
                Transmit::Stop { stream, code } => self.stop(stream, code, quic),
                Transmit::Close { code, reason } => {
                    quic.close(instant, varint(code), Buffer::from_static(reason.as_bytes()));
                }
            }
        }
        let idle = core.stats().backlog == Bytes::ZERO;
        self.feed.set_supply(if idle { Supply::Empty } else { Supply::Ample });
    }

    fn handle_stream(
        &mut self,
        event: StreamEvent,
        quic: &mut Quic,
        core: &mut Connection,
        now: Timestamp,
    ) {
        match event {
            StreamEvent::Opened { dir } => {
                while let Some(id) = quic.streams().accept(dir) {
                    let stream = Stream::remote(self.accepted);
                    self.accepted += 1;
                    let (direction, halves) = match dir {
                        Dir::Uni => (Direction::Uni, 1),
                        Dir::Bi => (Direction::Bi, 2),
                    };
                    self.names.insert(id, (stream, halves));
                    if dir == Dir::Bi {
                        self.local.insert(stream, Sending::new(id, Priority::Request));
                    }
                    core.handle_opened(stream, direction, now);
                    self.readable.insert(id);
                }
            }
            StreamEvent::Readable { id } => {
                self.readable.insert(id);
            }
            StreamEvent::Writable { id } => {
                if let Some(&(stream, _)) = self.names.get(&id) {
                    core.handle_writable(stream);
                }
            }
            StreamEvent::Stopped { id, error_code } => {
                if let Some(&(stream, _)) = self.names.get(&id) {
                    core.handle_stop(stream, Code::from_number(error_code.into_inner()), now);
                }
            }
            StreamEvent::Finished { id } => {
                if let Some((stream, _)) = self.names.get(&id) {
                    self.local.remove(stream);
                    self.half_over(id);
                }
            }
            StreamEvent::Available { .. } => {}
        }
    }

    /// Reads a stream until it is empty.
    fn read(&mut self, id: StreamId, quic: &mut Quic, core: &mut Connection, now: Timestamp) {
        let Some(&(stream, _)) = self.names.get(&id) else { return };
        let mut receiving = quic.recv_stream(id);
        let Ok(mut chunks) = receiving.read(true) else { return };
        let over = loop {
            match chunks.next(usize::MAX) {
                Ok(Some(chunk)) => core.handle_data(stream, chunk.bytes, End::Open, now),
                Ok(None) => {
                    core.handle_data(stream, Buffer::new(), End::Fin, now);
                    break true;
                }
                Err(ReadError::Blocked) => break false,
                Err(ReadError::Reset(code)) => {
                    core.handle_reset(stream, Code::from_number(code.into_inner()), now);
                    break true;
                }
            }
        };
        // What was read gives the peer credit, which leaves with the next packets.
        let _ = chunks.finalize();
        if over {
            self.half_over(id);
        }
    }

    /// Forgets a stream when nothing is left of it.
    fn half_over(&mut self, id: StreamId) {
        if let Some((_, halves)) = self.names.get_mut(&id) {
            *halves = halves.saturating_sub(1);
            if *halves == 0 {
                self.names.remove(&id);
            }
        }
    }

    /// Opens streams in the order in which the core wants them, as far as there is credit.
    fn open_wishes(&mut self, quic: &mut Quic, core: &mut Connection) {
        self.wishes.retain(|&(stream, direction, priority)| {
            let (dir, halves) = match direction {
                Direction::Uni => (Dir::Uni, 1),
                Direction::Bi => (Dir::Bi, 2),
            };
            let Some(id) = quic.streams().open(dir) else { return true };
            // A stream that was just opened takes a priority.
            let _ = quic.send_stream(id).set_priority(priority.level());
            self.names.insert(id, (stream, halves));
            self.local.insert(stream, Sending::new(id, priority));
            core.handle_writable(stream);
            false
        });
    }

    fn write(
        &mut self,
        stream: Stream,
        mut data: Chunk,
        end: End,
        quic: &mut Quic,
        core: &mut Connection,
        now: Timestamp,
    ) {
        let Some(sending) = self.local.get_mut(&stream) else {
            return core.blocked(stream);
        };
        let length = data.len();
        let room = self.flight.room(sending.priority, &core.estimate(now));
        if room.get() < length.min(WORTH) as u64 {
            self.waiting.insert(stream);
            return core.blocked(stream);
        }
        let mut sink = quic.send_stream(sending.id);
        data.truncate(usize::try_from(Flight::piece(room).get()).unwrap_or(usize::MAX));
        let mut chunks = [data.head, data.body];
        // An empty chunk would count as one that was taken.
        let chunks = if chunks[0].is_empty() { &mut chunks[1..] } else { &mut chunks[..] };
        let written = match sink.write_chunks(chunks) {
            Ok(written) => written.bytes,
            Err(WriteError::Stopped(code)) => {
                core.blocked(stream);
                return core.handle_stop(stream, Code::from_number(code.into_inner()), now);
            }
            // QUIC says when there is room again.
            Err(WriteError::Blocked | WriteError::ClosedStream) if length > 0 => {
                return core.blocked(stream);
            }
            Err(_) => 0,
        };
        sending.written = sending.written.saturating_add(Bytes::of_len(written));
        self.flight.written(Bytes::of_len(written));
        if written == length && end == End::Fin {
            // A stream that the peer stopped meanwhile needs no end.
            let _ = sink.finish();
        }
        core.written(stream, written);
    }

    fn reset(&mut self, stream: Stream, code: Code, quic: &mut Quic) {
        self.waiting.remove(&stream);
        self.wishes.retain(|(wish, ..)| *wish != stream);
        if let Some(Sending { id, written, .. }) = self.local.remove(&stream) {
            self.flight.taken_back(written);
            // A stream that ended needs no reset.
            let _ = quic.send_stream(id).reset(varint(code));
            self.half_over(id);
        }
    }

    fn stop(&mut self, stream: Stream, code: Code, quic: &mut Quic) {
        let mut names = self.names.iter();
        if let Some((&id, _)) = names.find(|(_, (name, _))| *name == stream) {
            // A stream that ended needs no stop.
            let _ = quic.recv_stream(id).stop(varint(code));
            self.half_over(id);
        }
    }
}

fn identity(quic: &Quic) -> PeerIdentity {
    let session = quic.crypto_session();
    let data = session.handshake_data().and_then(|data| data.downcast::<HandshakeData>().ok());
    let protocol = data.and_then(|data| data.protocol).unwrap_or_default();
    PeerIdentity { protocol: protocol.into(), certificate: None, early: Early::Complete }
}

fn code_of(reason: &ConnectionError) -> Code {
    match reason {
        ConnectionError::ApplicationClosed(close) => {
            Code::from_number(close.error_code.into_inner())
        }
        ConnectionError::LocallyClosed => Code::NoError,
        ConnectionError::TimedOut => Code::Timeout,
        ConnectionError::VersionMismatch => Code::VersionUnsupported,
        _ => Code::Internal,
    }
}

fn varint(code: Code) -> VarInt {
    VarInt::from_u64(code.number()).unwrap_or(VarInt::MAX)
}

/// What is worth a packet, as long as more follows.
const WORTH: usize = 1200;
