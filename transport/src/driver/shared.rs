//! What the task of a connection and the handles of the application share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Instant;

use aiflow_units::{Micros, Timestamp};

use super::config::{Authorize, Tickets};
use super::desk::{Desk, Origin};
use super::observe::Observer;
use super::signals::Signals;
use super::streams::{Rest, Streams};
use super::window::SendWindow;
use super::{ConnectionError, EarlyData, Remembered};
use crate::channel::PathSample;
use crate::proto::PathFeed;
use crate::wire::{EarlyFrames, Replay, SessionId, Ticket};
use crate::{ClosedBy, Code, Connection, Event, PeerIdentity};

/// One connection.
///
/// Calls of the application take the lock, run the core, and hand what it wants sent to QUIC at once:
/// no call waits for the task of the connection to be scheduled, and errors come back without an
/// answer to wait for. What the application may pile up is bounded by the limits of the core.
pub(super) struct Shared {
    inner: Mutex<Inner>,
    signals: Arc<Signals>,
    feed: PathFeed,
}

/// What the lock protects.
pub(super) struct Inner {
    pub(super) core: Connection,
    pub(super) streams: Streams,
    pub(super) desk: Desk,
    pub(super) observer: Observer,
    pub(super) identity: PeerIdentity,
    /// For when the task of the connection set its timer.
    pub(super) armed: Option<Timestamp>,
    /// Why the connection ended, once it did.
    pub(super) ended: Option<ConnectionError>,
    authorizer: Option<Arc<dyn Authorize>>,
    pub(super) tickets: Option<Tickets>,
    window: SendWindow,
    samples: Vec<PathSample>,
    /// Wakes the task of the connection.
    waker: Waker,
}

impl Shared {
    pub(super) fn new(
        core: Connection,
        quic: quinn::Connection,
        identity: PeerIdentity,
        feed: PathFeed,
        (authorizer, tickets): (Option<Arc<dyn Authorize>>, Option<Tickets>),
        observer: Observer,
    ) -> Arc<Self> {
        let signals = Signals::new(core.limits().buffered_bytes());
        let inner = Inner {
            streams: Streams::new(quic, Arc::clone(&signals), core.side()),
            desk: Desk::new(core.side(), Arc::clone(&signals)),
            observer,
            identity,
            armed: None,
            ended: None,
            authorizer,
            tickets,
            window: SendWindow::new(),
            samples: Vec::new(),
            waker: signals.task_waker(),
            core,
        };
        Arc::new(Self { inner: Mutex::new(inner), signals, feed })
    }

    /// Converts the present time.
    pub(super) fn now(&self) -> Timestamp {
        self.feed.timestamp(Instant::now())
    }

    /// Converts a point of time of the connection to one of the clock.
    pub(super) fn instant(&self, at: Timestamp) -> Instant {
        let now = Instant::now();
        now + at.since(self.feed.timestamp(now)).to_duration()
    }

    /// Converts a point of time of the clock to one of the connection.
    pub(super) fn timestamp(&self, at: Instant) -> Timestamp {
        self.feed.timestamp(at)
    }

    pub(super) fn signals(&self) -> &Arc<Signals> {
        &self.signals
    }

    /// Runs a call of the application, and hands to QUIC what follows from it.
    pub(super) fn call<T>(&self, call: impl FnOnce(&mut Inner, Timestamp) -> T) -> T {
        let mut inner = self.lock();
        let now = self.now();
        inner.absorb(&self.feed, now);
        let result = call(&mut inner, now);
        let mut budget = WRITE_SHARE;
        let rest = inner.pump(&self.feed, now, &mut budget);
        let wake = rest == Rest::More || inner.needs_task() || self.signals.has_ready();
        drop(inner);
        if wake {
            self.signals.wake();
        }
        result
    }

    /// Looks at the connection without changing it.
    pub(super) fn look<T>(&self, look: impl FnOnce(&Inner, Timestamp) -> T) -> T {
        let mut inner = self.lock();
        let now = self.now();
        inner.absorb(&self.feed, now);
        look(&inner, now)
    }

    /// Gives the task of the connection everything.
    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        // Whoever panicked, the connection can still be closed.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn feed(&self) -> &PathFeed {
        &self.feed
    }

    /// Closes the connection if it is open.
    pub(super) fn close(&self, code: Code) {
        self.call(|inner, _| inner.core.close(code));
    }
}

impl Inner {
    /// Tells the core what was seen of the path.
    pub(super) fn absorb(&mut self, feed: &PathFeed, now: Timestamp) {
        feed.drain(&mut self.samples);
        for sample in self.samples.drain(..) {
            self.streams.observe(&sample);
            match sample {
                PathSample::Migrated(at) => self.core.handle_migrated(at),
                sample => self.core.handle_path(sample, now),
            }
        }
    }

