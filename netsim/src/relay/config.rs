//! What a relay stands between, and what it may spend.

use std::net::{Ipv4Addr, SocketAddr};

use aiflow_units::Bytes;

use crate::{LinkConfig, Scenario};

/// Addresses, links and limits of a [`Relay`](super::Relay).
#[derive(Debug, Clone)]
pub struct RelayConfig {
    pub(super) listen: SocketAddr,
    pub(super) server: SocketAddr,
    pub(super) up: LinkConfig,
    pub(super) down: LinkConfig,
    pub(super) max_paths: usize,
    pub(super) flight_limit: Bytes,
}

impl RelayConfig {
    /// Takes the address of the server. By default everything passes at once.
    pub fn new(server: SocketAddr) -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            server,
            up: LinkConfig::new(),
            down: LinkConfig::new(),
            max_paths: 16,
            flight_limit: Bytes::from_mib(64),
        }
    }

    /// Sets the address to which clients send (default: a free port of `127.0.0.1`).
    #[must_use]
    pub fn with_listen(mut self, listen: SocketAddr) -> Self {
        self.listen = listen;
        self
    }

    /// Sets the links that each path gets. If both have the same seed, the downlink still draws
    /// numbers of its own.
    #[must_use]
    pub fn with_links(mut self, up: LinkConfig, down: LinkConfig) -> Self {
        (self.up, self.down) = (up, down);
        self
    }

    /// Sets the links of a scenario.
    #[must_use]
    pub fn with_scenario(self, scenario: Scenario, seed: u64) -> Self {
        let (up, down) = scenario.links(seed);
        self.with_links(up, down)
    }

    /// Sets how many client addresses are served at once (default: 16, at least 1). Each takes a
    /// socket and a thread. One more takes the place of the one that has been silent for longest,
    /// which is what happens to clients that change their address again and again.
    #[must_use]
    pub fn with_max_paths(mut self, paths: usize) -> Self {
        self.max_paths = paths.max(1);
        self
    }

    /// Sets how many bytes one direction of a path may hold, in the queue or on the wire (default:
    /// 64 MiB, which is 2.7 s at 200 Mbit/s). What comes beyond that is refused. The limit of the
    /// queue belongs to the link; this one keeps a long delay without a rate from taking all memory.
    #[must_use]
    pub fn with_flight_limit(mut self, limit: Bytes) -> Self {
        self.flight_limit = limit;
        self
    }
}
