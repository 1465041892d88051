//! What the carrier saw.

use aiflow_units::Timestamp;
use bytes::Bytes as Buffer;

use super::inbound::Inbound;
use super::states::{LinkAction, LinkInput};
use super::timers::Timer;
use super::{ClosedBy, Connection, Direction, End, Outcome, PeerIdentity, State, Stream};
use crate::Code;
use crate::channel::PathSample;
use crate::error::ProtocolError;

impl Connection {
    /// The handshake is complete, or early data can be sent (then it is called again when the
    /// handshake is complete, or [`Connection::handle_early_rejected`] is).
    pub fn handle_connected(&mut self, identity: PeerIdentity, now: Timestamp) {
        match self.step(LinkInput::Connected) {
            LinkAction::Greet => self.greet(identity, now),
            LinkAction::Confirm => {
                self.identity = Some(identity);
                if !self.is_early() {
                    self.early_items.clear();
                }
            }
            _ => {}
        }
    }

    /// The peer opened a stream.
    pub fn handle_opened(&mut self, stream: Stream, direction: Direction, now: Timestamp) {
        if self.state != State::Closed {
            self.opened(stream, direction, now);
        }
    }

    /// Bytes arrived on a stream, in order. Bytes of streams that were stopped are dropped.
    pub fn handle_data(&mut self, stream: Stream, data: Buffer, end: End, now: Timestamp) {
        if self.state == State::Closed {
            return;
        }
        if let Err(error) = self.data(stream, data, end, now) {
            self.violated(error);
        }
    }

    /// Several pieces arrived on a stream, in order; `end` says whether the stream ends with the last
    /// one. The same as [`Connection::handle_data`] for each of them, in less time. The pieces are
    /// taken out of `chunks`.
    pub fn handle_chunks(
        &mut self,
        stream: Stream,
        chunks: &mut [Buffer],
        end: End,
        now: Timestamp,
    ) {
        if self.state == State::Closed {
            return;
        }
        if let Err(error) = self.pieces(stream, chunks, end, now) {
            self.violated(error);
        }
    }

    /// The peer abandoned its sending part of a stream.
    pub fn handle_reset(&mut self, stream: Stream, code: Code, now: Timestamp) {
        if self.state == State::Closed {
            return;
        }
        self.timers.clear(Timer::Early(stream));
        let Some(inbound) = self.inbound.remove(&stream) else { return };
        if !stream.is_local() && !self.floods.resets.take(now) {
            self.overload(crate::wire::Limit::Streams);
            return;
        }
        match inbound {
            Inbound::Control { .. } => {
                let section = "protocol.md 3.3";
                self.violated(ProtocolError::refused(Code::ControlClosed, section));
            }
            Inbound::Frame { request, layer } => self.layer_reset(request, layer, code, now),
            Inbound::Early { pieces, .. } => {
                self.buffered = self.buffered.saturating_sub(pieces.length());
            }
            Inbound::Result { header, pieces } => self.result_reset(&header, &pieces, code),
            Inbound::Session(session) => self.session_stream_ended(session, code),
            Inbound::Answer { purpose, .. } => self.answer_missing(purpose, code),
            Inbound::Asking { .. } | Inbound::Asked => {
                self.question_dropped(stream);
                self.scheduler.reset(stream, Code::Cancelled);
            }
            Inbound::Fresh { .. }
            | Inbound::FrameHead { .. }
            | Inbound::ResultHead { .. }
            | Inbound::Padding => {}
        }
    }

    /// The peer asks to abandon the sending part of a stream.
    pub fn handle_stop(&mut self, stream: Stream, code: Code, _: Timestamp) {
        if self.state == State::Closed {
            return;
        }
        if Some(stream) == self.control {
            let section = "protocol.md 3.3";
            self.violated(ProtocolError::refused(Code::ControlClosed, section));
            return;
        }
        if self.layer_stopped(stream, code) {
            return;
        }
        self.padding_stopped(stream);
        self.scheduler.cut(stream, code);
        match self.inbound.get(&stream) {
            Some(Inbound::Session(session)) => {
                let session = *session;
                self.session_stream_ended(session, code);
            }
            Some(Inbound::Answer { purpose, .. }) => {
                let purpose = *purpose;
                self.inbound.remove(&stream);
                self.answer_missing(purpose, code);
            }
            _ => self.question_dropped(stream),
        }
    }

    /// A stream that was blocked takes bytes again.
    pub fn handle_writable(&mut self, stream: Stream) {
        self.scheduler.unblock(stream);
    }

    /// The carrier observed its path.
    pub fn handle_path(&mut self, sample: PathSample, now: Timestamp) {
        if self.state != State::Closed {
            self.path_sample(sample, now);
        }
    }

    /// The path changed: what was known of it is of the past, and budgets are those of bases alone
    /// until it is measured anew.
    pub fn handle_migrated(&mut self, now: Timestamp) {
        self.estimator.handle_migrated(now);
        self.path = super::channel::PathTimes::default();
    }

    /// The connection is lost, or the peer closed it with `code`. [`Code::Timeout`] stands for a peer
    /// that was silent for too long.
    pub fn handle_closed(&mut self, code: Code, _: Timestamp) {
        if self.step(LinkInput::Lost) == LinkAction::Finish {
            self.shut(code, code.text(), ClosedBy::Peer);
        }
    }

    /// The time that [`Connection::poll_timeout`] named has come. Calling it early or twice does no
    /// harm.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        while let Some(timer) = self.timers.expire(now) {
            self.timer(timer, now);
        }
    }

    fn timer(&mut self, timer: Timer, now: Timestamp) {
        match timer {
            Timer::Setup => {
                if self.step(LinkInput::SetupTimeout) == LinkAction::Close {
                    self.shut(Code::Timeout, "no SETUP in time", ClosedBy::Local);
                }
            }
            Timer::Delivery(request) => self.delivery_over(request),
            Timer::Answer(request) => self.end_request(request, Outcome::Deadline),
            Timer::Arrival(request) => self.arrival_late(request, now),
            Timer::Lifetime(request) => self.unanswered_frame(request, now),
            Timer::Epoch(session, epoch) => self.epoch_over(session, epoch),
            Timer::Decision(session) => self.decision_overdue(session, now),
            Timer::Proposal(session) => self.next_proposal(session, now),
            Timer::Report => self.report_due(now),
            Timer::Outage => self.outage_due(now),
            Timer::Probe => self.padding_due(now),
            Timer::Stall => self.stalled(now),
            Timer::Early(stream) => self.early_over(stream),
            Timer::Drain => self.drained(),
        }
    }
}
