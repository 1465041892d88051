//! Frames as fast as the protocol takes them, to compare with bare QUIC.

use std::sync::Arc;
use std::time::Instant;

use aiflow_netsim::LinkConfig;
use aiflow_transport::proto::{Adapter, PathFeed};
use aiflow_transport::rate::Flight;
use aiflow_transport::wire::{AcceptedPoint, PointId, SessionId};
use aiflow_transport::{Config, Connection, Event, Frame, Reply, Side};
use aiflow_units::{Bytes, Micros, Timestamp};
use bytes::Bytes as Buffer;
use quinn_proto::congestion::CubicConfig;
use quinn_proto::{Connection as Quic, Event as QuicEvent};

use super::bulk::{Congestion, Observation};
use super::frames::{offer, transport};
use super::world::{Application, World, instant};
use super::{LinkError, Traffic};

/// Sends frames of one layer of `size` as fast as the protocol takes them for `length`, and looks
/// every `period`. The other end answers each frame. What was received counts payload alone.
///
/// # Errors
///
/// See [`LinkError`].
pub fn saturate(
    link: (LinkConfig, LinkConfig),
    size: Bytes,
    length: Micros,
    period: Micros,
) -> Result<Vec<Observation>, LinkError> {
    let origin = Instant::now();
    let feed = PathFeed::new(origin);
    let mut client = transport();
    client.congestion_controller_factory(feed.observe(Arc::new(CubicConfig::default())));
    let mut world = World::new(origin, link, client, transport())?;
    let mut source = Source {
        end: End::new(origin, Side::Client, feed, Flight::default())?,
        session: None,
        payload: vec![0; usize::try_from(size.get()).unwrap_or(usize::MAX)].into(),
    };
    let sink_feed = PathFeed::new(origin);
    let mut sink = Sink(End::new(origin, Side::Server, sink_feed, Flight::unlimited())?);
    let mut seen = Vec::new();
    let mut at = Timestamp::ORIGIN;
    while at < Timestamp::from_origin(length) {
        at = at.after(period);
        world.run_until(at, &mut source, &mut sink);
        let Some(quic) = world.client() else { break };
        let estimate = source.end.core.estimate(at);
        let received = sink.0.core.stats().payload_received;
        seen.push(Observation::new(at, estimate, quic, Congestion::Cubic, received));
    }
    Ok(seen)
}

/// A core over its QUIC.
struct End {
    origin: Instant,
    core: Connection,
    adapter: Adapter,
}

impl End {
    fn new(origin: Instant, side: Side, feed: PathFeed, flight: Flight) -> Result<Self, LinkError> {
        let core = Connection::new(Config::default(), side, Timestamp::ORIGIN)?;
        Ok(Self { origin, core, adapter: Adapter::new(feed, flight) })
    }

    fn drive(&mut self, quic: &mut Quic, now: Timestamp) {
        self.adapter.drive(quic, &mut self.core, now, instant(self.origin, now));
    }

    fn wake(&self) -> Timestamp {
        self.core.poll_timeout().unwrap_or(Timestamp::MAX)
    }
}

struct Source {
    end: End,
    session: Option<SessionId>,
    payload: Buffer,
}

impl Application for Source {
    fn handle(&mut self, event: QuicEvent, quic: &mut Quic, now: Timestamp) {
        self.end.adapter.handle(event, quic, &mut self.end.core, now);
    }

    fn act(&mut self, quic: &mut Quic, now: Timestamp) {
        self.end.drive(quic, now);
        while let Some(event) = self.end.core.poll_event() {
            match event {
                // The offer holds what the protocol asks for; it cannot be refused.
                Event::Ready(_) => drop(self.end.core.open(offer(&Traffic::default()))),
                Event::SessionOpened { session, .. } => self.session = Some(session),
                _ => {}
            }
        }
        if let Some(session) = self.session {
            let frame = || Frame::new(vec![self.payload.clone()], Timestamp::MAX);
            while self.end.core.send(session, frame(), now).is_ok() {}
        }
        self.end.drive(quic, now);
    }

    fn wake(&self) -> Timestamp {
        self.end.wake()
    }
}

struct Sink(End);

impl Application for Sink {
    fn handle(&mut self, event: QuicEvent, quic: &mut Quic, now: Timestamp) {
        self.0.adapter.handle(event, quic, &mut self.0.core, now);
    }

    fn act(&mut self, quic: &mut Quic, now: Timestamp) {
        self.0.drive(quic, now);
        while let Some(event) = self.0.core.poll_event() {
            match event {
                Event::SessionOffered(offer) => {
                    let point = AcceptedPoint { point: PointId(0), tail: Micros::ZERO };
                    // It was just asked for.
                    let _ = self.0.core.admit(offer.session, vec![point], now);
                }
                Event::Layer(layer) => {
                    // The frame has just arrived.
                    let _ = self.0.core.reply(layer.request, Reply::default(), now);
                }
                _ => {}
            }
        }
        self.0.drive(quic, now);
    }

    fn wake(&self) -> Timestamp {
        self.0.wake()
    }
}
