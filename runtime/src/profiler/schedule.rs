//! How often work is repeated, and in which order.

use std::time::Duration;

use super::{Clock, Ended, Timing};

/// A piece of work to be timed.
pub trait Work {
    /// What goes wrong.
    type Error;

    /// Prepares a run; this is not timed. Runs with one `sample` are to be comparable across works.
    ///
    /// # Errors
    /// When it cannot be prepared.
    fn prepare(&mut self, sample: usize) -> Result<(), Self::Error>;

    /// Runs once; this is timed.
    ///
    /// # Errors
    /// When it fails.
    fn run(&mut self) -> Result<(), Self::Error>;
}

/// How often work is repeated.
///
/// All works take turns in rounds, so that a machine that slows down for a while slows all of them
/// down: what matters is how their times relate. In each turn a work runs untimed first, which fills
/// caches and plans as in a stream of requests, and then a few times in a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    warm_up: u32,
    burst: u32,
    least: u32,
    most: u32,
    precision: f64,
    budget: Duration,
}

impl Default for Schedule {
    /// One untimed and three timed runs in a turn, 5 to 100 rounds, until every median is known
    /// within 2 % (95 % interval), for at most 60 seconds.
    fn default() -> Self {
        Self {
            warm_up: 1,
            burst: 3,
            least: 5,
            most: 100,
            precision: 0.02,
            budget: Duration::from_secs(60),
        }
    }
}

impl Schedule {
    /// Sets the rounds that are run at least and at most; at least one. With few rounds the upper
    /// quantile is a guess, with many the machine may have changed meanwhile.
    #[must_use]
    pub const fn with_rounds(mut self, least: u32, most: u32) -> Self {
        self.least = if least == 0 { 1 } else { least };
        self.most = if most < self.least { self.least } else { most };
        self
    }

    /// Sets how well every median must be known, as a share of it. Below the noise of the machine
    /// all rounds are run.
    #[must_use]
    pub const fn with_precision(mut self, share: f64) -> Self {
        self.precision = share;
        self
    }

    /// Asks for medians that are known `factor` times less well.
    #[must_use]
    pub const fn coarser(mut self, factor: f64) -> Self {
        self.precision *= factor;
        self
    }

    /// Sets after how much time no further round is started. The least number of rounds is run even
    /// so.
    #[must_use]
    pub const fn with_budget(mut self, budget: Duration) -> Self {
        self.budget = budget;
        self
    }

    /// Runs all works and returns their timings in the same order.
    ///
    /// `progress` gets the finished share, 0 to 1.
    ///
    /// # Errors
    /// When a work fails.
    pub fn run<E>(
        &self,
        works: &mut [Box<dyn Work<Error = E> + '_>],
        clock: &dyn Clock,
        progress: &dyn Fn(f32),
    ) -> Result<Measured, E> {
        let start = clock.now();
        let mut times: Vec<Vec<Duration>> = vec![Vec::new(); works.len()];
        let mut rounds = 0;
        loop {
            let count = works.len();
            for turn in 0..count {
                // There and back, so that no work always follows the same other one.
                let index = if rounds % 2 == 0 { turn } else { count - 1 - turn };
                let (Some(work), Some(own)) = (works.get_mut(index), times.get_mut(index)) else {
                    continue;
                };
                self.turn(work.as_mut(), rounds as usize, clock, own)?;
                let share = (rounds as f32 + turn as f32 / count as f32) / self.most as f32;
                let spent = clock.now().saturating_sub(start).as_secs_f32();
                progress(share.max(spent / self.budget.as_secs_f32().max(1e-3)).min(1.0));
            }
            rounds += 1;
            let timings: Vec<Timing> = times.iter().map(|own| Timing::of(own)).collect();
            let settled = timings.iter().all(|timing| timing.uncertainty() <= self.precision);
            let spent = clock.now().saturating_sub(start) >= self.budget;
            if rounds >= self.least && (settled || spent || rounds >= self.most) {
                let ended = if settled { Ended::Settled } else { Ended::Limit };
                return Ok(Measured { timings, rounds, ended });
            }
        }
    }

    fn turn<E>(
        &self,
        work: &mut dyn Work<Error = E>,
        sample: usize,
        clock: &dyn Clock,
        times: &mut Vec<Duration>,
    ) -> Result<(), E> {
        for run in 0..self.warm_up + self.burst {
            work.prepare(sample)?;
            let before = clock.now();
            work.run()?;
            let time = clock.now().saturating_sub(before);
            if run >= self.warm_up {
                times.push(time);
            }
        }
        Ok(())
    }
}

/// What came of a [`Schedule`].
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// Timings in the order of the works.
    pub timings: Vec<Timing>,
    /// Rounds that were run.
    pub rounds: u32,
    /// Why no more were.
    pub ended: Ended,
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::convert::Infallible;

    use super::*;

    /// A clock that the works move.
    #[derive(Default)]
    struct Fake(Cell<Duration>);

    impl Clock for Fake {
        fn now(&self) -> Duration {
            self.0.get()
        }
    }

    /// Takes the times of a list, one after the other; preparing takes a second.
    struct Script<'a> {
        clock: &'a Fake,
        micros: Vec<u64>,
        at: usize,
    }

    impl Script<'_> {
        fn pass(&self, time: Duration) {
            self.clock.0.set(self.clock.0.get() + time);
        }
    }

    impl Work for Script<'_> {
        type Error = Infallible;

        fn prepare(&mut self, _: usize) -> Result<(), Infallible> {
            self.pass(Duration::from_secs(1));
            Ok(())
        }

        fn run(&mut self) -> Result<(), Infallible> {
            self.pass(Duration::from_micros(self.micros[self.at % self.micros.len()]));
            self.at += 1;
            Ok(())
        }
    }

    fn measured(schedule: Schedule, scripts: &[&[u64]]) -> Measured {
        let clock = Fake::default();
        let mut works: Vec<Box<dyn Work<Error = Infallible> + '_>> = Vec::new();
        for micros in scripts {
            works.push(Box::new(Script { clock: &clock, micros: micros.to_vec(), at: 0 }));
        }
        schedule.run(&mut works, &clock, &|share| assert!((0.0..=1.0).contains(&share))).expect("")
    }

    #[test]
    fn steady_work_is_settled_after_the_least_rounds() {
        let schedule = Schedule::default().with_budget(Duration::from_secs(1_000_000));
        // The first of four runs warms up and is not counted.
        let found = measured(schedule, &[&[900, 100, 100, 100], &[7]]);
        assert_eq!((found.rounds, found.ended), (5, Ended::Settled));
        assert_eq!(found.timings[0], Timing::of(&[Duration::from_micros(100); 15]));
        assert_eq!(found.timings[1].p50(), Duration::from_micros(7));
    }

    #[test]
    fn restless_work_is_run_up_to_the_limit() {
        let schedule =
            Schedule::default().with_rounds(2, 9).with_budget(Duration::from_secs(1_000_000));
        let found = measured(schedule, &[&[100, 200, 50, 400, 130], &[7]]);
        assert_eq!((found.rounds, found.ended), (9, Ended::Limit));
        assert!(found.timings[0].is_noisy());
        let short = schedule.with_budget(Duration::from_secs(1));
        assert_eq!(measured(short, &[&[100, 200, 50, 400, 130]]).rounds, 2);
    }
}
