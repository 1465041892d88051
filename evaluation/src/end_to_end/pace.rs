//! Machines that are slower than this one: they really compute, and wait for the rest of their time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use aiflow_runtime::bundle::{FeatureCoding, Payload, PictureCoding};
use aiflow_runtime::planner::{Position, Table, TierCosts};
use aiflow_runtime::tier::{Effort, Pace, Place, Span};

/// A machine that takes `slowdown` times as long.
///
/// Where its profile knows an effort, it takes the profiled time, so that what else this machine does
/// is not multiplied; other efforts take their measured time. Nothing is shortened: an effort that
/// takes longer here than it should there takes that long.
#[derive(Debug)]
pub(super) struct SlowMachine {
    slowdown: f64,
    parts: BTreeMap<(Place, Place), Duration>,
    codings: BTreeMap<(Place, FeatureCoding), Duration>,
    pictures: BTreeMap<PictureCoding, Duration>,
    prepare: Option<Duration>,
    running: AtomicBool,
}

impl SlowMachine {
    /// Makes a machine that multiplies what it measures.
    pub(super) fn measured(slowdown: f64) -> Self {
        Self {
            slowdown,
            parts: BTreeMap::new(),
            codings: BTreeMap::new(),
            pictures: BTreeMap::new(),
            prepare: None,
            running: AtomicBool::new(false),
        }
    }

    /// Makes a machine with the times of a profile, which are those of this machine. `prepare` is what
    /// turning a picture into an input takes, which parts from the input have in them.
    pub(super) fn profiled(
        slowdown: f64,
        table: &Table,
        costs: &TierCosts,
        prepare: Option<Duration>,
    ) -> Self {
        let mut own = Self::measured(slowdown);
        let scaled = |micros: f64| Duration::from_secs_f64(1e-6 * (micros * slowdown).max(0.0));
        let before = prepare.map_or(0.0, |time| 1e6 * time.as_secs_f64());
        let place = |index: usize| match index {
            0 => Place::Input,
            index => table.cuts().get(index - 1).map_or(Place::Output, |&cut| Place::Cut(cut)),
        };
        let positions: Vec<Position> = table.positions().collect();
        for (from, &start) in positions.iter().enumerate() {
            for (to, &end) in positions.iter().enumerate().skip(from + 1) {
                let Some(time) = costs.part(start, end) else { continue };
                let already = if from == 0 { before } else { 0.0 };
                own.parts.insert((place(from), place(to)), scaled(time.typical - already));
            }
        }
        for (index, point) in table.points().iter().enumerate() {
            let Some(time) = costs.encode(index) else { continue };
            let time = scaled(time.typical);
            match point.payload {
                Payload::Picture(coding) => drop(own.pictures.insert(coding, time)),
                Payload::Feature { cut, coding } => {
                    own.codings.insert((Place::Cut(cut), coding), time);
                }
            }
        }
        own.prepare = prepare.map(|time| time.mul_f64(slowdown));
        own
    }

    /// Forgets how long our own codec takes: another one codes in its place.
    pub(super) fn without_codings(mut self) -> Self {
        self.codings.clear();
        self
    }

    /// Begins to take its time; before, it is as fast as this machine, for warming up.
    pub(super) fn start(&self) {
        self.running.store(true, Ordering::Relaxed);
    }

    /// Encodes a picture.
    pub(super) fn picture<T>(&self, coding: PictureCoding, work: impl FnOnce() -> T) -> T {
        self.during(self.pictures.get(&coding).copied(), work)
    }

    /// Turns a picture into an input.
    pub(super) fn preparing<T>(&self, work: impl FnOnce() -> T) -> T {
        self.during(self.prepare, work)
    }

    /// Does what no profile knows.
    pub(super) fn other<T>(&self, work: impl FnOnce() -> T) -> T {
        self.during(None, work)
    }

    fn during<T>(&self, known: Option<Duration>, work: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let done = work();
        if self.running.load(Ordering::Relaxed) && self.slowdown > 1.0 {
            let wanted = known.unwrap_or_else(|| begun.elapsed().mul_f64(self.slowdown));
            wait_until(begun + wanted);
        }
        done
    }
}

impl Pace for SlowMachine {
    fn take(&self, effort: Effort, work: &mut dyn FnMut()) {
        let known = match effort {
            Effort::Part(Span { from, to }) => self.parts.get(&(from, to)),
            Effort::Encode(place, coding) => self.codings.get(&(place, coding)),
            Effort::Decode(_) => None,
        };
        self.during(known.copied(), work);
    }
}

/// Sleeps, and is awake in time: the system wakes a thread some ten microseconds late.
fn wait_until(end: Instant) {
    let left = end.saturating_duration_since(Instant::now());
    if left > EARLY {
        std::thread::sleep(left - EARLY);
    }
    while Instant::now() < end {
        std::hint::spin_loop();
    }
}

const EARLY: Duration = Duration::from_micros(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_machine_works_once_and_takes_its_time() {
        let machine = SlowMachine::measured(4.0);
        let mut runs = 0;
        let effort = Effort::Decode(Place::Input);
        let busy = Duration::from_millis(3);
        let work = |runs: &mut i32| {
            *runs += 1;
            std::thread::sleep(busy);
        };
        machine.take(effort, &mut || work(&mut runs));
        machine.start();
        let begun = Instant::now();
        machine.take(effort, &mut || work(&mut runs));
        assert!(begun.elapsed() >= busy.mul_f64(4.0));
        assert_eq!(runs, 2);
    }
}