    /// Hands to QUIC what the core wants sent, and to the application what happened.
    pub(super) fn pump(&mut self, feed: &PathFeed, now: Timestamp, budget: &mut usize) -> Rest {
        let rest = loop {
            let rest = self.streams.transmit(&mut self.core, now, budget);
            let mut quiet = true;
            while let Some(event) = self.core.poll_event() {
                quiet = false;
                self.dispatch(event, now);
            }
            if quiet || rest == Rest::More {
                break rest;
            }
        };
        feed.set_supply(self.streams.supply());
        if self.streams.awaits_acks() {
            feed.wake_when_acked(&self.waker);
        }
        rest
    }

    fn dispatch(&mut self, event: Event, now: Timestamp) {
        self.observer.event(&event, now);
        match event {
            Event::Token(token) if self.authorizer.is_some() => {
                let verdict = self
                    .authorizer
                    .as_ref()
                    .map_or(Ok(()), |who| who.authorize(&self.identity, token.as_ref()));
                match verdict {
                    Ok(()) => self.core.authorize(now),
                    Err(code) => self.core.deny(code),
                }
            }
            Event::Closed { code, by } => {
                let why = *self.ended.get_or_insert(ConnectionError::Closed { code, by });
                self.desk.close(why);
            }
            Event::Switched { session, .. } => {
                self.desk.deliver(event, &self.core, &self.observer, now);
                self.issue_ticket(session);
            }
            event => self.desk.deliver(event, &self.core, &self.observer, now),
        }
    }

    /// Gives the client a ticket for how the session is now, if that is configured.
    pub(super) fn issue_ticket(&mut self, id: SessionId) {
        let (Some(tickets), Some(origin)) = (&self.tickets, self.desk.origin(id)) else { return };
        let Some(snapshot) = self.core.snapshot(id) else { return };
        let early = match (tickets.early, origin.replay) {
            (EarlyData::Allowed, Replay::Harmless) => EarlyFrames::Allowed,
            _ => EarlyFrames::Refused,
        };
        let Origin { model, tenant, replay, served } = origin;
        let remembered = Remembered { snapshot, model, tenant, replay, served };
        let lifetime = tickets.lifetime;
        match tickets.key.seal(&remembered, &self.identity, lifetime) {
            Ok(ticket) => {
                let ticket = Ticket { session: id, lifetime, early, ticket };
                if let Err(error) = self.core.issue_ticket(id, ticket) {
                    tracing::debug!(%error, "no ticket was issued");
                }
            }
            Err(error) => tracing::warn!(%error, "no ticket could be made"),
        }
    }

    /// Returns when the task of the connection is to go on, if nothing else wakes it.
    pub(super) fn due(&self) -> Option<Timestamp> {
        let times = [self.core.poll_timeout(), self.streams.retry()];
        times.into_iter().flatten().min()
    }

    /// Says whether only the task of the connection can go on.
    fn needs_task(&self) -> bool {
        let sooner = match (self.due(), self.armed) {
            (Some(due), Some(armed)) => due < armed,
            (Some(_), None) => true,
            (None, _) => false,
        };
        sooner
            || self.streams.is_closed()
            || self.streams.wants(crate::Direction::Uni)
            || self.streams.wants(crate::Direction::Bi)
    }

    /// Lets QUIC hold as much as keeps the path busy.
    pub(super) fn size_window(&mut self, feed: &PathFeed, now: Timestamp) {
        let estimate = *self.streams.path(&self.core, now);
        if let Some(window) = self.window.update(&estimate, feed.window()) {
            self.streams.quic().set_send_window(window.get());
        }
        self.observer.estimate(&estimate, || self.core.stats(), now);
    }

    /// The connection is over: everything that waits learns why.
    pub(super) fn finish(&mut self, why: ConnectionError, now: Timestamp) {
        let why = *self.ended.get_or_insert(why);
        self.desk.keep_snapshots(&self.core);
        self.core.handle_closed(why.code(), now);
        while let Some(event) = self.core.poll_event() {
            self.dispatch(event, now);
        }
        self.desk.close(why);
        self.observer.closed(&why, &self.core.stats(), now);
    }

    /// Returns the error of calls that come too late, if the connection is over.
    pub(super) fn check(&self) -> Result<(), ConnectionError> {
        self.ended.map_or(Ok(()), Err)
    }
}

/// The end of a connection that the application let go of.
pub(super) const fn let_go() -> ConnectionError {
    ConnectionError::Closed { code: Code::NoError, by: ClosedBy::Local }
}

/// Bytes that are handed to QUIC at once; QUIC's own task can run in between.
pub(super) const WRITE_SHARE: usize = 512 * 1024;
/// Bytes that are read at once.
pub(super) const READ_SHARE: usize = 512 * 1024;
/// Streams that are accepted at once.
pub(super) const ACCEPT_SHARE: usize = 64;
/// How often the window of QUIC and the observers are brought up to date at most.
pub(super) const UPKEEP: Micros = Micros::from_millis(5);
