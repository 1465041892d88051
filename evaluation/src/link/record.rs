//! One line of results.

use aiflow_units::{Bytes, Micros, Timestamp};
use serde::{Deserialize, Serialize};

use super::accuracy::{Accuracy, quantile};
use super::{FrameRun, Path, Traffic};

/// What one policy achieved on one trace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LinkRecord {
    /// The name of the path.
    pub trace: String,
    /// The name of the policy.
    pub policy: String,
    /// Frames that were captured, and whose deadline lies within the run.
    pub frames: u64,
    /// The share of frames whose base was there by the deadline.
    pub base_on_time: f64,
    /// Bytes of such frames that were there by the deadline, all layers.
    pub bytes_in_deadline: u64,
    /// Bytes that the channel could have carried meanwhile.
    pub capacity_bytes: u64,
    /// Bytes that the policy asked to send.
    pub bytes_offered: u64,
    /// The median time from capture to the last byte of the base. A base that was given up counts
    /// with the deadline, at which it was.
    pub base_delay_ms_p50: f64,
    /// The 95th percentile of the same.
    pub base_delay_ms_p95: f64,
    /// The median relative error of the estimate against the mean of the next 500 ms.
    pub estimate_error_p50: f64,
    /// The 90th percentile of the same.
    pub estimate_error_p90: f64,
    /// The share of times at which the estimate was more than 1.25 times what came.
    pub over_estimate_share: f64,
    /// The share of times at which less came than the estimate's tenth percentile.
    pub below_p10_share: f64,
    /// How often the policy changed its rate.
    pub switches: u64,
    /// How long frames were sent, in seconds.
    pub seconds: f64,
}

impl LinkRecord {
    /// Sums up a run.
    pub fn new(path: &Path, traffic: &Traffic, policy: &str, run: &FrameRun) -> Self {
        let deadline = traffic.deadline;
        let end = Timestamp::from_origin(traffic.length);
        let capacity = path.trace.capacity(Traffic::START, end);
        let on_time = run.frames.iter().filter(|frame| frame.on_time(deadline)).count();
        let mut delays: Vec<_> =
            run.frames.iter().map(|frame| millis(frame.delay(deadline))).collect();
        delays.sort_by(f64::total_cmp);
        let accuracy = Accuracy::of(path, &run.estimates);
        let in_time: Bytes = run.frames.iter().map(|frame| frame.in_time).sum();
        let offered: Bytes = run.frames.iter().map(|frame| frame.size).sum();
        Self {
            trace: path.name.clone(),
            policy: policy.to_owned(),
            frames: run.frames.len() as u64,
            base_on_time: on_time as f64 / run.frames.len().max(1) as f64,
            bytes_in_deadline: in_time.get(),
            capacity_bytes: capacity.get(),
            bytes_offered: offered.get(),
            base_delay_ms_p50: quantile(&delays, 0.5),
            base_delay_ms_p95: quantile(&delays, 0.95),
            estimate_error_p50: accuracy.error_p50,
            estimate_error_p90: accuracy.error_p90,
            over_estimate_share: accuracy.over,
            below_p10_share: accuracy.below_p10,
            switches: run.switches,
            seconds: end.since(Traffic::START).get() as f64 / 1e6,
        }
    }

    /// Returns the bytes in time as a share of the capacity.
    pub fn used(&self) -> f64 {
        self.bytes_in_deadline as f64 / self.capacity_bytes.max(1) as f64
    }
}

fn millis(span: Micros) -> f64 {
    span.get() as f64 / 1000.0
}
