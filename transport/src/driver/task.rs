//! The future that moves one connection.

use std::future::{Future as _, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use aiflow_units::Timestamp;
use quinn::{AcceptBi, AcceptUni, OpenBi, OpenUni, ZeroRttAccepted};
use tokio::time::Sleep;

use super::ConnectionError;
use super::endpoint::identity_of;
use super::shared::{ACCEPT_SHARE, Inner, READ_SHARE, Shared, UPKEEP, WRITE_SHARE};
use super::signals::Half;
use super::streams::Rest;
use crate::{Direction, Early, Side, Stream};

/// Moves a connection until it is over, and returns why it ended.
///
/// One future does everything: it accepts streams, reads those that have bytes, writes what the core
/// wants written, keeps the core's time, and brings what happens to the application. It wakes up
/// when QUIC or the application has something for it, looks only at the streams that changed, and
/// does a bounded share of work before others run.
pub(super) async fn run(shared: Arc<Shared>, early: Option<ZeroRttAccepted>) -> ConnectionError {
    let quic = shared.lock().streams.quic().clone();
    let mut task = Task { shared: &shared, early, ready: Vec::new(), kept: None };
    let mut waits = Waits {
        quic: &quic,
        accept_uni: pin!(quic.accept_uni()),
        accept_bi: pin!(quic.accept_bi()),
        open_uni: pin!(quic.open_uni()),
        open_bi: pin!(quic.open_bi()),
        timer: pin!(tokio::time::sleep_until(tokio::time::Instant::now())),
        due: None,
    };
    poll_fn(|cx| task.poll(cx, &mut waits)).await
}

struct Task<'a> {
    shared: &'a Shared,
    early: Option<ZeroRttAccepted>,
    ready: Vec<(Stream, Half)>,
    /// When the window and the observers were brought up to date.
    kept: Option<Timestamp>,
}

/// What the future waits for, beside single streams.
struct Waits<'a, 'q> {
    quic: &'q quinn::Connection,
    accept_uni: Pin<&'a mut AcceptUni<'q>>,
    accept_bi: Pin<&'a mut AcceptBi<'q>>,
    open_uni: Pin<&'a mut OpenUni<'q>>,
    open_bi: Pin<&'a mut OpenBi<'q>>,
    timer: Pin<&'a mut Sleep>,
    due: Option<Timestamp>,
}

