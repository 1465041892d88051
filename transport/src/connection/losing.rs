//! Frames that are given up while they arrive.

use std::collections::BTreeMap;

use aiflow_units::{Bytes, Timestamp};

use super::arrival::Slot;
use super::results::frame_report;
use super::timers::Timer;
use super::{Connection, Event, RequestId};
use crate::Code;
use crate::wire::{Limit, Sequence, SessionId};

/// Who gave a layer up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// The peer, which knows.
    Sender,
    /// This side, which has to tell.
    Receiver,
}

impl Connection {
    /// The sender abandoned a layer.
    pub(super) fn layer_reset(
        &mut self,
        request: RequestId,
        layer: u8,
        code: Code,
        now: Timestamp,
    ) {
        if layer == 0 && self.arrivals.get(&request).is_some_and(|frame| frame.delivered == 0) {
            self.lose_arrival(request, code, now);
        } else {
            self.lose_layer(request, layer, code, By::Sender);
        }
    }

    /// A layer above the base will not arrive, and those above it are of no use.
    fn lose_layer(&mut self, request: RequestId, layer: u8, code: Code, by: By) {
        let Some(arrival) = self.arrivals.get_mut(&request) else { return };
        let mut partial = Vec::new();
        let mut lost = false;
        let first = usize::from(layer);
        for (index, slot) in arrival.slots.iter_mut().enumerate().skip(first) {
            match std::mem::replace(slot, Slot::Lost) {
                Slot::Arriving { stream, pieces, .. } => {
                    self.buffered = self.buffered.saturating_sub(pieces.length());
                    self.inbound.remove(&stream);
                    if index > first || by == By::Receiver {
                        let code = if by == By::Receiver { code } else { Code::TooLate };
                        self.scheduler.stop(stream, code);
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
    pub(super) fn arrival_late(&mut self, request: RequestId, now: Timestamp) {
        let Some(arrival) = self.arrivals.get(&request) else { return };
        let lifetime = arrival.arrived.after(self.config.lifetime);
        self.timers.set(Timer::Lifetime(request), lifetime);
        match arrival.delivered {
            0 => self.lose_arrival(request, Code::TooLate, now),
            next => self.lose_layer(request, next, Code::TooLate, By::Receiver),
        }
    }

    /// A frame is given up, and the application is told.
    pub(super) fn lose_arrival(&mut self, request: RequestId, code: Code, now: Timestamp) {
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
        let (report, arrived) = (frame_report(request, arrival, code), arrival.arrived);
        self.report_frame(report, arrived, now);
        self.drop_arrival(request, code);
        self.events.push_back(Event::FrameLost { request, code, partial });
    }

    /// Gives up the older frames of a session of which no base is whole: a newer one is.
    pub(super) fn lose_older(&mut self, newest: RequestId, now: Timestamp) {
        let oldest = RequestId::new(newest.session, Sequence(0));
        let older = self.arrivals.range(oldest..newest);
        let older = older.filter(|(_, arrival)| arrival.delivered == 0);
        let older: Vec<_> = older.map(|(request, _)| *request).collect();
        for request in older {
            self.lose_arrival(request, Code::Superseded, now);
        }
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

    /// Drops the frame that holds most, of the session that holds most.
    pub(super) fn evict(&mut self, now: Timestamp) -> bool {
        let mut by_session = BTreeMap::<SessionId, Bytes>::new();
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
        match self.arrivals.get(&request).map(|arrival| arrival.delivered) {
            Some(next @ 1..) => {
                self.lose_layer(request, next, Code::ExcessiveLoad, By::Receiver);
            }
            _ => self.lose_arrival(request, Code::ExcessiveLoad, now),
        }
        if !self.floods.refusals.take(now) {
            self.overload(Limit::BufferedBytes);
            return false;
        }
        true
    }
}
