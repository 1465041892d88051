//! Sessions, as both sides hold them.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use aiflow_units::{Micros, Timestamp};
use bytes::Bytes as Buffer;
use tokio::sync::Notify;

use super::desk::{Arrival, SessionCell, Step};
use super::mailbox::Mailbox;
use super::peer::Handle;
use super::shared::Shared;
use super::signals::Held;
use super::{Request, Resumption, SessionError};
use crate::channel::Estimate;
use crate::rate::Budget;
use crate::wire::{EarlyFrames, Epoch, PointId, Reason, SessionId, Ticket};
use crate::{CallError, Code, Frame, Layer, Outcome, Reply, RequestId, Snapshot};

/// The side of a session that sends frames: the client.
#[derive(Debug, Clone, Copy)]
pub enum Sends {}

/// The side of a session that answers frames: the server.
#[derive(Debug, Clone, Copy)]
pub enum Serves {}

/// A session on the side that answers its frames.
pub type ServedSession = Session<Serves>;

/// An agreement on a model and its operating points, under which frames are sent and answered.
///
/// Clones share it. It ends when the last clone, answer and request of it are dropped, or with
/// [`Session::end`].
#[derive(Debug)]
pub struct Session<R = Sends> {
    inner: Arc<SessionInner>,
    role: PhantomData<R>,
}

#[derive(Debug)]
pub(super) struct SessionInner {
    pub(super) handle: Arc<Handle>,
    pub(super) cell: Arc<SessionCell>,
}

impl<R> Clone for Session<R> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner), role: PhantomData }
    }
}

impl Drop for SessionInner {
    fn drop(&mut self) {
        if self.cell.status().ended.is_none() {
            // It may have ended meanwhile.
            let _ = self.shared().call(|inner, now| inner.core.end(self.cell.id, now));
        }
    }
}

impl SessionInner {
    pub(super) fn shared(&self) -> &Arc<Shared> {
        self.handle.shared()
    }
}

/// What happened to a session.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// The peer proposes another operating point: get ready for it (load the head, warm the tail),
    /// then call [`Session::accept`] or [`Session::reject`]. Frames flow on meanwhile; a proposal
    /// that nobody decides on is turned down in time.
    Proposed {
        /// The epoch that would begin.
        epoch: Epoch,
        /// The point that frames would use.
        active: PointId,
        /// The points that frames could use.
        points: Vec<PointId>,
        /// Why.
        reason: Reason,
    },
    /// A new epoch is active.
    Switched {
        /// The epoch.
        epoch: Epoch,
        /// The point for frames.
        active: PointId,
        /// How long it took from the proposal of this side; zero if the peer proposed.
        took: Micros,
    },
    /// The proposal of this side was turned down.
    Rejected {
        /// The epoch that was proposed.
        epoch: Epoch,
        /// Why.
        code: Code,
    },
    /// No frame of an epoch will arrive any more: what it needed can be unloaded.
    EpochEnded {
        /// The epoch.
        epoch: Epoch,
    },
}

impl<R> Session<R> {
    pub(super) fn new(handle: Arc<Handle>, cell: Arc<SessionCell>) -> Self {
        Self { inner: Arc::new(SessionInner { handle, cell }), role: PhantomData }
    }

    fn shared(&self) -> &Arc<Shared> {
        self.inner.shared()
    }

    /// Returns its number on this connection.
    pub fn id(&self) -> SessionId {
        self.inner.cell.id
    }

    /// Returns the epoch that is active.
    pub fn epoch(&self) -> Epoch {
        self.inner.cell.status().epoch
    }

    /// Returns the operating point for frames; `None` before the session is open.
    pub fn active(&self) -> Option<PointId> {
        self.inner.cell.status().active
    }

    /// Returns why it ended, if it did.
    pub fn ended(&self) -> Option<SessionError> {
        self.inner.cell.status().ended
    }

    /// Returns what is known of the channel towards the peer.
    pub fn estimate(&self) -> Estimate {
        self.shared().look(|inner, now| inner.core.estimate(now))
    }

    /// Waits for the next change; `None` once the session is over. Changes that nobody waits for
    /// are forgotten, the oldest first, beyond 64.
    pub async fn next_change(&self) -> Option<Change> {
        self.inner.cell.changes.next().await
    }

    /// Proposes another operating point; [`Change::Switched`] or [`Change::Rejected`] follows.
    /// Frames flow on meanwhile. Proposals beyond the agreed rate wait for their turn, and the last
    /// one counts.
    ///
    /// # Errors
    /// The session is not open, or a point was not agreed on.
    pub fn reconfigure(
        &self,
        active: PointId,
        points: Vec<PointId>,
        reason: Reason,
    ) -> Result<(), CallError> {
        let id = self.id();
        self.shared().call(|inner, now| inner.core.reconfigure(id, active, points, reason, now))
    }

