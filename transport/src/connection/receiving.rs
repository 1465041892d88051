//! Frames that arrive, until they are answered.

use aiflow_units::{Bytes, Timestamp};
use bytes::Bytes as Buffer;

use super::inbound::Inbound;
use super::pieces::Pieces;
use super::states::{SessionAction, SessionInput};
use super::timers::Timer;
use super::{Connection, End, Event, Layer, Reply, RequestId, Stream};
use crate::Code;
use crate::error::{ErrorKind, ProtocolError};
use crate::wire::{FrameFlags, FrameHeader, Limit, Prefix, SessionId, decode_prefix};

/// A frame that has begun to arrive and is not answered.
#[derive(Debug)]
pub(super) struct Arrival {
    /// The header of the layer that came first: what all layers have in common.
    pub(super) header: FrameHeader,
    pub(super) arrived: Timestamp,
    /// When the last whole layer was whole.
    pub(super) whole_at: Timestamp,
    pub(super) deadline: Timestamp,
    slots: Vec<Slot>,
    /// How many layers the application has.
    pub(super) delivered: u8,
}

/// How far a layer is.
#[derive(Debug)]
enum Slot {
    Missing,
    Arriving { stream: Stream, header: FrameHeader, pieces: Pieces },
    Whole { header: FrameHeader, chunks: Vec<Buffer> },
    Delivered,
    Lost,
}

impl Arrival {
    fn new(header: FrameHeader, now: Timestamp, lifetime: Timestamp) -> Self {
        let deadline = header.time_left().map_or(lifetime, |left| now.after(left));
        let slots = (0..header.layers).map(|_| Slot::Missing).collect();
        let deadline = deadline.min(lifetime);
        Self { header, arrived: now, whole_at: now, deadline, slots, delivered: 0 }
    }

    /// Says whether a header belongs to the same frame.
    fn fits(&self, other: &FrameHeader) -> bool {
        let FrameHeader { epoch, layers, point, rate, deadline, .. } = self.header;
        (epoch, layers, point, rate, deadline)
            == (other.epoch, other.layers, other.point, other.rate, other.deadline)
    }

    /// Returns the announced size of all layers.
    fn announced(&self) -> Bytes {
        let lengths = self.slots.iter().map(|slot| match slot {
            Slot::Arriving { header, .. } | Slot::Whole { header, .. } => header.length,
            _ => Bytes::ZERO,
        });
        lengths.sum()
    }

    /// Returns what is held of payloads.
    fn held(&self) -> Bytes {
        let held = self.slots.iter().map(|slot| match slot {
            Slot::Arriving { pieces, .. } => pieces.length(),
            Slot::Whole { chunks, .. } => chunks.iter().map(|c| Bytes::of_len(c.len())).sum(),
            _ => Bytes::ZERO,
        });
        held.sum()
    }

    /// Returns what it costs to hold this.
    pub(super) fn cost(&self) -> u64 {
        let slots = self.slots.iter().map(|slot| match slot {
            Slot::Arriving { pieces, .. } => 256 + pieces.cost(),
            Slot::Whole { chunks, .. } => {
                256 + chunks.iter().map(|chunk| chunk.len() as u64 + 32).sum::<u64>()
            }
            _ => 64,
        });
        256 + slots.sum::<u64>()
    }

    /// Returns the streams on which layers are arriving.
    fn streams(&self) -> Vec<Stream> {
        let arriving = self.slots.iter().filter_map(|slot| match slot {
            Slot::Arriving { stream, .. } => Some(*stream),
            _ => None,
        });
        arriving.collect()
    }

    /// Returns the first layer that the application does not have, and what arrived of it.
    fn partial(&self) -> (u8, Vec<Buffer>) {
        let chunks = match self.slots.get(usize::from(self.delivered)) {
            Some(Slot::Arriving { pieces, .. }) => pieces.peek(),
            _ => Vec::new(),
        };
        (self.delivered, chunks)
    }
}

