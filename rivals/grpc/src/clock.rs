//! The one clock of a measurement.

use std::time::Instant;

use aiflow_units::{Micros, Timestamp};

/// Counts from its making, which is the origin of traces and of all times that are measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock(Instant);

impl Clock {
    /// Starts a clock.
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Returns the time.
    pub(crate) fn now(self) -> Timestamp {
        Timestamp::from_origin(Micros::from_duration(self.0.elapsed()))
    }

    /// Returns when it is `time`, in the terms of the operating system.
    pub(crate) fn instant(self, time: Timestamp) -> Instant {
        self.0 + time.since_origin().to_duration()
    }
}
