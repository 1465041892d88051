//! Frames that arrive, until they are answered.

use aiflow_units::{Bytes, Timestamp};
use bytes::Bytes as Buffer;

use super::arrival::{Arrival, Slot};
use super::head::Head;
use super::inbound::Inbound;
use super::pieces::Pieces;
use super::states::{SessionAction, SessionInput};
use super::timers::Timer;
use super::{Connection, End, Event, Layer, Older, Reply, RequestId, Stream};
use crate::Code;
use crate::error::{ErrorKind, ProtocolError};
use crate::wire::{FrameFlags, FrameHeader, Limit, SessionId};

impl Connection {
    /// Reads the header of a layer.
    pub(super) fn frame_head(
        &mut self,
        stream: Stream,
        mut head: Head,
        mut data: Buffer,
        end: End,
        now: Timestamp,
    ) -> Result<(), ProtocolError> {
        match head.push::<FrameHeader>(&mut data, self.limits())? {
            Some(header) => {
                self.begin_layer(stream, header, now)?;
                self.data(stream, data, end, now)
            }
            None if end == End::Fin => Err(format(ErrorKind::Truncated)),
            None => {
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
                self.timers.set(Timer::Early(stream), now.after(self.config.overlap));
                Ok(())
            }
            _ => {
                self.refuse_layer(stream, Code::SessionUnknown, now);
                Ok(())
            }
        }
    }

    /// Gives a layer its place in its frame.
    pub(super) fn place_layer(
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
        let transit = self.transit(now);
        let limit = self.limits().frame_bytes();
        let (deadline, inserted) = {
            let arrivals = &mut self.arrivals;
            let inserted = !arrivals.contains_key(&request);
            let arrival = arrivals
                .entry(request)
                .or_insert_with(|| Arrival::new(header, arrived, transit, lifetime));
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
        self.lose_arrival(request, Code::TooLate, now);
        true
    }

    fn refuse_layer(&mut self, stream: Stream, code: Code, now: Timestamp) {
        self.inbound.remove(&stream);
        self.refuse_stream(stream, super::Direction::Uni, code, now);
    }

    /// Takes bytes of a layer, of which `end` says whether the last ones end it.
    pub(super) fn frame_data(
        &mut self,
        stream: Stream,
        request: RequestId,
        layer: u8,
        chunks: &mut [Buffer],
        end: End,
        now: Timestamp,
    ) -> Result<(), ProtocolError> {
        let Some(arrival) = self.arrivals.get_mut(&request) else {
            self.inbound.remove(&stream);
            return Ok(());
        };
        let Some(slot) = arrival.slots.get_mut(usize::from(layer)) else { return Ok(()) };
        let Slot::Arriving { header, pieces, .. } = slot else { return Ok(()) };
        let before = pieces.length();
        let last = chunks.len().saturating_sub(1);
        for (index, chunk) in chunks.iter_mut().enumerate() {
            let chunk = std::mem::take(chunk);
            match end {
                End::Fin if index == last => pieces.push_last(chunk),
                _ => pieces.push(chunk),
            }
        }
        let size = pieces.length().saturating_sub(before);
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
            self.deliver(request, now);
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
        self.layer_reset(request, layer, Code::FormatError, now);
    }

    /// Hands over the layers that are whole together with all below them.
    fn deliver(&mut self, request: RequestId, now: Timestamp) {
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
            if self.config.arrivals == Older::Supersede {
                self.lose_older(request, now);
            }
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
pub(super) fn check_length(
    header: &FrameHeader,
    pieces: &Pieces,
    end: End,
) -> Result<bool, ProtocolError> {
    if pieces.length() > header.length {
        return Err(format(ErrorKind::TrailingBytes));
    }
    let truncatable = header.flags.contains(FrameFlags::TRUNCATABLE);
    Ok(end == End::Fin && pieces.length() < header.length && !truncatable)
}

fn format(kind: ErrorKind) -> ProtocolError {
    ProtocolError::new(kind, 0, "protocol.md 7.1")
}
