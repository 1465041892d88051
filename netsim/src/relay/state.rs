//! What the threads of a relay share.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use aiflow_units::{Bytes, Micros, Timestamp};

use super::config::RelayConfig;
use super::stats::{LatenessSum, PathStats, RelayStats};
use crate::{Count, Delivered, Direction, Duplex, LinkStats, Packet};

/// Everything that the handle and the threads have in common.
pub(super) struct Shared {
    pub(super) config: RelayConfig,
    pub(super) listener: UdpSocket,
    started: Instant,
    stopped: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
}

/// What changes, under one lock that is never held during a call of the operating system.
#[derive(Default)]
pub(super) struct State {
    pub(super) paths: Vec<Path>,
    /// Until when the delivering thread sleeps; the origin while it is awake.
    asleep_until: Timestamp,
    /// Those that take in answers; some have ended.
    threads: Vec<JoinHandle<()>>,
    pub(super) refused: Count,
    pub(super) evicted: u64,
    pub(super) failures: u64,
    pub(super) lateness: LatenessSum,
}

/// The path of one client address.
pub(super) struct Path {
    pub(super) client: SocketAddr,
    pub(super) upstream: Arc<Upstream>,
    links: Duplex<Box<[u8]>>,
    /// When the client sent last.
    pub(super) heard: Timestamp,
}

/// The socket in which the server sees a client.
pub(super) struct Upstream {
    pub(super) socket: UdpSocket,
    pub(super) address: SocketAddr,
    closed: AtomicBool,
}

/// A packet that has arrived, and where it goes.
pub(super) struct Due {
    pub(super) direction: Direction,
    pub(super) client: SocketAddr,
    pub(super) upstream: Arc<Upstream>,
    pub(super) packet: Delivered<Box<[u8]>>,
}

impl Shared {
    pub(super) fn new(config: RelayConfig, listener: UdpSocket) -> Self {
        Self {
            config,
            listener,
            started: Instant::now(),
            stopped: AtomicBool::new(false),
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_origin(Micros::from_duration(self.started.elapsed()))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // No thread leaves the state half changed, so what a panic left behind is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    pub(super) fn stop(&self) {
        let mut state = self.state();
        self.stopped.store(true, Ordering::Release);
        state.paths.clear();
        self.changed.notify_all();
    }

    /// Hands a packet to the link of a client, if it has one (still).
    pub(super) fn send(&self, client: SocketAddr, direction: Direction, bytes: &[u8]) -> Known {
        let mut guard = self.state();
        let state = &mut *guard;
        let now = self.now();
        let Some(path) = state.paths.iter_mut().find(|path| path.client == client) else {
            return Known::No;
        };
        if direction == Direction::Up {
            path.heard = now;
        }
        let size = Bytes::of_len(bytes.len());
        let LinkStats { queued, in_flight, .. } = path.links.link(direction).stats();
        let held = queued.bytes.saturating_add(in_flight.bytes).saturating_add(size);
        if held > self.config.flight_limit {
            state.refused.add(size);
            return Known::Yes;
        }
        path.links.send(direction, now, Packet::new(bytes.into(), size));
        if path.links.next_event().is_some_and(|next| next < state.asleep_until) {
            self.changed.notify_one();
        }
        Known::Yes
    }

    pub(super) fn keep_thread(&self, thread: JoinHandle<()>) {
        let mut state = self.state();
        state.threads.retain(|thread| !thread.is_finished());
        state.threads.push(thread);
    }

    pub(super) fn take_threads(&self) -> Vec<JoinHandle<()>> {
        std::mem::take(&mut self.state().threads)
    }

    /// Adds a path, in place of the quietest one where there are too many.
    pub(super) fn admit(&self, client: SocketAddr, upstream: Arc<Upstream>) {
        let mut state = self.state();
        if self.is_stopped() {
            return;
        }
        if state.paths.len() >= self.config.max_paths {
            let quietest = state.paths.iter().enumerate().min_by_key(|(_, path)| path.heard);
            if let Some((index, _)) = quietest {
                state.paths.remove(index);
                state.evicted += 1;
            }
        }
        let links = Duplex::new(self.config.up.clone(), self.config.down.clone());
        state.paths.push(Path { client, upstream, links, heard: self.now() });
    }

    /// Waits until packets have arrived and appends them to `due`; returns with none when the relay
    /// stops.
    pub(super) fn wait(&self, due: &mut Vec<Due>) {
        let mut state = self.state();
        while !self.is_stopped() {
            let now = self.now();
            state.take_due(now, due);
            if !due.is_empty() {
                break;
            }
            let next = state.paths.iter().filter_map(|path| path.links.next_event()).min();
            state.asleep_until = next.unwrap_or(Timestamp::MAX);
            let wait = state.asleep_until.since(now).min(LONGEST_SLEEP).to_duration();
            let woken = self.changed.wait_timeout(state, wait);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
            state.asleep_until = Timestamp::ORIGIN;
        }
    }

    pub(super) fn stats(&self) -> RelayStats {
        let state = self.state();
        let path = |path: &Path| PathStats {
            client: path.client,
            seen_as: path.upstream.address,
            up: path.links.link(Direction::Up).stats(),
            down: path.links.link(Direction::Down).stats(),
        };
        RelayStats {
            paths: state.paths.iter().map(path).collect(),
            refused: state.refused,
            evicted: state.evicted,
            failures: state.failures,
            lateness: state.lateness.get(),
        }
    }
}

impl State {
    fn take_due(&mut self, now: Timestamp, due: &mut Vec<Due>) {
        for path in &mut self.paths {
            while let Some((direction, packet)) = path.links.poll_delivery(now) {
                let (client, upstream) = (path.client, Arc::clone(&path.upstream));
                due.push(Due { direction, client, upstream, packet });
                // Late packets are better than a lock that is held for long.
                if due.len() >= BATCH {
                    return;
                }
            }
        }
    }
}

impl Path {
    /// Gives the client another socket, as a router does that has forgotten it.
    pub(super) fn move_to(&mut self, upstream: Arc<Upstream>) {
        self.upstream.close();
        self.upstream = upstream;
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        self.upstream.close();
    }
}

impl Upstream {
    pub(super) fn new(socket: UdpSocket, address: SocketAddr) -> Self {
        Self { socket, address, closed: AtomicBool::new(false) }
    }

    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }
}

/// Whether a client has a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    Yes,
    No,
}

/// How many packets are taken out at once.
const BATCH: usize = 64;

/// Clocks of condition variables have limits of their own.
const LONGEST_SLEEP: Micros = Micros::from_secs(3600);
