//! What a server counts.

use std::sync::atomic::{AtomicU64, Ordering};

use aiflow_units::Micros;

/// What a server counted since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerCounters {
    /// Connections that were made.
    pub connections: u64,
    /// Sessions that were opened.
    pub sessions: u64,
    /// Sessions that are open.
    pub sessions_open: u64,
    /// Sessions that were refused.
    pub sessions_refused: u64,
    /// Requests that arrived.
    pub requests: u64,
    /// Requests that were answered.
    pub answered: u64,
    /// Requests that were handed on to the tier behind.
    pub forwarded: u64,
    /// Requests that could not be in time and were not started.
    pub late: u64,
    /// Requests that were refused because of a limit.
    pub refused: u64,
    /// Requests that the device did not want any more.
    pub cancelled: u64,
    /// Requests that could not be decoded or computed.
    pub failed: u64,
    /// Requests that were computed from some layers of their frame: the others were late.
    pub partial: u64,
    /// Batches that ran.
    pub batches: u64,
    /// Requests that ran in these.
    pub batched: u64,
    /// Payload bytes that arrived.
    pub bytes: u64,
    /// Microseconds that requests waited.
    pub wait_micros: u64,
    /// Microseconds of decoding.
    pub decode_micros: u64,
    /// Microseconds of computing.
    pub compute_micros: u64,
    /// Requests that wait now.
    pub waiting: u64,
    /// Requests that run now.
    pub running: u64,
}

macro_rules! counters {
    ($($name:ident),*) => {
        /// The same, being counted.
        #[derive(Debug, Default)]
        pub(super) struct Counting {
            $(pub(super) $name: AtomicU64,)*
        }

        impl Counting {
            pub(super) fn snapshot(&self) -> ServerCounters {
                let mut all = ServerCounters::default();
                $(all.$name = self.$name.load(Ordering::Relaxed);)*
                all
            }
        }
    };
}

counters!(
    connections,
    sessions,
    sessions_open,
    sessions_refused,
    requests,
    answered,
    forwarded,
    late,
    refused,
    cancelled,
    failed,
    partial,
    batches,
    batched,
    bytes,
    wait_micros,
    decode_micros,
    compute_micros
);

pub(super) fn count(counter: &AtomicU64) {
    add(counter, 1);
}

pub(super) fn add(counter: &AtomicU64, amount: u64) {
    counter.fetch_add(amount, Ordering::Relaxed);
}

pub(super) fn spend(counter: &AtomicU64, time: Micros) {
    add(counter, time.get());
}

impl ServerCounters {
    /// Writes the counters in the text format of Prometheus.
    pub fn prometheus(&self) -> String {
        let mut out = String::new();
        let seconds = |micros: u64| micros as f64 / 1e6;
        let counters: [(&str, &str, f64); 17] = [
            ("connections_total", "Connections that were made", self.connections as f64),
            ("sessions_total", "Sessions that were opened", self.sessions as f64),
            ("sessions_refused_total", "Sessions that were refused", self.sessions_refused as f64),
            ("requests_total", "Requests that arrived", self.requests as f64),
            ("answered_total", "Requests that were answered", self.answered as f64),
            ("forwarded_total", "Requests handed on to the tier behind", self.forwarded as f64),
            ("late_total", "Requests that could not be in time", self.late as f64),
            ("refused_total", "Requests refused because of a limit", self.refused as f64),
            ("cancelled_total", "Requests that nobody wanted any more", self.cancelled as f64),
            ("failed_total", "Requests not decoded or computed", self.failed as f64),
            ("partial_total", "Requests computed from some of their layers", self.partial as f64),
            ("batches_total", "Batches that ran", self.batches as f64),
            ("batched_total", "Requests that ran in batches", self.batched as f64),
            ("payload_bytes_total", "Payload bytes that arrived", self.bytes as f64),
            ("wait_seconds_total", "Time that requests waited", seconds(self.wait_micros)),
            ("decode_seconds_total", "Time of decoding", seconds(self.decode_micros)),
            ("compute_seconds_total", "Time of computing", seconds(self.compute_micros)),
        ];
        let gauges: [(&str, &str, f64); 3] = [
            ("sessions_open", "Sessions that are open", self.sessions_open as f64),
            ("requests_waiting", "Requests that wait", self.waiting as f64),
            ("requests_running", "Requests that run", self.running as f64),
        ];
        let counters = counters.iter().map(|entry| (entry, "counter"));
        for ((name, help, value), kind) in counters.chain(gauges.iter().map(|e| (e, "gauge"))) {
            out.push_str(&format!(
                "# HELP aiflow_{name} {help}.\n# TYPE aiflow_{name} {kind}\naiflow_{name} {value}\n"
            ));
        }
        out
    }
}
