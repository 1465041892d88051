//! Carries IP packets between two TUN devices through emulated links, in real time.

use std::io;
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use aiflow_netsim::{Delivered, Direction, Duplex, LinkConfig, LinkStats, Packet};
use aiflow_units::{Bytes, Micros, Timestamp};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tun_rs::SyncDevice;

use crate::clock::Clock;
use crate::error::RivalError;

/// A running bridge. It stops when it is dropped.
pub(crate) struct Bridge {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

/// What a bridge has done so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BridgeStats {
    /// From the client to the server.
    pub(crate) up: LinkStats,
    /// By how much packets missed their time on average.
    pub(crate) late_mean: Micros,
    /// The same of the worst packet.
    pub(crate) late_longest: Micros,
}

struct Shared {
    clock: Clock,
    client: SyncDevice,
    server: SyncDevice,
    state: Mutex<State>,
    changed: Condvar,
    stopped: AtomicBool,
}

struct State {
    path: Duplex<Box<[u8]>>,
    /// When the delivering thread wakes by itself.
    asleep_until: Timestamp,
    late_sum: Micros,
    late_longest: Micros,
    delivered: u64,
}

impl Bridge {
    /// Starts to carry packets; the clock of the links starts now.
    pub(crate) fn start(
        (up, down): (LinkConfig, LinkConfig),
        client: SyncDevice,
        server: SyncDevice,
    ) -> Result<Self, RivalError> {
        let state = State {
            path: Duplex::new(up, down),
            asleep_until: Timestamp::ORIGIN,
            late_sum: Micros::ZERO,
            late_longest: Micros::ZERO,
            delivered: 0,
        };
        let shared = Arc::new(Shared {
            clock: Clock::start(),
            client,
            server,
            state: Mutex::new(state),
            changed: Condvar::new(),
            stopped: AtomicBool::new(false),
        });
        let mut bridge = Self { shared, threads: Vec::new() };
        bridge.spawn("bridge-deliver", Shared::deliver)?;
        bridge.spawn("bridge-up", |shared| shared.take_in(Direction::Up))?;
        bridge.spawn("bridge-down", |shared| shared.take_in(Direction::Down))?;
        Ok(bridge)
    }

    fn spawn(&mut self, name: &str, run: fn(&Shared)) -> Result<(), RivalError> {
        let shared = Arc::clone(&self.shared);
        let thread = thread::Builder::new().name(name.into()).spawn(move || run(&shared));
        self.threads.push(thread.map_err(RivalError::system("start a thread"))?);
        Ok(())
    }

    /// Returns the clock of the links.
    pub(crate) fn clock(&self) -> Clock {
        self.shared.clock
    }

    /// Returns what the uplink can carry between two times.
    pub(crate) fn capacity(&self, from: Timestamp, to: Timestamp) -> Bytes {
        self.shared.state().path.link(Direction::Up).capacity(from, to)
    }

    /// Returns what has happened so far.
    pub(crate) fn stats(&self) -> BridgeStats {
        let state = self.shared.state();
        let mean = state.late_sum.get().checked_div(state.delivered).unwrap_or(0);
        BridgeStats {
            up: state.path.link(Direction::Up).stats(),
            late_mean: Micros::new(mean),
            late_longest: state.late_longest,
        }
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Release);
        drop(self.shared.state());
        self.shared.changed.notify_all();
        for thread in self.threads.drain(..) {
            // A thread that panicked has nothing left to stop.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// Hands what one side sends to its link, until the bridge stops.
    fn take_in(&self, direction: Direction) {
        let device = match direction {
            Direction::Up => &self.client,
            Direction::Down => &self.server,
        };
        let mut buffer = vec![0; LARGEST];
        while !self.is_stopped() {
            let mut wanted = [PollFd::new(device.as_fd(), PollFlags::POLLIN)];
            // An interruption is as good as a timeout.
            let _ = poll(&mut wanted, PollTimeout::from(STOP_CHECK_MILLIS));
            loop {
                match device.recv(&mut buffer) {
                    Ok(length) => self.send(direction, buffer.get(..length).unwrap_or_default()),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    // The device is gone, and with it everything that could still come.
                    Err(_) => return,
                }
            }
        }
    }

    fn send(&self, direction: Direction, packet: &[u8]) {
        // The kernel looks for IPv6 routers on every link that is up.
        if packet.first().is_none_or(|first| first >> 4 != 4) {
            return;
        }
        let size = Bytes::of_len(packet.len()).saturating_sub(NOT_COUNTED);
        let mut state = self.state();
        let now = self.clock.now();
        state.path.send(direction, now, Packet::new(packet.into(), size));
        if state.path.next_event().is_some_and(|next| next < state.asleep_until) {
            self.changed.notify_one();
        }
    }

    /// Hands out what has arrived, until the bridge stops.
    fn deliver(&self) {
        while let Some((direction, packet)) = self.wait() {
            let device = match direction {
                Direction::Up => &self.server,
                Direction::Down => &self.client,
            };
            // What a device does not take is lost, as on a link, and TCP sends it again.
            let _ = device.send(&packet.payload);
        }
    }

    /// Waits for the next packet that arrives; returns none when the bridge stops.
    fn wait(&self) -> Option<(Direction, Delivered<Box<[u8]>>)> {
        let mut state = self.state();
        while !self.is_stopped() {
            let now = self.clock.now();
            if let Some((direction, packet)) = state.path.poll_delivery(now) {
                state.count(now.since(packet.at));
                return Some((direction, packet));
            }
            state.asleep_until = state.path.next_event().unwrap_or(Timestamp::MAX);
            let wait = state.asleep_until.since(now).min(LONGEST_SLEEP).to_duration();
            let woken = self.changed.wait_timeout(state, wait);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
            state.asleep_until = Timestamp::ORIGIN;
        }
        None
    }
}

impl State {
    fn count(&mut self, late: Micros) {
        self.delivered += 1;
        self.late_sum = self.late_sum.saturating_add(late);
        self.late_longest = self.late_longest.max(late);
    }
}

/// The headers of IP and UDP. Runs over QUIC count the payload of UDP alone, so this many bytes of
/// each packet are free here, too.
const NOT_COUNTED: Bytes = Bytes::new(28);

/// No packet of a TUN device without offloads is larger.
const LARGEST: usize = 1 << 16;

/// How often a quiet direction looks whether the bridge has stopped.
const STOP_CHECK_MILLIS: u8 = 20;

/// Clocks of condition variables have limits of their own.
const LONGEST_SLEEP: Micros = Micros::from_secs(3600);
