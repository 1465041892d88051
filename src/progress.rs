//! Progress of long work on standard error: a bar on a terminal, elsewhere a line now and then.

use std::io::IsTerminal as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output;

/// A bar that vanishes when it is dropped, or lines.
pub(crate) struct Progress {
    bar: ProgressBar,
    lines: Option<Mutex<Pace>>,
}

/// When lines are due: work that is soon over prints none.
struct Pace {
    last: Instant,
    pause: Duration,
}

impl Pace {
    /// Returns whether a line is due now.
    fn is_due(&mut self, now: Instant) -> bool {
        let due = now.saturating_duration_since(self.last) >= self.pause;
        if due {
            self.last = now;
        }
        due
    }
}

impl Progress {
    /// Starts a bar.
    pub(crate) fn new(what: &str) -> Self {
        // The target hides itself when standard error is no terminal.
        let bar = ProgressBar::with_draw_target(Some(STEPS), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{spinner} {bar:28} {percent:>3} %  {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_message(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(120));
        let pace = || Mutex::new(Pace { last: Instant::now(), pause: PAUSE });
        Self { bar, lines: (!std::io::stderr().is_terminal()).then(pace) }
    }

    /// Says what is being done and how much is finished, 0 to 1.
    pub(crate) fn update(&self, what: &str, share: f32) {
        self.bar.set_position((share.clamp(0.0, 1.0) * STEPS as f32) as u64);
        self.bar.set_message(what.to_owned());
        let Some(lines) = &self.lines else { return };
        if lines.lock().unwrap_or_else(PoisonError::into_inner).is_due(Instant::now()) {
            output::progress(&format!("{:3.0} %  {what}", 100.0 * share.clamp(0.0, 1.0)));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Resolution of a bar.
const STEPS: u64 = 1000;

/// Between two lines.
const PAUSE: Duration = Duration::from_secs(20);

/// Draws values as bars of one character each.
pub(crate) fn sparkline(values: &[f64], highest: f64) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let bar = |value: &f64| {
        let index = (value / highest * 7.0).round().clamp(0.0, 7.0) as usize;
        BARS.get(index).copied().unwrap_or('█')
    };
    values.iter().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_now_and_then() {
        let start = Instant::now();
        let mut pace = Pace { last: start, pause: PAUSE };
        let after = |seconds| start + Duration::from_secs(seconds);
        let due: Vec<bool> = [1, 19, 20, 21, 39, 40].map(|at| pace.is_due(after(at))).to_vec();
        assert_eq!(due, [false, false, true, false, false, true]);
    }

    #[test]
    fn bars_follow_values() {
        assert_eq!(sparkline(&[0.0, 5.0, 10.0, 20.0], 10.0), "▁▅██");
    }
}