impl Connection {
    /// Reads the header of a layer.
    pub(super) fn frame_head(
        &mut self,
        stream: Stream,
        mut head: Vec<u8>,
        data: Buffer,
        end: End,
        now: Timestamp,
    ) -> Result<(), ProtocolError> {
        let known = head.len();
        head.extend_from_slice(data.get(..data.len().min(MOST_HEADER)).unwrap_or_default());
        match decode_prefix::<FrameHeader>(&head, self.limits())? {
            Prefix::Whole(header, used) => {
                self.timers.clear(Timer::Stall(stream));
                let rest = data.slice(used.saturating_sub(known)..);
                self.begin_layer(stream, header, now)?;
                self.data(stream, rest, end, now)
            }
            Prefix::Partial if end == End::Fin => Err(format(ErrorKind::Truncated)),
            Prefix::Partial => {
                self.inbound.insert(stream, Inbound::FrameHead { head });
                Ok(())
            }
        }
    }

    /// Finds the place of a layer; where it has none its stream is given up.
    fn begin_layer(
        &mut self,
        stream: Stream,
        header: FrameHeader,
        now: Timestamp,
    ) -> Result<(), ProtocolError> {
        let id = header.session;
        let unknown = !self.sessions.contains_key(&id) && !self.ended.contains(&id);
        let action = match unknown {
            // The RESUME that opens the session may still be on the way.
            true => SessionAction::Hold,
            false => self.session_input(id, SessionInput::Frame)?,
        };
        match action {
            SessionAction::Apply => self.place_layer(stream, header, Pieces::default(), now, now),
            SessionAction::Hold => {
                let early = |inbound: &&Inbound| matches!(inbound, Inbound::Early { .. });
                let held = self.inbound.values().filter(early).count() as u64;
                if held >= self.limits().get(Limit::FramesInFlight) {
                    self.refuse_layer(stream, Code::ExcessiveLoad, now);
                    return Ok(());
                }
                let pieces = Pieces::default();
                let inbound = Inbound::Early { header, pieces, end: End::Open, arrived: now };
                self.inbound.insert(stream, inbound);
                self.timers.set(Timer::Stall(stream), now.after(self.config.overlap));
                Ok(())
            }
            _ => {
                self.refuse_layer(stream, Code::SessionUnknown, now);
                Ok(())
            }
        }
    }

    /// Takes bytes of a layer of a session that is not active yet.
    pub(super) fn early_data(
        &mut self,
        stream: Stream,
        header: FrameHeader,
        mut pieces: Pieces,
        arrived: Timestamp,
        data: Buffer,
        end: End,
    ) -> Result<(), ProtocolError> {
        let size = Bytes::of_len(data.len());
        pieces.push(data);
        check_length(&header, &pieces, end)?;
        self.buffered = self.buffered.saturating_add(size);
        self.inbound.insert(stream, Inbound::Early { header, pieces, end, arrived });
        if self.buffered > self.limits().buffered_bytes() {
            self.overload(Limit::BufferedBytes);
        }
        Ok(())
    }

    /// Goes on with layers that came before their session was active.
    pub(super) fn adopt_early(&mut self, id: SessionId, now: Timestamp) {
        for stream in self.early_streams(id) {
            self.timers.clear(Timer::Stall(stream));
            let Some(Inbound::Early { header, pieces, end, arrived }) =
                self.inbound.remove(&stream)
            else {
                continue;
            };
            self.buffered = self.buffered.saturating_sub(pieces.length());
            let placed = self
                .place_layer(stream, header, pieces, arrived, now)
                .and_then(|()| self.data(stream, Buffer::new(), end, now));
            if let Err(error) = placed {
                self.violated(error);
                return;
            }
        }
    }

    /// Gives up layers of a session that never became active.
    pub(super) fn drop_early(&mut self, id: SessionId) {
        for stream in self.early_streams(id) {
            self.timers.clear(Timer::Stall(stream));
            if let Some(Inbound::Early { pieces, .. }) = self.inbound.remove(&stream) {
                self.buffered = self.buffered.saturating_sub(pieces.length());
            }
            self.scheduler.stop(stream, Code::SessionUnknown);
        }
    }

    fn early_streams(&self, id: SessionId) -> Vec<Stream> {
        let early = self.inbound.iter().filter(
            |(_, inbound)| matches!(inbound, Inbound::Early { header, .. } if header.session == id),
        );
        early.map(|(stream, _)| *stream).collect()
    }

