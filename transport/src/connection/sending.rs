//! Frames on their way out, until their requests end.

use aiflow_units::{Bytes, Micros, Timestamp};

use super::epochs::Epochs;
use super::replay::EarlyItem;
use super::states::{SessionAction, SessionInput};
use super::timers::Timer;
use super::{
    Connection, Event, Frame, Older, Outcome, Priority, RequestId, SessionState, Side, Stream,
};
use crate::error::ProtocolError;
use crate::schedule::{Content, Cut, Header, Outgoing, Rank};
use crate::wire::{
    Cancel, ControlMessage, EarlyFrames, Epoch, FrameFlags, FrameHeader, LayerIndex, Limit,
    MessageKind, PointId, SequenceRange, SessionId,
};
use crate::{CallError, Code};

/// A request that has not ended.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) size: Bytes,
    /// Whether the base is wholly handed to the carrier.
    pub(super) base_sent: bool,
    /// Whether any of its bytes are.
    pub(super) started: bool,
    /// The stream of the base; those of the other layers follow.
    first: Stream,
    pub(super) layers: u8,
}

impl Pending {
    fn streams(&self) -> impl Iterator<Item = Stream> + use<> {
        let first = self.first.number();
        (first..first + u64::from(self.layers)).map(Stream::local)
    }

    /// Returns which layer a stream carries, if any.
    fn layer_of(&self, stream: Stream) -> Option<u8> {
        let index = stream.number().checked_sub(self.first.number())?;
        let layer = u8::try_from(index).ok().filter(|&layer| layer < self.layers);
        layer.filter(|_| stream.is_local())
    }
}

impl Connection {
    /// Sends a frame: its layers queue by priority and deadline and leave when the carrier takes
    /// them. Exactly one [`Event::Ended`] follows.
    ///
    /// # Errors
    /// This is the server, the session is not active, the point is not in the set of the epoch, the
    /// frame has too many layers or bytes, or the peer's limits or the configured queue are
    /// exhausted: then older frames have to end first.
    pub fn send(
        &mut self,
        id: SessionId,
        frame: Frame,
        now: Timestamp,
    ) -> Result<RequestId, CallError> {
        self.try_send(id, frame, now).map_err(|refused| refused.1)
    }

    /// As [`Connection::send`], but gives the frame back with the error.
    pub(crate) fn try_send(
        &mut self,
        id: SessionId,
        frame: Frame,
        now: Timestamp,
    ) -> Result<RequestId, Box<(Frame, CallError)>> {
        let (epoch, point) = match self.check_frame(id, &frame) {
            Ok(place) => place,
            Err(error) => return Err(Box::new((frame, error))),
        };
        let Some(session) = self.sessions.get_mut(&id) else {
            return Err(Box::new((frame, CallError::UnknownSession)));
        };
        let request = RequestId::new(id, session.next);
        session.next = session.next.next();
        session.in_flight += 1;
        if frame.older == Older::Supersede {
            self.supersede(request);
        }
        self.keep_early(|| {
            let captured = frame.captured.unwrap_or(now).min(now);
            let frame = frame.clone().with_captured(captured);
            EarlyItem::Frame { request, epoch, point, frame }
        });
        self.queue_frame(request, epoch, point, frame, now);
        Ok(request)
    }

    /// Checks whether a frame may be sent, and finds its epoch and its point.
    fn check_frame(&self, id: SessionId, frame: &Frame) -> Result<(Epoch, PointId), CallError> {
        self.require_side(Side::Client, "send")?;
        self.require_open("send")?;
        let place = self.check_point(id, frame)?;
        self.check_limits(id, frame)?;
        Ok(place)
    }

    /// Finds the epoch and the point of a frame.
    fn check_point(&self, id: SessionId, frame: &Frame) -> Result<(Epoch, PointId), CallError> {
        let session = self.sessions.get(&id).ok_or(CallError::UnknownSession)?;
        let early = session.resumed == Some(EarlyFrames::Allowed);
        let may_send = match session.state {
            SessionState::Requested => early,
            _ => session.is_live() && (early || !self.is_early()),
        };
        if !may_send {
            let state = session.state.name();
            return Err(CallError::WrongState { call: "send", state });
        }
        let set = session.epochs.as_ref().and_then(Epochs::active);
        let set = set.ok_or(CallError::UnknownPoint)?;
        let point = frame.point.unwrap_or(set.active);
        let layers = session.layers(point).filter(|_| set.points.contains(&point));
        let most = u64::from(layers.ok_or(CallError::UnknownPoint)?);
        let asked = frame.layers.len() as u64;
        if asked == 0 || asked > most {
            return Err(CallError::LimitReached { limit: Limit::Layers, asked, allowed: most });
        }
        Ok((set.epoch, point))
    }

