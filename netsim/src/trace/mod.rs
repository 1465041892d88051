//! What a channel can carry, as a function of time.

mod error;
mod generate;
mod parse;
mod service;
#[cfg(test)]
mod tests;

use std::str::FromStr;

use aiflow_units::{BitRate, Bytes, Micros, Timestamp};

pub use error::TraceError;
pub(crate) use service::{MICROBITS_PER_BYTE, Work, bytes_of, instant};

/// The capacity of a channel over time; it repeats for ever.
///
/// Two forms exist. *Delivery opportunities*, the form of Mahimahi, are instants at which 1,500
/// bytes may pass; *steps* are spans of constant rate. Sums are kept beside both, so that every
/// question is a binary search.
///
/// # Text
///
/// [`Trace::parse`] recognises the form from the first line that is neither empty nor a comment
/// (`#`):
///
/// * one column, `milliseconds`: one opportunity a line, times do not fall. The period is the last
///   timestamp, as in Mahimahi: the trace `1` offers 1,500 bytes in every millisecond.
/// * two columns, `seconds Mbit/s`: the rate from that time until the time of the next line; times
///   rise. The trace begins with the first line, and the last line lasts as long as the one before
///   it (a second, where it is alone).
///
/// ```
/// use aiflow_netsim::Trace;
/// use aiflow_units::{Bytes, Micros, Timestamp};
///
/// let trace = Trace::parse("2\n3\n3\n10\n")?;
/// let after = |millis| Timestamp::from_origin(Micros::from_millis(millis));
/// assert_eq!(trace.capacity(after(0), after(3)), Bytes::new(1500));
/// assert_eq!(trace.capacity(after(3), after(4)), Bytes::new(3000));
/// // Ten milliseconds later it all happens again.
/// assert_eq!(trace.capacity(after(13), after(14)), Bytes::new(3000));
/// # Ok::<(), aiflow_netsim::TraceError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// In microseconds, at least 1.
    period: u64,
    /// What one period offers.
    total: Work,
    form: Form,
}

/// Both forms describe the half-open period `(0, period]`, except that opportunities at 0 exist.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    /// Distinct times in microseconds, and how many opportunities there were up to and at each.
    Opportunities { at: Vec<u64>, up_to: Vec<u64> },
    /// Starts in microseconds, the first 0; rates in bit/s; work before each start.
    Steps { starts: Vec<u64>, rates: Vec<u64>, before: Vec<Work> },
}

impl Trace {
    /// The bytes of one delivery opportunity.
    pub const OPPORTUNITY: Bytes = Bytes::new(1500);

    /// The longest text that is read, in lines with content.
    pub const MAX_LINES: usize = 1 << 22;

    /// The longest period: one week.
    pub const MAX_PERIOD: Micros = Micros::from_secs(7 * 24 * 3600);

    /// The highest rate of a step.
    pub const MAX_RATE: BitRate = BitRate::megabits_per_second(1_000_000);

    /// Reads a trace from text in either form.
    ///
    /// # Errors
    ///
    /// See [`TraceError`]: what is wrong, and in which line.
    pub fn parse(text: &str) -> Result<Self, TraceError> {
        parse::any(text)
    }

    /// Reads delivery opportunities: one timestamp in milliseconds on each line.
    ///
    /// # Errors
    ///
    /// See [`TraceError`]: what is wrong, and in which line.
    pub fn parse_opportunities(text: &str) -> Result<Self, TraceError> {
        parse::opportunities(text)
    }

    /// Reads rates: lines of `seconds Mbit/s`.
    ///
    /// # Errors
    ///
    /// See [`TraceError`]: what is wrong, and in which line.
    pub fn parse_rates(text: &str) -> Result<Self, TraceError> {
        parse::rates(text)
    }

    /// Makes a channel of one rate. At rate zero nothing ever passes.
    pub fn constant(rate: BitRate) -> Self {
        Self::from_steps(&[(1_000_000, rate.get())])
    }

