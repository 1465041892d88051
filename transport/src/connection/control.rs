//! Messages of the control streams.

use aiflow_units::Timestamp;
use bytes::Bytes as Buffer;

use super::inbound::Inbound;
use super::states::{LinkAction, LinkInput, SessionAction, SessionInput, session_step};
use super::timers::Timer;
use super::{Connection, End, Event, SessionState, Side, State, Stream, Verification};
use crate::Code;
use crate::error::{EncodeError, ErrorKind, ProtocolError};
use crate::negotiate::agree;
use crate::wire::{ControlMessage, Framer, Limit, Received, SessionId, Setup};

impl Connection {
    /// Sends a message on the control stream.
    pub(super) fn say(&mut self, message: &ControlMessage) -> Result<(), EncodeError> {
        let bytes = message.encode()?;
        if let Some(control) = self.control {
            self.scheduler.push(control, bytes);
        }
        Ok(())
    }

    /// Takes bytes of the peer's control stream.
    pub(super) fn control_data(
        &mut self,
        stream: Stream,
        mut framer: Framer,
        data: &Buffer,
        end: End,
        now: Timestamp,
    ) -> Result<(), ProtocolError> {
        framer.push(data);
        while let Some(envelope) = framer.next_message()? {
            if !self.floods.messages.take(now) {
                let kind = ErrorKind::Refused(Code::ExcessiveLoad);
                return Err(ProtocolError::new(kind, envelope.start, "protocol.md 15"));
            }
            let received = ControlMessage::decode(&envelope, self.limits())?;
            let at = envelope.start;
            let done = match received {
                Received::Message(message) => self.control_message(message, now),
                Received::Ignored(_) if self.state == State::Greeting => Err(unexpected()),
                Received::Ignored(_) => Ok(()),
            };
            done.map_err(|error| error.shifted(at))?;
            if self.state == State::Closed {
                return Ok(());
            }
        }
        if end == End::Fin {
            return Err(ProtocolError::refused(Code::ControlClosed, "protocol.md 3.3"));
        }
        self.inbound.insert(stream, Inbound::Control { framer });
        Ok(())
    }

    fn control_message(
        &mut self,
        message: ControlMessage,
        now: Timestamp,
    ) -> Result<(), ProtocolError> {
        let input = match &message {
            ControlMessage::Setup(_) if self.config.verification == Verification::Always => {
                LinkInput::SetupToVerify
            }
            other => LinkInput::Message(other.kind()),
        };
        let action = self.apply(input)?;
        match (action, message) {
            (LinkAction::Agree, ControlMessage::Setup(setup)) => {
                self.take_setup(setup)?;
                self.begin(now);
                Ok(())
            }
            (LinkAction::Verify, ControlMessage::Setup(setup)) => {
                let token = setup.token.clone();
                self.take_setup(setup)?;
                self.events.push_back(Event::Token(token));
                Ok(())
            }
            (LinkAction::Heed, ControlMessage::Goaway(goaway)) => {
                self.peer_leaves(goaway, now);
                Ok(())
            }
            (LinkAction::Apply, message) => self.agreed_message(message, now),
            _ => Ok(()),
        }
    }

    /// Takes what the peer's SETUP says; nothing is done for the peer yet.
    fn take_setup(&mut self, setup: Setup) -> Result<(), ProtocolError> {
        let own = &self.config.setup;
        let agreement = match self.side {
            Side::Client => agree(own, &setup),
            Side::Server => agree(&setup, own),
        };
        let agreement =
            agreement.map_err(|code| ProtocolError::refused(code, "protocol.md 8.1"))?;
        self.allowed = agreement.limits;
        self.agreement = Some(agreement);
        self.setup = Some(setup);
        Ok(())
    }

    /// The peer is welcome: goes on with what was held back.
    pub(super) fn begin(&mut self, now: Timestamp) {
        self.timers.clear(Timer::Setup);
        if let Some(setup) = &self.setup {
            self.events.push_back(Event::Ready(Box::new(setup.clone())));
        }
        self.release_requests(now);
    }

    /// Takes a message that needs an agreed connection.
    pub(super) fn agreed_message(
        &mut self,
        message: ControlMessage,
        now: Timestamp,
    ) -> Result<(), ProtocolError> {
        match message {
            ControlMessage::Reconf(reconf) => {
                if !self.floods.proposals.take(now) {
                    return Err(exceeded(Limit::ReconfsPerSecond));
                }
                self.peer_proposes(reconf, now)
            }
            ControlMessage::Accept(accept) => self.peer_accepts(accept, now),
            ControlMessage::Reject(reject) => self.peer_rejects(reject, now),
            ControlMessage::Retire(retire) => self.peer_retires(retire, now),
            ControlMessage::Cancel(cancel) => self.peer_cancels(&cancel, now),
            ControlMessage::Ticket(ticket) => self.peer_gives_ticket(ticket),
            ControlMessage::ChannelReport(report) => {
                if !self.floods.reports.take(now) {
                    return Err(exceeded(Limit::ReportsPerSecond));
                }
                self.stats.reports_received += 1;
                self.events.push_back(Event::Report(report));
                Ok(())
            }
            ControlMessage::FrameReport(report) => {
                if !self.floods.reports.take(now) {
                    return Err(exceeded(Limit::ReportsPerSecond));
                }
                let input = SessionInput::Message(crate::wire::MessageKind::FrameReport);
                if self.session_input(report.session, input)? == SessionAction::Apply {
                    self.events.push_back(Event::FrameReport(report));
                }
                Ok(())
            }
            ControlMessage::Auth(auth) => {
                if self.config.verification == Verification::Always {
                    self.events.push_back(Event::Token(Some(auth.token)));
                }
                Ok(())
            }
            ControlMessage::Setup(_) | ControlMessage::Goaway(_) => Err(unexpected()),
        }
    }

    /// Moves the state of the connection for something that the peer did.
    ///
    /// # Errors
    /// What it did is not allowed now.
    pub(super) fn apply(&mut self, input: LinkInput) -> Result<LinkAction, ProtocolError> {
        match self.step(input) {
            LinkAction::Violation => Err(unexpected()),
            action => Ok(action),
        }
    }

    /// Moves the state of a session for something that the peer did; one that is not there has
    /// ended.
    ///
    /// # Errors
    /// What it did is not allowed now.
    pub(super) fn session_input(
        &mut self,
        id: SessionId,
        input: SessionInput,
    ) -> Result<SessionAction, ProtocolError> {
        match self.move_session(id, input) {
            SessionAction::Violation => Err(unexpected()),
            action => Ok(action),
        }
    }

    /// Moves the state of a session.
    pub(super) fn move_session(&mut self, id: SessionId, input: SessionInput) -> SessionAction {
        let from = self.sessions.get(&id).map_or(SessionState::Ended, |session| session.state);
        let (to, action) = session_step(self.side, from, input);
        if let Some(session) = self.sessions.get_mut(&id) {
            session.state = to;
        }
        action
    }
}

fn unexpected() -> ProtocolError {
    ProtocolError::new(ErrorKind::Unexpected, 0, "states.md")
}

fn exceeded(limit: Limit) -> ProtocolError {
    ProtocolError::new(ErrorKind::LimitExceeded(limit), 0, "protocol.md 15")
}
