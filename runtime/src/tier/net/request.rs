//! A request of a device while it is under way.

use std::time::Instant;

use aiflow_units::{Bytes, Micros};

use crate::tier::{Part, Trace};

/// A request under way.
pub(super) struct Run {
    pub(super) begun: Instant,
    pub(super) deadline: Option<Micros>,
    pub(super) meanwhile: Meanwhile,
    pub(super) trace: Trace,
    pub(super) bytes: Bytes,
    pub(super) spare: Micros,
}

/// What the device does while another tier works on a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meanwhile {
    Waits,
    Computes,
}

impl Run {
    /// A request of its own that begins now, for what is computed beside it.
    pub(super) fn apart(&self) -> Self {
        Self { begun: Instant::now(), trace: Trace::new(), ..*self }
    }

    /// Counts what no part accounts for yet as waiting on this tier: for a thread, mostly.
    pub(super) fn settle(&mut self) {
        self.settle_as(Part::Queue, Micros::ZERO);
    }

    /// Counts what no part accounts for yet, but for the last `but`, as one part.
    pub(super) fn settle_as(&mut self, part: Part, but: Micros) {
        let passed = Micros::from_duration(self.begun.elapsed()).saturating_sub(but);
        self.trace.push(0, part, passed.saturating_sub(self.trace.total()));
    }
}
