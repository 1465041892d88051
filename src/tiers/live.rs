//! The live view of a run: one line that is updated in place, plain lines where there is no terminal.

use std::time::{Duration, Instant};

use console::Term;

/// A line that shows how a run goes.
pub(crate) struct Live {
    terminal: Term,
    shown: bool,
    last: Option<Instant>,
}

impl Live {
    /// Shows nothing yet.
    pub(crate) fn new() -> Self {
        Self { terminal: Term::stderr(), shown: false, last: None }
    }

    /// Shows a line instead of the one before, at most ten times a second; on what is no terminal
    /// it says nothing: lines that must be read there are printed as results.
    pub(crate) fn show(&mut self, line: &str) {
        let early = self.last.is_some_and(|last| last.elapsed() < INTERVAL);
        if early || !self.terminal.is_term() {
            return;
        }
        let width = usize::from(self.terminal.size().1).saturating_sub(1);
        let line: String = line.chars().take(width).collect();
        if self.shown {
            // A terminal that went away shows nothing; the results stand for themselves.
            let _ = self.terminal.clear_last_lines(1);
        }
        self.shown = self.terminal.write_line(&line).is_ok();
        self.last = Some(Instant::now());
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if self.shown {
            let _ = self.terminal.clear_last_lines(1);
        }
    }
}

const INTERVAL: Duration = Duration::from_millis(100);
