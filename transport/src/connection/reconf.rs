//! Changes of the operating point: proposals, glare, and epochs that overlap.

use aiflow_units::{Micros, Timestamp};

use super::epochs::{Epochs, PointSet};
use super::session::{PeerWish, Session, Wish};
use super::states::{SessionAction, SessionInput};
use super::timers::Timer;
use super::{Connection, Event, SessionState, Side};
use crate::error::{ErrorKind, ProtocolError};
use crate::wire::{
    Accept, ControlMessage, Epoch, Limit, MessageKind, PointId, Reason, Reconf, Reject, Retire,
    Sequence, SessionId,
};
use crate::{CallError, Code};

impl Connection {
    /// Proposes another active point, and the points that frames may use besides. Be ready for it
    /// before: the server with a warm tail, the client with a loaded head.
    ///
    /// [`Event::Switched`] or [`Event::Rejected`] follow, after one round trip and the time that the
    /// peer's application needs. A proposal waits while another one is under way and where the rate
    /// of proposals (two per second by default) asks for it; of those that wait, the newest replaces
    /// the others.
    ///
    /// # Errors
    /// There is no such session, it is not active, or a point was not agreed on at OPEN.
    pub fn reconfigure(
        &mut self,
        id: SessionId,
        active: PointId,
        mut points: Vec<PointId>,
        reason: Reason,
        now: Timestamp,
    ) -> Result<(), CallError> {
        let session = self.sessions.get(&id).ok_or(CallError::UnknownSession)?;
        points.push(active);
        points.sort_unstable();
        points.dedup();
        if !session.knows(&points) {
            return Err(CallError::UnknownPoint);
        }
        let state = session.state.name();
        let wish = Wish { active, points, reason };
        if self.propose(id, wish, now) {
            Ok(())
        } else {
            Err(CallError::WrongState { call: "reconfigure", state })
        }
    }

    /// Sends a proposal or keeps it for later; `false` if the session does not allow either.
    fn propose(&mut self, id: SessionId, wish: Wish, now: Timestamp) -> bool {
        let due = self.own_proposals.next(now);
        let input = if due <= now { SessionInput::Propose } else { SessionInput::ProposeEarly };
        let action = self.move_session(id, input);
        let Some(session) = self.sessions.get_mut(&id) else { return false };
        match action {
            SessionAction::Propose => {
                self.own_proposals.take(now);
                self.send_proposal(id, wish, now);
            }
            SessionAction::Queue => {
                session.queued = Some(wish);
                if session.state == SessionState::Active {
                    self.timers.set(Timer::Proposal(id), due);
                }
            }
            _ => return false,
        }
        true
    }

