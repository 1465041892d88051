//! How sessions begin.

use aiflow_units::{Micros, Timestamp};

use super::epochs::{Epochs, PointSet};
use super::inbound::{Inbound, Purpose};
use super::replay::EarlyItem;
use super::session::{Answered, Session};
use super::states::{SessionAction, SessionInput};
use super::{Connection, End, Event, SessionState, Side, Snapshot, State, Stream};
use crate::error::{ErrorKind, ProtocolError};
use crate::wire::{
    AcceptedPoint, Answer, EarlyFrames, Epoch, Limit, Open, OpenAnswer, PointId, Request, Resume,
    ResumeAnswer, Sequence, SessionId,
};
use crate::{CallError, Code};

impl Connection {
    /// Asks the server for a session; the number in `open` is replaced. Nothing waits for the
    /// server's SETUP. [`Event::SessionOpened`] or [`Event::SessionEnded`] follow.
    ///
    /// # Errors
    /// This is the server, the connection is not established or goes away, a limit is reached, or
    /// `open` cannot be written.
    pub fn open(&mut self, mut open: Open) -> Result<SessionId, CallError> {
        let id = self.may_begin("open")?;
        open.session = id;
        let request = Request::Open(open);
        let stream = self.send_request(&request, Purpose::Session(id), End::Open)?;
        let Request::Open(open) = request else { return Ok(id) };
        self.next_session += 1;
        let session = Session::opening(SessionState::Requested, stream, &open);
        self.sessions.insert(id, session);
        Ok(id)
    }

    /// Goes on with a session of an earlier connection; what [`Connection::snapshot`] returned for it
    /// there, and the last ticket that the server gave. Frames may be sent at once where the
    /// server allowed it with the ticket.
    ///
    /// # Errors
    /// As [`Connection::open`].
    pub fn resume(
        &mut self,
        snapshot: &Snapshot,
        ticket: bytes::Bytes,
        early: EarlyFrames,
    ) -> Result<SessionId, CallError> {
        let id = self.may_begin("resume")?;
        let active = snapshot.set.active;
        let resume = Resume { session: id, epoch: snapshot.set.epoch, next: snapshot.next, ticket };
        let request = Request::Resume(resume);
        let stream = self.send_request(&request, Purpose::Session(id), End::Open)?;
        self.next_session += 1;
        let mut session = Session::blank(SessionState::Requested, stream);
        debug_assert!(snapshot.set.points.contains(&active));
        session.offered.clone_from(&snapshot.offered);
        session.epochs = Some(Epochs::new(snapshot.set.clone()));
        session.next = snapshot.next;
        session.resumed = Some(early);
        self.sessions.insert(id, session);
        let purpose = Purpose::Session(id);
        self.keep_early(|| EarlyItem::Request { request, purpose, end: End::Open });
        Ok(id)
    }

    fn may_begin(&self, call: &'static str) -> Result<SessionId, CallError> {
        self.require_side(Side::Client, call)?;
        self.require_open(call)?;
        if self.state == State::Draining {
            return Err(CallError::WrongState { call, state: self.state.name() });
        }
        let (allowed, open) = (self.allowed.get(Limit::Sessions), self.sessions.len() as u64);
        if open >= allowed {
            let (limit, asked) = (Limit::Sessions, open + 1);
            return Err(CallError::LimitReached { limit, asked, allowed });
        }
        Ok(SessionId(self.next_session))
    }

    pub(super) fn peer_opens(
        &mut self,
        stream: Stream,
        open: Open,
        now: Timestamp,
    ) -> Result<(), ProtocolError> {
        let session = Session::opening(SessionState::Offered, stream, &open);
        if self.take_session(open.session, session, now)? {
            self.events.push_back(Event::SessionOffered(Box::new(open)));
        }
        Ok(())
    }

    pub(super) fn peer_resumes(
        &mut self,
        stream: Stream,
        resume: Resume,
        now: Timestamp,
    ) -> Result<(), ProtocolError> {
        let mut session = Session::blank(SessionState::Offered, stream);
        session.next = resume.next;
        if self.take_session(resume.session, session, now)? {
            self.events.push_back(Event::ResumeOffered(resume));
        }
        Ok(())
    }

