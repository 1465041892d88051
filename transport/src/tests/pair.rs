//! Two ends, the links between them, and the time.

use aiflow_netsim::{Link, LinkConfig};
use aiflow_units::{BitRate, Bytes, Micros, Timestamp};
use bytes::Bytes as Buffer;

use super::carrier::{Carrier, Datagram};
use crate::wire::{
    AcceptedPoint, CodecId, CutId, ElementType, Fallback, ModelId, Open, Point, PointId, RateEntry,
    RateIndex, Replay, SessionId, TensorSchema,
};
use crate::{Config, Connection, Event, Frame, PeerIdentity, Reply, Side};

/// One end.
#[derive(Debug)]
pub(super) struct End {
    pub(super) core: Connection,
    pub(super) carrier: Carrier,
    /// What happened and was not looked at.
    pub(super) events: Vec<(Timestamp, Event)>,
}

/// Two ends.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) now: Timestamp,
    pub(super) client: End,
    pub(super) server: End,
    /// From the client to the server, and back.
    links: [Link<Datagram>; 2],
}

/// What the links and the ends are like.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    pub(super) client: Config,
    pub(super) server: Config,
    pub(super) up: LinkConfig,
    pub(super) down: LinkConfig,
    pub(super) window: Bytes,
}

impl Default for Setting {
    /// 20 Mbit/s and 40 ms round trip, and a window of twice the product of both.
    fn default() -> Self {
        let link = LinkConfig::new()
            .with_rate(aiflow_netsim::Rate::Constant(BitRate::megabits_per_second(20)))
            .with_delay(Micros::from_millis(20));
        Self {
            client: Config::default(),
            server: Config::default(),
            up: link.clone(),
            down: link,
            window: Bytes::from_kib(200),
        }
    }
}

impl Pair {
    /// Makes two ends that are not connected.
    pub(super) fn new(setting: Setting) -> Self {
        let now = Timestamp::from_origin(Micros::from_secs(1));
        let end = |config, side| End {
            core: Connection::new(config, side, now).expect("the configuration is valid"),
            carrier: Carrier::new(side == Side::Client, setting.window),
            events: Vec::new(),
        };
        Self {
            now,
            client: end(setting.client.clone(), Side::Client),
            server: end(setting.server.clone(), Side::Server),
            links: [Link::new(setting.up.clone()), Link::new(setting.down.clone())],
        }
    }

    /// Makes two connected ends that have seen each other's SETUP.
    pub(super) fn ready(setting: Setting) -> Self {
        let mut pair = Self::new(setting);
        pair.connect();
        pair.run(Micros::from_millis(200));
        pair
    }

    pub(super) fn connect(&mut self) {
        for end in [&mut self.client, &mut self.server] {
            let protocol = Buffer::from_static(Connection::PROTOCOL);
            let identity = PeerIdentity { protocol, ..PeerIdentity::default() };
            end.core.handle_connected(identity, self.now);
        }
    }

    /// Makes two ends with one session.
    pub(super) fn open(setting: Setting) -> (Self, SessionId) {
        let mut pair = Self::ready(setting);
        let session =
            pair.client.core.open(offer(&[(0, 1), (1, 3), (2, 3)])).expect("OPEN is valid");
        pair.until(|pair| matches!(pair.take_server(), Some(Event::SessionOffered(_))));
        let points = [1, 0, 2].map(|id| AcceptedPoint { point: PointId(id), tail: Micros::ZERO });
        let now = pair.now;
        pair.server.core.admit(session, points.into(), now).expect("it was asked for");
        pair.until(|pair| matches!(pair.take_client(), Some(Event::SessionOpened { .. })));
        pair.server.events.clear();
        (pair, session)
    }

    /// Takes the oldest event of the client.
    pub(super) fn take_client(&mut self) -> Option<Event> {
        take(&mut self.client.events)
    }

    /// Takes the oldest event of the server.
    pub(super) fn take_server(&mut self) -> Option<Event> {
        take(&mut self.server.events)
    }

