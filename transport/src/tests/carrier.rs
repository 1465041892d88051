//! Ideal streams over packets that get lost: what a QUIC library does for a core, and no more.

use std::collections::{BTreeMap, BTreeSet};

use aiflow_netsim::{Link, Packet};
use aiflow_units::{Bytes, Micros, Timestamp};
use bytes::Bytes as Buffer;

use crate::channel::{PathSample, Sampler, Supply};
use crate::{Code, Connection, Direction, End, Stream, Transmit};

/// Names a stream on the wire: who opened it, and its number there.
type Name = (bool, u64);

/// What a packet carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    Data { name: Name, direction: Direction, offset: u64, data: Buffer, end: End },
    Reset { name: Name, direction: Direction, code: Code },
    Stop { name: Name, direction: Direction, code: Code },
    Close { code: Code },
    Ack { packet: u64 },
}

#[derive(Debug, Clone)]
pub(super) struct Datagram {
    number: u64,
    item: Item,
}

#[derive(Debug)]
struct InFlight {
    item: Item,
    size: u64,
    sent_at: Timestamp,
}

/// The receiving part of a stream.
#[derive(Debug, Default)]
struct Receiving {
    next: u64,
    waiting: BTreeMap<u64, (Buffer, End)>,
    over: bool,
}

/// One end of the ideal transport.
#[derive(Debug)]
pub(super) struct Carrier {
    /// Whether this is the client, which is the first half of names.
    client: bool,
    /// How many bytes may be under way.
    window: u64,
    directions: BTreeMap<Name, Direction>,
    offsets: BTreeMap<Name, u64>,
    reset: BTreeSet<Name>,
    stopped: BTreeSet<Name>,
    blocked: BTreeSet<Stream>,
    receiving: BTreeMap<Name, Receiving>,
    in_flight: BTreeMap<u64, InFlight>,
    next_packet: u64,
    /// The newer numbers of packets that were sent again.
    renamed: BTreeMap<u64, u64>,
    /// How often in a row patience ran out.
    backoff: u32,
    /// Bytes under way.
    flying: u64,
    seen: BTreeSet<u64>,
    sampler: Sampler,
    srtt: u64,
    pub(super) closed: Option<Code>,
}

const PAYLOAD: usize = 1200;
const OVERHEAD: u64 = 50;

impl Carrier {
    pub(super) fn new(client: bool, window: Bytes) -> Self {
        Self {
            client,
            window: window.get(),
            directions: BTreeMap::new(),
            offsets: BTreeMap::new(),
            reset: BTreeSet::new(),
            stopped: BTreeSet::new(),
            blocked: BTreeSet::new(),
            receiving: BTreeMap::new(),
            in_flight: BTreeMap::new(),
            next_packet: 0,
            renamed: BTreeMap::new(),
            backoff: 0,
            flying: 0,
            seen: BTreeSet::new(),
            sampler: Sampler::new(),
            srtt: 0,
            closed: None,
        }
    }

    fn name(&self, stream: Stream) -> Name {
        (stream.is_local() == self.client, stream.number())
    }

    fn stream(&self, name: Name) -> Stream {
        if name.0 == self.client { Stream::local(name.1) } else { Stream::remote(name.1) }
    }

    /// Lets the core send until it has nothing to send or the window is full.
    pub(super) fn transmit(
        &mut self,
        core: &mut Connection,
        link: &mut Link<Datagram>,
        now: Timestamp,
    ) {
        if self.flying < self.window {
            for stream in std::mem::take(&mut self.blocked) {
                core.handle_writable(stream);
            }
        }
        while let Some(transmit) = core.poll_transmit(now) {
            match transmit {
                Transmit::Open { stream, direction, .. } => {
                    self.directions.insert(self.name(stream), direction);
                }
                Transmit::Write { stream, data, end } => {
                    self.write(core, link, stream, &data.to_contiguous(), end, now);
                }
                Transmit::Reset { stream, code } => {
                    let name = self.name(stream);
                    let Some(&direction) = self.directions.get(&name) else { continue };
                    if self.reset.insert(name) {
                        let lost = |packet: &InFlight| matches!(&packet.item, Item::Data { name: other, .. } if *other == name);
                        let gone = self.in_flight.extract_if(.., |_, packet| lost(packet));
                        self.flying -= gone.map(|(_, packet)| packet.size).sum::<u64>();
                        self.send(core, link, Item::Reset { name, direction, code }, now);
                    }
                }
                Transmit::Stop { stream, code } => {
                    let name = self.name(stream);
                    let Some(&direction) = self.directions.get(&name) else { continue };
                    self.receiving.entry(name).or_default().over = true;
                    if self.stopped.insert(name) {
                        self.send(core, link, Item::Stop { name, direction, code }, now);
                    }
                }
                Transmit::Close { code, .. } => {
                    self.closed = Some(code);
                    self.in_flight.clear();
                    self.flying = 0;
                    self.send(core, link, Item::Close { code }, now);
                }
            }
        }
    }

    fn write(
        &mut self,
        core: &mut Connection,
        link: &mut Link<Datagram>,
        stream: Stream,
        data: &Buffer,
        end: End,
        now: Timestamp,
    ) {
        let name = self.name(stream);
        let direction = self.directions.get(&name).copied().unwrap_or(Direction::Uni);
        let mut taken = 0;
        while self.flying < self.window {
            let size = PAYLOAD.min(data.len() - taken);
            let piece = data.slice(taken..taken + size);
            let last = taken + size == data.len();
            let end = if last { end } else { End::Open };
            let offset = self.offsets.entry(name).or_default();
            let item = Item::Data { name, direction, offset: *offset, data: piece, end };
            *offset += size as u64;
            self.send(core, link, item, now);
            taken += size;
            if last {
                core.written(stream, taken);
                return;
            }
        }
        if taken > 0 {
            core.written(stream, taken);
        }
        core.blocked(stream);
        self.blocked.insert(stream);
    }