    /// Agrees to a proposal, when everything is ready for it.
    ///
    /// # Errors
    /// The proposal is not there any more.
    pub fn accept(&self, epoch: Epoch) -> Result<(), CallError> {
        let id = self.id();
        self.shared().call(|inner, now| inner.core.accept(id, epoch, now))
    }

    /// Turns a proposal down.
    ///
    /// # Errors
    /// The proposal is not there any more.
    pub fn reject(&self, epoch: Epoch, code: Code) -> Result<(), CallError> {
        let id = self.id();
        self.shared().call(|inner, now| inner.core.reject(id, epoch, code, now))
    }

    /// Ends it: requests without an answer fail, and the peer is told.
    ///
    /// # Errors
    /// It has ended.
    pub fn end(&self) -> Result<(), CallError> {
        let id = self.id();
        self.shared().call(|inner, now| inner.core.end(id, now))
    }

    /// Returns what is needed to go on with it over another connection: how far it is now, or was
    /// when the connection was lost.
    pub fn snapshot(&self) -> Option<Snapshot> {
        let id = self.id();
        let now = self.shared().look(|inner, _| inner.core.snapshot(id));
        now.or_else(|| self.inner.cell.status().snapshot)
    }

    /// Returns the present time on the clock of the connection, in which frames are dated.
    pub fn now(&self) -> Timestamp {
        self.shared().now()
    }

    /// Returns the point `span` from now on the clock of the connection.
    pub fn after(&self, span: Duration) -> Timestamp {
        self.now().after(Micros::from_duration(span))
    }

    /// Converts a point of time to the clock of the connection.
    pub fn timestamp(&self, at: Instant) -> Timestamp {
        self.shared().timestamp(at)
    }
}

impl Session<Sends> {
    /// Waits until the server has answered whether the session is open.
    ///
    /// # Errors
    /// The server refused, or the connection is lost.
    pub async fn opened(&self) -> Result<(), SessionError> {
        let cell = &self.inner.cell;
        match cell.opened.next().await {
            Some(outcome) => outcome,
            // Somebody else has taken the answer.
            None => cell.status().ended.map_or(Ok(()), Err),
        }
    }

    /// Returns how many bytes of a frame that is due at `deadline` can be expected to arrive in time;
    /// `None` once the session is over. Ask before encoding, encode to fit, then send.
    pub fn budget(&self, deadline: Timestamp) -> Option<Budget> {
        let id = self.id();
        self.shared().call(|inner, now| inner.core.budget(id, deadline, now))
    }

    /// Sends a frame. The layers leave by priority and deadline, without being copied; what is late
    /// is dropped. Await the answer, or drop it to give the frame up.
    ///
    /// # Errors
    /// The session is not open, the frame does not fit what was agreed, or too much is under way:
    /// [`CallError::LimitReached`] means that this frame would only have made others late.
    pub fn send(&self, frame: Frame) -> Result<Answer, CallError> {
        self.try_send(frame).map_err(|refused| refused.1)
    }

    /// Sends a frame, or gives it back with the error.
    fn try_send(&self, frame: Frame) -> Result<Answer, Box<(Frame, CallError)>> {
        let id = self.id();
        let (request, mailbox) = self.shared().call(|inner, now| {
            let (frame_size, layers, deadline) = (frame.size(), frame.layers.len(), frame.deadline);
            let request = inner.core.try_send(id, frame, now)?;
            inner.observer.sent(request, frame_size, layers, deadline, now);
            Ok::<_, Box<(Frame, CallError)>>((request, inner.desk.expect_end(request, now)))
        })?;
        let session = Some(Arc::clone(&self.inner));
        Ok(Answer { session, request, mailbox })
    }

    /// Sends a frame as soon as the limits allow it: for work that must be done rather than be
    /// fresh.
    ///
    /// # Errors
    /// As [`Session::send`], except for limits that others' ends will clear.
    pub async fn submit(&self, frame: Frame) -> Result<Answer, CallError> {
        let (mut frame, error) = match self.try_send(frame) {
            Ok(answer) => return Ok(answer),
            Err(refused) => *refused,
        };
        if !matches!(error, CallError::LimitReached { .. }) {
            return Err(error);
        }
        let room = self.room();
        loop {
            let mut freed = std::pin::pin!(room.notified());
            freed.as_mut().enable();
            let (back, error) = match self.try_send(frame) {
                Ok(answer) => return Ok(answer),
                Err(refused) => *refused,
            };
            if !matches!(error, CallError::LimitReached { .. }) || !self.is_busy() {
                return Err(error);
            }
            frame = back;
            freed.await;
        }
    }

