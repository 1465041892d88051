//! A UDP relay that puts emulated links between real endpoints (feature `relay`).
//!
//! ```text
//!  client ----> [ listening socket ] --> uplink ----> [ a socket per client ] ----> server
//!         <----                      <-- downlink <--                        <----
//! ```
//!
//! Clients send to [`Relay::address`] instead of the server; each client address is a path with
//! links of its own, and the server sees it at an address of its own. A client that changes its
//! address gets a new path, on which the server sees a new address: exactly what a change of
//! network looks like. [`Relay::rebind`] does the same behind the client's back.
//!
//! The relay runs on threads of its own, so that it is served by the operating system alone and not
//! by the async runtime that it helps to measure.
//!
//! # What it adds
//!
//! Each packet takes two more system calls, wakes one thread when it comes and one when its time has
//! come. Measured on two busy cores of a server, with packets of 1,200 bytes: 32 µs a round trip
//! (median) where the links do nothing; 78 µs late (mean) where they delay, which is how precisely
//! Linux wakes a thread. An async timer with its resolution of 1 ms was late by 1.1 ms, and busy
//! waiting for the last 80 µs by 3 µs at the price of a core that the endpoints need.
//! [`RelayStats::lateness`] says what it was in a run. Lateness does not add up and takes no
//! rate away, as service is computed and not waited for: of 485 Mbit/s offered to a link of
//! 500 Mbit/s, 484 Mbit/s were received (a receiver with the default socket buffer lost 0.15 % of
//! the packets); at about 700 Mbit/s the cores are used up.
//!
//! # What it does not carry
//!
//! Marks of congestion (ECN) and other header fields. What the operating system drops before the
//! relay reads it is in no statistics; the sockets ask for 4 MiB of buffer to avoid that.

mod config;
mod error;
mod socket;
mod state;
mod stats;
mod threads;

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use aiflow_units::{Bytes, Timestamp};

pub use config::RelayConfig;
pub use error::RelayError;
pub use stats::{Lateness, PathStats, RelayStats};

use crate::{Direction, Duplex};
use state::Shared;

/// A running relay. It stops when it is dropped.
///
/// ```
/// use std::net::UdpSocket;
///
/// use aiflow_netsim::relay::{Relay, RelayConfig};
/// use aiflow_netsim::{LinkConfig, Probability};
/// use aiflow_units::Micros;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = UdpSocket::bind("127.0.0.1:0")?;
/// let slow = LinkConfig::new().with_delay(Micros::from_millis(20));
/// let config = RelayConfig::new(server.local_addr()?).with_links(slow.clone(), slow);
/// let relay = Relay::start(config)?;
///
/// let client = UdpSocket::bind("127.0.0.1:0")?;
/// client.send_to(b"hello", relay.address())?;
/// let mut buffer = [0; 16];
/// let (length, _) = server.recv_from(&mut buffer)?;
/// assert_eq!(&buffer[..length], b"hello");
/// assert!(relay.now().since_origin() >= Micros::from_millis(20));
/// # Ok(())
/// # }
/// ```
pub struct Relay {
    shared: Arc<Shared>,
    address: SocketAddr,
    threads: Vec<JoinHandle<()>>,
    /// Never carries anything: it knows what the paths can carry.
    truth: Duplex<()>,
}

impl Relay {
    /// Starts a relay. The origin of its clock, from which traces and outages count, is now.
    ///
    /// # Errors
    ///
    /// See [`RelayError`]: the address is taken, or the operating system is out of something.
    pub fn start(config: RelayConfig) -> Result<Self, RelayError> {
        let failed = |source| RelayError::Listen { address: config.listen, source };
        let listener = socket::listen(config.listen).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let truth = Duplex::new(config.up.clone(), config.down.clone());
        let shared = Arc::new(Shared::new(config, listener));
        let mut relay = Self { shared, address, threads: Vec::new(), truth };
        relay.spawn("relay-deliver", |shared| threads::deliver(shared))?;
        relay.spawn("relay-listen", threads::listen)?;
        Ok(relay)
    }

    fn spawn(&mut self, name: &str, run: fn(&Arc<Shared>)) -> Result<(), RelayError> {
        let shared = Arc::clone(&self.shared);
        let thread = thread::Builder::new().name(name.into()).spawn(move || run(&shared));
        self.threads.push(thread.map_err(RelayError::Thread)?);
        Ok(())
    }

    /// Returns the address to which clients send.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the time on the clock of the links.
    pub fn now(&self) -> Timestamp {
        self.shared.now()
    }

    /// Returns what has happened so far.
    pub fn stats(&self) -> RelayStats {
        self.shared.stats()
    }

    /// Returns what a direction of each path can carry, as [`Link::capacity`](crate::Link::capacity)
    /// does.
    pub fn capacity(&self, direction: Direction, from: Timestamp, to: Timestamp) -> Bytes {
        self.truth.link(direction).capacity(from, to)
    }

    /// Moves all clients to new ports towards the server, as a router does that has forgotten them.
    /// What the server still sends to the old ones is lost; what is on its way arrives.
    ///
    /// # Errors
    ///
    /// [`RelayError::Server`] or [`RelayError::Thread`] if the operating system refuses; the clients
    /// that were not moved by then stay where they are.
    pub fn rebind(&self) -> Result<(), RelayError> {
        let clients: Vec<_> = self.shared.state().paths.iter().map(|path| path.client).collect();
        for client in clients {
            let upstream = threads::connect(&self.shared, client)?;
            let mut state = self.shared.state();
            match state.paths.iter_mut().find(|path| path.client == client) {
                Some(path) => path.move_to(upstream),
                None => upstream.close(),
            }
        }
        Ok(())
    }

    /// Stops the relay and waits for its threads, about 20 ms at most. What is on its way is lost.
    pub fn shutdown(self) {
        drop(self);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.stop();
        // The listening thread starts others, so it ends before those are counted.
        for thread in self.threads.drain(..) {
            // A thread that panicked has nothing left to stop.
            let _ = thread.join();
        }
        for thread in self.shared.take_threads() {
            let _ = thread.join();
        }
    }
}