    /// Gives a layer its place in its frame.
    fn place_layer(
        &mut self,
        stream: Stream,
        header: FrameHeader,
        pieces: Pieces,
        arrived: Timestamp,
        now: Timestamp,
    ) -> Result<(), ProtocolError> {
        let request = RequestId::new(header.session, header.sequence);
        if let Err(code) = self.admit_layer(&header, now)? {
            self.refuse_layer(stream, code, now);
            return Ok(());
        }
        let lifetime = arrived.after(self.config.lifetime);
        let limit = self.limits().frame_bytes();
        let (deadline, inserted) = {
            let arrivals = &mut self.arrivals;
            let inserted = !arrivals.contains_key(&request);
            let arrival =
                arrivals.entry(request).or_insert_with(|| Arrival::new(header, arrived, lifetime));
            if !arrival.fits(&header) {
                return Err(format(ErrorKind::InvalidValue));
            }
            if arrival.announced().saturating_add(header.length) > limit {
                return Err(format(ErrorKind::LimitExceeded(Limit::FrameBytes)));
            }
            match arrival.slots.get_mut(usize::from(header.layer.0)) {
                Some(slot @ Slot::Missing) => {
                    self.buffered = self.buffered.saturating_add(pieces.length());
                    *slot = Slot::Arriving { stream, header, pieces };
                }
                Some(Slot::Lost) => {
                    self.refuse_layer(stream, Code::TooLate, now);
                    return Ok(());
                }
                _ => return Err(format(ErrorKind::Duplicate)),
            }
            (arrival.deadline, inserted)
        };
        if inserted {
            self.timers.set(Timer::Arrival(request), deadline);
            self.timers.set(Timer::Lifetime(request), lifetime);
            if let Some(session) = self.sessions.get_mut(&request.session) {
                session.in_flight += 1;
                session.next = session.next.max(request.sequence.next());
            }
        }
        let layer = header.layer.0;
        self.inbound.insert(stream, Inbound::Frame { request, layer });
        Ok(())
    }

    /// Says whether a layer may come, or with which code it is refused.
    ///
    /// # Errors
    /// No peer that keeps to what was agreed sends it.
    fn admit_layer(
        &mut self,
        header: &FrameHeader,
        now: Timestamp,
    ) -> Result<Result<(), Code>, ProtocolError> {
        let (id, sequence) = (header.session, header.sequence);
        let request = RequestId::new(id, sequence);
        let Some(session) = self.sessions.get(&id) else { return Ok(Err(Code::SessionUnknown)) };
        if session.cancelled.contains(sequence) {
            return Ok(Err(Code::Cancelled));
        }
        if session.answered.contains(sequence) {
            return Ok(Err(Code::TooLate));
        }
        let Some(epochs) = &session.epochs else { return Ok(Err(Code::EpochUnknown)) };
        if let Err(code) = epochs.admit(header.epoch, sequence, header.point) {
            return Ok(Err(code));
        }
        if session.layers(header.point).is_none_or(|most| header.layers > most) {
            return Err(format(ErrorKind::InvalidValue));
        }
        if !self.arrivals.contains_key(&request)
            && session.in_flight >= self.limits().get(Limit::FramesInFlight)
            && !self.make_room(id, now)
        {
            return Ok(Err(Code::ExcessiveLoad));
        }
        self.epoch_seen(id, header.epoch, now);
        Ok(Ok(()))
    }

    /// Drops a frame of a session that is past its deadline, for a newer one.
    fn make_room(&mut self, id: SessionId, now: Timestamp) -> bool {
        let mut frames = self.arrivals.iter().filter(|(request, _)| request.session == id);
        let late = frames.find(|(_, arrival)| arrival.deadline <= now);
        let Some(request) = late.map(|(request, _)| *request) else { return false };
        self.lose_arrival(request, Code::TooLate);
        true
    }

    fn refuse_layer(&mut self, stream: Stream, code: Code, now: Timestamp) {
        self.inbound.remove(&stream);
        self.refuse_stream(stream, super::Direction::Uni, code, now);
    }

