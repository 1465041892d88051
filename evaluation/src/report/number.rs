//! Figures as people read them.

/// Writes bytes: one decimal below ten, thousands separated above.
pub(crate) fn bytes(value: f64) -> String {
    if value < 9.95 { format!("{value:.1}") } else { thousands(value.round() as u64) }
}

/// Separates thousands by commas.
pub(crate) fn thousands(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Writes a share as a percentage with one decimal.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// Writes a ratio with two digits that count.
pub(crate) fn ratio(value: f64) -> String {
    if value < 0.095 { format!("{value:.3}x") } else { format!("{value:.2}x") }
}

/// Writes a difference in percent with its sign.
pub(crate) fn signed_percent(value: f64) -> String {
    let sign = if value < 0.0 { "−" } else { "+" };
    format!("{sign}{:.0} %", value.abs())
}

/// Writes a divergence in nats.
pub(crate) fn kl(value: f64) -> String {
    if value < 0.000_5 && value > 0.0 { format!("{value:.0e}") } else { format!("{value:.3}") }
}

/// Writes a rate in kbit/s, Mbit/s or Gbit/s.
pub(crate) fn rate(bits_per_second: u64) -> String {
    let (value, unit) = match bits_per_second {
        0..1_000_000 => (bits_per_second as f64 / 1e3, "kbit/s"),
        1_000_000..1_000_000_000 => (bits_per_second as f64 / 1e6, "Mbit/s"),
        _ => (bits_per_second as f64 / 1e9, "Gbit/s"),
    };
    if value < 10.0 { format!("{value:.1} {unit}") } else { format!("{value:.0} {unit}") }
}

/// Writes a time in microseconds or milliseconds.
pub(crate) fn micros(value: f64) -> String {
    if value < 1_000.0 { format!("{value:.0} µs") } else { format!("{:.1} ms", value / 1_000.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well() {
        assert_eq!(bytes(4.84), "4.8");
        assert_eq!(bytes(9.96), "10");
        assert_eq!(bytes(1_234_567.4), "1,234,567");
        assert_eq!(percent(0.9534), "95.3 %");
        assert_eq!(ratio(0.0654), "0.065x");
        assert_eq!(ratio(1.5), "1.50x");
        assert_eq!(signed_percent(-45.4), "−45 %");
        assert_eq!(signed_percent(3.6), "+4 %");
        assert_eq!(kl(0.0304), "0.030");
        assert_eq!(kl(0.00004), "4e-5");
        assert_eq!(micros(3_210.0), "3.2 ms");
    }
}