impl Task<'_> {
    fn poll(&mut self, cx: &mut Context<'_>, waits: &mut Waits<'_, '_>) -> Poll<ConnectionError> {
        self.shared.signals().register(cx.waker());
        let mut inner = self.shared.lock();
        let now = self.shared.now();
        inner.absorb(self.shared.feed(), now);
        self.handshake(cx, &mut inner, now);
        let lost = waits.accept(cx, &mut inner, now);
        if let Some(lost) = lost {
            return Poll::Ready(self.end(&mut inner, &lost, now));
        }
        let mut more = self.streams(&mut inner, READ_SHARE, now) == Rest::More;
        if inner.core.poll_timeout().is_some_and(|due| due <= now) {
            inner.core.handle_timeout(now);
        }
        let mut budget = WRITE_SHARE;
        let mut rest = inner.pump(self.shared.feed(), now, &mut budget);
        if waits.open(cx, &mut inner) == Rest::More {
            rest = inner.pump(self.shared.feed(), now, &mut budget);
        }
        more |= rest == Rest::More;
        self.upkeep(&mut inner, now);
        more |= waits.arm(cx, &mut inner, self.shared) == Rest::More;
        drop(inner);
        if more {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// Learns whether early data was taken, once the handshake is complete.
    fn handshake(&mut self, cx: &mut Context<'_>, inner: &mut Inner, now: Timestamp) {
        let Some(early) = &mut self.early else { return };
        let Poll::Ready(accepted) = Pin::new(early).poll(cx) else { return };
        self.early = None;
        if inner.streams.quic().close_reason().is_some() {
            return;
        }
        let identity = identity_of(inner.streams.quic(), Early::Complete);
        inner.identity.clone_from(&identity);
        // What quinn says to servers has no meaning.
        if accepted || inner.core.side() == Side::Server {
            inner.core.handle_connected(identity, now);
        } else {
            inner.streams.forget_early();
            inner.core.handle_early_rejected(identity, now);
        }
    }

    /// Reads and writes what can go on; returns whether some is left.
    fn streams(&mut self, inner: &mut Inner, share: usize, now: Timestamp) -> Rest {
        let mut budget = share;
        if self.shared.signals().has_room() {
            inner.streams.resume_paused();
        }
        self.shared.signals().take_ready(&mut self.ready);
        let Inner { core, streams, .. } = inner;
        for (stream, half) in self.ready.drain(..) {
            match half {
                Half::Send => streams.writable(stream, core),
                Half::Receive if budget == 0 => self.shared.signals().note(stream, half),
                Half::Receive => streams.read(stream, core, now, &mut budget),
            }
        }
        if budget == 0 { Rest::More } else { Rest::Nothing }
    }

    fn upkeep(&mut self, inner: &mut Inner, now: Timestamp) {
        if self.kept.is_none_or(|kept| now.since(kept) >= UPKEEP) {
            self.kept = Some(now);
            inner.size_window(self.shared.feed(), now);
        }
    }

    /// The connection is lost: takes what still arrived, then ends everything.
    fn end(
        &mut self,
        inner: &mut Inner,
        lost: &quinn::ConnectionError,
        now: Timestamp,
    ) -> ConnectionError {
        while self.streams(inner, usize::MAX, now) == Rest::More {}
        let mut budget = WRITE_SHARE;
        inner.pump(self.shared.feed(), now, &mut budget);
        inner.finish(ConnectionError::from(lost), now);
        inner.ended.unwrap_or(super::shared::let_go())
    }
}

impl Waits<'_, '_> {
    /// Takes the streams that the peer opened; returns why the connection ended, if it did.
    fn accept(
        &mut self,
        cx: &mut Context<'_>,
        inner: &mut Inner,
        now: Timestamp,
    ) -> Option<quinn::ConnectionError> {
        let mut share = ACCEPT_SHARE;
        let Inner { core, streams, .. } = inner;
        while let Poll::Ready(accepted) = self.accept_bi.as_mut().poll(cx) {
            self.accept_bi.set(self.quic.accept_bi());
            match accepted {
                Ok(both) => streams.accept_bi(both, core, now),
                Err(lost) => return Some(lost),
            }
            share = share.saturating_sub(1);
            if share == 0 {
                cx.waker().wake_by_ref();
                return None;
            }
        }
        while let Poll::Ready(accepted) = self.accept_uni.as_mut().poll(cx) {
            self.accept_uni.set(self.quic.accept_uni());
            match accepted {
                Ok(stream) => streams.accept_uni(stream, core, now),
                Err(lost) => return Some(lost),
            }
            share = share.saturating_sub(1);
            if share == 0 {
                cx.waker().wake_by_ref();
                return None;
            }
        }
        None
    }

    /// Opens streams for which the peer gave credit; returns whether there were any.
    fn open(&mut self, cx: &mut Context<'_>, inner: &mut Inner) -> Rest {
        let Inner { core, streams, .. } = inner;
        let mut opened = Rest::Nothing;
        while streams.wants(Direction::Uni) {
            let Poll::Ready(Ok(stream)) = self.open_uni.as_mut().poll(cx) else { break };
            self.open_uni.set(self.quic.open_uni());
            streams.grant_uni(stream, core);
            opened = Rest::More;
        }
        while streams.wants(Direction::Bi) {
            let Poll::Ready(Ok(both)) = self.open_bi.as_mut().poll(cx) else { break };
            self.open_bi.set(self.quic.open_bi());
            streams.grant_bi(both, core);
            opened = Rest::More;
        }
        opened
    }

    /// Sets the timer for what the core waits for; returns whether that time has come.
    fn arm(&mut self, cx: &mut Context<'_>, inner: &mut Inner, shared: &Shared) -> Rest {
        let Some(due) = inner.due() else {
            (self.due, inner.armed) = (None, None);
            return Rest::Nothing;
        };
        // What is due moves on with every frame; a timer that runs out too early costs less than one
        // that is set anew each time.
        if self.due.is_none_or(|set| due < set) {
            self.due = Some(due);
            self.timer.as_mut().reset(shared.instant(due).into());
        }
        inner.armed = self.due;
        match self.timer.as_mut().poll(cx) {
            Poll::Ready(()) => {
                self.due = None;
                Rest::More
            }
            Poll::Pending => Rest::Nothing,
        }
    }
}
