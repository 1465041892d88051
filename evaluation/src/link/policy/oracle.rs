//! What nobody can do.

use aiflow_transport::rate::Budget;
use aiflow_units::{BitRate, Bytes};

use super::{Policy, SMALLEST_BASE, View};

/// Sends what the channel will carry until the next frame, and no frame that would be late.
#[derive(Debug, Clone, Copy, Default)]
pub struct Oracle {
    rate: BitRate,
}

impl Policy for Oracle {
    fn budget(&mut self, view: &View) -> Option<Budget> {
        let future = view.future;
        self.rate = BitRate::over(future.until_next, view.period);
        // Some of each packet is not payload, and the last packet of a frame is not full.
        let payload = Bytes::new(future.until_next.get() * 97 / 100).saturating_sub(view.backlog);
        let least = Bytes::new(SMALLEST_BASE.get() + 500);
        let total = payload.max(SMALLEST_BASE);
        (future.until_deadline >= least).then_some(Budget { base: total, total })
    }

    fn rate(&self) -> BitRate {
        self.rate
    }

    fn switches(&self) -> u64 {
        0
    }
}
