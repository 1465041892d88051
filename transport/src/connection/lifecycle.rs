//! How a connection begins and ends.

use aiflow_units::{Micros, Timestamp};
use bytes::Bytes as Buffer;

use super::states::{LinkAction, LinkInput, link_step};
use super::timers::Timer;
use super::{ClosedBy, Connection, Event, Outcome, PeerIdentity, Priority, Side, State};
use crate::error::{ErrorKind, ProtocolError};
use crate::schedule::{Content, Outgoing, Rank};
use crate::wire::{Auth, ControlMessage, Goaway, Grease, Limit, StreamType, Token, Writer};
use crate::{CallError, Code};

impl Connection {
    /// Moves the state of the connection; returns what is to be done.
    pub(super) fn step(&mut self, input: LinkInput) -> LinkAction {
        let (state, action) = link_step(self.side, self.state, input);
        if state != self.state {
            let (from, to) = (self.state.name(), state.name());
            tracing::debug!(side = ?self.side, from, to, "the connection changes its state");
        }
        self.state = state;
        action
    }

    /// The carrier can send: says SETUP.
    pub(super) fn greet(&mut self, identity: PeerIdentity, now: Timestamp) {
        if !identity.protocol.is_empty() && identity.protocol != Self::PROTOCOL {
            self.shut(Code::VersionUnsupported, "no common version", ClosedBy::Local);
            return;
        }
        self.identity = Some(identity);
        let mut setup = self.config.setup.clone();
        let mut grease = self.config.grease.map(Grease::new);
        if let Some(grease) = &mut grease {
            setup.grease = Some((grease.number(), grease.value().into()));
        }
        let opening = Outgoing::uni(Rank::timeless(Priority::Control), Content::Other)
            .with_chunk(stream_type(StreamType::Control));
        self.control = Some(self.scheduler.open(opening));
        // The configuration was validated with the same encoder.
        let said = self.say(&ControlMessage::Setup(setup));
        debug_assert!(said.is_ok(), "a valid configuration can be written: {said:?}");
        if let Some(mut grease) = grease {
            self.send_grease(&mut grease);
        }
        self.timers.set(Timer::Setup, now.after(self.config.greeting));
    }

    /// Sends a message and a stream that no peer knows: a peer that cannot live with them could not
    /// live with a newer version either.
    fn send_grease(&mut self, grease: &mut Grease) {
        let (number, value) = (grease.message(), grease.value());
        let mut writer = Writer::new();
        writer.varint("type", number);
        writer.sized("length", |inner| inner.raw(&value));
        if let (Some(control), Ok(message)) = (self.control, writer.finish()) {
            self.scheduler.push(control, message);
        }
        let mut writer = Writer::new();
        writer.varint("stream type", grease.number());
        writer.raw(&grease.value());
        if let Ok(bytes) = writer.finish() {
            let rank = Rank::timeless(Priority::Padding);
            let stream = Outgoing::uni(rank, Content::Other).with_chunk(bytes).with_fin();
            self.scheduler.open(stream);
        }
    }

    /// The application is content with the peer's token; see [`Event::Token`].
    pub fn authorize(&mut self, now: Timestamp) {
        if self.step(LinkInput::Authorize) == LinkAction::Release {
            self.begin(now);
        }
    }

    /// The application does not accept the peer's token, or any more: the connection closes with
    /// `code`, usually [`Code::Unauthorized`] or [`Code::TokenExpired`].
    pub fn deny(&mut self, code: Code) {
        if self.step(LinkInput::Deny) == LinkAction::Close {
            self.shut(code, code.text(), ClosedBy::Local);
        }
    }

    /// Shows the peer another token, before the one it knows expires.
    ///
    /// # Errors
    /// The connection is not established, or the token is too long.
    pub fn refresh_token(&mut self, token: Token) -> Result<(), CallError> {
        self.require_open("refresh_token")?;
        self.config.setup.token = Some(token.clone());
        Ok(self.say(&ControlMessage::Auth(Auth { token }))?)
    }

