//! How much of the time a path is at its limit.

use aiflow_units::Micros;

use super::Share;

/// Times in use and out of use, of the last moments.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Load {
    busy: f64,
    idle: f64,
}

impl Load {
    pub(super) fn busy(&mut self, time: Micros) {
        self.forget(time);
        self.busy += time.get() as f64;
    }

    pub(super) fn idle(&mut self, time: Micros) {
        self.forget(time);
        self.idle += time.get() as f64;
    }

    /// The share of busy time, if the path has been idle for `pause` since.
    pub(super) fn share(mut self, pause: Micros) -> Share {
        self.idle(pause);
        Share::of(self.busy, self.idle)
    }

    fn forget(&mut self, time: Micros) {
        let keep = (-(time.get() as f64) / MEMORY).exp();
        self.busy *= keep;
        self.idle *= keep;
    }
}

/// In microseconds.
const MEMORY: f64 = 300_000.0;
