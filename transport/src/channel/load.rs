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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_follows_the_last_moments() {
        let mut load = Load::default();
        assert_eq!(load.share(Micros::ZERO), Share::NONE);
        for _ in 0..100 {
            load.busy(Micros::from_millis(30));
            load.idle(Micros::from_millis(10));
        }
        let share = load.share(Micros::ZERO).get();
        assert!((700_000..=800_000).contains(&share), "{share}");
        assert!(load.share(Micros::from_secs(2)).get() < 10_000);
    }
}
