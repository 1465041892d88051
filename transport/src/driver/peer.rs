//! The other end of a connection, as the application holds it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use aiflow_units::Micros;
use tokio::sync::Notify;

use super::desk::Notice;
use super::endpoint::Endpoint;
use super::mailbox::Mailbox;
use super::offer::{Asked, Offer, ResumeOffer, TokenCheck};
use super::shared::Shared;
use super::{ConnectionError, Resumption, Session, SessionError};
use crate::channel::Estimate;
use crate::wire::{
    Answer, ChannelReport, FrameReport, Goaway, Health, HealthAnswer, Metadata, MetadataAnswer,
    Open, Probe, Refusal, SessionId, Setup, Stats, StatsAnswer, Token,
};
use crate::{CallError, Code, Connection, PeerIdentity, Question, Statistics};

/// The other end of a connection. Clones share it; when the last handle to the connection is
/// dropped (peers, sessions, answers, requests), it closes with [`Code::NoError`].
#[derive(Debug, Clone)]
pub struct Peer {
    handle: Arc<Handle>,
}

/// Keeps a connection open.
pub(super) struct Handle {
    shared: Arc<Shared>,
    notices: Mailbox<Notice>,
    /// A connection needs the socket of its endpoint.
    _endpoint: Endpoint,
}

impl core::fmt::Debug for Handle {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Handle")
    }
}

impl Handle {
    pub(super) const fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.close(Code::NoError);
        self.notices.abandon();
    }
}

/// Something that concerns a connection as a whole.
#[derive(Debug)]
#[non_exhaustive]
pub enum PeerEvent {
    /// The peer shows a token: accept or deny it. Only with
    /// [`Verification::Always`](crate::Verification::Always) and without an authorizer.
    Token(TokenCheck),
    /// The client asks for a session: admit or refuse it.
    Session(Offer),
    /// The client wants to go on with a session of an earlier connection: admit or refuse it.
    Resume(ResumeOffer),
    /// The client asks something: answer it.
    Asked(Asked),
    /// The peer goes away: sessions may finish, new ones are refused.
    GoingAway(Goaway),
    /// What the peer knows of the channel from it to this side.
    Report(ChannelReport),
    /// How a frame of this side arrived.
    FrameReport(FrameReport),
    /// The peer acknowledges nothing since then: fall back to what needs no network.
    OutageBegan {
        /// When the last acknowledgement came.
        since: Instant,
    },
    /// The peer acknowledges again.
    OutageEnded {
        /// How long nothing came.
        lasted: Micros,
    },
    /// The last session ended while one of the sides goes away.
    Drained,
}

/// A question was not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// It could not be asked.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The peer refused to answer.
    #[error("the peer refused to answer with {}", .0.code)]
    Refused(Refusal),
    /// The connection ended before.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// The peer gave the question up, or answered something else.
    #[error("the peer gave the question up")]
    GivenUp,
}

impl Peer {
    pub(super) fn new(shared: Arc<Shared>, endpoint: Endpoint) -> Self {
        let notices = shared.lock().desk.notices.clone();
        Self { handle: Arc::new(Handle { shared, notices, _endpoint: endpoint }) }
    }

    fn shared(&self) -> &Shared {
        &self.handle.shared
    }

    /// Returns what the handshake established about the peer.
    pub fn identity(&self) -> PeerIdentity {
        self.shared().lock().identity.clone()
    }

    /// Returns the peer's present address.
    pub fn remote_address(&self) -> SocketAddr {
        self.shared().lock().streams.quic().remote_address()
    }

    /// Waits for the peer's SETUP, from when on everything is possible. Nothing needs to wait for it:
    /// sessions may be opened before, and take one round trip less.
    ///
    /// # Errors
    /// The connection ended before, for instance because the peer does not accept this side's
    /// certificate or token.
    pub async fn greeted(&self) -> Result<Setup, ConnectionError> {
        let greeted = Arc::clone(&self.shared().lock().desk.greeted);
        self.wait(&greeted, |shared| {
            let inner = shared.lock();
            match &inner.desk.setup {
                Some(setup) => Some(Ok(Setup::clone(setup))),
                None => inner.check().err().map(Err),
            }
        })
        .await
    }