    /// Makes a channel whose rate holds for a time and then changes, over and over.
    ///
    /// ```
    /// use aiflow_netsim::Trace;
    /// use aiflow_units::{BitRate, Micros, Timestamp};
    ///
    /// let mbit = BitRate::megabits_per_second;
    /// let trace = Trace::steps(&[(Micros::from_secs(5), mbit(20)), (Micros::from_secs(5), mbit(5))])?;
    /// assert_eq!(trace.rate_at(Timestamp::from_origin(Micros::from_secs(7))), mbit(5));
    /// # Ok::<(), aiflow_netsim::TraceError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`TraceError::Empty`] without steps, [`TraceError::NoCapacity`] if all rates are zero,
    /// [`TraceError::OutOfRange`] for a step (counted from 1) without length or beyond
    /// [`Trace::MAX_PERIOD`] or [`Trace::MAX_RATE`], [`TraceError::TooLong`] for too many steps.
    pub fn steps(steps: &[(Micros, BitRate)]) -> Result<Self, TraceError> {
        if steps.len() > Self::MAX_LINES {
            return Err(TraceError::TooLong);
        }
        let mut end = Micros::ZERO;
        for (index, &(length, rate)) in steps.iter().enumerate() {
            end = end.saturating_add(length);
            if length == Micros::ZERO || end > Self::MAX_PERIOD || rate > Self::MAX_RATE {
                return Err(TraceError::OutOfRange { line: index + 1 });
            }
        }
        let steps: Vec<_> = steps.iter().map(|(length, rate)| (length.get(), rate.get())).collect();
        match Self::from_steps(&steps) {
            _ if steps.is_empty() => Err(TraceError::Empty),
            trace if trace.total == 0 => Err(TraceError::NoCapacity),
            trace => Ok(trace),
        }
    }

    /// Makes the trace of a drive through an LTE network, drawn from `seed` and not measured.
    ///
    /// It follows what measured drives have in common: 100-ms windows between zero and about three
    /// times the mean, a small share of windows with next to nothing, and a capacity of the next
    /// half second that is missed by about a fifth even by who knows the past exactly. The mean
    /// is near 6 Mbit/s. `length` is rounded up to whole seconds, at least one and at most an
    /// hour; the trace repeats after it.
    pub fn lte_like(seed: u64, length: Micros) -> Self {
        generate::lte_like(seed, length)
    }

    /// Returns the time after which the trace repeats.
    pub fn period(&self) -> Micros {
        Micros::new(self.period)
    }

    /// Returns the rate over a whole period.
    pub fn mean(&self) -> BitRate {
        let rate = self.total / Work::from(self.period);
        BitRate::bits_per_second(u64::try_from(rate).unwrap_or(u64::MAX))
    }

    /// Returns how much can pass from `from` until just before `to`, rounded down; nothing if
    /// `to` is not after `from`.
    pub fn capacity(&self, from: Timestamp, to: Timestamp) -> Bytes {
        bytes_of(self.before(to).saturating_sub(self.before(from)))
    }

    /// Returns the rate of the step at `time`; of delivery opportunities, which have no rate at an
    /// instant, the mean over the 100 ms that begin at `time`.
    pub fn rate_at(&self, time: Timestamp) -> BitRate {
        match &self.form {
            Form::Steps { starts, rates, .. } => {
                let within = time.since_origin().get() % self.period;
                let index = starts.partition_point(|&start| start <= within) - 1;
                BitRate::bits_per_second(rates[index])
            }
            Form::Opportunities { .. } => {
                BitRate::over(self.capacity(time, time.after(WINDOW)), WINDOW)
            }
        }
    }
}

impl FromStr for Trace {
    type Err = TraceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// The window over which [`Trace::rate_at`] counts opportunities.
const WINDOW: Micros = Micros::from_millis(100);
