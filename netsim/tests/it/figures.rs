//! What is measured of a trace.

use aiflow_netsim::Trace;
use aiflow_units::{Micros, Timestamp};

/// Figures of the capacity of a trace.
#[derive(Debug)]
pub(crate) struct Figures {
    /// In Mbit/s.
    pub(crate) mean: f64,
    /// The share of 100-ms windows with less than 5 % of the mean.
    pub(crate) outages: f64,
    /// The largest 100-ms window, as a multiple of the mean.
    pub(crate) peak: f64,
    /// How much the next half second differs from a forecast by who knows everything up to 80 ms
    /// ago and averages it over 300 ms: the median of the relative error.
    pub(crate) error_p50: f64,
    /// The ninth decile of the same.
    pub(crate) error_p90: f64,
    /// How often that forecast is above 1.25 times what comes.
    pub(crate) over: f64,
}

/// Measures the first `seconds` of a trace.
pub(crate) fn measure(trace: &Trace, seconds: u64) -> Figures {
    let at = |millis| Timestamp::from_origin(Micros::from_millis(millis));
    let capacity =
        |from: u64, length: u64| trace.capacity(at(from), at(from + length)).get() as f64;
    let bins: Vec<f64> = (0..seconds * 50).map(|bin| capacity(bin * 20, 20)).collect();
    let windows: Vec<f64> = bins.chunks_exact(5).map(|bins| bins.iter().sum()).collect();
    let mean = windows.iter().sum::<f64>() / windows.len() as f64;

    let keep = (-20.0_f64 / 300.0).exp();
    let smoothed: Vec<f64> = bins
        .iter()
        .scan(bins[0], |state, bin| {
            *state = keep * *state + (1.0 - keep) * bin;
            Some(*state)
        })
        .collect();
    let ratios: Vec<f64> = (100..bins.len() - 25)
        .map(|bin| (smoothed[bin - 4], bins[bin..bin + 25].iter().sum::<f64>() / 25.0))
        .filter(|&(_, comes)| comes >= 0.02 * mean / 5.0)
        .map(|(forecast, comes)| forecast / comes)
        .collect();
    let mut errors: Vec<f64> = ratios.iter().map(|ratio| (ratio - 1.0).abs()).collect();
    errors.sort_by(f64::total_cmp);
    let share = |list: &[f64], test: &dyn Fn(f64) -> bool| {
        list.iter().filter(|&&value| test(value)).count() as f64 / list.len() as f64
    };
    Figures {
        mean: mean * 80.0 / 1e6,
        outages: share(&windows, &|window| window < 0.05 * mean),
        peak: windows.iter().copied().fold(0.0, f64::max) / mean,
        error_p50: errors[errors.len() / 2],
        error_p90: errors[errors.len() * 9 / 10],
        over: share(&ratios, &|ratio| ratio > 1.25),
    }
}