    /// Waits until the connection is over and returns why.
    pub async fn closed(&self) -> ConnectionError {
        let room = Arc::clone(&self.shared().lock().desk.room);
        self.wait(&room, |shared| shared.lock().ended).await
    }

    /// Asks again each time that `bell` rings.
    async fn wait<T>(&self, bell: &Notify, ask: impl Fn(&Shared) -> Option<T>) -> T {
        loop {
            let mut rung = std::pin::pin!(bell.notified());
            rung.as_mut().enable();
            if let Some(found) = ask(self.shared()) {
                return found;
            }
            rung.await;
        }
    }

    /// Waits for what happens to the connection next; `None` once it is over. One task at a time may
    /// wait. Reports and outages that nobody waits for are forgotten, the oldest first, beyond 256.
    pub async fn next_event(&self) -> Option<PeerEvent> {
        let notice = self.handle.notices.next().await?;
        let handle = || Arc::clone(&self.handle);
        Some(match notice {
            Notice::Token(token) => PeerEvent::Token(TokenCheck::new(handle(), token)),
            Notice::Offered(open) => PeerEvent::Session(Offer::new(handle(), open)),
            Notice::Resumed(resume) => PeerEvent::Resume(ResumeOffer::new(handle(), resume)),
            Notice::Asked { query, question } => {
                PeerEvent::Asked(Asked::new(handle(), query, question))
            }
            Notice::GoingAway(goaway) => PeerEvent::GoingAway(goaway),
            Notice::Report(report) => PeerEvent::Report(report),
            Notice::FrameReport(report) => PeerEvent::FrameReport(report),
            Notice::OutageBegan(since) => {
                PeerEvent::OutageBegan { since: self.shared().instant(since) }
            }
            Notice::OutageEnded(lasted) => PeerEvent::OutageEnded { lasted },
            Notice::Drained => PeerEvent::Drained,
        })
    }

    /// Opens a session; the number in `open` is replaced. One round trip.
    ///
    /// # Errors
    /// The call was not possible, or the server refused.
    pub async fn open(&self, open: Open) -> Result<Session, SessionError> {
        self.opened(self.begin(|core| core.open(open))?).await
    }

    /// Goes on with a session of an earlier connection.
    ///
    /// # Errors
    /// The call was not possible, or the server refused, as it does when the ticket is too old: then
    /// open the session anew.
    pub async fn resume(&self, resumption: &Resumption) -> Result<Session, SessionError> {
        self.opened(self.resume_at_once(resumption)?).await
    }

    /// Goes on with a session of an earlier connection without waiting for the answer, where the
    /// server allowed frames to follow at once.
    ///
    /// # Errors
    /// The call was not possible. If the server refuses, the session ends.
    pub fn resume_at_once(&self, resumption: &Resumption) -> Result<Session, SessionError> {
        let (ticket, early) = (resumption.ticket(), resumption.early());
        self.begin(|core| core.resume(resumption.snapshot(), ticket, early))
    }

    fn begin(
        &self,
        begin: impl FnOnce(&mut Connection) -> Result<SessionId, CallError>,
    ) -> Result<Session, SessionError> {
        let cell = self.shared().call(|inner, _| {
            inner.check()?;
            let id = begin(&mut inner.core)?;
            Ok::<_, SessionError>(inner.desk.expect_session(id))
        })?;
        Ok(Session::new(Arc::clone(&self.handle), cell))
    }

    async fn opened(&self, session: Session) -> Result<Session, SessionError> {
        session.opened().await.map(|()| session)
    }

    /// Asks whether the server is able to work.
    ///
    /// # Errors
    /// It did not answer.
    pub async fn health(&self, health: Health) -> Result<HealthAnswer, QueryError> {
        match self.ask(Question::Health(health)).await? {
            Answer::Health(answer) => Ok(answer),
            other => Err(unexpected(other)),
        }
    }

