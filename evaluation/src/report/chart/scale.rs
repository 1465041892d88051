//! Mapping of values to places on an axis.

use crate::report::number;

/// An axis from 0 (left or bottom) to 1 (right or top).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Scale {
    /// Shares from 0 to 1, evenly.
    Even { low: f64, high: f64 },
    /// Amounts, evenly.
    Linear { low: f64, high: f64 },
    /// Bytes or ratios, logarithmic.
    Log { low: f64, high: f64 },
    /// Divergences, logarithmic, the smaller the higher.
    LogDown { low: f64, high: f64 },
    /// Shares near 1, logarithmic in what is missing to 1.
    Near1 { low: f64, high: f64 },
}

/// A marked value of an axis.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tick {
    pub(crate) at: f64,
    pub(crate) label: String,
}

impl Scale {
    /// Covers values on a logarithmic axis with a little room on both sides.
    pub(crate) fn log_around(values: impl Iterator<Item = f64>) -> Self {
        let usable = values.filter(|value| *value > 0.0 && value.is_finite());
        let (low, high) = usable
            .fold((f64::INFINITY, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)));
        if low > high {
            return Self::Log { low: 1.0, high: 10.0 };
        }
        let room = (high / low).powf(0.04).max(1.08);
        Self::Log { low: low / room, high: high * room }
    }

    /// Returns the place of a value; below 0 or above 1 when it lies outside.
    pub(crate) fn place(self, value: f64) -> f64 {
        let between = |low: f64, high: f64, value: f64| {
            let width = high - low;
            if width.abs() < 1e-12 { 0.5 } else { (value - low) / width }
        };
        match self {
            Self::Even { low, high } | Self::Linear { low, high } => between(low, high, value),
            Self::Log { low, high } => between(low.ln(), high.ln(), value.max(1e-12).ln()),
            Self::LogDown { low, high } => between(high.ln(), low.ln(), value.max(1e-12).ln()),
            Self::Near1 { low, high } => between(missing(low), missing(high), missing(value)),
        }
    }

    /// Returns whether a value lies on the axis.
    pub(crate) fn contains(self, value: f64) -> bool {
        (-1e-9..=1.0 + 1e-9).contains(&self.place(value))
    }

    /// Returns the values to mark, none closer than `gap` to the one before.
    pub(crate) fn ticks(self, gap: f64) -> Vec<Tick> {
        let candidates: Vec<(f64, String)> = match self {
            Self::Even { .. } => (0..=5)
                .map(|i| f64::from(i) / 5.0)
                .map(|share| (share, format!("{:.0} %", 100.0 * share)))
                .collect(),
            Self::Linear { low, high } => round_steps(low, high),
            Self::Log { low, high } => steps(low, high, plain),
            Self::LogDown { low, high } => steps(low, high, plain),
            Self::Near1 { .. } => [0.2, 0.5, 0.7, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 1.0]
                .iter()
                .map(|share| (*share, share_label(*share)))
                .collect(),
        };
        let mut ticks: Vec<Tick> = Vec::new();
        for (value, label) in candidates.into_iter().filter(|(value, _)| self.contains(*value)) {
            let at = self.place(value);
            if ticks.iter().all(|tick| (tick.at - at).abs() >= gap) {
                ticks.push(Tick { at, label });
            }
        }
        ticks
    }
}

/// Multiples of 1, 2 or 5 times a power of ten, five to ten of them.
fn round_steps(low: f64, high: f64) -> Vec<(f64, String)> {
    let rough = ((high - low) / 5.0).max(1e-9);
    let power = 10_f64.powf(rough.log10().floor());
    let step = [5.0, 2.0, 1.0].into_iter().map(|factor| factor * power).find(|step| *step <= rough);
    let step = step.unwrap_or(power);
    let decimals = if step < 1.0 { (-step.log10()).ceil() as usize } else { 0 };
    let first = (low / step).ceil() as i64;
    (first..)
        .map(|index| index as f64 * step)
        .take_while(|value| *value <= high)
        .take(20)
        .map(|value| (value, format!("{value:.decimals$}")))
        .collect()
}

/// Logarithm of what is missing to 1; the offset keeps 1 itself on the axis, as far above 99.8 %
/// as that is above 99.4 %.
fn missing(share: f64) -> f64 {
    -(1.002 - share.min(1.0)).ln()
}

fn share_label(share: f64) -> String {
    let percent = 100.0 * share;
    if percent.fract() < 1e-9 { format!("{percent:.0} %") } else { format!("{percent:.1} %") }
}

/// Returns powers of ten first, then 2 and 5 of each, so that the coarse ones win their place.
fn steps(low: f64, high: f64, label: impl Fn(f64) -> String) -> Vec<(f64, String)> {
    let exponents = low.log10().floor() as i32..=high.log10().ceil() as i32;
    [1.0, 3.0, 2.0, 5.0]
        .iter()
        .flat_map(|digit| exponents.clone().map(move |exponent| digit * 10.0_f64.powi(exponent)))
        .map(|value| (value, label(value)))
        .collect()
}

fn plain(value: f64) -> String {
    if value >= 0.95 { number::thousands(value.round() as u64) } else { trimmed(value) }
}

fn trimmed(value: f64) -> String {
    let text = format!("{value:.5}");
    text.trim_end_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_a_range_lie_at_the_ends_of_the_axis() {
        for (scale, low, high) in [
            (Scale::Even { low: 0.0, high: 1.0 }, 0.0, 1.0),
            (Scale::Log { low: 10.0, high: 1000.0 }, 10.0, 1000.0),
            (Scale::Near1 { low: 0.7, high: 1.0 }, 0.7, 1.0),
        ] {
            assert!(scale.place(low).abs() < 1e-12 && (scale.place(high) - 1.0).abs() < 1e-12);
        }
        assert!((Scale::Log { low: 10.0, high: 1000.0 }.place(100.0) - 0.5).abs() < 1e-12);
        let down = Scale::LogDown { low: 0.01, high: 1.0 };
        assert!((down.place(0.01) - 1.0).abs() < 1e-12 && down.place(1.0).abs() < 1e-12);
    }

    #[test]
    fn ticks_keep_apart_and_prefer_round_values() {
        let ticks = Scale::Log { low: 90.0, high: 12_000.0 }.ticks(0.1);
        let labels: Vec<&str> = ticks.iter().map(|tick| tick.label.as_str()).collect();
        assert!(labels.contains(&"100") && labels.contains(&"10,000"), "{labels:?}");
        for (i, a) in ticks.iter().enumerate() {
            assert!(ticks[i + 1..].iter().all(|b| (a.at - b.at).abs() >= 0.1));
        }
        let down = Scale::LogDown { low: 0.001, high: 1.0 }.ticks(0.1);
        assert!(down.iter().any(|tick| tick.label == "0.01"), "{down:?}");
    }

    #[test]
    fn an_axis_without_values_still_has_a_range() {
        assert_eq!(Scale::log_around([].into_iter()), Scale::Log { low: 1.0, high: 10.0 });
    }
}
