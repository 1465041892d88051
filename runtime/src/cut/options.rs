//! What to look for.

use super::StatePairs;
use crate::graph::DimChoice;

/// What to look for.
#[derive(Clone, Debug)]
pub struct CutOptions {
    pub(super) max_tensors: usize,
    pub(super) state: StatePairs,
    pub(super) dims: DimChoice,
    pub(super) seed: u64,
    pub(super) random_inputs: u32,
    pub(super) dominated: DominatedCuts,
}

/// Whether dominated cuts are listed too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DominatedCuts {
    Dropped,
    Listed,
}

impl Default for CutOptions {
    /// Up to 4 tensors (a feature pyramid needs 3 or 4), state found by name, one random input.
    fn default() -> Self {
        Self {
            max_tensors: 4,
            state: StatePairs::ByName,
            dims: DimChoice::new(),
            seed: 1,
            random_inputs: 1,
            dominated: DominatedCuts::Dropped,
        }
    }
}

impl CutOptions {
    /// Sets the most tensors that a cut may have; 0 becomes 1.
    #[must_use]
    pub fn with_max_tensors(mut self, count: usize) -> Self {
        self.max_tensors = count.max(1);
        self
    }

    /// Sets how state is found.
    #[must_use]
    pub fn with_state(mut self, state: StatePairs) -> Self {
        self.state = state;
        self
    }

    /// Gives sizes to open dimensions, for when no real inputs are given.
    #[must_use]
    pub fn with_dims(mut self, dims: DimChoice) -> Self {
        self.dims = dims;
        self
    }

    /// Sets the seed and the number of random inputs that each cut is verified with. At least one
    /// is drawn when there are no real inputs.
    #[must_use]
    pub fn with_random_inputs(mut self, seed: u64, count: u32) -> Self {
        self.seed = seed;
        self.random_inputs = count;
        self
    }

    /// Lists the dominated cuts of the sweep in the order of the file as well, verified like the
    /// others.
    #[must_use]
    pub fn with_dominated(mut self) -> Self {
        self.dominated = DominatedCuts::Listed;
        self
    }
}
