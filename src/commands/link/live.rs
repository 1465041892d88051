//! What is shown while a run goes on.

use aiflow::evaluation::link::{Contestant, Path, Traffic};
use aiflow::transport::channel::Estimate;
use aiflow::units::{Micros, Timestamp};

use crate::progress::sparkline;

/// What is shown while a run goes on.
pub(super) struct LiveView<'a> {
    path: &'a Path,
    name: String,
    /// The last rates that came and were estimated, in Mbit/s.
    recent: Vec<(f64, f64)>,
    looks: u32,
}

impl<'a> LiveView<'a> {
    pub(super) fn new(path: &'a Path, contestant: Contestant) -> Self {
        Self { path, name: contestant.name(), recent: Vec::new(), looks: 0 }
    }

    /// Takes an estimate; returns a line now and then.
    pub(super) fn look(&mut self, at: Timestamp, estimate: &Estimate) -> Option<String> {
        self.looks += 1;
        if !self.looks.is_multiple_of(EVERY) {
            return None;
        }
        let megabits = |bits: u64| bits as f64 / 1e6;
        let half = Micros::from_millis(500);
        let came = megabits(self.path.rate(at.before(half), half).get());
        self.recent.push((came, megabits(estimate.p50.get())));
        let from = self.recent.len().saturating_sub(WIDTH);
        let (came_line, said_line): (Vec<f64>, Vec<f64>) =
            self.recent.iter().skip(from).copied().unzip();
        let highest = came_line.iter().copied().fold(0.1, f64::max);
        Some(format!(
            "{} {}  {:.0} s  channel {} {came:.1}  estimate {} {:.1} Mbit/s",
            self.path.name,
            self.name,
            at.since_origin().get() as f64 / 1e6,
            sparkline(&came_line, highest),
            sparkline(&said_line, highest),
            megabits(estimate.p50.get()),
        ))
    }

    /// How far the run is, 0 to 1.
    pub(super) fn share(&self, at: Timestamp, traffic: &Traffic) -> f32 {
        at.since_origin().get() as f32 / traffic.length.get().max(1) as f32
    }
}

/// Estimates between two lines of the live view, 400 ms of virtual time.
const EVERY: u32 = 10;

/// Characters of a line of bars.
const WIDTH: usize = 12;
