//! How long something takes: quantiles of repeated runs.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Quantiles of the times of repeated runs of one piece of work.
///
/// Quantiles, not means: on a machine that others use as well, a few runs are held up by what has
/// nothing to do with the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Record", try_from = "Record")]
pub struct Timing {
    runs: u32,
    p10: Duration,
    p50: Duration,
    p90: Duration,
    deviation: Duration,
    outliers: u32,
}

impl Timing {
    /// Sums up the times of runs, in any order; no time at all where there is none.
    pub fn of(times: &[Duration]) -> Self {
        let mut sorted = times.to_vec();
        sorted.sort_unstable();
        let p50 = quantile(&sorted, 0.5);
        let mut distances: Vec<Duration> = sorted.iter().map(|time| time.abs_diff(p50)).collect();
        distances.sort_unstable();
        let deviation = quantile(&distances, 0.5);
        // A clock that is coarser than the work makes the deviation zero.
        let far = (deviation * OUTLIER_DEVIATIONS).max(p50.mul_f64(OUTLIER_SHARE));
        let outliers = sorted.iter().filter(|time| **time > p50.saturating_add(far)).count();
        Self {
            runs: count(times.len()),
            p10: quantile(&sorted, 0.1),
            p50,
            p90: quantile(&sorted, 0.9),
            deviation,
            outliers: count(outliers),
        }
    }

    /// Makes the timing of work that always takes the same time.
    pub const fn constant(time: Duration) -> Self {
        Self { runs: 1, p10: time, p50: time, p90: time, deviation: Duration::ZERO, outliers: 0 }
    }

    /// Returns the number of runs.
    pub const fn runs(&self) -> u32 {
        self.runs
    }

    /// Returns the time that one run in ten stays below.
    pub const fn p10(&self) -> Duration {
        self.p10
    }

    /// Returns the median.
    pub const fn p50(&self) -> Duration {
        self.p50
    }

    /// Returns the time that nine runs in ten stay below.
    pub const fn p90(&self) -> Duration {
        self.p90
    }

    /// Returns the median absolute deviation from the median.
    pub const fn deviation(&self) -> Duration {
        self.deviation
    }

    /// Returns the number of runs that took far longer than the median: more than six standard
    /// deviations, as the median deviation gives them, and more than a quarter of it.
    pub const fn outliers(&self) -> u32 {
        self.outliers
    }

    /// Returns the half-width of the 95 % interval of the median, as a share of it.
    ///
    /// It assumes that runs are independent, with the deviation of a normal distribution; zero where
    /// there is nothing to measure.
    pub fn uncertainty(&self) -> f64 {
        let middle = self.p50.as_secs_f64();
        if middle <= 0.0 {
            return 0.0;
        }
        let sigma = SIGMA_PER_MAD * self.deviation.as_secs_f64();
        1.96 * MEDIAN_ERROR * sigma / (middle * f64::from(self.runs.max(1)).sqrt())
    }

    /// Tells whether the machine did other things meanwhile: one run in ten took much longer than one
    /// in ten of the others, or one in twenty was an outlier.
    pub fn is_noisy(&self) -> bool {
        self.p90 > self.p10.mul_f64(NOISY) || self.outliers * 20 > self.runs
    }

    /// Returns the time that the work takes when nothing holds it up: the median, or the lower quantile
    /// where the machine did other things meanwhile.
    ///
    /// A run that is longer than a slice of the scheduler is held up in more than half of the cases on
    /// a machine that is full, a short one hardly ever: their medians do not compare, their lower
    /// quantiles do.
    pub fn typical(&self) -> Duration {
        if self.is_noisy() { self.p10 } else { self.p50 }
    }
}

/// Six standard deviations in units of the median absolute deviation.
const OUTLIER_DEVIATIONS: u32 = 9;
/// Smaller excesses than this share of the median are no outliers.
const OUTLIER_SHARE: f64 = 0.25;
/// Quiet machines keep the upper quantile within this factor of the lower one.
const NOISY: f64 = 1.4;
/// Standard deviations in one median absolute deviation, of a normal distribution.
const SIGMA_PER_MAD: f64 = 1.4826;
/// Standard error of a median over that of a mean.
const MEDIAN_ERROR: f64 = 1.2533;

