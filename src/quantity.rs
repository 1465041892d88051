//! Quantities on the command line: rates, times, speeds, losses.

use std::fmt;
use std::str::FromStr;

use aiflow::runtime::planner::LossMeasure;
use aiflow::units::{BitRate, Micros};

/// Reads a rate such as `5mbit`, `300kbit` or `1gbit`: bits per second.
pub(crate) fn parse_rate(text: &str) -> Result<BitRate, String> {
    let (number, unit) = divided(text);
    let factor = match unit.trim_end_matches("/s").trim_end_matches("ps") {
        "bit" => 1.0,
        "kbit" => 1e3,
        "mbit" => 1e6,
        "gbit" => 1e9,
        _ => f64::NAN,
    };
    let bits = number.unwrap_or(f64::NAN) * factor;
    if (1.0..=1e15).contains(&bits) {
        Ok(BitRate::bits_per_second(bits.round() as u64))
    } else {
        Err("write a rate such as 5mbit, 300kbit or 1gbit".to_owned())
    }
}

/// Reads a time such as `40ms`, `1.5s` or `300us`; a bare number is milliseconds.
pub(crate) fn parse_time(text: &str) -> Result<Micros, String> {
    let (number, unit) = divided(text);
    let factor = match unit {
        "us" | "µs" => 1.0,
        "ms" | "" => 1e3,
        "s" => 1e6,
        _ => f64::NAN,
    };
    let micros = number.unwrap_or(f64::NAN) * factor;
    if (0.0..=1e12).contains(&micros) {
        Ok(Micros::new(micros.round() as u64))
    } else {
        Err("write a time such as 40ms, 1.5s or 300us; a bare number is milliseconds".to_owned())
    }
}

/// Reads a speed such as `1/10`, `0.1` or `2`.
pub(crate) fn parse_speed(text: &str) -> Result<f64, String> {
    let speed = match text.split_once('/') {
        Some((above, below)) => above.trim().parse::<f64>().ok().zip(below.trim().parse().ok()),
        None => text.trim().parse::<f64>().ok().zip(Some(1.0)),
    };
    let speed = speed.map_or(f64::NAN, |(above, below): (f64, f64)| above / below);
    if (1e-4..=1e4).contains(&speed) {
        Ok(speed)
    } else {
        Err("write a speed such as 1/10, 0.5 or 2".to_owned())
    }
}

/// Reads how many times slower something is made: 1 or more.
pub(crate) fn parse_factor(text: &str) -> Result<f64, String> {
    let factor = text.trim().parse::<f64>().ok().filter(|factor| (1.0..=1e6).contains(factor));
    factor.ok_or_else(|| "write a factor of at least 1, such as 1 or 20".to_owned())
}

/// Reads a share such as `0.9` or `90%`.
pub(crate) fn parse_share(text: &str) -> Result<f64, String> {
    let (number, unit) = divided(text);
    let factor = match unit {
        "%" => 0.01,
        "" => 1.0,
        _ => f64::NAN,
    };
    let share = number.unwrap_or(f64::NAN) * factor;
    if (0.0..=1.0).contains(&share) {
        Ok(share)
    } else {
        Err("write a share such as 0.9 or 90%".to_owned())
    }
}

/// A loss budget with what it is about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct LossBudget {
    pub(crate) most: f64,
    pub(crate) measure: LossMeasure,
}

impl FromStr for LossBudget {
    type Err = String;

    /// Reads `3%` (of the answers may change), `1pt` (of top-1 may be lost) or `0.02nats`
    /// (divergence); `!` behind the first two takes upper bounds.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (number, unit) = divided(text);
        let (measure, factor) = match unit {
            "%" => (LossMeasure::Disagreement, 0.01),
            "%!" => (LossMeasure::DisagreementBound, 0.01),
            "pt" => (LossMeasure::Top1Drop, 0.01),
            "pt!" => (LossMeasure::Top1DropBound, 0.01),
            "nats" => (LossMeasure::Divergence, 1.0),
            _ => (LossMeasure::Divergence, f64::NAN),
        };
        let most = number.unwrap_or(f64::NAN) * factor;
        if (0.0..=100.0).contains(&most) {
            Ok(Self { most, measure })
        } else {
            Err("write a loss such as 3% (changed answers), 1pt (points of top-1) or 0.02nats; \
                 3%! and 1pt! hold with 95 % confidence"
                .to_owned())
        }
    }
}