    /// Goes away: what is open may end within `drain`, nothing new begins. A server may name where to
    /// go instead.
    ///
    /// # Errors
    /// The redirect cannot be written.
    pub fn goaway(
        &mut self,
        redirect: String,
        drain: Micros,
        now: Timestamp,
    ) -> Result<(), CallError> {
        let message = Goaway { requests: self.requests_seen, drain, redirect };
        let message = ControlMessage::Goaway(message);
        message.encode()?;
        match self.step(LinkInput::Leave) {
            LinkAction::Announce => {
                self.say(&message)?;
                self.timers.set(Timer::Drain, now.after(drain));
            }
            LinkAction::Finish => self.shut(Code::NoError, "", ClosedBy::Local),
            LinkAction::Close => {
                let code = Code::GoingAway;
                self.shut(code, code.text(), ClosedBy::Local);
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn peer_leaves(&mut self, goaway: Goaway, now: Timestamp) {
        // The side that goes away closes; this one only stays clear of waiting for ever.
        let grace = goaway.drain.saturating_add(self.config.greeting);
        if !self.timers.is_set(Timer::Drain) {
            self.timers.set(Timer::Drain, now.after(grace));
        }
        self.peer_left = true;
        self.events.push_back(Event::GoingAway(goaway));
    }

    /// Closes soon if nothing is left to wait for: the last words still have to leave.
    pub(super) fn drain_if_idle(&mut self, now: Timestamp) {
        let busy = !self.sessions.is_empty() || self.unanswered() > 0;
        // The side that stays leaves closing to the other one, whose last words may be under way.
        if self.state == State::Draining && !busy && !self.peer_left && !self.lingering {
            self.lingering = true;
            self.timers.set(Timer::Drain, now.after(self.path.linger()));
        }
    }

    /// The time for draining is over.
    pub(super) fn drained(&mut self) {
        if self.step(LinkInput::Drained) == LinkAction::Close {
            self.events.push_back(Event::Drained);
            self.shut(Code::NoError, "drained", ClosedBy::Local);
        }
    }

    /// Closes the connection at once.
    pub fn close(&mut self, code: Code) {
        if self.step(LinkInput::Close) == LinkAction::Close {
            self.shut(code, code.text(), ClosedBy::Local);
        }
    }

    /// Closes because the peer broke a rule.
    pub(super) fn violated(&mut self, error: ProtocolError) {
        tracing::debug!(%error, side = ?self.side, "the peer broke the protocol");
        self.shut(error.code(), error.section, ClosedBy::Local);
    }

    /// Closes because the peer used more than it may.
    pub(super) fn overload(&mut self, limit: Limit) {
        self.violated(ProtocolError::new(ErrorKind::LimitExceeded(limit), 0, "protocol.md 15"));
    }

    /// Ends everything here; the peer is told if it can be.
    pub(super) fn shut(&mut self, code: Code, reason: &'static str, by: ClosedBy) {
        if self.closed.is_some() {
            return;
        }
        self.closed = Some(code);
        self.state = State::Closed;
        let requests = self.pending_where(|_, _| true);
        for request in requests {
            self.end_request(request, Outcome::Failed(code));
        }
        let queries: Vec<_> = self.queries.keys().copied().collect();
        for query in queries {
            self.queries.remove(&query);
            self.events.push_back(Event::Answered { query, answer: None });
        }
        let sessions: Vec<_> = self.sessions.keys().copied().collect();
        for session in sessions {
            self.report_end(session, code, Micros::ZERO);
        }
        self.forget_everything();
        if by == ClosedBy::Local {
            self.closing = Some((code, reason));
        }
        self.events.push_back(Event::Closed { code, by });
    }

    fn forget_everything(&mut self) {
        self.clear_timers();
        self.scheduler.clear();
        self.inbound.clear();
        self.young.clear();
        self.arrivals.clear();
        self.questions.clear();
        self.held.clear();
        self.buffered = aiflow_units::Bytes::ZERO;
    }

    /// Checks that calls make sense.
    ///
    /// # Errors
    /// The connection is not established or closed.
    pub(super) fn require_open(&self, call: &'static str) -> Result<(), CallError> {
        match self.state {
            State::Closed => Err(CallError::Closed(self.closed.unwrap_or(Code::NoError))),
            State::Idle => Err(CallError::WrongState { call, state: self.state.name() }),
            _ => Ok(()),
        }
    }

    /// Checks that this is the side that may call.
    ///
    /// # Errors
    /// It is the other one.
    pub(super) fn require_side(&self, side: Side, call: &'static str) -> Result<(), CallError> {
        let state = match self.side {
            Side::Client => "client",
            Side::Server => "server",
        };
        if self.side == side { Ok(()) } else { Err(CallError::WrongState { call, state }) }
    }
}

/// Returns what a stream of a type begins with.
pub(super) fn stream_type(kind: StreamType) -> Buffer {
    Buffer::from(match kind {
        StreamType::Control => &[0x00][..],
        StreamType::Frame => &[0x01],
        StreamType::Result => &[0x02],
        StreamType::Padding => &[0x03],
        StreamType::Request => &[0x10],
        StreamType::Probe => &[0x11],
    })
}