    fn send(
        &mut self,
        core: &mut Connection,
        link: &mut Link<Datagram>,
        item: Item,
        now: Timestamp,
    ) {
        let number = self.next_packet;
        self.next_packet += 1;
        let size = OVERHEAD
            + match &item {
                Item::Data { data, .. } => data.len() as u64,
                _ => 0,
            };
        link.send(now, Packet::new(Datagram { number, item: item.clone() }, Bytes::new(size)));
        if !matches!(item, Item::Ack { .. }) {
            self.in_flight.insert(number, InFlight { item, size, sent_at: now });
            self.flying += size;
            let sent = self.sampler.sent(now, Bytes::new(size), Supply::Ample);
            core.handle_path(PathSample::Sent(sent), now);
        }
    }

    /// Takes a packet from the link.
    pub(super) fn receive(
        &mut self,
        core: &mut Connection,
        link: &mut Link<Datagram>,
        datagram: Datagram,
        now: Timestamp,
    ) {
        match datagram.item {
            Item::Ack { packet } => self.acked(core, link, packet, now),
            item => {
                let ack = Item::Ack { packet: datagram.number };
                let bytes = Bytes::new(OVERHEAD);
                link.send(now, Packet::new(Datagram { number: 0, item: ack }, bytes));
                match item {
                    Item::Close { code } => core.handle_closed(code, now),
                    item if self.seen.insert(datagram.number) => self.deliver(core, item, now),
                    _ => {}
                }
            }
        }
    }

    fn deliver(&mut self, core: &mut Connection, item: Item, now: Timestamp) {
        let (Item::Data { name, direction, .. }
        | Item::Reset { name, direction, .. }
        | Item::Stop { name, direction, .. }) = item
        else {
            return;
        };
        let stream = self.stream(name);
        if self.directions.insert(name, direction).is_none() {
            core.handle_opened(stream, direction, now);
        }
        match item {
            Item::Stop { code, .. } => {
                self.reset.insert(name);
                core.handle_stop(stream, code, now);
            }
            Item::Reset { code, .. } => {
                let receiving = self.receiving.entry(name).or_default();
                if !std::mem::replace(&mut receiving.over, true) {
                    core.handle_reset(stream, code, now);
                }
            }
            Item::Data { offset, data, end, .. } => {
                let receiving = self.receiving.entry(name).or_default();
                receiving.waiting.insert(offset, (data, end));
                while let Some((data, end)) = receiving.waiting.remove(&receiving.next) {
                    if receiving.over {
                        break;
                    }
                    receiving.next += data.len() as u64;
                    receiving.over = end == End::Fin;
                    core.handle_data(stream, data, end, now);
                    if end == End::Open && receiving.waiting.is_empty() {
                        break;
                    }
                }
            }
            _ => {}
        }
    }

    fn acked(
        &mut self,
        core: &mut Connection,
        link: &mut Link<Datagram>,
        mut packet: u64,
        now: Timestamp,
    ) {
        self.backoff = 0;
        while let Some(newer) = self.renamed.remove(&packet) {
            packet = newer;
        }
        if let Some(acked) = self.in_flight.remove(&packet) {
            self.flying -= acked.size;
            let rtt = now.since(acked.sent_at).get();
            self.srtt = if self.srtt == 0 { rtt } else { (self.srtt * 7 + rtt) / 8 };
            self.sampler.acked(now, acked.sent_at, Bytes::new(acked.size));
            let in_flight = Some(Bytes::new(self.flying));
            if let Some(sample) = self.sampler.finish(now, in_flight) {
                core.handle_path(PathSample::Acked(sample), now);
            }
        }
        let lost: Vec<u64> =
            self.in_flight.range(..packet.saturating_sub(3)).map(|(n, _)| *n).collect();
        for number in lost {
            self.resend(core, link, number, now);
        }
    }

    fn resend(
        &mut self,
        core: &mut Connection,
        link: &mut Link<Datagram>,
        number: u64,
        now: Timestamp,
    ) {
        let Some(packet) = self.in_flight.remove(&number) else { return };
        self.flying -= packet.size;
        let gone = matches!(&packet.item, Item::Data { name, .. } if self.reset.contains(name));
        if !gone {
            self.renamed.insert(number, self.next_packet);
            self.send(core, link, packet.item, now);
        }
    }

    /// Sends again what was not acknowledged for long.
    pub(super) fn timeout(
        &mut self,
        core: &mut Connection,
        link: &mut Link<Datagram>,
        now: Timestamp,
    ) {
        if self.due().is_some_and(|due| due <= now) {
            self.backoff = (self.backoff + 1).min(4);
            let oldest: Vec<u64> = self.in_flight.keys().take(4).copied().collect();
            for number in oldest {
                self.resend(core, link, number, now);
            }
        }
    }

    /// Returns when something is to be sent again.
    pub(super) fn due(&self) -> Option<Timestamp> {
        let patience = Micros::new((self.srtt * 3).max(200_000) << self.backoff);
        let oldest = self.in_flight.values().next()?.sent_at;
        Some(oldest.after(patience))
    }
}
