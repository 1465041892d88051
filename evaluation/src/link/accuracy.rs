//! How far estimates are from what came.

use aiflow_transport::channel::Estimate;
use aiflow_units::{BitRate, Micros, Timestamp};

use super::Path;

/// Errors of estimates against the mean rate of the next half second.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Accuracy {
    /// The median of the relative error.
    pub error_p50: f64,
    /// Its 90th percentile.
    pub error_p90: f64,
    /// Its 95th percentile.
    pub error_p95: f64,
    /// The share of times at which the estimate was more than 1.25 times what came.
    pub over: f64,
    /// The share of times at which less came than the cautious estimate said.
    pub below_p10: f64,
}

impl Accuracy {
    /// How far ahead estimates speak.
    pub const HORIZON: Micros = Micros::from_millis(500);

    /// When estimates are expected to be good: 2 s after the connection began.
    pub const SETTLED: Timestamp = Timestamp::from_origin(Micros::from_secs(2));

    /// Judges estimates. Times at which next to nothing came, less than a fiftieth of the mean, are
    /// left out, as relative errors mean nothing there.
    pub fn of(path: &Path, estimates: &[(Timestamp, Estimate)]) -> Self {
        let pairs = estimates.iter().map(|(at, estimate)| (*at, estimate.p50, estimate.p10));
        Self::of_rates(path, pairs)
    }

    /// Judges pairs of a rate and a cautious rate.
    pub fn of_rates(
        path: &Path,
        rates: impl Iterator<Item = (Timestamp, BitRate, BitRate)>,
    ) -> Self {
        let least = path.trace.mean().get() / 50;
        let (mut errors, mut over, mut below) = (Vec::new(), 0_u32, 0_u32);
        for (at, rate, cautious) in rates.filter(|(at, ..)| *at >= Self::SETTLED) {
            let came = path.rate(at, Self::HORIZON);
            if came.get() <= least {
                continue;
            }
            let ratio = rate.get() as f64 / came.get() as f64;
            errors.push((ratio - 1.0).abs());
            over += u32::from(ratio > 1.25);
            below += u32::from(came < cautious);
        }
        errors.sort_by(f64::total_cmp);
        let share = |count| f64::from(count) / errors.len().max(1) as f64;
        Self {
            error_p50: quantile(&errors, 0.5),
            error_p90: quantile(&errors, 0.9),
            error_p95: quantile(&errors, 0.95),
            over: share(over),
            below_p10: share(below),
        }
    }

    /// Judges the best that can be said of the future by who knows the past exactly, up to one round
    /// trip ago: its mean with a memory of 300 ms, looked at every 20 ms up to `end`.
    pub fn of_perfect_past(path: &Path, end: Timestamp) -> Self {
        const STEP: Micros = Micros::from_millis(20);
        let keep = (-(STEP.get() as f64) / 300_000.0).exp();
        let mut mean: Option<f64> = None;
        let mut rates = Vec::new();
        let mut at = Timestamp::ORIGIN;
        while at < end {
            let seen = path.rate(at, STEP).get() as f64;
            let now = mean.map_or(seen, |mean| mean * keep + seen * (1.0 - keep));
            mean = Some(now);
            at = at.after(STEP);
            rates.push((at.after(path.rtt), BitRate::bits_per_second(now as u64), BitRate::ZERO));
        }
        Self::of_rates(path, rates.into_iter())
    }
}

/// The quantile of sorted values; zero without any.
pub(super) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let index = (share * sorted.len() as f64) as usize;
    sorted.get(index.min(sorted.len().saturating_sub(1))).copied().unwrap_or(0.0)
}
