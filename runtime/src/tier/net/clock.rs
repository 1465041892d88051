//! Real time for state machines that get theirs as an argument.

use std::time::Instant;

use aiflow_units::{Micros, Timestamp};

/// Counts time from when it was made. Copies agree.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin(Instant);

impl Origin {
    pub(super) fn new() -> Self {
        Self(Instant::now())
    }

    pub(super) fn now(self) -> Timestamp {
        self.at(Instant::now())
    }

    pub(super) fn at(self, instant: Instant) -> Timestamp {
        let passed = instant.saturating_duration_since(self.0);
        Timestamp::from_origin(Micros::from_duration(passed))
    }
}

/// Measures spans that follow each other without gaps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lap(Instant);

impl Lap {
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    /// Returns the time since the last lap, and begins the next one.
    pub(super) fn next(&mut self) -> Micros {
        let now = Instant::now();
        let passed = Micros::from_duration(now.saturating_duration_since(self.0));
        self.0 = now;
        passed
    }
}