    /// Checks a frame against what the peer allows.
    fn check_limits(&self, id: SessionId, frame: &Frame) -> Result<(), CallError> {
        let size = frame.size().get();
        let in_flight = self.sessions.get(&id).map_or(0, |session| session.in_flight);
        let held = self.pending_bytes;
        let queue = self.config.queue.get();
        let waiting = self.scheduler.backlog().total.get();
        // Half of the streams are kept for requests and sessions.
        let streams = self.allowed.get(Limit::Streams);
        let open = self.pending_layers + self.sessions.len() as u64;
        let checks = [
            (Limit::FrameBytes, size, self.allowed.get(Limit::FrameBytes)),
            (Limit::FramesInFlight, in_flight + 1, self.allowed.get(Limit::FramesInFlight)),
            (Limit::BufferedBytes, held.get() + size, self.allowed.get(Limit::BufferedBytes)),
            (Limit::BufferedBytes, waiting.saturating_add(size), queue.max(size)),
            (Limit::Streams, open + frame.layers.len() as u64, streams),
        ];
        for (limit, asked, allowed) in checks {
            if asked > allowed {
                return Err(CallError::LimitReached { limit, asked, allowed });
            }
        }
        Ok(())
    }

    /// Returns the requests that are `wanted`, in order: equal calls have equal effects.
    pub(super) fn pending_where(
        &self,
        wanted: impl Fn(&RequestId, &Pending) -> bool,
    ) -> Vec<RequestId> {
        let found = self.pending.iter().filter(|(request, pending)| wanted(request, pending));
        let mut found: Vec<_> = found.map(|(request, _)| *request).collect();
        found.sort_unstable();
        found
    }

    /// Gives up the older frames of a session whose base has not left.
    fn supersede(&mut self, newest: RequestId) {
        let older = self.pending_where(|request, pending| {
            request.session == newest.session && *request < newest && !pending.base_sent
        });
        for request in older {
            self.give_up(request, Code::Superseded, Outcome::Cancelled);
        }
    }

    pub(super) fn queue_frame(
        &mut self,
        request: RequestId,
        epoch: Epoch,
        point: PointId,
        frame: Frame,
        now: Timestamp,
    ) {
        let captured = frame.captured.unwrap_or(now).min(now);
        let layers = frame.layers.len();
        let size = frame.size();
        let deadline = match frame.deadline {
            Timestamp::MAX => Micros::ZERO,
            deadline => deadline.since(captured),
        };
        let mut first = None;
        for (index, payload) in frame.layers.into_iter().enumerate() {
            let layer = index as u8;
            let is_last = index + 1 == layers;
            let header = FrameHeader {
                session: request.session,
                epoch,
                sequence: request.sequence,
                layer: LayerIndex(layer),
                layers: layers as u8,
                point,
                rate: frame.rate,
                deadline,
                age: Micros::ZERO,
                flags: if is_last { frame.flags.and(FrameFlags::FINAL) } else { frame.flags },
                length: Bytes::of_len(payload.len()),
            };
            let priority = if layer == 0 { Priority::Base } else { Priority::Enhancement };
            let order = request.sequence.0;
            let rank = Rank { priority, deadline: frame.deadline, order, layer };
            let outgoing = Outgoing::uni(rank, Content::Layer(request))
                .with_header(Header { frame: header, captured })
                .with_chunk(payload)
                .with_fin();
            // Streams are numbered in turn.
            let stream = self.scheduler.open(outgoing);
            first.get_or_insert(stream);
        }
        let answer_by = frame.answer_by.unwrap_or(frame.deadline);
        let Some(first) = first else { return };
        let layers = layers as u8;
        let pending = Pending { size, base_sent: false, started: false, first, layers };
        self.pending.insert(request, pending);
        self.pending_layers += u64::from(layers);
        self.pending_bytes = self.pending_bytes.saturating_add(size);
        self.stats.frames_sent += 1;
        // What ends with its deadline anyway needs no timer of its own for what has not left.
        if answer_by > frame.deadline {
            let leave_by = frame.deadline.before(self.transit(now));
            self.timers.set(Timer::Delivery(request), leave_by.max(now));
        }
        self.timers.set(Timer::Answer(request), answer_by.max(now));
    }

    /// Gives a request up: what has not left never leaves, and the peer may stop working on it.
    ///
    /// # Errors
    /// It has ended, or never was.
    pub fn cancel(&mut self, request: RequestId) -> Result<(), CallError> {
        if !self.pending.contains_key(&request) {
            return Err(CallError::UnknownRequest);
        }
        self.give_up(request, Code::Cancelled, Outcome::Cancelled);
        Ok(())
    }

    fn give_up(&mut self, request: RequestId, code: Code, outcome: Outcome) {
        let Some(pending) = self.pending.get(&request) else { return };
        let started = pending.started;
        self.cut_layers(request, code);
        if started {
            let range = SequenceRange { first: request.sequence, last: request.sequence };
            let cancel = Cancel { session: request.session, code, ranges: vec![range] };
            self.say_plain(&ControlMessage::Cancel(cancel));
        }
        self.end_request(request, outcome);
    }

