//! How far predictions miss, learned as the channel goes.

use std::collections::VecDeque;

/// Follows one quantile of the ratio of what came to what was predicted.
///
/// It is read off the last [`QuantileTracker::WINDOW`] ratios. Which share of them to leave below is
/// itself adjusted by each miss and hit, so that in the long run just the wanted share of outcomes
/// lies below, even where the channel's past is no guide to its future.
#[derive(Debug, Clone)]
pub(super) struct QuantileTracker {
    share: f64,
    /// The share of past ratios that is left below.
    level: f64,
    /// Logarithms of ratios, the newest last; the first belief comes first.
    ratios: VecDeque<f64>,
    /// How much is left of the first belief.
    prior: usize,
    sorted: Vec<f64>,
    /// The logarithm of the quantile.
    position: f64,
}

impl QuantileTracker {
    /// How many ratios are kept.
    const WINDOW: usize = 300;

    /// How much one outcome adjusts the level.
    const GAIN: f64 = 0.005;

    /// Starts with the belief that ratios are spread evenly, in logarithms, between `lowest` and
    /// its inverse; it weighs as much as [`PRIOR`] outcomes.
    pub(super) fn new(share: f64, lowest: f64) -> Self {
        let spread = -lowest.ln();
        let step = |index: usize| 2.0 * index as f64 / (PRIOR - 1) as f64 - 1.0;
        // Not in the order of size, as it is forgotten one by one.
        let ratios: VecDeque<_> =
            (0..PRIOR).map(|index| spread * step(index * 7 % PRIOR)).collect();
        let mut sorted: Vec<_> = ratios.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        let mut tracker = Self { share, level: share, ratios, prior: PRIOR, sorted, position: 0.0 };
        tracker.update();
        tracker
    }

    /// Takes the logarithm of one ratio.
    pub(super) fn observe(&mut self, ratio: f64) {
        let below = if ratio < self.position { 1.0 } else { 0.0 };
        self.level = (self.level + Self::GAIN * (self.share - below)).clamp(0.0, 1.0);
        if (self.prior > 0 || self.ratios.len() == Self::WINDOW)
            && let Some(oldest) = self.ratios.pop_front()
            && let Ok(index) = self.sorted.binary_search_by(|other| other.total_cmp(&oldest))
        {
            self.sorted.remove(index);
            self.prior = self.prior.saturating_sub(1);
        }
        self.ratios.push_back(ratio);
        let index = self.sorted.partition_point(|other| other.total_cmp(&ratio).is_lt());
        self.sorted.insert(index, ratio);
        self.update();
    }

    /// The quantile of the ratio.
    pub(super) fn get(&self) -> f64 {
        self.position.exp()
    }

    /// The median of the ratio; one, until enough outcomes are known.
    pub(super) fn median(&self) -> f64 {
        if self.ratios.len() < ENOUGH {
            return 1.0;
        }
        self.sorted.get(self.sorted.len() / 2).copied().unwrap_or(0.0).exp()
    }

    fn update(&mut self) {
        let last = self.sorted.len().saturating_sub(1);
        let index = (self.level * last as f64).round() as usize;
        self.position = self.sorted.get(index).copied().unwrap_or(0.0);
    }
}

/// How many outcomes the first belief is worth.
const PRIOR: usize = 10;

/// How many outcomes make a median that is better than none.
const ENOUGH: usize = 50;

#[cfg(test)]
mod tests {
    use super::*;

    /// Logarithms of ratios that scatter evenly by `width` around `middle`, the same in every run.
    fn ratios(middle: f64, width: f64) -> impl Iterator<Item = f64> {
        let mut state = 1_u64;
        std::iter::repeat_with(move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            middle + width * ((state >> 33) as f64 / (1_u64 << 31) as f64 - 0.5)
        })
    }

    fn below(tracker: &mut QuantileTracker, ratios: impl Iterator<Item = f64>) -> f64 {
        let outcomes: Vec<bool> = ratios
            .map(|ratio| {
                let low = ratio < tracker.get().ln();
                tracker.observe(ratio);
                low
            })
            .collect();
        outcomes.iter().filter(|low| **low).count() as f64 / outcomes.len() as f64
    }

    #[test]
    fn a_tenth_of_the_outcomes_lies_below() {
        for (middle, width) in [(0.0, 0.1), (0.0, 2.0), (-0.5, 1.0)] {
            let mut tracker = QuantileTracker::new(0.1, 0.5);
            let share = below(&mut tracker, ratios(middle, width).take(3000));
            assert!((0.08..=0.12).contains(&share), "{middle} {width}: {share}");
            assert!((tracker.median().ln() - middle).abs() < 0.1 * width.max(0.2), "{tracker:?}");
        }
    }

    #[test]
    fn the_share_holds_while_the_channel_grows_worse() {
        let mut tracker = QuantileTracker::new(0.1, 0.5);
        let drift = ratios(0.0, 1.0).take(3000).enumerate();
        let share = below(&mut tracker, drift.map(|(index, ratio)| ratio - index as f64 * 1e-3));
        assert!((0.08..=0.16).contains(&share), "{share}");
    }

    #[test]
    fn little_experience_keeps_the_median() {
        let mut tracker = QuantileTracker::new(0.1, 0.5);
        for _ in 0..20 {
            tracker.observe(-1.0);
        }
        assert_eq!(tracker.median(), 1.0);
    }
}