    fn send_proposal(&mut self, id: SessionId, wish: Wish, now: Timestamp) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Some(epochs) = &mut session.epochs else { return };
        let Wish { active, points, reason } = wish.clone();
        let epoch = epochs.next();
        epochs.propose(PointSet { epoch, active, points: points.clone() });
        session.proposed = Some((wish, now));
        let effective = session.next;
        let reconf = Reconf { session: id, epoch, effective, reason, active, points };
        // The points are those of OPEN_OK, in order: they can be written.
        let said = self.say(&ControlMessage::Reconf(reconf));
        debug_assert!(said.is_ok(), "{said:?}");
    }

    /// Sends the proposal that waits, if its turn has come.
    pub(super) fn next_proposal(&mut self, id: SessionId, now: Timestamp) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if session.state == SessionState::Active
            && let Some(wish) = session.queued.take()
        {
            self.propose(id, wish, now);
        }
    }

    pub(super) fn peer_proposes(
        &mut self,
        reconf: Reconf,
        now: Timestamp,
    ) -> Result<(), ProtocolError> {
        let id = reconf.session;
        match self.session_input(id, SessionInput::Message(MessageKind::Reconf))? {
            SessionAction::Hold => self.hold(id, ControlMessage::Reconf(reconf)),
            SessionAction::Outrank => {
                let reject = Reject { session: id, epoch: reconf.epoch, code: Code::Glare };
                self.say_plain(&ControlMessage::Reject(reject));
                Ok(())
            }
            SessionAction::Yield => {
                if let Some(session) = self.sessions.get_mut(&id) {
                    let yielded = session.proposed.take().map(|(wish, _)| wish);
                    session.queued = session.queued.take().or(yielded);
                    session.epochs.iter_mut().for_each(Epochs::withdraw);
                }
                self.consider(reconf, now)
            }
            SessionAction::Ask => self.consider(reconf, now),
            _ => Ok(()),
        }
    }

    /// Asks the application about a proposal of the peer.
    fn consider(&mut self, reconf: Reconf, now: Timestamp) -> Result<(), ProtocolError> {
        let Reconf { session: id, epoch, reason, active, points, .. } = reconf;
        let Some(session) = self.sessions.get_mut(&id) else { return Ok(()) };
        if session.epochs.as_ref().map(Epochs::next) != Some(epoch) {
            return Err(ProtocolError::new(ErrorKind::InvalidValue, 0, "protocol.md 5.2"));
        }
        let known = session.knows(&points);
        session.asked = Some(PeerWish { epoch, active, points: points.clone() });
        if !known {
            self.move_session(id, SessionInput::Decline);
            self.decline(id, Code::SplitRejected, now);
            return Ok(());
        }
        self.timers.set(Timer::Decision(id), now.after(self.config.decision));
        self.events.push_back(Event::Proposed { session: id, epoch, active, points, reason });
        Ok(())
    }

    /// Agrees to what [`Event::Proposed`] announced, once this side is ready for frames of the new
    /// point.
    ///
    /// # Errors
    /// There is no such proposal (any more).
    pub fn accept(&mut self, id: SessionId, epoch: Epoch, now: Timestamp) -> Result<(), CallError> {
        self.require_proposal(id, epoch)?;
        self.require_action(id, SessionInput::Confirm, SessionAction::Confirm, "accept")?;
        self.timers.clear(Timer::Decision(id));
        let asked = self.sessions.get_mut(&id).and_then(|session| session.asked.take());
        if let Some(PeerWish { epoch, active, points }) = asked {
            self.say(&ControlMessage::Accept(Accept { session: id, epoch }))?;
            self.switch(id, PointSet { epoch, active, points }, Micros::ZERO, now);
        }
        Ok(())
    }

    /// Turns down what [`Event::Proposed`] announced.
    ///
    /// # Errors
    /// There is no such proposal (any more).
    pub fn reject(
        &mut self,
        id: SessionId,
        epoch: Epoch,
        code: Code,
        now: Timestamp,
    ) -> Result<(), CallError> {
        self.require_proposal(id, epoch)?;
        self.require_action(id, SessionInput::Decline, SessionAction::Decline, "reject")?;
        // GLARE is how this protocol breaks ties; an application cannot say it.
        let code = if code == Code::Glare { Code::SplitRejected } else { code };
        self.decline(id, code, now);
        Ok(())
    }

    fn require_proposal(&self, id: SessionId, epoch: Epoch) -> Result<(), CallError> {
        let session = self.sessions.get(&id).ok_or(CallError::UnknownSession)?;
        let known = session.asked.as_ref().is_some_and(|asked| asked.epoch == epoch);
        if known { Ok(()) } else { Err(CallError::UnknownRequest) }
    }

    /// Says REJECT for the proposal that the application was asked about.
    fn decline(&mut self, id: SessionId, code: Code, now: Timestamp) {
        self.timers.clear(Timer::Decision(id));
        let asked = self.sessions.get_mut(&id).and_then(|session| session.asked.take());
        if let Some(PeerWish { epoch, .. }) = asked {
            self.say_plain(&ControlMessage::Reject(Reject { session: id, epoch, code }));
        }
        self.next_proposal(id, now);
    }

    /// The application took too long to decide.
    pub(super) fn decision_overdue(&mut self, id: SessionId, now: Timestamp) {
        if self.move_session(id, SessionInput::DecisionTimeout) == SessionAction::Decline {
            self.decline(id, Code::Timeout, now);
        }
    }

    pub(super) fn peer_accepts(
        &mut self,
        accept: Accept,
        now: Timestamp,
    ) -> Result<(), ProtocolError> {
        let id = accept.session;
        let input = SessionInput::Message(MessageKind::Accept);
        if self.session_input(id, input)? != SessionAction::Switch {
            return Ok(());
        }
        let Some(session) = self.sessions.get_mut(&id) else { return Ok(()) };
        let set = session.epochs.as_ref().and_then(Epochs::proposed).cloned();
        let set = set.filter(|set| set.epoch == accept.epoch);
        let (Some(set), Some((_, asked_at))) = (set, session.proposed.take()) else {
            return Err(ProtocolError::new(ErrorKind::InvalidValue, 0, "protocol.md 5.3"));
        };
        self.switch(id, set, now.since(asked_at), now);
        Ok(())
    }

    pub(super) fn peer_rejects(
        &mut self,
        reject: Reject,
        now: Timestamp,
    ) -> Result<(), ProtocolError> {
        let (id, epoch, code) = (reject.session, reject.epoch, reject.code);
        let input = match code {
            Code::Glare => SessionInput::RejectGlare,
            _ => SessionInput::Message(MessageKind::Reject),
        };
        if self.session_input(id, input)? != SessionAction::Keep {
            return Ok(());
        }
        let Some(session) = self.sessions.get_mut(&id) else { return Ok(()) };
        if session.epochs.as_ref().map(Epochs::next) != Some(epoch) {
            return Err(ProtocolError::new(ErrorKind::InvalidValue, 0, "protocol.md 5.4"));
        }
        session.proposed = None;
        session.epochs.iter_mut().for_each(Epochs::withdraw);
        self.events.push_back(Event::Rejected { session: id, epoch, code });
        self.next_proposal(id, now);
        Ok(())
    }

    /// Makes a set of points the active one.
    fn switch(&mut self, id: SessionId, set: PointSet, took: Micros, now: Timestamp) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Some(epochs) = &mut session.epochs else { return };
        let (epoch, active) = (set.epoch, set.active);
        let (old, dropped) = epochs.switch(set);
        let last = Sequence(session.next.0.saturating_sub(1));
        session.counters.switches += 1;
        self.stats.switches += 1;
        let (number, point) = (epoch.0, active.0);
        tracing::debug!(side = ?self.side, session = id.0, epoch = number, point, %took, "switched");
        self.events.push_back(Event::Switched { session: id, epoch, active, took });
        if let Some(epoch) = dropped {
            self.timers.clear(Timer::Epoch(id, epoch));
            self.events.push_back(Event::EpochEnded { session: id, epoch });
        }
        if let (Side::Client, Some(epoch)) = (self.side, old) {
            self.say_plain(&ControlMessage::Retire(Retire { session: id, epoch, last }));
            self.epoch_over(id, epoch);
        }
        self.next_proposal(id, now);
    }

    pub(super) fn peer_retires(
        &mut self,
        retire: Retire,
        now: Timestamp,
    ) -> Result<(), ProtocolError> {
        let id = retire.session;
        let input = SessionInput::Message(MessageKind::Retire);
        if self.session_input(id, input)? != SessionAction::Retire {
            return Ok(());
        }
        let epochs = self.sessions.get_mut(&id).and_then(|session| session.epochs.as_mut());
        if epochs.is_some_and(|epochs| !epochs.retire(retire.epoch, retire.last)) {
            return Err(ProtocolError::new(ErrorKind::InvalidValue, 0, "protocol.md 5.5"));
        }
        let timer = Timer::Epoch(id, retire.epoch);
        if !self.timers.is_set(timer) {
            self.timers.set(timer, now.after(self.config.overlap));
        }
        Ok(())
    }

    /// A frame of an epoch arrived: the ones before it end soon.
    pub(super) fn epoch_seen(&mut self, id: SessionId, epoch: Epoch, now: Timestamp) {
        let Some(session) = self.sessions.get(&id) else { return };
        let older = session.epochs.iter().flat_map(Epochs::old).filter(|old| *old < epoch);
        for old in older {
            if !self.timers.is_set(Timer::Epoch(id, old)) {
                self.timers.set(Timer::Epoch(id, old), now.after(self.config.overlap));
            }
        }
    }

    /// The time of an old epoch is over.
    pub(super) fn epoch_over(&mut self, id: SessionId, epoch: Epoch) {
        let epochs = self.sessions.get_mut(&id).and_then(|session| session.epochs.as_mut());
        if epochs.is_some_and(|epochs| epochs.end(epoch)) {
            self.events.push_back(Event::EpochEnded { session: id, epoch });
        }
    }

    /// Keeps a message that overtook the answer to OPEN.
    ///
    /// # Errors
    /// There are too many.
    pub(super) fn hold(
        &mut self,
        id: SessionId,
        message: ControlMessage,
    ) -> Result<(), ProtocolError> {
        let Some(session) = self.sessions.get_mut(&id) else { return Ok(()) };
        if session.held.len() >= Session::MOST_HELD {
            let kind = ErrorKind::LimitExceeded(Limit::ReconfsPerSecond);
            return Err(ProtocolError::new(kind, 0, "protocol.md 15"));
        }
        session.held.push(message);
        Ok(())
    }

    /// Sends a message of numbers that came from the wire: it can be written.
    pub(super) fn say_plain(&mut self, message: &ControlMessage) {
        let said = self.say(message);
        debug_assert!(said.is_ok(), "{said:?}");
    }
}