    /// Asks what the server serves.
    ///
    /// # Errors
    /// It did not answer.
    pub async fn metadata(&self, metadata: Metadata) -> Result<MetadataAnswer, QueryError> {
        match self.ask(Question::Metadata(metadata)).await? {
            Answer::Metadata(answer) => Ok(answer),
            other => Err(unexpected(other)),
        }
    }

    /// Asks what the server counted.
    ///
    /// # Errors
    /// It did not answer.
    pub async fn stats(&self, stats: Stats) -> Result<StatsAnswer, QueryError> {
        match self.ask(Question::Stats(stats)).await? {
            Answer::Stats(answer) => Ok(answer),
            other => Err(unexpected(other)),
        }
    }

    async fn ask(&self, question: Question) -> Result<Answer, QueryError> {
        let (query, mailbox) = self.shared().call(|inner, _| {
            inner.check()?;
            let query = inner.core.ask(question)?;
            Ok::<_, QueryError>((query, inner.desk.expect_answer(query)))
        })?;
        let forget = Forget { handle: &self.handle, query: Some(query) };
        let answer = mailbox.next().await;
        forget.done();
        match answer {
            Some(Some(answer)) => Ok(*answer),
            Some(None) => Err(QueryError::GivenUp),
            None => Err(self.shared().lock().check().err().map_or(QueryError::GivenUp, Into::into)),
        }
    }

    /// Returns what is known of the channel towards the peer.
    pub fn estimate(&self) -> Estimate {
        self.shared().look(|inner, now| inner.core.estimate(now))
    }

    /// Returns what was counted.
    pub fn statistics(&self) -> Statistics {
        self.shared().look(|inner, _| inner.core.stats())
    }

    /// Returns what QUIC counted.
    pub fn quic_statistics(&self) -> quinn::ConnectionStats {
        self.shared().lock().streams.quic().stats()
    }

    /// Asks the peer for padding, so that its estimate of the channel towards this side can rise.
    ///
    /// # Errors
    /// The peers did not agree on probes, or the last one is too recent.
    pub fn probe(&self, probe: Probe) -> Result<(), CallError> {
        self.shared().call(|inner, now| {
            inner.observer.probe("towards this side", &probe, now);
            inner.core.probe(probe, now)
        })
    }

    /// Sends padding, so that the estimate of the channel towards the peer can rise.
    ///
    /// # Errors
    /// As [`Peer::probe`].
    pub fn pad(&self, probe: Probe) -> Result<(), CallError> {
        self.shared().call(|inner, now| {
            inner.observer.probe("towards the peer", &probe, now);
            inner.core.pad(probe, now)
        })
    }

    /// Shows the peer another token, before the one it knows expires.
    ///
    /// # Errors
    /// The connection is over, or the token is too long.
    pub fn refresh_token(&self, token: Token) -> Result<(), CallError> {
        self.shared().call(|inner, _| inner.core.refresh_token(token))
    }

    /// Goes away: what is open may end within `drain`, nothing new begins, and then the connection
    /// closes. A server may name where to go instead.
    ///
    /// # Errors
    /// The redirect cannot be written.
    pub fn go_away(&self, redirect: &str, drain: Micros) -> Result<(), CallError> {
        self.shared().call(|inner, now| inner.core.goaway(redirect.to_owned(), drain, now))
    }

    /// Closes the connection at once.
    pub fn close(&self, code: Code) {
        self.shared().close(code);
    }
}

/// Tells the peer that nobody waits for an answer any more.
struct Forget<'a> {
    handle: &'a Handle,
    query: Option<crate::QueryId>,
}

impl Forget<'_> {
    fn done(mut self) {
        self.query = None;
    }
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        if let Some(query) = self.query.take() {
            // It may have been answered meanwhile.
            let _ = self.handle.shared.call(|inner, _| inner.core.forget(query));
        }
    }
}

fn unexpected(answer: Answer) -> QueryError {
    match answer {
        Answer::Refusal(refusal) => QueryError::Refused(refusal),
        _ => QueryError::GivenUp,
    }
}
