//! What wakes the task of a connection, and what it is to look at then.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

use aiflow_units::Bytes;

use crate::Stream;

/// One half of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Half {
    /// It may have bytes to read.
    Receive,
    /// It may take bytes.
    Send,
}

/// Collects which streams can go on, so that a wake-up costs what changed and not what is open.
#[derive(Debug, Default)]
pub(super) struct Signals {
    woken: Mutex<Woken>,
    /// Bytes that arrived and that the application has not taken.
    held: AtomicU64,
    /// Above so many held bytes, streams with payload are not read.
    most_held: u64,
}

#[derive(Debug, Default)]
struct Woken {
    task: Option<Waker>,
    ready: Vec<(Stream, Half)>,
}

impl Signals {
    pub(super) fn new(most_held: Bytes) -> Arc<Self> {
        Arc::new(Self { most_held: most_held.get(), ..Self::default() })
    }

    /// Remembers whom to wake.
    pub(super) fn register(&self, waker: &Waker) {
        let mut woken = self.lock();
        match &mut woken.task {
            Some(task) => task.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }

    /// Wakes the task.
    pub(super) fn wake(&self) {
        let task = self.lock().task.take();
        if let Some(task) = task {
            task.wake();
        }
    }

    /// Moves the streams that can go on to `sink`, in the order in which they were woken.
    pub(super) fn take_ready(&self, sink: &mut Vec<(Stream, Half)>) {
        sink.append(&mut self.lock().ready);
    }

    /// Notes that a stream can go on without waking the task, which is running.
    pub(super) fn note(&self, stream: Stream, half: Half) {
        self.lock().ready.push((stream, half));
    }

    /// Says whether streams can go on that nobody looked at.
    pub(super) fn has_ready(&self) -> bool {
        !self.lock().ready.is_empty()
    }

    /// Makes a waker that names a stream.
    pub(super) fn waker(self: &Arc<Self>, stream: Stream, half: Half) -> Waker {
        Waker::from(Arc::new(StreamWaker { signals: Arc::clone(self), stream, half }))
    }

    /// Makes a waker of the task.
    pub(super) fn task_waker(self: &Arc<Self>) -> Waker {
        Waker::from(Arc::new(TaskWaker(Arc::clone(self))))
    }

    /// Says whether the application has taken enough for more to be read.
    pub(super) fn has_room(&self) -> bool {
        self.held.load(Ordering::Relaxed) < self.most_held
    }

    /// Counts bytes that the application is given, until it has taken them.
    pub(super) fn hold<T>(self: &Arc<Self>, item: T, bytes: Bytes) -> Held<T> {
        let bytes = bytes.get();
        let lease = (bytes > UNCOUNTED).then(|| {
            self.held.fetch_add(bytes, Ordering::Relaxed);
            Lease { signals: Arc::clone(self), bytes }
        });
        Held { item, _lease: lease }
    }

    fn release(&self, bytes: u64) {
        let before = self.held.fetch_sub(bytes, Ordering::Relaxed);
        if before >= self.most_held && before.saturating_sub(bytes) < self.most_held {
            self.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Woken> {
        // A list of names is whole at any time, whoever panicked.
        self.woken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes the task, whatever for.
struct TaskWaker(Arc<Signals>);

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.0.wake();
    }
}

struct StreamWaker {
    signals: Arc<Signals>,
    stream: Stream,
    half: Half,
}

impl Wake for StreamWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut woken = self.signals.lock();
        woken.ready.push((self.stream, self.half));
        let task = woken.task.take();
        drop(woken);
        if let Some(task) = task {
            task.wake();
        }
    }
}

/// Something that counts as held until it is taken or dropped.
#[derive(Debug)]
pub(super) struct Held<T> {
    item: T,
    _lease: Option<Lease>,
}

#[derive(Debug)]
struct Lease {
    signals: Arc<Signals>,
    bytes: u64,
}

impl<T> Held<T> {
    /// Gives the item to the application.
    pub(super) fn take(self) -> T {
        self.item
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.signals.release(self.bytes);
    }
}

/// So many bytes take no more than what is kept of each frame anyway, and are not counted.
const UNCOUNTED: u64 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wakers_name_their_streams() {
        let signals = Signals::new(Bytes::ZERO);
        let waker = signals.waker(Stream::remote(3), Half::Receive);
        waker.wake_by_ref();
        signals.note(Stream::local(1), Half::Send);
        let mut ready = Vec::new();
        signals.take_ready(&mut ready);
        assert_eq!(ready, [(Stream::remote(3), Half::Receive), (Stream::local(1), Half::Send)]);
    }

    #[test]
    fn taking_makes_room() {
        let signals = Signals::new(Bytes::new(1000));
        let first = signals.hold("first", Bytes::new(600));
        assert!(signals.has_room());
        let second = signals.hold("second", Bytes::new(600));
        assert!(!signals.has_room());
        assert_eq!(first.take(), "first");
        assert!(signals.has_room());
        let small = signals.hold("small", Bytes::new(UNCOUNTED));
        assert_eq!(signals.held.load(Ordering::Relaxed), 600);
        drop((second, small));
        assert_eq!(signals.held.load(Ordering::Relaxed), 0);
    }
}
