//! How sessions end.

use aiflow_units::{Micros, Timestamp};

use super::epochs::Epochs;
use super::states::{SessionAction, SessionInput};
use super::timers::Timer;
use super::{Connection, Event, Outcome, SessionState};
use crate::wire::SessionId;
use crate::{CallError, Code};

impl Connection {
    /// Ends a session: requests that are not answered fail, and the peer is told.
    ///
    /// # Errors
    /// There is no such session.
    pub fn end(&mut self, id: SessionId, _: Timestamp) -> Result<(), CallError> {
        let session = self.sessions.get(&id).ok_or(CallError::UnknownSession)?;
        let (stream, state) = (session.stream, session.state);
        self.require_action(id, SessionInput::End, SessionAction::End, "end")?;
        if state == SessionState::Offered {
            self.send_refusal(stream, Code::Cancelled, Micros::ZERO);
        } else {
            self.scheduler.finish(stream);
        }
        self.finish_session(id, Code::NoError, Micros::ZERO);
        Ok(())
    }

    /// The stream of a session ended on the peer's side.
    pub(super) fn session_stream_ended(&mut self, id: SessionId, code: Code) {
        let Some(session) = self.sessions.get(&id) else { return };
        let (stream, state) = (session.stream, session.state);
        if self.move_session(id, SessionInput::StreamEnd) != SessionAction::Fail {
            return;
        }
        match state {
            SessionState::Offered => self.send_refusal(stream, Code::Cancelled, Micros::ZERO),
            _ => self.scheduler.finish(stream),
        }
        self.finish_session(id, code, Micros::ZERO);
    }

    /// Forgets a session and everything in it.
    pub(super) fn finish_session(&mut self, id: SessionId, code: Code, retry_after: Micros) {
        let requests = self.pending_where(|request, _| request.session == id);
        let failure = if code == Code::NoError { Code::Cancelled } else { code };
        for request in requests {
            self.end_request(request, Outcome::Failed(failure));
        }
        let arrivals: Vec<_> =
            self.arrivals.keys().filter(|request| request.session == id).copied().collect();
        for request in arrivals {
            self.drop_arrival(request, failure);
        }
        self.drop_early(id);
        self.report_end(id, code, retry_after);
    }

    /// Removes a session and tells the application.
    pub(super) fn report_end(&mut self, session: SessionId, code: Code, retry_after: Micros) {
        let Some(ended) = self.sessions.remove(&session) else { return };
        self.timers.clear(Timer::Decision(session));
        self.timers.clear(Timer::Proposal(session));
        for epoch in ended.epochs.iter().flat_map(Epochs::old) {
            self.timers.clear(Timer::Epoch(session, epoch));
        }
        self.inbound.remove(&ended.stream);
        tracing::debug!(side = ?self.side, session = session.0, %code, "a session ended");
        self.past = self.past.plus(ended.counters);
        self.ended.insert(session);
        if self.ended.len() > MOST_ENDED {
            self.ended.pop_first();
        }
        self.events.push_back(Event::SessionEnded { session, code, retry_after });
    }
}

/// How many ended sessions are remembered: their last frames may still be under way.
const MOST_ENDED: usize = 1024;
