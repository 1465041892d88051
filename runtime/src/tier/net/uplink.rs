//! The way to the next tier: a connection that is kept up, and its session.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aiflow_transport::Code;
use aiflow_transport::channel::Estimate;
use aiflow_transport::driver::{
    Change, ClientConfig, ConnectError, Endpoint, Peer, PeerEvent, Session, SessionError,
};
use aiflow_transport::wire::{PointId, Probe, Reason};
use aiflow_units::{BitRate, Bytes, Micros};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::menu::{Dish, Menu};
use super::trust::Habit;

/// Why the next tier cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UplinkError {
    /// There is no connection.
    #[error("there is no connection to {address}: {why}")]
    Connect {
        /// Who was asked last.
        address: SocketAddr,
        /// Why, in the words of the transport.
        why: String,
    },
    /// The server does not grant the session.
    #[error("{address} does not grant the session: {why}; {}", remedy(why))]
    Session {
        /// Who was asked.
        address: SocketAddr,
        /// Why.
        why: SessionError,
    },
    /// Nobody answered in the time given.
    #[error("no server answered within {} ms", .0.get() / 1000)]
    Timeout(Micros),
}

fn remedy(why: &SessionError) -> &'static str {
    match why.code() {
        Code::Unauthorized | Code::TokenExpired => "show the token that it asks for (--token)",
        _ => "take the bundle and the model that it serves",
    }
}

/// How the way to the next tier is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkStatus {
    /// A connection is being made.
    #[default]
    Connecting,
    /// Requests can be handed over.
    Up,
    /// The next tier acknowledges nothing.
    Outage,
    /// The last attempt failed; another one follows.
    Failed(UplinkError),
    /// It was closed from this side.
    Closed,
}

/// The way to the next tier. It keeps a connection and a session up in the background, goes to the
/// next address when one fails, and tries anew while nothing is acknowledged. Clones share it; it
/// ends with [`close`](Self::close), or with its last clone.
#[derive(Clone)]
pub struct Uplink {
    inner: Arc<Inner>,
    keeper: Arc<Keeper>,
}

struct Inner {
    endpoint: Endpoint,
    menu: Menu,
    deadline: Micros,
    current: Mutex<Option<(Peer, Session)>>,
    status: watch::Sender<LinkStatus>,
    /// Answers stay out longer than they should.
    suspect: AtomicBool,
    /// The next tier said that it goes away.
    leaving: AtomicBool,
    /// Whether there is another address to go to.
    has_choice: bool,
    habit: Habit,
}

/// Ends the task with the last handle.
struct Keeper(JoinHandle<()>);

impl Drop for Keeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Where the next tier is, and who it must be.
struct Target {
    endpoint: Endpoint,
    addresses: Vec<SocketAddr>,
    name: String,
    config: ClientConfig,
}

impl Uplink {
    /// Keeps a connection up to the first of `addresses` that can be reached, whose certificate must
    /// be good for `name`, with a session for what is on the menu. Must be called in a tokio runtime.
    pub fn new(
        endpoint: Endpoint,
        addresses: Vec<SocketAddr>,
        name: &str,
        config: ClientConfig,
        menu: Menu,
        deadline: Micros,
    ) -> Self {
        let inner = Arc::new(Inner {
            endpoint: endpoint.clone(),
            menu,
            deadline,
            current: Mutex::default(),
            status: watch::Sender::new(LinkStatus::default()),
            suspect: AtomicBool::new(false),
            leaving: AtomicBool::new(false),
            has_choice: addresses.len() > 1,
            habit: Habit::default(),
        });
        let target = Arc::new(Target { endpoint, addresses, name: name.to_owned(), config });
        let task = tokio::spawn(keep_up(Arc::clone(&inner), target));
        Self { inner, keeper: Arc::new(Keeper(task)) }
    }

    /// Returns how it is.
    pub fn status(&self) -> LinkStatus {
        self.inner.status.borrow().clone()
    }

    /// Lets others wait for changes.
    pub(super) fn watch(&self) -> watch::Receiver<LinkStatus> {
        self.inner.status.subscribe()
    }

    /// Waits until requests can be handed over.
    ///
    /// # Errors
    /// The last failure, when nobody answered within `longest`; a server that refuses the session
    /// (another model, other profiles) is reported at once.
    pub async fn ready(&self, longest: Duration) -> Result<(), UplinkError> {
        let mut status = self.watch();
        let decided = |status: &LinkStatus| {
            matches!(status, LinkStatus::Up | LinkStatus::Failed(UplinkError::Session { .. }))
        };
        let found = tokio::time::timeout(longest, status.wait_for(decided)).await;
        if let Ok(Ok(status)) = found {
            return match &*status {
                LinkStatus::Failed(error) => Err(error.clone()),
                _ => Ok(()),
            };
        }
        match self.status() {
            LinkStatus::Failed(error) => Err(error),
            _ => Err(UplinkError::Timeout(Micros::from_duration(longest))),
        }
    }

