//! What is written about a measurement.

use aiflow_units::{BitRate, Micros};
use serde::Serialize;

use crate::run::{Outcome, Setup, at_share};

/// One line of the output: the fields that all policies on emulated links have, then those of this
/// one. Delays are in milliseconds, shares between 0 and 1.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Record {
    /// The file name of the trace.
    pub(crate) trace: String,
    /// `grpc-` and the congestion control; `-best` behind it at the best static rate.
    pub(crate) policy: String,
    /// Frames whose deadline lay in the measured time.
    pub(crate) frames: usize,
    /// The share of them that arrived in time. A frame here is all base.
    pub(crate) base_on_time: f64,
    /// The bytes of the frames that arrived in time.
    pub(crate) bytes_in_deadline: u64,
    /// What the uplink could carry.
    pub(crate) capacity_bytes: u64,
    /// Median from capture to complete arrival; none if half of the frames never arrived.
    pub(crate) base_delay_ms_p50: Option<f64>,
    /// The same for 95 of 100 frames.
    pub(crate) base_delay_ms_p95: Option<f64>,
    /// Nobody estimates anything here: always none.
    pub(crate) estimate_error_p50: Option<f64>,
    /// The same.
    pub(crate) estimate_error_p90: Option<f64>,
    /// The same.
    pub(crate) over_estimate_share: Option<f64>,
    /// Changes of the rate: none.
    pub(crate) switches: u64,
    /// The static rate, in bits per second.
    pub(crate) rate_bps: u64,
    /// The size of each frame.
    pub(crate) frame_bytes: u64,
    /// Frames that had not arrived a minute after the last one was sent.
    pub(crate) never_arrived: usize,
    /// The longest delay of those that did.
    pub(crate) base_delay_ms_max: Option<f64>,
    /// What the channel alone would have taken for the same frames: median.
    pub(crate) ideal_delay_ms_p50: Option<f64>,
    /// The same for 95 of 100 frames.
    pub(crate) ideal_delay_ms_p95: Option<f64>,
    /// Packets that found the queue of the uplink full.
    pub(crate) queue_drops: u64,
    /// By how much the emulator delivered packets too late: mean.
    pub(crate) emulator_late_ms_mean: f64,
    /// The same of the worst packet.
    pub(crate) emulator_late_ms_max: f64,
}

impl Record {
    /// Writes down an outcome.
    pub(crate) fn new(trace: String, policy: String, setup: &Setup, outcome: &Outcome) -> Self {
        let frames = outcome.delays.len();
        let on_time = outcome.on_time(setup.deadline);
        let arrived = outcome.delays.iter().flatten();
        Self {
            trace,
            policy,
            frames,
            base_on_time: outcome.share_on_time(setup.deadline),
            bytes_in_deadline: outcome.frame.get() * on_time as u64,
            capacity_bytes: outcome.capacity.get(),
            base_delay_ms_p50: at_share(&outcome.delays, 50).map(millis),
            base_delay_ms_p95: at_share(&outcome.delays, 95).map(millis),
            estimate_error_p50: None,
            estimate_error_p90: None,
            over_estimate_share: None,
            switches: 0,
            rate_bps: setup.rate.get(),
            frame_bytes: outcome.frame.get(),
            never_arrived: outcome.delays.iter().filter(|delay| delay.is_none()).count(),
            base_delay_ms_max: arrived.max().copied().map(millis),
            ideal_delay_ms_p50: at_share(&outcome.ideal, 50).map(millis),
            ideal_delay_ms_p95: at_share(&outcome.ideal, 95).map(millis),
            queue_drops: outcome.bridge.up.dropped_queue.packets,
            emulator_late_ms_mean: millis(outcome.bridge.late_mean),
            emulator_late_ms_max: millis(outcome.bridge.late_longest),
        }
    }

    /// Returns the line above the lines of [`Record::row`].
    pub(crate) fn heading() -> String {
        format!(
            "{:<26} {:<15} {:>11} {:>7} {:>8} {:>9} {:>9} {:>9} {:>9} {:>6} {:>12}",
            "trace",
            "policy",
            "rate",
            "frames",
            "on time",
            "in time",
            "p50",
            "p95",
            "ideal p95",
            "drops",
            "late mean/max"
        )
    }

    /// Returns the record as a line of a table.
    pub(crate) fn row(&self) -> String {
        let delay = |delay: Option<f64>| match delay {
            Some(millis) => format!("{millis:.0} ms"),
            None => "never".to_owned(),
        };
        let in_time = self.bytes_in_deadline as f64 / (self.capacity_bytes.max(1) as f64);
        format!(
            "{:<26} {:<15} {:>11} {:>7} {:>6.1} % {:>7.1} % {:>9} {:>9} {:>9} {:>6} {:>6.2}/{:.1} ms",
            self.trace,
            self.policy,
            BitRate::bits_per_second(self.rate_bps).to_string(),
            self.frames,
            100.0 * self.base_on_time,
            100.0 * in_time,
            delay(self.base_delay_ms_p50),
            delay(self.base_delay_ms_p95),
            delay(self.ideal_delay_ms_p95),
            self.queue_drops,
            self.emulator_late_ms_mean,
            self.emulator_late_ms_max,
        )
    }
}

fn millis(span: Micros) -> f64 {
    span.get() as f64 / 1e3
}
