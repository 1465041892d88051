//! The live view of a run: a few lines that are updated in place, plain lines where there is no
//! terminal.

use std::time::{Duration, Instant};

use console::Term;

use crate::output;
use crate::progress::sparkline;

/// Lines that show how a run goes.
pub(crate) struct Live {
    terminal: Term,
    shown: usize,
    last: Option<Instant>,
}

impl Live {
    /// Shows nothing yet.
    pub(crate) fn new() -> Self {
        Self { terminal: Term::stderr(), shown: 0, last: None }
    }

    /// Tells whether it is time to show something: ten times a second on a terminal, once a second
    /// elsewhere.
    pub(crate) fn is_due(&self) -> bool {
        let interval = if self.terminal.is_term() { INTERVAL } else { PLAIN_INTERVAL };
        self.last.is_none_or(|last| last.elapsed() >= interval)
    }

    /// Shows `panel`, which may have several lines, in place of the one before; where there is no
    /// terminal, prints `line` as a result.
    pub(crate) fn show(&mut self, panel: &str, line: &str) -> anyhow::Result<()> {
        self.last = Some(Instant::now());
        if !self.terminal.is_term() {
            return output::text(line);
        }
        self.clear();
        let width = usize::from(self.terminal.size().1).saturating_sub(1);
        for line in panel.lines() {
            let line: String = line.chars().take(width).collect();
            // A terminal that went away shows nothing; the results stand for themselves.
            self.shown += usize::from(self.terminal.write_line(&line).is_ok());
        }
        Ok(())
    }

    /// Takes the lines away, so that something else can be printed.
    pub(crate) fn clear(&mut self) {
        if self.shown > 0 {
            let _ = self.terminal.clear_last_lines(self.shown);
            self.shown = 0;
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Draws the last values as bars of one character, as many as fit into `width`, the last one on the
/// right.
pub(crate) fn recent(values: impl Iterator<Item = f64>, width: usize) -> String {
    let values: Vec<f64> = values.collect();
    let values = values.get(values.len().saturating_sub(width)..).unwrap_or_default();
    let highest = values.iter().copied().fold(0.0, f64::max);
    format!("{:>width$}", sparkline(values, highest))
}

const INTERVAL: Duration = Duration::from_millis(100);
const PLAIN_INTERVAL: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_rise_with_values_and_end_with_the_last() {
        assert_eq!(recent([0.0, 4.0, 8.0].into_iter(), 4), " ▁▅█");
        assert_eq!(recent([9.0, 1.0, 1.0].into_iter(), 2), "██");
        assert_eq!(recent(std::iter::empty(), 2), "  ");
    }
}