    /// Returns what is known of the channel towards the next tier.
    pub fn estimate(&self) -> Option<Estimate> {
        self.inner.lock().as_ref().map(|(_, session)| session.estimate())
    }

    /// Returns how often the set of operating points of the present session changed.
    pub fn epoch(&self) -> Option<u64> {
        self.inner.lock().as_ref().map(|(_, session)| session.epoch().0)
    }

    /// Sends a little padding, so that what is known of the channel grows fresh: at most 32 KiB within
    /// 200 ms. The limits of the protocol may refuse it.
    pub fn probe(&self) {
        let Some(peer) = self.peer() else { return };
        let (cap, duration) = (Bytes::from_kib(32), Micros::from_millis(200));
        let probe = Probe { target: BitRate::megabits_per_second(100), cap, duration };
        if let Err(error) = peer.pad(probe) {
            tracing::debug!(%error, "no probe");
        }
    }

    /// Returns the peer of the present connection.
    pub fn peer(&self) -> Option<Peer> {
        self.inner.lock().as_ref().map(|(peer, _)| peer.clone())
    }

    /// Returns the session, if requests can be handed over now.
    pub fn session(&self) -> Option<Session> {
        let up = *self.inner.status.borrow() == LinkStatus::Up;
        let suspect = self.inner.suspect.load(Ordering::Relaxed);
        let usable = up && !suspect && !self.is_leaving();
        usable.then(|| self.inner.lock().as_ref().map(|(_, session)| session.clone())).flatten()
    }

    /// Tells whether the next tier goes away and there is nobody else to go to: then it is spared, so
    /// that it can end soon. Where there is somebody, it is used until the other one is ready.
    pub(super) fn is_leaving(&self) -> bool {
        self.inner.leaving.load(Ordering::Relaxed) && !self.inner.has_choice
    }

    /// Moves to another local address, as a device does that changes networks; connection and session
    /// go on over the new path.
    ///
    /// # Errors
    /// The address cannot be bound; then the old one stays.
    pub fn rebind(&self, address: SocketAddr) -> std::io::Result<()> {
        self.inner.endpoint.rebind(address)
    }

    pub(super) fn habit(&self) -> &Habit {
        &self.inner.habit
    }

    /// Says that an answer stays out, or that one came.
    pub(super) fn suspect(&self, stays_out: bool) {
        if self.inner.suspect.swap(stays_out, Ordering::Relaxed) != stays_out {
            // Whoever waits looks again.
            self.inner.status.send_modify(|_| {});
        }
    }

    /// Steers frames to a dish; returns the point for frames now, with whether it is that of the
    /// dish: the change is agreed on first, and frames go on as before until then.
    pub(super) fn steer(&self, session: &Session, dish: Dish) -> Option<(PointId, Steered)> {
        let wanted = self.inner.menu.find(dish)?;
        let active = session.active()?;
        if active == wanted {
            return Some((active, Steered::There));
        }
        let mut points = vec![active, wanted];
        points.sort_unstable();
        // One that was not agreed on is refused here; the old one stays then.
        match session.reconfigure(wanted, points, Reason::Channel) {
            Ok(()) => Some((active, Steered::OnTheWay)),
            Err(error) => {
                tracing::info!(%error, "the cut is not changed");
                Some((active, Steered::Refused))
            }
        }
    }

    /// Returns the point of a dish.
    pub(super) fn point(&self, dish: Dish) -> Option<PointId> {
        self.inner.menu.find(dish)
    }

    /// Ends the session and the connection, closes the socket, and waits until the server had a chance
    /// to learn of it.
    pub async fn shutdown(&self) {
        self.close();
        self.inner.endpoint.shutdown(aiflow_transport::Code::NoError).await;
    }

    /// Ends the session and the connection.
    pub fn close(&self) {
        self.keeper.0.abort();
        self.inner.set(LinkStatus::Closed);
        if let Some((peer, session)) = self.inner.lock().take() {
            // It may have ended before.
            let _ = session.end();
            peer.close(aiflow_transport::Code::NoError);
        }
    }
}

/// Whether frames are where they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Steered {
    There,
    OnTheWay,
    /// It was not agreed on.
    Refused,
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, Option<(Peer, Session)>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, status: LinkStatus) {
        self.status.send_if_modified(|old| {
            let changed = *old != status;
            *old = status;
            changed
        });
    }
}