    /// Takes a session that the client asks for; `false` if there are too many.
    fn take_session(
        &mut self,
        id: SessionId,
        session: Session,
        now: Timestamp,
    ) -> Result<bool, ProtocolError> {
        if self.sessions.contains_key(&id) || self.ended.contains(&id) {
            return Err(ProtocolError::new(ErrorKind::Duplicate, 0, "protocol.md 6.4"));
        }
        let stream = session.stream;
        if self.sessions.len() as u64 >= self.limits().get(Limit::Sessions) {
            self.stats.refusals += 1;
            if !self.floods.refusals.take(now) {
                self.overload(Limit::Sessions);
                return Ok(false);
            }
            self.send_refusal(stream, Code::ExcessiveLoad, Micros::from_secs(1));
            return Ok(false);
        }
        match self.inbound.get_mut(&stream) {
            Some(inbound) => *inbound = Inbound::Session(id),
            // The client ended the stream with the request: it wants no session.
            None => {
                self.send_refusal(stream, Code::Cancelled, Micros::ZERO);
                return Ok(false);
            }
        }
        self.sessions.insert(id, session);
        Ok(true)
    }

    /// Accepts a session that [`Event::SessionOffered`] announced: `points` are the ones that are
    /// served, the active one first. See [`choose`](crate::negotiate::choose).
    ///
    /// # Errors
    /// No such session waits, a point was not offered, or the answer cannot be written.
    pub fn admit(
        &mut self,
        id: SessionId,
        points: Vec<AcceptedPoint>,
        now: Timestamp,
    ) -> Result<(), CallError> {
        let session = self.sessions.get(&id).ok_or(CallError::UnknownSession)?;
        let ids: Vec<PointId> = points.iter().map(|accepted| accepted.point).collect();
        if session.model.is_none() || !session.knows(&ids) {
            return Err(CallError::UnknownPoint);
        }
        let bytes = Answer::Open(OpenAnswer { session: id, points }).encode()?;
        self.require_action(id, SessionInput::Admit, SessionAction::Admit, "admit")?;
        if let Some(session) = self.sessions.get_mut(&id) {
            let stream = session.stream;
            agree_on(session, &ids);
            self.send_answer(stream, bytes, End::Open);
            self.session_opened(id, now);
        }
        Ok(())
    }

