//! What a relay has done.

use std::net::SocketAddr;

use aiflow_units::Micros;

use crate::{Count, LinkStats};

/// What a [`Relay`](super::Relay) has done so far.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct RelayStats {
    /// The paths that are served now, the oldest first.
    pub paths: Vec<PathStats>,
    /// Packets that found too much in flight, on any path.
    pub refused: Count,
    /// How many paths made way for a new one.
    pub evicted: u64,
    /// Calls of the operating system that failed, refused connections not counted.
    pub failures: u64,
    /// How late packets were handed to the operating system, against their time of arrival.
    pub lateness: Lateness,
}

/// The path of one client address.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct PathStats {
    /// The address from which the client sends.
    pub client: SocketAddr,
    /// The address from which the server receives it.
    pub seen_as: SocketAddr,
    /// From the client to the server.
    pub up: LinkStats,
    /// From the server to the client.
    pub down: LinkStats,
}

/// By how much packets missed their time, which is what the relay adds to the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Lateness {
    /// How many packets were measured.
    pub packets: u64,
    /// The mean.
    pub mean: Micros,
    /// The longest.
    pub longest: Micros,
}

/// The sums of [`Lateness`].
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LatenessSum {
    packets: u64,
    sum: Micros,
    longest: Micros,
}

impl LatenessSum {
    pub(super) fn add(&mut self, late: Micros) {
        self.packets += 1;
        self.sum = self.sum.saturating_add(late);
        self.longest = self.longest.max(late);
    }

    pub(super) fn get(self) -> Lateness {
        let mean = Micros::new(self.sum.get().checked_div(self.packets).unwrap_or(0));
        Lateness { packets: self.packets, mean, longest: self.longest }
    }
}