/// The quantile between the two nearest of sorted times; zero where there are none.
fn quantile(sorted: &[Duration], share: f64) -> Duration {
    let Some(last) = sorted.len().checked_sub(1) else { return Duration::ZERO };
    let place = share * last as f64;
    let below = place.floor() as usize;
    let at = |index: usize| sorted.get(index.min(last)).copied().unwrap_or_default();
    let (low, high) = (at(below), at(below + 1));
    low + high.saturating_sub(low).mul_f64(place - below as f64)
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// A timing as it stands in a file: microseconds with three decimals.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Record {
    runs: u32,
    p10_us: f64,
    p50_us: f64,
    p90_us: f64,
    mad_us: f64,
    outliers: u32,
}

impl From<Timing> for Record {
    fn from(timing: Timing) -> Self {
        let micros = |time: Duration| time.as_nanos() as f64 / 1e3;
        Self {
            runs: timing.runs,
            p10_us: micros(timing.p10),
            p50_us: micros(timing.p50),
            p90_us: micros(timing.p90),
            mad_us: micros(timing.deviation),
            outliers: timing.outliers,
        }
    }
}

impl TryFrom<Record> for Timing {
    type Error = &'static str;

    fn try_from(record: Record) -> Result<Self, Self::Error> {
        let Record { runs, p10_us, p50_us, p90_us, mad_us, outliers } = record;
        let all = [p10_us, p50_us, p90_us, mad_us];
        if !all.iter().all(|time| (0.0..=LONGEST_US).contains(time)) {
            return Err("a time is negative, longer than an hour, or no number");
        }
        if p10_us > p50_us || p50_us > p90_us {
            return Err("the quantiles of a time do not rise");
        }
        let time = |micros: f64| Duration::from_nanos((micros * 1e3).round() as u64);
        let (p10, p50, p90) = (time(p10_us), time(p50_us), time(p90_us));
        Ok(Self { runs, p10, p50, p90, deviation: time(mad_us), outliers })
    }
}

/// An hour.
const LONGEST_US: f64 = 3.6e9;

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(times: &[u64]) -> Vec<Duration> {
        times.iter().map(|&time| Duration::from_micros(time)).collect()
    }

    #[test]
    fn quantiles_of_known_times() {
        let times: Vec<u64> = (0..=100).rev().collect();
        let timing = Timing::of(&micros(&times));
        assert_eq!(timing.p10(), Duration::from_micros(10));
        assert_eq!(timing.p50(), Duration::from_micros(50));
        assert_eq!(timing.p90(), Duration::from_micros(90));
        assert_eq!(timing.deviation(), Duration::from_micros(25));
        assert_eq!(timing.runs(), 101);
        assert_eq!(Timing::of(&[]).p50(), Duration::ZERO);
        let pair = Timing::of(&micros(&[10, 20]));
        assert_eq!(pair.p50(), Duration::from_micros(15));
    }

    #[test]
    fn what_was_held_up_is_an_outlier_and_moves_no_median() {
        let mut times = vec![100, 101, 99, 102, 98, 100, 101, 99, 100, 100];
        times.push(900);
        let timing = Timing::of(&micros(&times));
        assert_eq!(timing.p50(), Duration::from_micros(100));
        assert_eq!(timing.outliers(), 1);
        assert!(timing.is_noisy());
        assert_eq!(timing.typical(), timing.p10());
        let quiet = Timing::of(&micros(&times[..10]));
        assert!(!quiet.is_noisy());
        assert_eq!(quiet.typical(), quiet.p50());
    }

    #[test]
    fn more_runs_are_surer() {
        let few = Timing::of(&micros(&[90, 100, 110, 95, 105]));
        let repeated: Vec<u64> = [90, 100, 110, 95, 105].repeat(16);
        let many = Timing::of(&micros(&repeated));
        assert!(many.uncertainty() < 0.3 * few.uncertainty());
        assert_eq!(Timing::constant(Duration::from_secs(1)).uncertainty(), 0.0);
    }

    #[test]
    fn files_keep_nanoseconds_and_refuse_nonsense() {
        let timing = Timing::of(&[Duration::from_nanos(1_234_567), Duration::from_nanos(7)]);
        let text = serde_json::to_string(&timing).expect("a record");
        assert_eq!(serde_json::from_str::<Timing>(&text).expect("the same"), timing);
        for (field, value) in [("p50_us", "-1"), ("p10_us", "1e4"), ("mad_us", "1e300")] {
            let mut record: serde_json::Value = serde_json::from_str(&text).expect("a record");
            record[field] = serde_json::from_str(value).expect("a number");
            assert!(serde_json::from_value::<Timing>(record).is_err(), "{field}");
        }
    }
}
