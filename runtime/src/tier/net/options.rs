//! How a server behaves.

use std::sync::Arc;

use super::picture::PictureReader;
use super::uplink::Uplink;
use crate::bundle::FeatureCoding;
use crate::cut::CutId;
use crate::tier::QueueLimits;

/// Which tier a server is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Between devices and a cloud, or the last one.
    Edge,
    /// The last one.
    #[default]
    Cloud,
}

impl Role {
    /// Returns the number of the tier in SETUP.
    pub const fn number(self) -> u64 {
        match self {
            Self::Edge => 1,
            Self::Cloud => 2,
        }
    }
}

/// What a server does with a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Then {
    /// Computes the rest and answers.
    #[default]
    Answer,
    /// Passes it on as it is; the tier behind answers.
    Forward,
    /// Answers itself or passes on as it is, whichever takes less by what both took until now, with
    /// what waits here.
    Quicker,
    /// Computes the part up to this cut and hands over there, where the request is before the cut;
    /// one that is behind it is answered. What came lossless goes on lossless.
    Compute {
        /// Where the next tier continues.
        to: CutId,
        /// How it is coded.
        coding: FeatureCoding,
    },
}

/// How a server behaves.
#[derive(Clone)]
pub struct ServerOptions {
    pub(super) role: Role,
    pub(super) limits: QueueLimits,
    pub(super) workers: usize,
    pub(super) upstream: Option<(Uplink, Then)>,
    pub(super) pictures: Option<Arc<dyn PictureReader>>,
    pub(super) slowdown: f64,
}

impl Default for ServerOptions {
    /// A cloud with one worker for each processor and the default [`QueueLimits`], without pictures.
    fn default() -> Self {
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            role: Role::Cloud,
            limits: QueueLimits::default().with_workers(workers),
            workers,
            upstream: None,
            pictures: None,
            slowdown: 1.0,
        }
    }
}

impl ServerOptions {
    /// Sets the tier.
    #[must_use]
    pub const fn with_role(mut self, role: Role) -> Self {
        self.role = role;
        self
    }

    /// Sets how much waits and what runs together. The number of workers is that of
    /// [`with_workers`](Self::with_workers).
    #[must_use]
    pub const fn with_limits(mut self, limits: QueueLimits) -> Self {
        self.limits = limits.with_workers(self.workers);
        self
    }

    /// Sets how many threads compute; 0 becomes 1. More than there are processors only makes each
    /// request slower.
    #[must_use]
    pub const fn with_workers(mut self, workers: usize) -> Self {
        self.workers = if workers == 0 { 1 } else { workers };
        self.limits = self.limits.with_workers(self.workers);
        self
    }

    /// Sets the tier behind, and what is left to it. While it cannot be reached, requests are
    /// answered here.
    #[must_use]
    pub fn with_upstream(mut self, uplink: Uplink, then: Then) -> Self {
        self.upstream = Some((uplink, then));
        self
    }

    /// Sets who reads pictures; without one they are not served.
    #[must_use]
    pub fn with_pictures(mut self, reader: Arc<dyn PictureReader>) -> Self {
        self.pictures = Some(reader);
        self
    }

    /// Makes the server so many times slower, for emulation: it rests after each computation.
    #[must_use]
    pub const fn with_slowdown(mut self, factor: f64) -> Self {
        self.slowdown = factor;
        self
    }
}
