//! Random operations on two cores whose streams overtake each other at will, with bytes of a third
//! hand between them: no panic, every request ends once, and nothing holds more than it may.
#![no_main]

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use aiflow_transport::wire::{
    AcceptedPoint, CodecId, CutId, ElementType, Epoch, Fallback, Health, HealthAnswer, Limit,
    Limits, ModelId, Open, Point, PointId, Probe, RateEntry, RateIndex, Reason, Replay, SessionId,
    TensorSchema,
};
use aiflow_transport::{
    Code, Config, Connection, Direction, End, Event, Frame, Older, PeerIdentity, Question, Reply,
    RequestId, Side, Stream, Transmit,
};
use aiflow_units::{BitRate, Bytes, Micros, Timestamp};
use bytes::Bytes as Buffer;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let mut world = World::new(&mut input);
    for _ in 0..400 {
        let Some(operation) = input.next() else { break };
        world.act(operation, &mut input);
        world.check();
    }
    world.finish();
});

/// Bytes that are drawn down; zeros after the end.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn byte(&mut self) -> u8 {
        self.next().unwrap_or_default()
    }

    fn take(&mut self, count: usize) -> &[u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

/// One thing on its way on one stream.
enum Item {
    Data(Buffer, End),
    Reset(Code),
    Stop(Code),
}

/// Streams of one direction, each in its own order.
#[derive(Default)]
struct Wire {
    opened: BTreeMap<Stream, Direction>,
    announced: BTreeSet<Stream>,
    ended: BTreeSet<Stream>,
    items: BTreeMap<Stream, VecDeque<Item>>,
    closed: Option<Code>,
}

struct World {
    now: Timestamp,
    cores: [Connection; 2],
    wires: [Wire; 2],
    open: BTreeSet<RequestId>,
    frames: Vec<RequestId>,
    proposals: Vec<(usize, SessionId, Epoch)>,
    hostile: bool,
}

const BUFFERED: u64 = 1 << 16;

impl World {
    fn new(input: &mut Input<'_>) -> Self {
        let now = Timestamp::from_origin(Micros::from_secs(1));
        let limits = Limits::default()
            .with(Limit::BufferedBytes, BUFFERED)
            .with(Limit::FrameBytes, BUFFERED)
            .with(Limit::Streams, 32)
            .with(Limit::FramesInFlight, 4);
        let seed = u64::from(input.byte());
        let config = Config::default().with_limits(limits).with_grease(Some(seed));
        let mut cores = [Side::Client, Side::Server]
            .map(|side| Connection::new(config.clone(), side, now).expect("a valid configuration"));
        for core in &mut cores {
            let protocol = Buffer::from_static(Connection::PROTOCOL);
            core.handle_connected(PeerIdentity { protocol, ..PeerIdentity::default() }, now);
        }
        let wires = [Wire::default(), Wire::default()];
        let (open, frames, proposals) = (BTreeSet::new(), Vec::new(), Vec::new());
        Self { now, cores, wires, open, frames, proposals, hostile: false }
    }

    fn act(&mut self, operation: u8, input: &mut Input<'_>) {
        let session = SessionId(u64::from(input.byte() % 3));
        let now = self.now;
        match operation % 16 {
            0 => drop(self.cores[0].open(offer())),
            1 | 2 => self.send(session, input),
            3..=6 => self.deliver(input),
            7 => self.pass(Micros::from_millis(u64::from(input.byte()))),
            8 => {
                let (side, point) = (usize::from(input.byte() % 2), u16::from(input.byte() % 4));
                let wish = (PointId(point), vec![PointId(0)]);
                let _ = self.cores[side].reconfigure(session, wish.0, wish.1, Reason::Channel, now);
            }
            9 => {
                if let Some((side, session, epoch)) = self.proposals.pop() {
                    let _ = match input.byte() % 4 {
                        0 => self.cores[side].reject(session, epoch, Code::NotReady, now),
                        _ => self.cores[side].accept(session, epoch, now),
                    };
                }
            }
            10 => {
                if let Some(request) = self.frames.pop() {
                    let _ = match input.byte() % 4 {
                        0 => self.cores[1].fail(request, Code::DecodeFailed, now),
                        _ => self.cores[1].reply(request, Reply::default(), now),
                    };
                }
            }
            11 => {
                if let Some(request) = self.open.first().copied() {
                    let cancelled = self.cores[0].cancel(request);
                    assert_eq!(cancelled, Ok(()));
                }
            }
            12 => drop(self.cores[usize::from(input.byte() % 2)].end(session, now)),
            13 => drop(self.cores[0].ask(Question::Health(Health::Live))),
            14 => {
                let cap = Bytes::from_kib(32);
                let (target, duration) = (BitRate::megabits_per_second(5), Micros::from_secs(1));
                let _ = self.cores[0].probe(Probe { target, cap, duration }, now);
            }
            _ => self.intrude(input),
        }
        self.settle();
    }

    fn send(&mut self, session: SessionId, input: &mut Input<'_>) {
        let sizes = (0..input.byte() % 4).map(|_| usize::from(input.byte()) * 40);
        let layers = sizes.map(|size| Buffer::from(vec![7; size])).collect();
        let deadline = self.now.after(Micros::from_millis(u64::from(input.byte()) * 4));
        let older = if input.byte() % 4 == 0 { Older::Supersede } else { Older::Keep };
        let frame = Frame::new(layers, deadline).with_older(older);
        if let Ok(request) = self.cores[0].send(session, frame, self.now) {
            assert!(self.open.insert(request));
        }
    }

    /// Writes bytes of a third hand to a stream of the client that the server has not seen.
    fn intrude(&mut self, input: &mut Input<'_>) {
        self.hostile = true;
        let number = 1_000_000 + u64::from(input.byte());
        let stream = Stream::remote(number);
        let direction = if input.byte() % 2 == 0 { Direction::Uni } else { Direction::Bi };
        let end = if input.byte() % 2 == 0 { End::Open } else { End::Fin };
        let length = usize::from(input.byte());
        let bytes = Buffer::copy_from_slice(input.take(length));
        let now = self.now;
        self.cores[1].handle_opened(stream, direction, now);
        self.cores[1].handle_data(stream, bytes, end, now);
    }

    /// Delivers the next item of one stream.
    fn deliver(&mut self, input: &mut Input<'_>) {
        let (from, pick) = (usize::from(input.byte() % 2), usize::from(input.byte()));
        let count = self.wires[from].items.len();
        if count > 0 {
            let stream = self.wires[from].items.keys().nth(pick % count).copied();
            self.deliver_one(from, stream.expect("it is below the number of streams"));
        }
    }

    fn deliver_one(&mut self, from: usize, stream: Stream) {
        let now = self.now;
        let wire = &mut self.wires[from];
        let Some(items) = wire.items.get_mut(&stream) else { return };
        let item = items.pop_front();
        if items.is_empty() {
            wire.items.remove(&stream);
        }
        let there = if stream.is_local() {
            Stream::remote(stream.number())
        } else {
            Stream::local(stream.number())
        };
        let core = &mut self.cores[1 - from];
        if stream.is_local() && wire.announced.insert(stream) {
            let direction = wire.opened.get(&stream).copied().unwrap_or(Direction::Uni);
            core.handle_opened(there, direction, now);
        }
        match item {
            Some(Item::Data(data, end)) => core.handle_data(there, data, end, now),
            Some(Item::Reset(code)) => core.handle_reset(there, code, now),
            Some(Item::Stop(code)) => core.handle_stop(there, code, now),
            None => {}
        }
    }

    fn pass(&mut self, span: Micros) {
        self.now = self.now.after(span);
        for core in &mut self.cores {
            core.handle_timeout(self.now);
            // What is due by now was done.
            assert!(core.poll_timeout().is_none_or(|due| due > self.now));
        }
    }

    /// Takes what the cores want done, and what happened.
    fn settle(&mut self) {
        let now = self.now;
        for (side, (core, wire)) in self.cores.iter_mut().zip(&mut self.wires).enumerate() {
            while let Some(transmit) = core.poll_transmit(now) {
                match transmit {
                    Transmit::Open { stream, direction, .. } => {
                        assert!(wire.opened.insert(stream, direction).is_none());
                    }
                    Transmit::Write { stream, data, end } => {
                        assert!(!stream.is_local() || wire.opened.contains_key(&stream));
                        assert!(!wire.ended.contains(&stream), "bytes after the end");
                        core.written(stream, data.len());
                        if end == End::Fin {
                            wire.ended.insert(stream);
                        }
                        wire.items
                            .entry(stream)
                            .or_default()
                            .push_back(Item::Data(data.to_contiguous(), end));
                    }
                    Transmit::Reset { stream, code } => {
                        if wire.ended.insert(stream) {
                            wire.items.entry(stream).or_default().push_back(Item::Reset(code));
                        }
                    }
                    Transmit::Stop { stream, code } => {
                        wire.items.entry(stream).or_default().push_back(Item::Stop(code));
                    }
                    Transmit::Close { code, .. } => wire.closed = Some(code),
                    _ => {}
                }
            }
            while let Some(event) = core.poll_event() {
                match event {
                    Event::Ended { request, .. } => assert!(self.open.remove(&request), "twice"),
                    Event::SessionOffered(open) => {
                        let ids = open.points.iter().map(|point| point.id);
                        let accepted = |point| AcceptedPoint { point, tail: Micros::ZERO };
                        let _ = core.admit(open.session, ids.map(accepted).collect(), now);
                    }
                    Event::Layer(layer) => self.frames.push(layer.request),
                    Event::Proposed { session, epoch, .. } => {
                        self.proposals.push((side, session, epoch));
                    }
                    Event::Asked { query, question: Question::Health(_) } => {
                        let answer = aiflow_transport::wire::Answer::Health(HealthAnswer::Yes);
                        let _ = core.answer(query, &answer);
                    }
                    _ => {}
                }
            }
        }
        for from in 0..2 {
            if let Some(code) = self.wires[from].closed.take() {
                assert!(self.hostile || code != Code::ProtocolViolation, "nobody broke a rule");
                self.cores[1 - from].handle_closed(code, now);
                self.settle();
            }
        }
    }

    fn check(&self) {
        for core in &self.cores {
            let memory = core.stats().memory;
            assert!(memory <= Bytes::new(2 * BUFFERED + (1 << 20)), "{memory} are held");
        }
    }

    /// Delivers everything and lets all time pass: then every request has ended.
    fn finish(&mut self) {
        for _ in 0..64 {
            self.settle();
            for from in 0..2 {
                for stream in self.wires[from].items.keys().copied().collect::<Vec<_>>() {
                    while self.wires[from].items.contains_key(&stream) {
                        self.deliver_one(from, stream);
                    }
                }
            }
            self.pass(Micros::from_secs(2));
        }
        self.settle();
        assert!(self.open.is_empty(), "requests without an end");
    }
}

fn offer() -> Open {
    let point = |id: u16, layers| {
        let base = Bytes::new(2000);
        let total = if layers == 1 { base } else { Bytes::new(9000) };
        Point {
            id: PointId(id),
            cut: CutId(u32::from(id)),
            codec: CodecId::RAW,
            profile: None,
            fallback: Fallback::No,
            layers,
            tensors: vec![TensorSchema { element: ElementType::U8, dims: vec![8] }],
            head: Micros::ZERO,
            tail: Micros::ZERO,
            rates: vec![RateEntry { rate: RateIndex(0), base, total }],
        }
    };
    Open {
        session: SessionId(0),
        replay: Replay::Refused,
        model: ModelId([7; 32]),
        tenant: String::new(),
        deadline: Micros::from_millis(300),
        period: Micros::ZERO,
        points: vec![point(0, 3), point(1, 1), point(2, 2), point(3, 3)],
    }
}