/// Connects, and connects again.
async fn keep_up(inner: Arc<Inner>, target: Arc<Target>) {
    let mut place = 0_usize;
    let mut pause = FIRST_PAUSE;
    loop {
        let Some(&address) = target.addresses.get(place % target.addresses.len().max(1)) else {
            return;
        };
        match attempt(&inner, &target, address).await {
            Ok(opened) => {
                pause = FIRST_PAUSE;
                stay(&inner, &target, opened, &mut place).await;
                inner.lock().take();
                // Who closed the connection is not the first one to ask again.
                place = place.wrapping_add(1);
                inner.set(LinkStatus::Connecting);
            }
            Err(error) => {
                tracing::info!(%error, "the next tier is not reached");
                inner.set(LinkStatus::Failed(error));
                place = place.wrapping_add(1);
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

async fn attempt(
    inner: &Inner,
    target: &Target,
    address: SocketAddr,
) -> Result<(Peer, Session), UplinkError> {
    let failed = |error: ConnectError| UplinkError::Connect { address, why: chain(&error) };
    let connect = target.endpoint.connect(address, &target.name, &target.config);
    let late = || UplinkError::Timeout(Micros::from_duration(LONGEST_ATTEMPT));
    let connected = tokio::time::timeout(LONGEST_ATTEMPT, connect).await;
    let peer = connected.map_err(|_| late())?.map_err(failed)?;
    // What is offered is judged by what both agreed on, which is known then.
    let greeted = tokio::time::timeout(LONGEST_ATTEMPT, peer.greeted()).await;
    let greeted = greeted.map_err(|_| late())?;
    greeted.map_err(|error| UplinkError::Connect { address, why: error.to_string() })?;
    let open = peer.open(inner.menu.open(inner.deadline));
    let opened = tokio::time::timeout(LONGEST_ATTEMPT, open).await.map_err(|_| late())?;
    let session = opened.map_err(|why| UplinkError::Session { address, why })?;
    Ok((peer, session))
}

/// Watches a connection until it is over; changes to another one while nothing is acknowledged.
async fn stay(
    inner: &Arc<Inner>,
    target: &Arc<Target>,
    opened: (Peer, Session),
    place: &mut usize,
) {
    let (mut peer, mut session) = opened;
    loop {
        *inner.lock() = Some((peer.clone(), session.clone()));
        inner.suspect.store(false, Ordering::Relaxed);
        inner.leaving.store(false, Ordering::Relaxed);
        inner.set(LinkStatus::Up);
        match watch_over(inner, target, (&peer, &session), place).await {
            Some(fresh) => (peer, session) = fresh,
            None => return,
        }
        tracing::info!("another connection took over");
    }
}

/// Returns another connection that took over, or nothing when this one is over.
async fn watch_over(
    inner: &Arc<Inner>,
    target: &Arc<Target>,
    (peer, session): (&Peer, &Session),
    place: &mut usize,
) -> Option<(Peer, Session)> {
    let mut status = inner.status.subscribe();
    let mut scouts = JoinSet::new();
    let mut suspect_since: Option<Instant> = None;
    loop {
        let suspect = inner.suspect.load(Ordering::Relaxed);
        suspect_since = suspect.then(|| suspect_since.unwrap_or_else(Instant::now));
        let out = *inner.status.borrow() == LinkStatus::Outage;
        let leaving = inner.leaving.load(Ordering::Relaxed);
        if out || leaving || suspect_since.is_some_and(|since| since.elapsed() >= SUSPICION) {
            if scouts.is_empty() {
                *place = place.wrapping_add(1);
                scouts.spawn(scout(Arc::clone(inner), Arc::clone(target), *place));
            }
        } else if !suspect {
            scouts.abort_all();
        }
        tokio::select! {
            event = peer.next_event() => match event? {
                PeerEvent::OutageBegan { .. } => inner.set(LinkStatus::Outage),
                PeerEvent::OutageEnded { .. } => inner.set(LinkStatus::Up),
                PeerEvent::GoingAway(_) => {
                    tracing::info!("the next tier goes away");
                    inner.leaving.store(true, Ordering::Relaxed);
                }
                _ => {}
            },
            change = session.next_change() => if let Change::Proposed { epoch, .. } = change? {
                // All cuts run on one loaded model, so this side is always ready; the proposal may
                // be gone meanwhile.
                let _ = session.accept(epoch);
            },
            found = scouts.join_next(), if !scouts.is_empty() => {
                if let Some(Ok(Some(found))) = found {
                    return Some(found);
                }
            }
            () = tokio::time::sleep(SUSPICION), if suspect => {}
            _ = status.changed() => {}
        }
    }
}

/// Tries to connect anew while the old connection is silent: after a long silence QUIC itself asks
/// only every few seconds whether anybody is there.
async fn scout(inner: Arc<Inner>, target: Arc<Target>, place: usize) -> Option<(Peer, Session)> {
    let address = target.addresses.get(place % target.addresses.len().max(1)).copied()?;
    let found = attempt(&inner, &target, address).await;
    if found.is_err() {
        tokio::time::sleep(FIRST_PAUSE).await;
    }
    found.ok()
}

/// Writes an error with its causes on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

/// How long answers stay out before another connection is tried.
const SUSPICION: Duration = Duration::from_millis(250);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// A new connection takes two round trips; one attempt after a loss of the first packet as well.
const LONGEST_ATTEMPT: Duration = Duration::from_millis(1200);
