//! The end to which frames go.

use std::collections::BTreeMap;
use std::time::Instant;

use aiflow_transport::proto::{Adapter, PathFeed};
use aiflow_transport::rate::Flight;
use aiflow_transport::wire::{AcceptedPoint, PointId};
use aiflow_transport::{Config, Connection, Event, Reply, RequestId, Side};
use aiflow_units::{Bytes, Micros, Timestamp};
use bytes::Bytes as Buffer;
use quinn_proto::{Connection as Quic, Event as QuicEvent};

use super::super::LinkError;
use super::super::world::{Application, instant};
use super::sender::Captures;
use super::{FrameOutcome, Traffic};

pub(super) struct Receiver {
    origin: Instant,
    core: Connection,
    adapter: Adapter,
    traffic: Traffic,
    captures: Captures,
    arrivals: BTreeMap<u64, Arrival>,
    /// Frames that are to be answered at their deadlines.
    open: BTreeMap<RequestId, Timestamp>,
}

/// What came of a frame.
#[derive(Debug, Clone, Copy, Default)]
struct Arrival {
    base_at: Option<Timestamp>,
    in_time: Bytes,
}

impl Receiver {
    pub(super) fn new(
        origin: Instant,
        traffic: Traffic,
        captures: Captures,
    ) -> Result<Self, LinkError> {
        Ok(Self {
            origin,
            core: Connection::new(Config::default(), Side::Server, Timestamp::ORIGIN)?,
            adapter: Adapter::new(PathFeed::new(origin), Flight::unlimited()),
            traffic,
            captures,
            arrivals: BTreeMap::new(),
            open: BTreeMap::new(),
        })
    }

    /// Adds what came of the frame `number`.
    pub(super) fn complete(&self, number: Option<u64>, frame: FrameOutcome) -> FrameOutcome {
        let arrival = number.and_then(|number| self.arrivals.get(&number));
        let arrival = arrival.copied().unwrap_or_default();
        let on_time =
            arrival.base_at.is_some_and(|at| at.since(frame.captured) <= self.traffic.deadline);
        // Enhancements are of no use without their base.
        let in_time = if on_time { arrival.in_time } else { Bytes::ZERO };
        FrameOutcome { base_at: arrival.base_at, in_time, ..frame }
    }

    fn handle_event(&mut self, event: Event, now: Timestamp) {
        match event {
            Event::SessionOffered(offer) => {
                let point = AcceptedPoint { point: PointId(0), tail: Micros::ZERO };
                // It was just asked for.
                let _ = self.core.admit(offer.session, vec![point], now);
            }
            Event::Layer(layer) => {
                let header = &layer.header;
                let deadline = self.deadline(header.sequence.0);
                let size = layer.chunks.iter().map(|chunk| Bytes::of_len(chunk.len())).sum();
                self.arrived(header.sequence.0, size, now);
                let arrival = self.arrivals.entry(header.sequence.0).or_default();
                if header.layer.0 == 0 {
                    arrival.base_at = Some(now);
                    self.open.insert(layer.request, deadline);
                }
                if header.layer.0 + 1 == header.layers {
                    self.answer(layer.request, header.layers, now);
                }
            }
            Event::LayerLost { request, partial, .. } => {
                let size = partial.iter().map(|chunk| Bytes::of_len(chunk.len())).sum();
                self.arrived(request.sequence.0, size, now);
                self.answer(request, 1, now);
            }
            _ => {}
        }
    }

    /// Counts bytes that are there now, if that is in time.
    fn arrived(&mut self, number: u64, size: Bytes, now: Timestamp) {
        if now <= self.deadline(number) {
            let arrival = self.arrivals.entry(number).or_default();
            arrival.in_time = arrival.in_time.saturating_add(size);
        }
    }

    fn deadline(&self, number: u64) -> Timestamp {
        let captured = self.captures.borrow().get(&number).copied();
        captured.unwrap_or(Timestamp::ORIGIN).after(self.traffic.deadline)
    }

    fn answer(&mut self, request: RequestId, layers: u8, now: Timestamp) {
        if self.open.remove(&request).is_some() {
            let reply =
                Reply { payload: Buffer::from_static(&[0; 64]), layers, ..Reply::default() };
            // The sender may have given it up.
            let _ = self.core.reply(request, reply, now);
        }
    }

    /// Answers what is due from what is there.
    fn answer_due(&mut self, now: Timestamp) {
        let due: Vec<_> =
            self.open.iter().filter(|(_, at)| **at <= now).map(|(request, _)| *request).collect();
        for request in due {
            let partial = self.core.partial(request).map(|(_, chunks)| chunks).unwrap_or_default();
            let size = partial.iter().map(|chunk| Bytes::of_len(chunk.len())).sum();
            self.arrived(request.sequence.0, size, now);
            self.answer(request, 1, now);
        }
    }
}

impl Application for Receiver {
    fn handle(&mut self, event: QuicEvent, quic: &mut Quic, now: Timestamp) {
        self.adapter.handle(event, quic, &mut self.core, now);
    }

    fn act(&mut self, quic: &mut Quic, now: Timestamp) {
        let at = instant(self.origin, now);
        self.adapter.drive(quic, &mut self.core, now, at);
        while let Some(event) = self.core.poll_event() {
            self.handle_event(event, now);
        }
        self.answer_due(now);
        self.adapter.drive(quic, &mut self.core, now, at);
    }

    fn wake(&self) -> Timestamp {
        let answers = self.open.values().copied();
        answers.chain(self.core.poll_timeout()).min().unwrap_or(Timestamp::MAX)
    }
}
