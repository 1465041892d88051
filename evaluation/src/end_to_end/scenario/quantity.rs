//! Quantities as scenario files write them: `20ms`, `1/10`, `1pt`.

use std::fmt;
use std::str::FromStr;

use aiflow_runtime::planner::LossMeasure;
use aiflow_units::Micros;
use serde::Deserialize;

/// A text or a number; both are written as texts in errors.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub(super) enum Scalar {
    Text(String),
    Whole(i64),
    Real(f64),
}

impl Scalar {
    pub(super) fn text(&self) -> String {
        match self {
            Self::Text(text) => text.trim().to_owned(),
            Self::Whole(number) => number.to_string(),
            Self::Real(number) => number.to_string(),
        }
    }
}

/// How much of the answers a plan may lose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// What is lost.
    pub measure: LossMeasure,
    /// At most this, as a share or in nats.
    pub most: f64,
}

impl FromStr for Budget {
    type Err = &'static str;

    /// Reads `3%` (of the answers may change), `1pt` (of top-1 may be lost) or `0.02nats`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (number, unit) = divided(text);
        let (measure, factor) = match unit {
            "%" => (LossMeasure::Disagreement, 0.01),
            "pt" => (LossMeasure::Top1Drop, 0.01),
            "nats" => (LossMeasure::Divergence, 1.0),
            _ => (LossMeasure::Divergence, f64::NAN),
        };
        let most = number.unwrap_or(f64::NAN) * factor;
        let words = "write a loss such as 3% (changed answers), 1pt (points of top-1) or 0.02nats";
        if (0.0..=100.0).contains(&most) { Ok(Self { measure, most }) } else { Err(words) }
    }
}

impl fmt::Display for Budget {
    /// Writes it as it is read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hundredths = (1e4 * self.most).round() / 100.0;
        match self.measure {
            LossMeasure::Disagreement => write!(f, "{hundredths}%"),
            LossMeasure::DisagreementBound => write!(f, "{hundredths}%!"),
            LossMeasure::Top1Drop => write!(f, "{hundredths}pt"),
            LossMeasure::Top1DropBound => write!(f, "{hundredths}pt!"),
            LossMeasure::Divergence => write!(f, "{}nats", self.most),
        }
    }
}

/// Reads a time such as `40ms`, `1.5s` or `300us`.
pub(super) fn time(text: &str) -> Result<Micros, &'static str> {
    let (number, unit) = divided(text);
    let factor = match unit {
        "us" => 1.0,
        "ms" => 1e3,
        "s" => 1e6,
        _ => f64::NAN,
    };
    let micros = number.unwrap_or(f64::NAN) * factor;
    if (0.0..=LONGEST).contains(&micros) {
        Ok(Micros::new(micros.round() as u64))
    } else {
        Err("write a time such as 40ms or 1.5s, at most an hour")
    }
}

/// Reads a speed such as `1/10` or `0.5`, and returns how many times slower that is.
pub(super) fn slowness(text: &str) -> Result<f64, &'static str> {
    let (above, below) = text.split_once('/').unwrap_or((text, "1"));
    let both = above.trim().parse::<f64>().ok().zip(below.trim().parse::<f64>().ok());
    let speed = both.map_or(f64::NAN, |(above, below)| above / below);
    if (1e-3..=1.0).contains(&speed) {
        Ok(1.0 / speed)
    } else {
        Err("write a speed from 1/1000 to 1, such as 1/10 or 0.5")
    }
}

/// Reads a number in a range.
pub(super) fn number(text: &str, low: f64, high: f64) -> Option<f64> {
    text.parse::<f64>().ok().filter(|number| (low..=high).contains(number))
}

fn divided(text: &str) -> (Option<f64>, &str) {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number.parse().ok(), unit.trim())
}

/// An hour in microseconds.
const LONGEST: f64 = 3.6e9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_have_units_and_bounds() {
        assert_eq!(time("40ms"), Ok(Micros::from_millis(40)));
        assert_eq!(time("1.5 s"), Ok(Micros::from_millis(1500)));
        assert!(time("40").is_err() && time("-1ms").is_err() && time("2000000s").is_err());
        assert_eq!(slowness("1/10"), Ok(10.0));
        assert_eq!(slowness("0.5"), Ok(2.0));
        assert!(slowness("2").is_err() && slowness("1/0").is_err() && slowness("x").is_err());
        let budget: Budget = "1pt".parse().expect("a budget");
        assert_eq!(budget, Budget { measure: LossMeasure::Top1Drop, most: 0.01 });
        for text in ["3%", "1pt", "0.02nats"] {
            assert_eq!(text.parse::<Budget>().map(|budget| budget.to_string()), Ok(text.into()));
        }
        assert!("1".parse::<Budget>().is_err() && "pt".parse::<Budget>().is_err());
        assert_eq!(number("3", 1.0, 5.0), Some(3.0));
        assert_eq!(number("nan", 1.0, 5.0), None);
    }
}