    fn room(&self) -> Arc<Notify> {
        Arc::clone(&self.shared().lock().desk.room)
    }

    /// Says whether requests are under way whose end makes room.
    fn is_busy(&self) -> bool {
        self.shared().look(|inner, _| inner.desk.awaits_answers())
    }

    /// Returns what is needed to go on over another connection, if the server gave a ticket that is
    /// still good.
    pub fn resumption(&self) -> Option<Resumption> {
        let status = self.inner.cell.status();
        let (ticket, expires) = status.ticket?;
        let left = expires.since(self.now());
        let snapshot = self.snapshot()?;
        (left > Micros::ZERO).then(|| Resumption::new(snapshot, ticket, left))
    }
}

impl Session<Serves> {
    /// Waits for the next frame whose base has arrived; `None` once the session is over.
    pub async fn next_request(&self) -> Option<Request> {
        let Arrival { base, more } = self.inner.cell.arrivals.next().await?;
        Some(Request::new(Arc::clone(&self.inner), base.take(), more))
    }

    /// Gives the client a ticket with which the session can go on over another connection.
    /// [`TicketKey`](super::TicketKey) makes tickets that need no memory.
    ///
    /// # Errors
    /// The session is not open, or the ticket is empty or above 1,024 bytes.
    pub fn issue_ticket(
        &self,
        ticket: Buffer,
        lifetime: Micros,
        early: EarlyFrames,
    ) -> Result<(), CallError> {
        let id = self.id();
        let ticket = Ticket { session: id, lifetime, early, ticket };
        self.shared().call(|inner, _| inner.core.issue_ticket(id, ticket))
    }
}

/// The answer to a frame: a future. Dropping it before it is ready gives the frame up.
#[derive(Debug)]
pub struct Answer {
    session: Option<Arc<SessionInner>>,
    request: RequestId,
    mailbox: Mailbox<Held<Step>>,
}

/// Why there is no answer to a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// The frame could not leave in time, or no answer came in time.
    #[error("the deadline passed before the answer came")]
    Deadline,
    /// The application gave it up, or a newer frame took its place.
    #[error("the frame was given up")]
    Cancelled,
    /// The peer or the connection failed.
    #[error("the request failed with {0}")]
    Failed(Code),
}

impl Answer {
    /// Returns the name of the request.
    pub const fn request(&self) -> RequestId {
        self.request
    }

    /// Gives the frame up: what has not left never leaves, and the peer may stop working on it.
    pub fn cancel(self) {
        drop(self);
    }

    /// Waits for a result that is good for now, with a better one to follow; `None` if what comes
    /// next is the end.
    ///
    /// # Errors
    /// The request ended without a result.
    pub async fn provisional(&mut self) -> Result<Interim, AnswerError> {
        let step = self.mailbox.next().await;
        match step.map(Held::take) {
            Some(Step::Provisional(reply)) => Ok(Interim::Provisional(reply)),
            Some(Step::Ended(outcome)) => {
                self.session = None;
                result(outcome).map(Interim::Final)
            }
            None => {
                self.session = None;
                Err(AnswerError::Failed(Code::Internal))
            }
        }
    }
}

/// One of the results of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Interim {
    /// A better one follows.
    Provisional(Reply),
    /// The last one.
    Final(Reply),
}

impl Future for Answer {
    type Output = Result<Reply, AnswerError>;

    /// Skips provisional results.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        loop {
            let outcome = match this.mailbox.poll_next(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => Err(AnswerError::Failed(Code::Internal)),
                Poll::Ready(Some(step)) => match step.take() {
                    Step::Provisional(_) => continue,
                    Step::Ended(outcome) => result(outcome),
                },
            };
            this.session = None;
            return Poll::Ready(outcome);
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            let request = self.request;
            // It may have ended meanwhile.
            let _ = session.shared().call(|inner, _| inner.core.cancel(request));
        }
    }
}

fn result(outcome: Outcome) -> Result<Reply, AnswerError> {
    match outcome {
        Outcome::Result(reply) => Ok(reply),
        Outcome::Deadline => Err(AnswerError::Deadline),
        Outcome::Cancelled => Err(AnswerError::Cancelled),
        Outcome::Failed(code) => Err(AnswerError::Failed(code)),
    }
}

/// What happens to a frame after its base has arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// Another layer arrived.
    Layer(Layer),
    /// A layer, and those above it, will not arrive.
    Lost {
        /// Which layer.
        layer: u8,
        /// Why.
        code: Code,
        /// What arrived of it.
        partial: Vec<Buffer>,
    },
    /// The sender does not want the result any more, or the connection is lost: stop working.
    Abandoned(Code),
}
