//! A rate that never changes.

use aiflow_transport::rate::Budget;
use aiflow_units::BitRate;

use super::{Policy, SMALLEST_BASE, View};

/// Frames of one size in one layer.
#[derive(Debug, Clone, Copy)]
pub struct Fixed(BitRate);

impl Fixed {
    /// Makes the policy.
    pub const fn new(rate: BitRate) -> Self {
        Self(rate)
    }
}

impl Policy for Fixed {
    fn budget(&mut self, view: &View) -> Option<Budget> {
        let total = self.0.bytes_in(view.period).max(SMALLEST_BASE);
        Some(Budget { base: total, total })
    }

    fn rate(&self) -> BitRate {
        self.0
    }

    fn switches(&self) -> u64 {
        0
    }
}