    /// Takes bytes of a layer.
    pub(super) fn frame_data(
        &mut self,
        stream: Stream,
        request: RequestId,
        layer: u8,
        data: Buffer,
        end: End,
        now: Timestamp,
    ) -> Result<(), ProtocolError> {
        let Some(arrival) = self.arrivals.get_mut(&request) else {
            self.inbound.remove(&stream);
            return Ok(());
        };
        let Some(slot) = arrival.slots.get_mut(usize::from(layer)) else { return Ok(()) };
        let Slot::Arriving { header, pieces, .. } = slot else { return Ok(()) };
        let size = Bytes::of_len(data.len());
        pieces.push(data);
        let short = check_length(header, pieces, end)?;
        self.buffered = self.buffered.saturating_add(size);
        self.stats.payload_received = self.stats.payload_received.saturating_add(size);
        if let Some(session) = self.sessions.get_mut(&request.session) {
            session.counters.payload_bytes += size.get();
        }
        if short {
            self.inbound.remove(&stream);
            self.layer_cut_short(request, layer, now);
        } else if end == End::Fin {
            let (header, chunks) = (*header, std::mem::take(pieces).take());
            *slot = Slot::Whole { header, chunks };
            arrival.whole_at = now;
            self.inbound.remove(&stream);
            self.stats.layers_received += 1;
            self.floods.resets.give();
            self.deliver(request);
        }
        while self.buffered > self.limits().buffered_bytes() {
            if !self.evict(now) {
                break;
            }
        }
        Ok(())
    }

    /// A layer ended before its announced length: it is lost.
    fn layer_cut_short(&mut self, request: RequestId, layer: u8, now: Timestamp) {
        if layer == 0 {
            let failed = self.send_result(request, Code::FormatError, Reply::default(), now);
            debug_assert!(failed.is_ok(), "{failed:?}");
        }
        self.layer_reset(request, layer, Code::FormatError);
    }

    /// Hands over the layers that are whole together with all below them.
    fn deliver(&mut self, request: RequestId) {
        let Some(arrival) = self.arrivals.get_mut(&request) else { return };
        let first = arrival.delivered;
        while let Some(slot) = arrival.slots.get_mut(usize::from(arrival.delivered)) {
            let Slot::Whole { .. } = slot else { break };
            let Slot::Whole { header, chunks } = std::mem::replace(slot, Slot::Delivered) else {
                break;
            };
            let size = chunks.iter().map(|chunk| Bytes::of_len(chunk.len())).sum();
            self.buffered = self.buffered.saturating_sub(size);
            let (arrived, deadline) = (arrival.arrived, arrival.deadline);
            arrival.delivered += 1;
            let layer = Layer { request, header, arrived, deadline, chunks };
            self.events.push_back(Event::Layer(layer));
        }
        if first == 0 && arrival.delivered > 0 {
            self.stats.frames_received += 1;
            if let Some(session) = self.sessions.get_mut(&request.session) {
                session.counters.frames += 1;
            }
        }
    }

    /// Drops the frame that holds most, of the session that holds most.
    fn evict(&mut self, now: Timestamp) -> bool {
        let mut by_session = std::collections::BTreeMap::<SessionId, Bytes>::new();
        for (request, arrival) in &self.arrivals {
            let held = by_session.entry(request.session).or_default();
            *held = held.saturating_add(arrival.held());
        }
        let Some((session, _)) = by_session.into_iter().max_by_key(|(_, held)| *held) else {
            self.overload(Limit::BufferedBytes);
            return false;
        };
        let frames = self.arrivals.iter().filter(|(request, _)| request.session == session);
        let largest = frames.max_by_key(|(_, arrival)| arrival.held());
        let Some(request) = largest.map(|(request, _)| *request) else { return false };
        self.stats.refusals += 1;
        self.lose_arrival(request, Code::ExcessiveLoad);
        if !self.floods.refusals.take(now) {
            self.overload(Limit::BufferedBytes);
            return false;
        }
        true
    }

    /// The sender abandoned a layer.
    pub(super) fn layer_reset(&mut self, request: RequestId, layer: u8, code: Code) {
        if layer == 0 && self.arrivals.get(&request).is_some_and(|frame| frame.delivered == 0) {
            self.lose_arrival(request, code);
        } else {
            self.lose_layer(request, layer, code);
        }
    }