    /// Ends a request; each ends once.
    pub(super) fn end_request(&mut self, request: RequestId, outcome: Outcome) {
        let Some(pending) = self.pending.remove(&request) else { return };
        self.pending_bytes = self.pending_bytes.saturating_sub(pending.size);
        self.pending_layers = self.pending_layers.saturating_sub(u64::from(pending.layers));
        self.timers.clear(Timer::Delivery(request));
        self.timers.clear(Timer::Answer(request));
        let cut = self.scheduler.cut_all(pending.streams(), Code::DeadlineExceeded);
        self.count_cuts(cut);
        if let Some(session) = self.sessions.get_mut(&request.session) {
            session.in_flight = session.in_flight.saturating_sub(1);
        }
        match &outcome {
            Outcome::Result(_) => self.stats.results += 1,
            Outcome::Deadline => self.stats.deadlines += 1,
            Outcome::Cancelled => self.stats.cancelled += 1,
            Outcome::Failed(_) => self.stats.failed += 1,
        }
        self.events.push_back(Event::Ended { request, outcome });
    }

    /// Gives up the layers of a frame that have not left.
    fn cut_layers(&mut self, request: RequestId, code: Code) {
        let Some(pending) = self.pending.get(&request) else { return };
        let cut = self.scheduler.cut_all(pending.streams(), code);
        self.count_cuts(cut);
    }

    fn count_cuts(&mut self, (reset, unsent): (u64, u64)) {
        self.stats.layers_reset += reset;
        self.stats.layers_unsent += unsent;
    }

    /// The layers of a frame lose their worth.
    pub(super) fn delivery_over(&mut self, request: RequestId) {
        self.cut_layers(request, Code::DeadlineExceeded);
        if self.pending.get(&request).is_some_and(|pending| !pending.base_sent) {
            self.end_request(request, Outcome::Deadline);
        }
    }

    /// The scheduler gave a layer up because it was late.
    pub(super) fn layer_cut(&mut self, cut: Cut) {
        let Content::Layer(request) = cut.content else { return };
        self.count_cuts((u64::from(cut.started), u64::from(!cut.started)));
        if cut.layer == 0 {
            self.end_request(request, Outcome::Deadline);
        }
    }

    /// The carrier took bytes of a layer, the last ones if it is `done`.
    pub(super) fn layer_written(&mut self, request: RequestId, layer: u8, done: bool) {
        self.stats.layers_sent += u64::from(done);
        if let Some(pending) = self.pending.get_mut(&request) {
            pending.started = true;
            pending.base_sent |= done && layer == 0;
        }
    }

    /// The peer does not want a layer; returns whether the stream was one.
    pub(super) fn layer_stopped(&mut self, stream: Stream, code: Code) -> bool {
        let found = self.pending.iter().find_map(|(request, pending)| {
            pending.layer_of(stream).map(|layer| (*request, layer, pending.streams()))
        });
        let Some((request, layer, streams)) = found else { return false };
        if layer == 0 {
            self.cut_layers(request, code);
            self.end_request(request, outcome_of(code));
            return true;
        }
        // Layers above are of no use without this one.
        let cut = self.scheduler.cut_all(streams.skip(usize::from(layer)), code);
        self.count_cuts(cut);
        true
    }

    /// Takes CANCEL: from the client it ends frames here, from the server requests.
    pub(super) fn peer_cancels(
        &mut self,
        cancel: &Cancel,
        now: Timestamp,
    ) -> Result<(), ProtocolError> {
        let input = SessionInput::Message(MessageKind::Cancel);
        if self.session_input(cancel.session, input)? != SessionAction::Apply {
            return Ok(());
        }
        let named = |request: &RequestId| {
            let ranges = &cancel.ranges;
            let within = |range: &SequenceRange| {
                range.first <= request.sequence && request.sequence <= range.last
            };
            request.session == cancel.session && ranges.iter().any(within)
        };
        if self.side == Side::Server {
            if let Some(session) = self.sessions.get_mut(&cancel.session) {
                session.cancelled.insert(cancel);
            }
            let arrivals: Vec<_> = self.arrivals.keys().filter(|it| named(it)).copied().collect();
            for request in arrivals {
                self.lose_arrival(request, cancel.code, now);
            }
        } else {
            let requests = self.pending_where(|request, _| named(request));
            for request in requests {
                self.cut_layers(request, cancel.code);
                self.end_request(request, outcome_of(cancel.code));
            }
        }
        Ok(())
    }
}

/// Says how a request ends that the peer gave up with a code.
pub(super) const fn outcome_of(code: Code) -> Outcome {
    match code {
        Code::DeadlineExceeded | Code::TooLate => Outcome::Deadline,
        Code::Cancelled | Code::Superseded => Outcome::Cancelled,
        other => Outcome::Failed(other),
    }
}
