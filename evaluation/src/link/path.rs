//! The path of an experiment.

use std::sync::Arc;

use aiflow_netsim::{LinkConfig, Rate, Trace};
use aiflow_units::{BitRate, Bytes, Micros, Timestamp};

/// A path: an uplink that follows a trace, and a downlink that only delays.
#[derive(Debug, Clone)]
pub struct Path {
    /// What to call it in records.
    pub name: String,
    /// What the uplink carries.
    pub trace: Arc<Trace>,
    /// The round trip of an empty path, half of it in each direction.
    pub rtt: Micros,
    /// What the queue before the uplink holds.
    pub queue: Bytes,
}

impl Path {
    /// Makes a path with the 60 ms and the queue of 1 MiB of a cellular uplink.
    pub fn new(name: impl Into<String>, trace: Trace) -> Self {
        let (trace, rtt) = (Arc::new(trace), Micros::from_millis(60));
        Self { name: name.into(), trace, rtt, queue: LinkConfig::QUEUE_LIMIT }
    }

    /// Sets the round trip of an empty path.
    #[must_use]
    pub const fn with_rtt(mut self, rtt: Micros) -> Self {
        self.rtt = rtt;
        self
    }

    /// Sets what the queue holds.
    #[must_use]
    pub const fn with_queue(mut self, queue: Bytes) -> Self {
        self.queue = queue;
        self
    }

    /// Returns the time from the queue to the other end.
    pub const fn one_way(&self) -> Micros {
        Micros::new(self.rtt.get() / 2)
    }

    /// Returns the mean rate of the uplink over `span` from `from`.
    pub fn rate(&self, from: Timestamp, span: Micros) -> BitRate {
        BitRate::over(self.trace.capacity(from, from.after(span)), span)
    }

    /// Returns the configurations of both directions.
    pub(super) fn links(&self) -> (LinkConfig, LinkConfig) {
        let both = LinkConfig::new().with_delay(self.one_way());
        let up = both.clone().with_rate(Rate::Trace(Arc::clone(&self.trace)));
        (up.with_queue_limit(self.queue), both)
    }
}