    /// Accepts a session that [`Event::ResumeOffered`] announced: `snapshot` is what
    /// [`Connection::snapshot`] returned for it on the earlier connection.
    ///
    /// # Errors
    /// No such session waits.
    pub fn admit_resumed(
        &mut self,
        id: SessionId,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Result<(), CallError> {
        let session = self.sessions.get(&id).ok_or(CallError::UnknownSession)?;
        if session.model.is_some() {
            return Err(CallError::WrongState { call: "admit_resumed", state: "opened anew" });
        }
        let PointSet { epoch, active, .. } = snapshot.set;
        let answer = ResumeAnswer { session: id, epoch, active, answered: snapshot.answered };
        let bytes = Answer::Resume(answer).encode()?;
        self.require_action(id, SessionInput::Admit, SessionAction::Admit, "admit_resumed")?;
        if let Some(session) = self.sessions.get_mut(&id) {
            let stream = session.stream;
            session.offered.clone_from(&snapshot.offered);
            session.epochs = Some(Epochs::new(snapshot.set.clone()));
            session.answered = Answered::below(snapshot.answered);
            session.next = session.next.max(snapshot.next);
            self.send_answer(stream, bytes, End::Open);
            self.session_opened(id, now);
        }
        Ok(())
    }

    /// Refuses a session that the client asks for; both sides are told `code`, and the client after
    /// which time it may ask again (zero for never).
    ///
    /// # Errors
    /// No such session waits.
    pub fn refuse(
        &mut self,
        id: SessionId,
        code: Code,
        retry_after: Micros,
        _: Timestamp,
    ) -> Result<(), CallError> {
        self.require_action(id, SessionInput::Refuse, SessionAction::Refuse, "refuse")?;
        if let Some(stream) = self.sessions.get(&id).map(|session| session.stream) {
            self.send_refusal(stream, code, retry_after);
        }
        self.finish_session(id, code, retry_after);
        Ok(())
    }

    /// Moves the state of a session for a call.
    ///
    /// # Errors
    /// The call is not possible now.
    pub(super) fn require_action(
        &mut self,
        id: SessionId,
        input: SessionInput,
        wanted: SessionAction,
        call: &'static str,
    ) -> Result<(), CallError> {
        let session = self.sessions.get(&id).ok_or(CallError::UnknownSession)?;
        let state = session.state.name();
        if self.move_session(id, input) == wanted {
            Ok(())
        } else {
            Err(CallError::WrongState { call, state })
        }
    }

    /// The server answered OPEN or RESUME.
    pub(super) fn session_answered(
        &mut self,
        id: SessionId,
        answer: Answer,
        now: Timestamp,
    ) -> Result<(), ProtocolError> {
        let action = self.session_input(id, SessionInput::Message(answer.kind()))?;
        match (action, answer) {
            (SessionAction::Fail, Answer::Refusal(refusal)) => {
                if let Some(session) = self.sessions.get(&id) {
                    self.scheduler.finish(session.stream);
                }
                self.finish_session(id, refusal.code, refusal.retry_after);
                Ok(())
            }
            (SessionAction::Begin, Answer::Open(answer)) => self.take_open(id, &answer, now),
            (SessionAction::Begin, Answer::Resume(answer)) => self.take_resume(id, &answer, now),
            _ => Ok(()),
        }
    }

    fn take_open(
        &mut self,
        id: SessionId,
        answer: &OpenAnswer,
        now: Timestamp,
    ) -> Result<(), ProtocolError> {
        let Some(session) = self.sessions.get_mut(&id) else { return Ok(()) };
        let ids: Vec<PointId> = answer.points.iter().map(|accepted| accepted.point).collect();
        if answer.session != id || !session.knows(&ids) {
            return Err(ProtocolError::new(ErrorKind::InvalidValue, 0, "protocol.md 6.6"));
        }
        agree_on(session, &ids);
        self.session_opened(id, now);
        self.release_held(id, now)
    }

    fn take_resume(
        &mut self,
        id: SessionId,
        answer: &ResumeAnswer,
        now: Timestamp,
    ) -> Result<(), ProtocolError> {
        let Some(session) = self.sessions.get_mut(&id) else { return Ok(()) };
        let epochs = session.epochs.take();
        let known = epochs.as_ref().and_then(|epochs| epochs.find(answer.epoch)).cloned();
        // The server went on in an epoch of which this side has only heard the number: the active
        // point is what both know of it.
        let set = known.filter(|set| set.active == answer.active).unwrap_or(PointSet {
            epoch: answer.epoch,
            active: answer.active,
            points: vec![answer.active],
        });
        if answer.session != id || !session.knows(&set.points) {
            return Err(ProtocolError::new(ErrorKind::InvalidValue, 0, "protocol.md 6.8"));
        }
        session.epochs = Some(Epochs::new(set));
        self.session_opened(id, now);
        self.release_held(id, now)
    }

    /// A session is open: tells the application, and goes on with frames that came early.
    fn session_opened(&mut self, id: SessionId, now: Timestamp) {
        let Some(session) = self.sessions.get(&id) else { return };
        let Some(set) = session.epochs.as_ref().and_then(Epochs::active) else { return };
        let (epoch, active) = (set.epoch, set.active);
        self.events.push_back(Event::SessionOpened { session: id, epoch, active });
        self.adopt_early(id, now);
    }

    /// Goes on with messages that overtook the answer to OPEN.
    fn release_held(&mut self, id: SessionId, now: Timestamp) -> Result<(), ProtocolError> {
        let held = self.sessions.get_mut(&id).map(|session| std::mem::take(&mut session.held));
        for message in held.into_iter().flatten() {
            self.agreed_message(message, now)?;
        }
        Ok(())
    }
}

/// Takes the points that both sides agreed on, the active one first, as the first epoch.
fn agree_on(session: &mut Session, ids: &[PointId]) {
    session.offered.retain(|(point, _)| ids.contains(point));
    let Some(&active) = ids.first() else { return };
    let mut points = ids.to_vec();
    points.sort_unstable();
    session.epochs = Some(Epochs::new(PointSet { epoch: Epoch::FIRST, active, points }));
    session.next = Sequence(0);
}
