//! What was sent before the handshake was complete, to be sent again if the peer did not take it.

use aiflow_units::{Micros, Timestamp};

use super::inbound::Purpose;
use super::{Connection, Early, End, Event, Frame, Outcome, PeerIdentity, RequestId, State};
use crate::Code;
use crate::wire::{Epoch, PointId, Request};

/// Something that left in early data. The limits before the peer's SETUP bound what is kept.
#[derive(Debug)]
pub(super) enum EarlyItem {
    /// A question, or the request for a session.
    Request { request: Request, purpose: Purpose, end: End },
    /// A frame, under the numbers that it has.
    Frame { request: RequestId, epoch: Epoch, point: PointId, frame: Frame },
}

impl Connection {
    /// The peer did not take early data, and knows nothing of it: everything that was sent and has
    /// not ended is sent again, in the same order and under the same numbers, now that nobody can
    /// repeat it. Call it before anything else of the new streams.
    pub fn handle_early_rejected(&mut self, identity: PeerIdentity, now: Timestamp) {
        if self.state != State::Greeting || !self.is_early() {
            return;
        }
        self.inbound.clear();
        self.young.clear();
        self.scheduler.clear();
        self.clear_timers();
        self.greet(PeerIdentity { early: Early::Complete, ..identity }, now);
        for item in std::mem::take(&mut self.early_items) {
            match item {
                EarlyItem::Request { request, purpose, end } => {
                    self.ask_again(&request, purpose, end)
                }
                EarlyItem::Frame { request, epoch, point, frame } => {
                    if self.take_back(request) {
                        self.queue_frame(request, epoch, point, frame, now);
                    }
                }
            }
        }
    }

    /// Keeps what leaves in early data.
    pub(super) fn keep_early(&mut self, item: impl FnOnce() -> EarlyItem) {
        if self.is_early() {
            let pending = &self.pending;
            self.early_items.retain(|item| match item {
                EarlyItem::Frame { request, .. } => pending.contains_key(request),
                EarlyItem::Request { .. } => true,
            });
            self.early_items.push(item());
        }
    }

    /// Asks on another stream what was asked before.
    fn ask_again(&mut self, request: &Request, purpose: Purpose, end: End) {
        let wanted = match purpose {
            Purpose::Query(query) => self.queries.contains_key(&query),
            Purpose::Session(session) => self.sessions.contains_key(&session),
        };
        if !wanted {
            return;
        }
        let stream = self.send_request(request, purpose, end).ok();
        match (purpose, stream) {
            (Purpose::Query(query), Some(stream)) => drop(self.queries.insert(query, stream)),
            (Purpose::Session(id), Some(stream)) => {
                if let Some(session) = self.sessions.get_mut(&id) {
                    session.stream = stream;
                }
            }
            (Purpose::Query(query), None) => {
                self.queries.remove(&query);
                self.events.push_back(Event::Answered { query, answer: None });
            }
            (Purpose::Session(id), None) => self.report_end(id, Code::NotReady, Micros::ZERO),
        }
    }

    /// Forgets how far a frame was; `false` if it has ended.
    fn take_back(&mut self, request: RequestId) -> bool {
        let Some(pending) = self.pending.remove(&request) else { return false };
        self.pending_bytes = self.pending_bytes.saturating_sub(pending.size);
        self.pending_layers = self.pending_layers.saturating_sub(u64::from(pending.layers));
        self.stats.frames_sent = self.stats.frames_sent.saturating_sub(1);
        if self.sessions.contains_key(&request.session) {
            return true;
        }
        self.events.push_back(Event::Ended { request, outcome: Outcome::Failed(Code::NotReady) });
        false
    }
}
