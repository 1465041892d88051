//! Why a trace is refused.

use super::Trace;

/// A text or a list of steps that is no trace. Lines and steps are counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TraceError {
    /// There is no line with content.
    #[error("the trace is empty: give at least one line")]
    Empty,
    /// There are more lines than are read.
    #[error("the trace has more than {} lines: cut it", Trace::MAX_LINES)]
    TooLong,
    /// A line has a wrong number of columns.
    #[error(
        "line {line} of the trace has {found} columns where {expected} is expected: give the same in each line"
    )]
    Columns {
        /// The line.
        line: usize,
        /// How many columns the form of the trace has.
        expected: usize,
        /// How many columns the line has.
        found: usize,
    },
    /// A column is not a decimal number without sign and exponent.
    #[error(
        "line {line} of the trace has something that is not a plain decimal number: write 12 or 0.5"
    )]
    Number {
        /// The line.
        line: usize,
    },
    /// A time is before the one above it, or equal where times must rise.
    #[error("line {line} of the trace goes back in time: sort the lines")]
    Order {
        /// The line.
        line: usize,
    },
    /// A time or a rate is beyond what is read, or a step has no length.
    #[error(
        "line {line} of the trace is out of range: times end at {}, rates at {}, and steps last \
         at least 1 µs",
        Trace::MAX_PERIOD,
        Trace::MAX_RATE
    )]
    OutOfRange {
        /// The line.
        line: usize,
    },
    /// All opportunities are at time zero, so that the trace has no period.
    #[error("the trace ends at time zero: its last timestamp is its period and must be later")]
    NoPeriod,
    /// All rates are zero.
    #[error("the trace carries nothing: give at least one rate above zero")]
    NoCapacity,
}
