//! Our own policy.

use aiflow_transport::rate::Budget;
use aiflow_units::BitRate;

use super::{Policy, View};

/// Takes the budget that the transport offers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Aiflow {
    rate: BitRate,
    switches: u64,
}

impl Policy for Aiflow {
    fn budget(&mut self, view: &View) -> Option<Budget> {
        // A rate is changed where a user would see it: at least 5 % apart from the one before.
        let rate = view.estimate.p50;
        if rate.get().abs_diff(self.rate.get()) * 20 >= self.rate.get().max(1) {
            self.switches += u64::from(self.rate != BitRate::ZERO);
            self.rate = rate;
        }
        Some(view.budget)
    }

    fn rate(&self) -> BitRate {
        self.rate
    }

    fn switches(&self) -> u64 {
        self.switches
    }
}
