//! Names of requests and questions.

use core::fmt;

use crate::wire::{Sequence, SessionId};

/// Names one request, which is one inference from frame to result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId {
    /// The session of the frame.
    pub session: SessionId,
    /// The number of the frame in its session.
    pub sequence: Sequence,
}

impl RequestId {
    /// Names the frame `sequence` of `session`.
    pub const fn new(session: SessionId, sequence: Sequence) -> Self {
        Self { session, sequence }
    }
}

impl fmt::Display for RequestId {
    /// Writes session and sequence with a slash between.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.session.0, self.sequence.0)
    }
}

/// Names one question (health, metadata, stats) until it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueryId(pub(crate) u64);

impl QueryId {
    /// Returns the number, which has no meaning on the wire.
    pub const fn get(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_is_short() {
        assert_eq!(RequestId::new(SessionId(2), Sequence(17)).to_string(), "2/17");
    }
}
