//! What a congestion controller sees, for those outside of it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Instant;

use aiflow_units::{Bytes, Micros, Timestamp};
use quinn_proto::congestion::ControllerFactory;

use super::controller::ObservedFactory;
use crate::channel::{PathSample, Supply};

/// The outside end of a congestion controller that tells what it sees.
///
/// QUIC's controller is the only place that learns when each packet was sent and acknowledged.
/// [`PathFeed::observe`] wraps the factory of any controller; what its controllers see comes out of
/// [`PathFeed::drain`]. One feed belongs to one connection: give each connection a transport
/// configuration of its own.
///
/// The connection copies its controller when its path changes, and also whenever somebody asks for
/// the controller's state. Only the copy that sends is listened to; when that is another one than
/// before, the path has changed and [`PathSample::Migrated`] says so.
///
/// Clones share one feed.
#[derive(Debug, Clone)]
pub struct PathFeed {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    origin: Instant,
    /// Whether the application has more than it handed over.
    empty: AtomicBool,
    window_limit: AtomicU64,
    window: AtomicU64,
    next_id: AtomicU64,
    /// The controller that sent last; [`NOBODY`] at first. Changed while the queue is locked.
    speaker: AtomicU64,
    /// Whether there may be samples. Changed while the queue is locked.
    filled: AtomicBool,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    samples: VecDeque<PathSample>,
    waiter: Option<Waker>,
}

impl PathFeed {
    /// How many samples wait at most; the oldest go first. A sample is made per packet sent or
    /// acknowledged at worst, so this is some 50 ms at 1 Gbit/s.
    pub const CAPACITY: usize = 8192;

    /// Makes a feed whose timestamps count from `origin`.
    pub fn new(origin: Instant) -> Self {
        Self {
            shared: Arc::new(Shared {
                origin,
                empty: AtomicBool::new(false),
                window_limit: AtomicU64::new(u64::MAX),
                window: AtomicU64::new(0),
                next_id: AtomicU64::new(0),
                speaker: AtomicU64::new(NOBODY),
                filled: AtomicBool::new(false),
                queue: Mutex::default(),
            }),
        }
    }

    /// Wraps the factory of a controller, for one connection.
    pub fn observe(
        &self,
        inner: Arc<dyn ControllerFactory + Send + Sync>,
    ) -> Arc<dyn ControllerFactory + Send + Sync> {
        Arc::new(ObservedFactory::new(inner, self.clone()))
    }

    /// Says whether the application has more to send than it has handed to the connection. The
    /// connection only knows what it was given; set this before it is asked for packets.
    pub fn set_supply(&self, supply: Supply) {
        self.shared.empty.store(supply == Supply::Empty, Ordering::Relaxed);
    }

    /// Caps the congestion window; `None` leaves it to the inner controller (default). While the
    /// cap binds, the inner controller does not grow, as if the application were the limit.
    pub fn limit_window(&self, limit: Option<Bytes>) {
        self.shared.window_limit.store(limit.map_or(u64::MAX, Bytes::get), Ordering::Relaxed);
    }

    /// Returns the congestion window of the inner controller, as of its last event.
    pub fn window(&self) -> Bytes {
        Bytes::new(self.shared.window.load(Ordering::Relaxed))
    }

    /// Moves the samples that wait to `sink`, in order.
    pub fn drain(&self, sink: &mut impl Extend<PathSample>) {
        // Every call of an application asks, far more often than there are samples.
        if self.shared.filled.load(Ordering::Acquire) {
            let mut queue = self.queue();
            self.shared.filled.store(false, Ordering::Relaxed);
            sink.extend(queue.samples.drain(..));
        }
    }

    /// Wakes `waiter` once, when bytes are acknowledged or given up, so that less is under way; at
    /// once if such a sample was not drained. The last one who waits counts.
    pub fn wake_when_acked(&self, waiter: &Waker) {
        let mut queue = self.queue();
        let sent = |sample: &PathSample| matches!(sample, PathSample::Sent(_));
        if queue.samples.iter().all(sent) {
            match &mut queue.waiter {
                Some(before) => before.clone_from(waiter),
                none => *none = Some(waiter.clone()),
            }
        } else {
            drop(queue);
            waiter.wake_by_ref();
        }
    }

    /// Converts a point of time of the connection.
    pub fn timestamp(&self, instant: Instant) -> Timestamp {
        let passed = instant.saturating_duration_since(self.shared.origin);
        Timestamp::from_origin(Micros::from_duration(passed))
    }

    pub(super) fn supply(&self) -> Supply {
        if self.shared.empty.load(Ordering::Relaxed) { Supply::Empty } else { Supply::Ample }
    }

    pub(super) fn window_limit(&self) -> u64 {
        self.shared.window_limit.load(Ordering::Relaxed)
    }

    pub(super) fn set_window(&self, window: u64) {
        self.shared.window.store(window, Ordering::Relaxed);
    }

    /// Names a new controller.
    pub(super) fn next_id(&self) -> u64 {
        self.shared.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// Makes the controller `id` the one that is listened to; returns whether another one was.
    pub(super) fn speak(&self, id: u64, now: Timestamp) -> bool {
        // Nearly always it is: every packet asks.
        if self.is_speaker(id) {
            return false;
        }
        let mut queue = self.queue();
        let changed = self.shared.speaker.swap(id, Ordering::Relaxed) != NOBODY;
        if changed {
            queue.push(PathSample::Migrated(now));
            self.shared.filled.store(true, Ordering::Release);
        }
        changed
    }

    /// Takes a sample if the controller `id` is the one that is listened to.
    pub(super) fn push(&self, id: u64, sample: PathSample) {
        if !self.is_speaker(id) {
            return;
        }
        let mut queue = self.queue();
        let waiter = match sample {
            PathSample::Sent(_) => None,
            _ => queue.waiter.take(),
        };
        queue.push(sample);
        self.shared.filled.store(true, Ordering::Release);
        drop(queue);
        if let Some(waiter) = waiter {
            waiter.wake();
        }
    }

    fn is_speaker(&self, id: u64) -> bool {
        self.shared.speaker.load(Ordering::Relaxed) == id
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // A queue of plain samples is whole at any time, whoever panicked.
        self.shared.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn push(&mut self, sample: PathSample) {
        if self.samples.len() == PathFeed::CAPACITY {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
    }
}

/// No controller has this name.
const NOBODY: u64 = u64::MAX;
