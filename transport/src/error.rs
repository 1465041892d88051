//! Errors: the codes that peers exchange, and the typed errors of this crate.
//!
//! Nothing here allocates, and every type is `Copy`: a peer that sends hostile bytes costs no
//! memory for its error texts.

mod code;
mod kind;

use core::fmt;

pub use code::{Actor, Code, Scope};
pub use kind::ErrorKind;

use crate::wire::Limit;

/// A peer broke the protocol: what it did, at which byte, and which rule forbids it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProtocolError {
    /// What was wrong.
    pub kind: ErrorKind,
    /// The first byte of the field that was refused, counted from the start of the input that was
    /// decoded: a stream for errors of a [`Framer`](crate::wire::Framer), else a payload.
    pub offset: u64,
    /// The document and section that state the rule, such as `protocol.md 5.1`.
    pub section: &'static str,
}

impl ProtocolError {
    /// Builds an error from its three parts.
    pub const fn new(kind: ErrorKind, offset: u64, section: &'static str) -> Self {
        Self { kind, offset, section }
    }

    /// Builds an error of behaviour rather than of bytes: no offset, any code.
    pub const fn refused(code: Code, section: &'static str) -> Self {
        Self::new(ErrorKind::Refused(code), 0, section)
    }

    /// Returns the code that goes on the wire.
    pub const fn code(&self) -> Code {
        self.kind.code()
    }

    /// Moves the offset: used where a part of a larger input was decoded on its own.
    #[must_use]
    pub const fn shifted(mut self, bytes: u64) -> Self {
        self.offset = self.offset.saturating_add(bytes);
        self
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at byte {}, see {})", self.kind, self.offset, self.section)
    }
}

impl core::error::Error for ProtocolError {}

/// A message cannot be written: a field holds more than the protocol allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// A number does not fit its field.
    #[error("{value} is more than {most}, the largest value of `{field}`")]
    TooLarge {
        /// The name of the field in the specification.
        field: &'static str,
        /// The value that was given.
        value: u64,
        /// The largest value that the field holds.
        most: u64,
    },
    /// Fields contradict each other, or a list is not in its order.
    #[error("`{field}` is not in the one form that peers accept: {rule}")]
    Invalid {
        /// The name of the field in the specification.
        field: &'static str,
        /// The rule that it breaks.
        rule: &'static str,
    },
}

/// A configuration cannot work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A value lies outside of its range.
    #[error("`{field}` is {value}, give {least} to {most}")]
    OutOfRange {
        /// The setting.
        field: &'static str,
        /// The value that was given, in the unit of the setting.
        value: u64,
        /// The smallest value that works.
        least: u64,
        /// The largest value that works.
        most: u64,
    },
    /// A limit is outside of what the protocol lets a peer advertise.
    #[error("the limit `{limit}` is {value}, give {least} to {most}")]
    Limit {
        /// The limit.
        limit: Limit,
        /// The value that was given.
        value: u64,
        /// The smallest value that may be advertised.
        least: u64,
        /// The largest value that may be advertised.
        most: u64,
    },
    /// Two settings exclude each other.
    #[error("`{field}` and `{other}` exclude each other, {remedy}")]
    Conflict {
        /// One setting.
        field: &'static str,
        /// The other setting.
        other: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// A setting cannot be written into a SETUP.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

/// The application asked for something that cannot be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The session was never opened, or is gone.
    #[error("there is no such session, open one first")]
    UnknownSession,
    /// The frame or request was never sent, or is answered already.
    #[error("there is no such request, it may be answered already")]
    UnknownRequest,
    /// The session names no such operating point, or the peer did not accept it.
    #[error("the operating point is not in the set that was agreed, reconfigure first")]
    UnknownPoint,
    /// The connection or session is not in a state in which this is possible.
    #[error("`{call}` is not possible in the state `{state}`")]
    WrongState {
        /// The call.
        call: &'static str,
        /// The name of the state.
        state: &'static str,
    },
    /// The peers did not agree on what the call needs.
    #[error("the peers did not agree on `{0}`, offer it in the configuration of both")]
    NotNegotiated(&'static str),
    /// A limit of the peer or of the configuration is reached.
    #[error("`{limit}` allows {allowed}, {asked} were asked for")]
    LimitReached {
        /// The limit.
        limit: Limit,
        /// How much would have been needed.
        asked: u64,
        /// How much is allowed.
        allowed: u64,
    },
    /// The call comes too soon after the last one of its kind.
    #[error("`{0}` comes too soon after the last one, wait and try again")]
    TooSoon(&'static str),
    /// The call's arguments cannot be written.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The connection is closing or closed.
    #[error("the connection is closed with {0}")]
    Closed(Code),
}

#[cfg(test)]
mod tests;
