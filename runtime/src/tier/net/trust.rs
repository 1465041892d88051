//! How long an answer may stay out before it is looked for elsewhere.

use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aiflow_transport::Code;
use aiflow_transport::driver::{Answer, AnswerError};
use aiflow_units::Micros;

use super::uplink::Uplink;

/// What round trips through the next tier took until now.
#[derive(Debug, Default)]
pub(super) struct Habit {
    usual: Mutex<Option<Usual>>,
}

/// Microseconds from sending to the answer, smoothed, and how far single ones are from that.
#[derive(Clone, Copy, Debug)]
struct Usual {
    time: f64,
    deviation: f64,
}

impl Habit {
    fn lock(&self) -> MutexGuard<'_, Option<Usual>> {
        // Plain values are whole at any time, whoever panicked.
        self.usual.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn learn(&self, round: Micros) {
        let round = round.get() as f64;
        let mut usual = self.lock();
        let usual = usual.get_or_insert(Usual { time: round, deviation: round / 2.0 });
        let off = round - usual.time;
        usual.time += off * SMOOTHING;
        usual.deviation += (off.abs() - usual.deviation) * SMOOTHING;
    }

    /// So long that it would be unusual, as timers of retransmission reckon it: the usual time and
    /// some deviations, but at least so much, and at most three times the usual.
    fn patience(&self, least: Micros) -> Duration {
        let Some(usual) = *self.lock() else { return FIRST_PATIENCE.max(least.to_duration()) };
        let long = (usual.time + DEVIATIONS * usual.deviation).max(LEAST_RATIO * usual.time);
        Micros::new(long.min(3.0 * usual.time) as u64).max(least).to_duration()
    }

    /// Returns what is usual.
    fn usual(&self) -> Option<Micros> {
        self.lock().map(|usual| Micros::new(usual.time as u64))
    }
}

impl Uplink {
    /// Learns that an answer came, and how long that took.
    pub(super) fn answered(&self, round: Micros) {
        self.suspect(false);
        self.habit().learn(round);
    }

    /// Returns how long an answer may stay out.
    pub(super) fn patience(&self, least: Micros) -> Duration {
        self.habit().patience(least)
    }

    /// Returns how long answers usually take.
    pub(super) fn usual(&self) -> Option<Micros> {
        self.habit().usual()
    }

    /// Leaves the next tier alone until it shows that it is there: the answer that stays out may come.
    pub(super) fn doubt(&self, answer: Pin<Box<Answer>>) {
        self.suspect(true);
        let uplink = self.clone();
        tokio::spawn(async move {
            match answer.await {
                // The connection is lost: the uplink knows.
                Err(AnswerError::Failed(Code::Timeout)) | Err(AnswerError::Deadline) => {}
                _ => uplink.suspect(false),
            }
        });
    }
}

/// How long the first answer may stay out.
const FIRST_PATIENCE: Duration = Duration::from_secs(2);
/// Share of a new time in the smoothed one.
const SMOOTHING: f64 = 0.2;
/// Mean deviations above the usual time that are unusual; and no answer is late before so many times
/// the usual, however regular those before it were.
const DEVIATIONS: f64 = 3.0;
const LEAST_RATIO: f64 = 1.4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_follows_what_is_usual() {
        let (habit, least) = (Habit::default(), Micros::from_millis(150));
        assert_eq!(habit.patience(least), FIRST_PATIENCE);
        habit.learn(Micros::from_millis(20));
        assert_eq!(habit.patience(least), Duration::from_millis(150));
        (0..40).for_each(|_| habit.learn(Micros::from_millis(200)));
        let patience = habit.patience(least);
        assert!((270..=290).contains(&patience.as_millis()), "{patience:?}");
        // Where answers take now 100 ms and now 300, a longer one is nothing unusual.
        (0..40).for_each(|n| habit.learn(Micros::from_millis(100 + 200 * (n % 2))));
        let patience = habit.patience(least);
        assert!((450..=600).contains(&patience.as_millis()), "{patience:?}");
    }
}
