//! What a client wants from a server, to be granted or refused.

use std::sync::Arc;

use aiflow_units::Micros;

use super::desk::{Origin, SessionCell};
use super::peer::Handle;
use super::ticket::served;
use super::{Remembered, ServedSession, Session, SessionError};
use crate::negotiate::{Policy, Tenants, choose};
use crate::wire::{AcceptedPoint, Answer, Open, OpenAnswer, Refusal, Resume, SessionId, Token};
use crate::{CallError, Code, Connection, QueryId, Question, Snapshot};

/// A session that a client asks for. Dropping it refuses the session with [`Code::NotReady`].
#[derive(Debug)]
pub struct Offer {
    pending: Pending,
    open: Box<Open>,
}

/// A session that a client wants to go on with. Dropping it refuses the session with
/// [`Code::TicketRefused`].
#[derive(Debug)]
pub struct ResumeOffer {
    pending: Pending,
    resume: Resume,
}

/// Refuses a session that nobody decided on.
#[derive(Debug)]
struct Pending {
    handle: Arc<Handle>,
    session: Option<SessionId>,
    default: Code,
}

impl Pending {
    fn admit(
        mut self,
        origin: Option<Origin>,
        admit: impl FnOnce(&mut Connection, SessionId, aiflow_units::Timestamp) -> Result<(), CallError>,
    ) -> Result<ServedSession, SessionError> {
        let Some(id) = self.session else { return Err(CallError::UnknownSession.into()) };
        let cell = self.handle.shared().call(|inner, now| {
            inner.check()?;
            let cell: Arc<SessionCell> = inner.desk.expect_session(id);
            match admit(&mut inner.core, id, now) {
                Ok(()) => {
                    if let Some(origin) = origin {
                        cell.set_origin(origin);
                        inner.issue_ticket(id);
                    }
                    Ok(cell)
                }
                Err(error) => {
                    inner.desk.forget_session(id);
                    Err(SessionError::from(error))
                }
            }
        })?;
        self.session = None;
        Ok(Session::new(Arc::clone(&self.handle), cell))
    }

    fn refuse(&mut self, code: Code, retry_after: Micros) -> Result<(), CallError> {
        let id = self.session.take().ok_or(CallError::UnknownSession)?;
        self.handle.shared().call(|inner, now| inner.core.refuse(id, code, retry_after, now))
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        // The client may have gone meanwhile.
        let _ = self.refuse(self.default, Micros::ZERO);
    }
}

impl Offer {
    pub(super) fn new(handle: Arc<Handle>, open: Box<Open>) -> Self {
        let pending = Pending { handle, session: Some(open.session), default: Code::NotReady };
        Self { pending, open }
    }

    /// Returns what the client asks for.
    pub fn open(&self) -> &Open {
        &self.open
    }

    /// Chooses the points that `policy` serves, the active one first.
    ///
    /// # Errors
    /// The code to refuse with: wrong tenant, unknown model, cut, codec or profile.
    pub fn choose(&self, policy: &Policy) -> Result<OpenAnswer, Code> {
        let agreement =
            self.pending.handle.shared().look(|inner, _| inner.core.agreement().cloned());
        choose(&self.open, &agreement.ok_or(Code::NotReady)?, policy)
    }

    /// Admits the session by `policy`, or refuses it with the code that says why.
    ///
    /// # Errors
    /// It was refused, or the client is gone.
    pub fn decide(self, policy: &Policy) -> Result<ServedSession, SessionError> {
        match self.choose(policy) {
            Ok(answer) => {
                let served = served(policy, self.open.model);
                self.admit_with(answer.points, served)
            }
            Err(code) => {
                let (session, retry_after) = (self.open.session, Micros::ZERO);
                self.refuse(code, retry_after)?;
                Err(SessionError::Ended { session, code, retry_after })
            }
        }
    }

    /// Admits the session with the points that are served, the active one first.
    ///
    /// # Errors
    /// A point was not offered, or the client is gone.
    pub fn admit(self, points: Vec<AcceptedPoint>) -> Result<ServedSession, SessionError> {
        self.admit_with(points, [0; 32])
    }

    fn admit_with(
        self,
        points: Vec<AcceptedPoint>,
        served: [u8; 32],
    ) -> Result<ServedSession, SessionError> {
        let Open { model, tenant, replay, .. } = *self.open;
        let origin = Origin { model, tenant, replay, served };
        self.pending.admit(Some(origin), |core, id, now| core.admit(id, points, now))
    }

    /// Refuses the session; the client learns why, and when to ask again (zero for never).
    ///
    /// # Errors
    /// The client is gone.
    pub fn refuse(mut self, code: Code, retry_after: Micros) -> Result<(), CallError> {
        self.pending.refuse(code, retry_after)
    }
}

impl ResumeOffer {
    pub(super) fn new(handle: Arc<Handle>, resume: Resume) -> Self {
        let session = Some(resume.session);
        let pending = Pending { handle, session, default: Code::TicketRefused };
        Self { pending, resume }
    }

