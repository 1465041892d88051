//! What can be asked of a connection at any time.

use aiflow_units::Timestamp;

use super::{Connection, Side, State, Statistics};
use crate::channel::Estimate;
use crate::wire::{Limits, Setup};

impl Connection {
    /// Returns which end this is.
    pub const fn side(&self) -> Side {
        self.side
    }

    /// Returns how far the connection is.
    pub const fn state(&self) -> State {
        self.state
    }

    /// Returns what the peer said in its SETUP, once it came.
    pub const fn peer(&self) -> Option<&Setup> {
        self.setup.as_ref()
    }

    /// Returns what the peer may make this side spend.
    pub const fn limits(&self) -> &Limits {
        &self.config.setup.limits
    }

    /// Returns what this side may make the peer spend: very little before its SETUP.
    pub const fn peer_limits(&self) -> &Limits {
        &self.allowed
    }

    /// Returns what is known of the channel towards the peer.
    pub fn estimate(&self, now: Timestamp) -> Estimate {
        self.estimator.estimate(now)
    }

    /// Returns the counters.
    pub fn stats(&self) -> Statistics {
        Statistics { backlog: self.scheduler.backlog().total, ..self.stats }
    }
}