impl LossBudget {
    /// Says what is allowed, in a sentence.
    pub(crate) fn words(self) -> String {
        let percent = 100.0 * self.most;
        match self.measure {
            LossMeasure::Divergence => format!("at most {} nats of divergence", self.most),
            LossMeasure::Disagreement => format!("at most {percent} % of the answers changed"),
            LossMeasure::DisagreementBound => {
                format!("at most {percent} % of the answers changed, with 95 % confidence")
            }
            LossMeasure::Top1Drop => format!("at most {percent} points of top-1 lost"),
            LossMeasure::Top1DropBound => {
                format!("at most {percent} points of top-1 lost, with 95 % confidence")
            }
        }
    }
}

impl fmt::Display for LossBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&loss(self.most, self.measure))
    }
}

/// Writes a loss with what it is about.
pub(crate) fn loss(loss: f64, measure: LossMeasure) -> String {
    match measure {
        LossMeasure::Divergence => format!("{loss:.4} nats"),
        LossMeasure::Disagreement => format!("{:.2} % changed", 100.0 * loss),
        LossMeasure::DisagreementBound => format!("≤ {:.2} % changed", 100.0 * loss),
        LossMeasure::Top1Drop => format!("{:.2} pt", 100.0 * loss),
        LossMeasure::Top1DropBound => format!("≤ {:.2} pt", 100.0 * loss),
    }
}

/// Counts things: `1 change`, `2 changes`.
pub(crate) fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// Divides a text into its number and its unit in lower case.
fn divided(text: &str) -> (Option<f64>, &str) {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number.parse().ok(), unit.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read() {
        assert_eq!(parse_rate("5mbit"), Ok(BitRate::megabits_per_second(5)));
        assert_eq!(parse_rate("0.5 mbit/s"), Ok(BitRate::kilobits_per_second(500)));
        assert_eq!(parse_rate("300kbit"), Ok(BitRate::kilobits_per_second(300)));
        assert_eq!(parse_time("40ms"), Ok(Micros::from_millis(40)));
        assert_eq!(parse_time("1.5s"), Ok(Micros::from_millis(1500)));
        assert_eq!(parse_time("300us"), Ok(Micros::new(300)));
        assert_eq!(parse_speed("1/10"), Ok(0.1));
        assert_eq!(parse_speed("2"), Ok(2.0));
        assert_eq!(parse_share("90%"), Ok(0.9));
        assert_eq!(parse_share("0.5"), Ok(0.5));
        let budget: LossBudget = "1pt".parse().expect("a budget");
        assert_eq!(budget, LossBudget { most: 0.01, measure: LossMeasure::Top1Drop });
        let budget: LossBudget = "0.02nats".parse().expect("a budget");
        assert_eq!(budget, LossBudget { most: 0.02, measure: LossMeasure::Divergence });
        assert!("3%!".parse::<LossBudget>().is_ok());
        let budget: LossBudget = "3%".parse().expect("a budget");
        assert_eq!(budget.words(), "at most 3 % of the answers changed");
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "5", "mbit", "-5mbit", "5mbyte", "1e99gbit", "nan mbit"] {
            assert!(parse_rate(text).is_err(), "{text}");
        }
        assert_eq!(parse_time("40"), Ok(Micros::from_millis(40)));
        assert_eq!(parse_factor("2.5"), Ok(2.5));
        for text in ["", "0", "0.5", "-1", "nan", "inf", "1e9", "x"] {
            assert!(parse_factor(text).is_err(), "{text}");
        }
        for text in ["", "ms", "-1ms", "40m", "nan"] {
            assert!(parse_time(text).is_err(), "{text}");
        }
        for text in ["", "0", "1/0", "x/2", "-1", "1/"] {
            assert!(parse_speed(text).is_err(), "{text}");
        }
        for text in ["", "2", "120%", "0.5x"] {
            assert!(parse_share(text).is_err(), "{text}");
        }
        for text in ["", "3", "pt", "3px", "-1%"] {
            assert!(text.parse::<LossBudget>().is_err(), "{text}");
        }
    }
}