    /// Returns what the client asks for; the ticket in it is what this server once gave.
    pub const fn resume(&self) -> &Resume {
        &self.resume
    }

    /// Returns what the ticket remembers, if this server sealed it for this client; see
    /// [`ServerConfig::with_tickets`](super::ServerConfig::with_tickets).
    ///
    /// # Errors
    /// [`Code::TicketRefused`]: it did not, the ticket is damaged or too old, or tickets are not
    /// configured.
    pub fn remembered(&self) -> Result<Remembered, Code> {
        let inner = self.pending.handle.shared().lock();
        let tickets = inner.tickets.as_ref().ok_or(Code::TicketRefused)?;
        tickets.key.open(&self.resume.ticket, &inner.identity)
    }

    /// Goes on with the session if its ticket is good and `policy` still serves the same, else
    /// refuses it with the code that says why.
    ///
    /// # Errors
    /// It was refused, or the client is gone.
    pub fn decide(self, policy: &Policy) -> Result<ServedSession, SessionError> {
        let judged = self.remembered().and_then(|remembered| {
            let welcome = match &policy.tenants {
                Tenants::Any => true,
                Tenants::Only(names) => names.contains(&remembered.tenant),
            };
            match (welcome, served(policy, remembered.model) == remembered.served) {
                (false, _) => Err(Code::Unauthorized),
                (true, false) => Err(Code::TicketRefused),
                (true, true) => Ok(remembered),
            }
        });
        match judged {
            Ok(remembered) => {
                let Remembered { snapshot, model, tenant, replay, served } = remembered;
                let origin = Some(Origin { model, tenant, replay, served });
                self.pending.admit(origin, |core, id, now| core.admit_resumed(id, &snapshot, now))
            }
            Err(code) => {
                let (session, retry_after) = (self.resume.session, Micros::ZERO);
                self.refuse(code, retry_after)?;
                Err(SessionError::Ended { session, code, retry_after })
            }
        }
    }

    /// Goes on with the session from what was remembered of it.
    ///
    /// # Errors
    /// The client is gone.
    pub fn admit(self, snapshot: &Snapshot) -> Result<ServedSession, SessionError> {
        self.pending.admit(None, |core, id, now| core.admit_resumed(id, snapshot, now))
    }

    /// Refuses the session; usually with [`Code::TicketRefused`], after which the client opens it
    /// anew.
    ///
    /// # Errors
    /// The client is gone.
    pub fn refuse(mut self, code: Code, retry_after: Micros) -> Result<(), CallError> {
        self.pending.refuse(code, retry_after)
    }
}

/// A question of a client. Dropping it refuses to answer with [`Code::Unsupported`].
#[derive(Debug)]
pub struct Asked {
    handle: Arc<Handle>,
    query: Option<QueryId>,
    question: Question,
}

impl Asked {
    pub(super) fn new(handle: Arc<Handle>, query: QueryId, question: Question) -> Self {
        Self { handle, query: Some(query), question }
    }

    /// Returns the question.
    pub const fn question(&self) -> &Question {
        &self.question
    }

    /// Answers.
    ///
    /// # Errors
    /// The answer is one to another question, cannot be written, or the client is gone.
    pub fn answer(mut self, answer: &Answer) -> Result<(), CallError> {
        self.say(answer)
    }

    fn say(&mut self, answer: &Answer) -> Result<(), CallError> {
        let query = self.query.take().ok_or(CallError::UnknownRequest)?;
        self.handle.shared().call(|inner, _| inner.core.answer(query, answer))
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if self.query.is_some() {
            let (code, reason) = (Code::Unsupported, String::new());
            let refusal = Refusal { code, retry_after: Micros::ZERO, reason };
            // The client may have gone meanwhile.
            let _ = self.say(&Answer::Refusal(refusal));
        }
    }
}

/// A token that a peer shows. Dropping it denies it.
#[derive(Debug)]
pub struct TokenCheck {
    handle: Arc<Handle>,
    token: Option<Token>,
    decided: bool,
}

impl TokenCheck {
    pub(super) fn new(handle: Arc<Handle>, token: Option<Token>) -> Self {
        Self { handle, token, decided: false }
    }

    /// Returns the token; `None` if the peer shows none.
    pub const fn token(&self) -> Option<&Token> {
        self.token.as_ref()
    }

    /// Accepts it: what the peer asked for is done.
    pub fn authorize(mut self) {
        self.decided = true;
        self.handle.shared().call(|inner, now| inner.core.authorize(now));
    }

    /// Does not accept it: the connection closes with `code`.
    pub fn deny(mut self, code: Code) {
        self.decided = true;
        self.handle.shared().call(|inner, _| inner.core.deny(code));
    }
}

impl Drop for TokenCheck {
    fn drop(&mut self) {
        if !self.decided {
            self.handle.shared().call(|inner, _| inner.core.deny(Code::Unauthorized));
        }
    }
}
