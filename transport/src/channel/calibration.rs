//! How far predictions miss, learned as the channel goes.

/// Follows one quantile of the ratio of what came to what was predicted.
///
/// Each observation moves the quantile up by `share` of a step or down by the rest of it, so that in
/// the long run just `share` of them lie below, whatever the channel does. Steps are in proportion
/// to how far observations scatter.
#[derive(Debug, Clone, Copy)]
pub(super) struct QuantileTracker {
    share: f64,
    /// The natural logarithm of the quantile.
    position: f64,
    range: (f64, f64),
}

impl QuantileTracker {
    /// Starts at the ratio `start`; the quantile stays in `range`.
    pub(super) fn new(share: f64, start: f64, range: (f64, f64)) -> Self {
        Self { share, position: start.ln(), range: (range.0.ln(), range.1.ln()) }
    }

    /// Takes the logarithm of one ratio, and how far such logarithms scatter.
    pub(super) fn observe(&mut self, ratio: f64, scatter: f64) {
        let below = if ratio < self.position { 1.0 } else { 0.0 };
        self.position += GAIN * scatter * (self.share - below);
        self.position = self.position.clamp(self.range.0, self.range.1);
    }

    /// The quantile of the ratio.
    pub(super) fn get(&self) -> f64 {
        self.position.exp()
    }
}

/// The mean absolute value of a quantity, with exponential forgetting.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scatter(f64);

impl Scatter {
    pub(super) fn new(start: f64) -> Self {
        Self(start)
    }

    pub(super) fn observe(&mut self, deviation: f64) {
        self.0 += (deviation.abs() - self.0) / 50.0;
    }

    /// The scatter, at least half a percent: with none at all, nothing would ever move again.
    pub(super) fn get(&self) -> f64 {
        self.0.max(0.005)
    }
}

/// The length of a step in units of the scatter. Larger values follow changes sooner and sway more.
const GAIN: f64 = 0.12;
