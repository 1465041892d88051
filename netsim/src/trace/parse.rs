//! Text to traces.

use super::{Trace, TraceError};

/// Reads either form.
pub(super) fn any(text: &str) -> Result<Trace, TraceError> {
    let (_, first) = lines(text).next().ok_or(TraceError::Empty)?;
    match first.split_ascii_whitespace().count() {
        1 => opportunities(text),
        _ => rates(text),
    }
}

/// Reads timestamps in milliseconds.
pub(super) fn opportunities(text: &str) -> Result<Trace, TraceError> {
    let mut list: Vec<(u64, u64)> = Vec::new();
    for (index, (line, content)) in lines(text).enumerate() {
        let [time] = columns(line, content)?;
        let time = decimal(time, 0, line)?.saturating_mul(1000);
        in_range(time, Trace::MAX_PERIOD.get(), line)?;
        if index == Trace::MAX_LINES {
            return Err(TraceError::TooLong);
        }
        match list.last_mut() {
            Some((last, _)) if time < *last => return Err(TraceError::Order { line }),
            Some((last, count)) if time == *last => *count += 1,
            _ => list.push((time, 1)),
        }
    }
    match list.last() {
        None => Err(TraceError::Empty),
        Some(&(0, _)) => Err(TraceError::NoPeriod),
        Some(&(period, _)) => Ok(Trace::from_opportunities(&list, period)),
    }
}

/// Reads `seconds Mbit/s`.
pub(super) fn rates(text: &str) -> Result<Trace, TraceError> {
    // Lengths are known one line later; the last one borrows that of the line before.
    let mut steps: Vec<(u64, u64)> = Vec::new();
    let mut previous: Option<(u64, u64)> = None;
    for (index, (line, content)) in lines(text).enumerate() {
        let [time, rate] = columns(line, content)?;
        let (time, rate) = (decimal(time, 6, line)?, decimal(rate, 6, line)?);
        in_range(time, Trace::MAX_PERIOD.get(), line)?;
        in_range(rate, Trace::MAX_RATE.get(), line)?;
        if index == Trace::MAX_LINES {
            return Err(TraceError::TooLong);
        }
        if let Some((start, rate)) = previous {
            if time <= start {
                return Err(TraceError::Order { line });
            }
            steps.push((time - start, rate));
        }
        previous = Some((time, rate));
    }
    let (_, rate) = previous.ok_or(TraceError::Empty)?;
    steps.push((steps.last().map_or(1_000_000, |&(length, _)| length), rate));
    let trace = Trace::from_steps(&steps);
    if trace.total == 0 { Err(TraceError::NoCapacity) } else { Ok(trace) }
}

/// The lines with content and their numbers from 1.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let numbered = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim_ascii()));
    numbered.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

fn columns<const N: usize>(line: usize, content: &str) -> Result<[&str; N], TraceError> {
    let mut found = content.split_ascii_whitespace();
    let columns = [(); N].map(|()| found.next().unwrap_or(""));
    match content.split_ascii_whitespace().count() {
        found if found == N => Ok(columns),
        found => Err(TraceError::Columns { line, expected: N, found }),
    }
}

/// Reads digits with an optional fraction and returns the number times 10 to the `decimals`,
/// rounded down. Integers only, so that every machine reads the same number.
fn decimal(text: &str, decimals: usize, line: usize) -> Result<u64, TraceError> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let pointless = decimals == 0 && text.contains('.');
    if pointless || whole.is_empty() || !digits(whole) || !digits(fraction) {
        return Err(TraceError::Number { line });
    }
    let padded = fraction.bytes().chain(std::iter::repeat(b'0')).take(decimals);
    whole.bytes().chain(padded).try_fold(0_u64, |number, digit| {
        let digit = u64::from(digit - b'0');
        let number = number.checked_mul(10).and_then(|number| number.checked_add(digit));
        number.ok_or(TraceError::OutOfRange { line })
    })
}

fn in_range(value: u64, limit: u64, line: usize) -> Result<(), TraceError> {
    if value > limit { Err(TraceError::OutOfRange { line }) } else { Ok(()) }
}
