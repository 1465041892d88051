//! Brings what happened to those of the application who wait for it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aiflow_units::{Bytes, Micros, Timestamp};
use rustc_hash::FxHashMap;
use tokio::sync::Notify;

use super::mailbox::Mailbox;
use super::observe::Observer;
use super::request::is_last;
use super::signals::{Held, Signals};
use super::{Change, ConnectionError, Progress, SessionError};
use crate::wire::{
    Answer, ChannelReport, Epoch, FrameReport, Goaway, ModelId, Open, PointId, Replay, Resume,
    SessionId, Setup, Ticket, Token,
};
use crate::{
    Connection, Event, Layer, Outcome, QueryId, Question, Reply, RequestId, Side, Snapshot,
};

/// What concerns a connection as a whole.
#[derive(Debug)]
pub(super) enum Notice {
    Token(Option<Token>),
    Offered(Box<Open>),
    Resumed(Resume),
    Asked { query: QueryId, question: Question },
    GoingAway(Goaway),
    Report(ChannelReport),
    FrameReport(FrameReport),
    OutageBegan(Timestamp),
    OutageEnded(Micros),
    Drained,
}

/// What a request of this side comes to.
#[derive(Debug)]
pub(super) enum Step {
    Provisional(Reply),
    Ended(Outcome),
}

/// A request of the peer, of which the base has arrived.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) base: Held<Layer>,
    /// What follows, if anything can.
    pub(super) more: Option<Mailbox<Held<Progress>>>,
}

/// One session, shared by the desk and its handles.
#[derive(Debug)]
pub(super) struct SessionCell {
    pub(super) id: SessionId,
    pub(super) changes: Mailbox<Change>,
    pub(super) arrivals: Mailbox<Arrival>,
    /// Tells the one who opened it that it is open, or why not.
    pub(super) opened: Mailbox<Result<(), SessionError>>,
    status: Mutex<SessionStatus>,
}

/// What can be asked about a session at any time.
#[derive(Debug, Clone, Default)]
pub(super) struct SessionStatus {
    pub(super) epoch: Epoch,
    pub(super) active: Option<PointId>,
    pub(super) ended: Option<SessionError>,
    pub(super) ticket: Option<(Ticket, Timestamp)>,
    pub(super) snapshot: Option<Snapshot>,
    pub(super) origin: Option<Origin>,
}

/// What a session was opened with, as far as tickets remember it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) model: ModelId,
    pub(super) tenant: String,
    pub(super) replay: Replay,
    pub(super) served: [u8; 32],
}

impl SessionCell {
    pub(super) fn new(id: SessionId) -> Arc<Self> {
        Arc::new(Self {
            id,
            changes: Mailbox::default(),
            arrivals: Mailbox::default(),
            opened: Mailbox::default(),
            status: Mutex::default(),
        })
    }

