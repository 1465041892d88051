//! The best that a sender can do that never changes its rate.

use aiflow_units::BitRate;

use crate::error::RivalError;
use crate::run::{Outcome, Setup};

/// Looks for the highest rate, in steps of 5 % of `mean`, at which nine of ten frames are on time;
/// if there is none, takes the lowest. Returns what was measured at it.
///
/// It halves the range, so it takes four or five measurements, and takes for granted that a higher
/// rate makes no frame faster.
pub(crate) fn best(setup: &Setup, mean: BitRate) -> Result<(Setup, Outcome), RivalError> {
    let (mut good, mut bad) = (0, STEPS + 1);
    let mut kept = None;
    while bad - good > 1 {
        let step = (good + bad) / 2;
        let rate = BitRate::bits_per_second(mean.get() / STEPS * step);
        let tried = Setup { rate, ..setup.clone() };
        let outcome = tried.run()?;
        let is_good = outcome.share_on_time(setup.deadline) >= ENOUGH;
        if is_good {
            good = step;
        } else {
            bad = step;
        }
        if is_good || good == 0 {
            kept = Some((tried, outcome));
        }
    }
    kept.map_or_else(|| setup.run().map(|outcome| (setup.clone(), outcome)), Ok)
}

/// Rates from a twentieth of the mean to the mean.
const STEPS: u64 = 20;

/// The share of frames that must be on time.
const ENOUGH: f64 = 0.9;