    /// A layer above the base will not arrive, and those above it are of no use.
    fn lose_layer(&mut self, request: RequestId, layer: u8, code: Code) {
        let Some(arrival) = self.arrivals.get_mut(&request) else { return };
        let mut partial = Vec::new();
        let mut lost = false;
        let first = usize::from(layer);
        for (index, slot) in arrival.slots.iter_mut().enumerate().skip(first) {
            match std::mem::replace(slot, Slot::Lost) {
                Slot::Arriving { stream, pieces, .. } => {
                    self.buffered = self.buffered.saturating_sub(pieces.length());
                    self.inbound.remove(&stream);
                    if index > first || code == Code::TooLate {
                        self.scheduler.stop(stream, Code::TooLate);
                    }
                    if index == first {
                        partial = pieces.take();
                    }
                }
                Slot::Whole { chunks, .. } => {
                    let size = chunks.iter().map(|chunk| Bytes::of_len(chunk.len())).sum();
                    self.buffered = self.buffered.saturating_sub(size);
                }
                Slot::Delivered => {
                    *slot = Slot::Delivered;
                    continue;
                }
                Slot::Lost => continue,
                Slot::Missing => {}
            }
            lost = true;
        }
        if lost {
            self.events.push_back(Event::LayerLost { request, layer, code, partial });
        }
    }

    /// A frame that is arriving is past its deadline.
    pub(super) fn arrival_late(&mut self, request: RequestId) {
        let Some(arrival) = self.arrivals.get(&request) else { return };
        match arrival.delivered {
            0 => self.lose_arrival(request, Code::TooLate),
            next => self.lose_layer(request, next, Code::TooLate),
        }
    }

    /// A frame is given up, and the application is told.
    pub(super) fn lose_arrival(&mut self, request: RequestId, code: Code) {
        let Some(arrival) = self.arrivals.get(&request) else { return };
        let partial = match arrival.delivered {
            0 => arrival.partial().1,
            _ => Vec::new(),
        };
        self.stats.frames_lost += u64::from(arrival.delivered == 0);
        if let Some(session) = self.sessions.get_mut(&request.session) {
            match code {
                Code::Cancelled | Code::Superseded => session.counters.cancelled += 1,
                _ => session.counters.late += 1,
            }
        }
        self.drop_arrival(request, code);
        self.events.push_back(Event::FrameLost { request, code, partial });
    }

    /// Forgets a frame; what still arrives of it is refused.
    pub(super) fn drop_arrival(&mut self, request: RequestId, code: Code) {
        let Some(arrival) = self.arrivals.remove(&request) else { return };
        self.buffered = self.buffered.saturating_sub(arrival.held());
        for stream in arrival.streams() {
            self.inbound.remove(&stream);
            self.scheduler.stop(stream, code);
        }
        self.timers.clear(Timer::Arrival(request));
        self.timers.clear(Timer::Lifetime(request));
        if let Some(session) = self.sessions.get_mut(&request.session) {
            session.in_flight = session.in_flight.saturating_sub(1);
            session.answered.insert(request.sequence);
        }
    }

    /// Returns the next layer of a frame that is not whole, and what arrived of it so far: a start of
    /// a prefix-decodable layer is of use at the deadline. `None` if the frame was answered or lost.
    pub fn partial(&self, request: RequestId) -> Option<(u8, Vec<Buffer>)> {
        self.arrivals.get(&request).map(Arrival::partial)
    }
}

/// Checks what arrived against what was announced; says whether the layer ended too early.
///
/// # Errors
/// More arrived than was announced.
fn check_length(header: &FrameHeader, pieces: &Pieces, end: End) -> Result<bool, ProtocolError> {
    if pieces.length() > header.length {
        return Err(format(ErrorKind::TrailingBytes));
    }
    let truncatable = header.flags.contains(FrameFlags::TRUNCATABLE);
    Ok(end == End::Fin && pieces.length() < header.length && !truncatable)
}

fn format(kind: ErrorKind) -> ProtocolError {
    ProtocolError::new(kind, 0, "protocol.md 7.1")
}

/// Longer than any header of a layer.
const MOST_HEADER: usize = 100;
