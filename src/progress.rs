//! Progress of long work: a bar on standard error, and only on a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar that vanishes when it is dropped.
pub(crate) struct Progress {
    bar: ProgressBar,
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
        Self { bar }
    }

    /// Says what is being done and how much is finished, 0 to 1.
    pub(crate) fn update(&self, what: &str, share: f32) {
        self.bar.set_position((share.clamp(0.0, 1.0) * STEPS as f32) as u64);
        self.bar.set_message(what.to_owned());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Resolution of a bar.
const STEPS: u64 = 1000;

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
    fn bars_follow_values() {
        assert_eq!(sparkline(&[0.0, 5.0, 10.0, 20.0], 10.0), "▁▅██");
    }
}