    pub(super) fn status(&self) -> SessionStatus {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, SessionStatus> {
        // Plain values are whole at any time, whoever panicked.
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers what the session was opened with.
    pub(super) fn set_origin(&self, origin: Origin) {
        self.lock().origin = Some(origin);
    }

    fn change(&self, change: Change) {
        self.changes.push_recent(change, MOST_CHANGES);
    }

    fn end(&self, why: SessionError) {
        self.lock().ended.get_or_insert(why);
        self.opened.push(Err(why));
        self.opened.close();
        self.changes.close();
        self.arrivals.close();
    }
}

/// Knows who waits for what.
#[derive(Debug)]
pub(super) struct Desk {
    side: Side,
    signals: Arc<Signals>,
    /// What concerns the connection as a whole.
    pub(super) notices: Mailbox<Notice>,
    /// Rings when the peer's SETUP has come.
    pub(super) greeted: Arc<Notify>,
    /// Rings whenever a request ends, which makes room for others.
    pub(super) room: Arc<Notify>,
    sessions: FxHashMap<SessionId, Arc<SessionCell>>,
    requests: FxHashMap<RequestId, (Mailbox<Held<Step>>, Timestamp)>,
    /// Requests of the peer that wait for an answer, with a box for what follows if anything can.
    arrivals: FxHashMap<RequestId, Option<Mailbox<Held<Progress>>>>,
    queries: FxHashMap<QueryId, Mailbox<Option<Box<Answer>>>>,
    /// The peer's SETUP, once it came.
    pub(super) setup: Option<Box<Setup>>,
}

impl Desk {
    pub(super) fn new(side: Side, signals: Arc<Signals>) -> Self {
        Self {
            side,
            signals,
            notices: Mailbox::default(),
            greeted: Arc::default(),
            room: Arc::default(),
            sessions: FxHashMap::default(),
            requests: FxHashMap::default(),
            arrivals: FxHashMap::default(),
            queries: FxHashMap::default(),
            setup: None,
        }
    }

    /// Opens a box for a session.
    pub(super) fn expect_session(&mut self, id: SessionId) -> Arc<SessionCell> {
        let cell = SessionCell::new(id);
        self.sessions.insert(id, Arc::clone(&cell));
        cell
    }

    /// Returns what a session was opened with.
    pub(super) fn origin(&self, id: SessionId) -> Option<Origin> {
        self.sessions.get(&id)?.status().origin
    }

    /// Closes the box of a session that did not come about.
    pub(super) fn forget_session(&mut self, id: SessionId) {
        self.sessions.remove(&id);
    }

    /// Says whether requests are under way.
    pub(super) fn awaits_answers(&self) -> bool {
        !self.requests.is_empty()
    }

    /// Says whether a request of the peer waits for an answer.
    pub(super) fn knows_arrival(&self, id: RequestId) -> bool {
        self.arrivals.contains_key(&id)
    }

    /// Opens a box for the end of a request.
    pub(super) fn expect_end(&mut self, id: RequestId, now: Timestamp) -> Mailbox<Held<Step>> {
        let mailbox = Mailbox::default();
        self.requests.insert(id, (mailbox.clone(), now));
        mailbox
    }

    /// Opens a box for the answer to a question.
    pub(super) fn expect_answer(&mut self, id: QueryId) -> Mailbox<Option<Box<Answer>>> {
        let mailbox = Mailbox::default();
        self.queries.insert(id, mailbox.clone());
        mailbox
    }

    /// The application is done with a request of the peer.
    pub(super) fn forget_arrival(&mut self, id: RequestId) {
        if let Some(Some(mailbox)) = self.arrivals.remove(&id) {
            mailbox.abandon();
        }
    }

    /// Brings an event to the one who waits for it.
    pub(super) fn deliver(
        &mut self,
        event: Event,
        core: &Connection,
        observer: &Observer,
        now: Timestamp,
    ) {
        match event {
            Event::Ready(setup) => {
                self.setup = Some(setup);
                self.greeted.notify_waiters();
            }
            Event::Token(token) => self.notices.push(Notice::Token(token)),
            Event::GoingAway(goaway) => self.notice(Notice::GoingAway(goaway)),
            Event::Drained => self.notice(Notice::Drained),
            Event::Report(report) => self.notice(Notice::Report(report)),
            Event::FrameReport(report) => self.notice(Notice::FrameReport(report)),
            Event::OutageBegan { since } => self.notice(Notice::OutageBegan(since)),
            Event::OutageEnded { lasted } => self.notice(Notice::OutageEnded(lasted)),
            Event::SessionOffered(open) => self.notices.push(Notice::Offered(open)),
            Event::ResumeOffered(resume) => self.notices.push(Notice::Resumed(resume)),
            Event::Asked { query, question } => {
                self.notices.push(Notice::Asked { query, question });
            }
            Event::Answered { query, answer } => {
                if let Some(mailbox) = self.queries.remove(&query) {
                    mailbox.push_last(answer);
                }
            }
            Event::Layer(layer) => self.layer(layer),
            Event::LayerLost { request, layer, code, partial } => {
                if let Some(Some(mailbox)) = self.arrivals.get(&request) {
                    let size = partial.iter().map(|piece| Bytes::of_len(piece.len())).sum();
                    let lost = Progress::Lost { layer, code, partial };
                    mailbox.push(self.signals.hold(lost, size));
                }
            }
            Event::FrameLost { request, code, .. } => {
                if let Some(Some(mailbox)) = self.arrivals.remove(&request) {
                    mailbox.push_last(self.signals.hold(Progress::Abandoned(code), Bytes::ZERO));
                }
            }
            Event::Provisional { request, reply } => {
                if let Some((mailbox, _)) = self.requests.get(&request) {
                    let size = Bytes::of_len(reply.payload.len());
                    mailbox.push(self.signals.hold(Step::Provisional(reply), size));
                }
            }
            Event::Ended { request, outcome } => self.ended(request, outcome, observer, now),
            event => self.session(event, core, now),
        }
    }

    /// Something that may be forgotten when the application does not look.
    fn notice(&self, notice: Notice) {
        self.notices.push_recent(notice, MOST_NOTICES);
    }

    fn layer(&mut self, layer: Layer) {
        let request = layer.request;
        let size = Bytes::of_len(layer.chunks.iter().map(bytes::Bytes::len).sum());
        if let Some(more) = self.arrivals.get(&request) {
            if let Some(mailbox) = more {
                mailbox.push(self.signals.hold(Progress::Layer(layer), size));
            }
            return;
        }
        if layer.header.layer.0 > 0 {
            return;
        }
        if let Some(session) = self.sessions.get(&request.session) {
            let more = (!is_last(&layer.header)).then(Mailbox::default);
            self.arrivals.insert(request, more.clone());
            session.arrivals.push(Arrival { base: self.signals.hold(layer, size), more });
        }
    }

    fn ended(&mut self, request: RequestId, outcome: Outcome, observer: &Observer, now: Timestamp) {
        if let Some((mailbox, sent)) = self.requests.remove(&request) {
            observer.request_ended(&outcome, now.since(sent));
            let size = match &outcome {
                Outcome::Result(reply) => Bytes::of_len(reply.payload.len()),
                _ => Bytes::ZERO,
            };
            mailbox.push_last(self.signals.hold(Step::Ended(outcome), size));
        }
        self.room.notify_waiters();
    }

    fn session(&mut self, event: Event, core: &Connection, now: Timestamp) {
        match event {
            Event::SessionOpened { session, epoch, active } => {
                let Some(cell) = self.sessions.get(&session) else { return };
                cell.set_active(epoch, active);
                cell.opened.push(Ok(()));
                cell.opened.close();
                self.room.notify_waiters();
            }
            Event::SessionEnded { session, code, retry_after } => {
                if let Some(cell) = self.sessions.remove(&session) {
                    cell.end(SessionError::Ended { session, code, retry_after });
                }
                self.room.notify_waiters();
            }
            Event::Ticket(ticket) => {
                if let Some(cell) = self.sessions.get(&ticket.session) {
                    let expires = now.after(ticket.lifetime);
                    cell.lock().ticket = Some((ticket, expires));
                }
            }
            Event::Proposed { session, epoch, active, points, reason } => {
                if let Some(cell) = self.sessions.get(&session) {
                    cell.change(Change::Proposed { epoch, active, points, reason });
                }
            }
            Event::Switched { session, epoch, active, took } => {
                let Some(cell) = self.sessions.get(&session) else { return };
                cell.set_active(epoch, active);
                cell.lock().snapshot = core.snapshot(session);
                cell.change(Change::Switched { epoch, active, took });
            }
            Event::Rejected { session, epoch, code } => {
                if let Some(cell) = self.sessions.get(&session) {
                    cell.change(Change::Rejected { epoch, code });
                }
            }
            Event::EpochEnded { session, epoch } => {
                if let Some(cell) = self.sessions.get(&session) {
                    cell.change(Change::EpochEnded { epoch });
                }
            }
            other => tracing::debug!(?other, side = ?self.side, "nobody waits for this event"),
        }
    }

    /// Remembers how far every session is, so that it can go on over another connection.
    pub(super) fn keep_snapshots(&self, core: &Connection) {
        for (id, cell) in &self.sessions {
            if let Some(snapshot) = core.snapshot(*id) {
                cell.lock().snapshot = Some(snapshot);
            }
        }
    }

    /// The connection is over.
    pub(super) fn close(&mut self, why: ConnectionError) {
        self.notices.close();
        self.greeted.notify_waiters();
        self.room.notify_waiters();
        for (_, cell) in self.sessions.drain() {
            cell.end(SessionError::Connection(why));
        }
        for (_, (mailbox, _)) in self.requests.drain() {
            let lost = Step::Ended(Outcome::Failed(why.code()));
            mailbox.push_last(self.signals.hold(lost, Bytes::ZERO));
        }
        for mailbox in self.arrivals.drain().filter_map(|(_, more)| more) {
            let lost = Progress::Abandoned(why.code());
            mailbox.push_last(self.signals.hold(lost, Bytes::ZERO));
        }
        for (_, mailbox) in self.queries.drain() {
            mailbox.close();
        }
    }
}

impl SessionCell {
    fn set_active(&self, epoch: Epoch, active: PointId) {
        let mut status = self.lock();
        (status.epoch, status.active) = (epoch, Some(active));
    }
}

/// Changes that wait for an application that does not look; it can ask for the present state.
const MOST_CHANGES: usize = 64;
/// Notices that wait for an application that does not look.
const MOST_NOTICES: usize = 256;