    /// Does everything that is to be done now.
    pub(super) fn settle(&mut self) {
        let now = self.now;
        let [up, down] = &mut self.links;
        loop {
            let mut quiet = true;
            while let Some(packet) = up.poll_delivery(now) {
                self.server.carrier.receive(&mut self.server.core, down, packet.payload, now);
                quiet = false;
            }
            while let Some(packet) = down.poll_delivery(now) {
                self.client.carrier.receive(&mut self.client.core, up, packet.payload, now);
                quiet = false;
            }
            for (end, link) in [(&mut self.client, &mut *up), (&mut self.server, &mut *down)] {
                end.core.handle_timeout(now);
                end.carrier.timeout(&mut end.core, link, now);
                end.carrier.transmit(&mut end.core, link, now);
                while let Some(event) = end.core.poll_event() {
                    end.events.push((now, event));
                    quiet = false;
                }
            }
            if quiet {
                return;
            }
        }
    }

    /// Returns when something is to be done next.
    fn next(&self) -> Option<Timestamp> {
        let links = self.links.iter().filter_map(Link::next_event);
        let ends = [&self.client, &self.server];
        let timers = ends.iter().filter_map(|end| end.core.poll_timeout());
        let resends = ends.iter().filter_map(|end| end.carrier.due());
        links.chain(timers).chain(resends).min()
    }

    /// Goes on to the next thing that happens, not beyond `end`; `false` if that is where it is.
    pub(super) fn step(&mut self, end: Timestamp) -> bool {
        self.settle();
        let next = self.next().unwrap_or(end).max(self.now.after(Micros::new(1))).min(end);
        let moved = next > self.now;
        self.now = next;
        self.settle();
        moved && self.now < end
    }

    /// Lets time pass.
    pub(super) fn run(&mut self, span: Micros) {
        let end = self.now.after(span);
        while self.step(end) {}
    }

    /// Lets time pass until `done`, at most ten seconds.
    pub(super) fn until(&mut self, mut done: impl FnMut(&mut Self) -> bool) {
        let end = self.now.after(Micros::from_secs(10));
        loop {
            self.settle();
            while !(self.client.events.is_empty() && self.server.events.is_empty()) {
                if done(self) {
                    return;
                }
                let seen = (self.client.events.len(), self.server.events.len());
                if seen == (self.client.events.len(), self.server.events.len()) {
                    break;
                }
            }
            if done(self) {
                return;
            }
            assert!(self.step(end), "it did not happen within ten seconds: {self:#?}");
        }
    }

    /// Sends a frame of the client with a base and enhancements of the given sizes.
    pub(super) fn send(
        &mut self,
        session: SessionId,
        sizes: &[usize],
        deadline: Micros,
    ) -> crate::RequestId {
        let frame = frame(sizes, self.now.after(deadline));
        self.client.core.send(session, frame, self.now).expect("the frame can be sent")
    }

    /// Answers all frames of which the server has a base with the size of what arrived.
    pub(super) fn reply_all(&mut self) {
        let now = self.now;
        for (_, event) in std::mem::take(&mut self.server.events) {
            if let Event::Layer(layer) = event
                && layer.header.layer.0 == 0
            {
                let size = layer.contiguous().len() as u32;
                let payload = Buffer::copy_from_slice(&size.to_be_bytes());
                let reply = Reply { payload, layers: 1, ..Reply::default() };
                self.server.core.reply(layer.request, reply, now).expect("the base is whole");
            }
        }
    }
}

fn take(events: &mut Vec<(Timestamp, Event)>) -> Option<Event> {
    if events.is_empty() { None } else { Some(events.remove(0).1) }
}

/// Makes an OPEN with points of the given numbers and layers.
pub(super) fn offer(points: &[(u16, u8)]) -> Open {
    let point = |&(id, layers): &(u16, u8)| {
        let base = Bytes::new(2000);
        let total = if layers == 1 { base } else { Bytes::new(9000) };
        Point {
            id: PointId(id),
            cut: CutId(u32::from(id)),
            codec: CodecId::RAW,
            profile: None,
            fallback: Fallback::No,
            layers,
            tensors: vec![TensorSchema { element: ElementType::F32, dims: vec![1, 64, 28, 28] }],
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
        period: Micros::from_millis(100),
        points: points.iter().map(point).collect(),
    }
}

/// Makes a frame with layers of the given sizes, filled with their numbers.
pub(super) fn frame(sizes: &[usize], deadline: Timestamp) -> Frame {
    let layer = |(number, &size): (usize, &usize)| Buffer::from(vec![number as u8; size]);
    Frame::new(sizes.iter().enumerate().map(layer).collect(), deadline)
}
