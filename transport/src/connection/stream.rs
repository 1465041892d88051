//! Streams and what is to be done on them.

use bytes::Bytes as Buffer;

use crate::Code;

/// Names one stream of the connection.
///
/// The core numbers the streams that it opens, the carrier those that the peer opened; one bit says
/// who did. The numbers mean nothing on the wire: a carrier keeps a map from them to its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stream(u64);

impl Stream {
    /// Names the stream `number` of those that this side opens; the top bit of `number` is lost.
    pub const fn local(number: u64) -> Self {
        Self(number << 1)
    }

    /// Names the stream `number` of those that the peer opened; the top bit of `number` is lost.
    pub const fn remote(number: u64) -> Self {
        Self((number << 1) | 1)
    }

    /// Returns the number given to [`Stream::local`] or [`Stream::remote`].
    pub const fn number(self) -> u64 {
        self.0 >> 1
    }

    /// Says whether this side opened the stream.
    pub const fn is_local(self) -> bool {
        self.0 & 1 == 0
    }
}

/// Which sides may write to a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// Only the side that opened it.
    Uni,
    /// Both.
    Bi,
}

/// Whether more bytes follow on a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum End {
    /// More may follow.
    Open,
    /// These bytes are the last.
    Fin,
}

/// Which streams go first; the smaller goes first, and later kinds wait while earlier ones can send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// The control stream.
    Control,
    /// Requests, their answers, and results.
    Request,
    /// Base layers of frames, the earliest deadline first.
    Base,
    /// Enhancement layers of frames, the earliest deadline first, then the lower layer.
    Enhancement,
    /// Padding that probes the channel.
    Padding,
}

impl Priority {
    /// Returns the priority as a number of which the larger goes first, as QUIC libraries want it.
    pub const fn level(self) -> i32 {
        match self {
            Self::Control => 4,
            Self::Request => 3,
            Self::Base => 2,
            Self::Enhancement => 1,
            Self::Padding => 0,
        }
    }
}

/// What the carrier must do, in the order in which it was told to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Transmit {
    /// Open a stream. A carrier that is out of streams keeps the wish and answers writes with
    /// [`Connection::blocked`](crate::Connection::blocked) until one is free.
    Open {
        /// The name of the stream from now on.
        stream: Stream,
        /// Whether the peer may write to it.
        direction: Direction,
        /// The priority of its bytes.
        priority: Priority,
    },
    /// Write bytes, as many as fit; the carrier answers with
    /// [`Connection::written`](crate::Connection::written) or
    /// [`Connection::blocked`](crate::Connection::blocked), or with both.
    Write {
        /// Where to write.
        stream: Stream,
        /// The bytes: at most 16 KiB, a slice of what the application gave.
        data: Buffer,
        /// Whether the stream ends after all of `data`. A carrier that takes only a part of `data`
        /// leaves the end for the next write.
        end: End,
    },
    /// Abandon the sending part of a stream. Carriers ignore it for streams that never opened.
    Reset {
        /// Which stream.
        stream: Stream,
        /// Why.
        code: Code,
    },
    /// Ask the peer to abandon its sending part of a stream, and drop what arrives.
    Stop {
        /// Which stream.
        stream: Stream,
        /// Why.
        code: Code,
    },
    /// Close the connection; nothing follows.
    Close {
        /// Why.
        code: Code,
        /// The same in words, for people who read a trace.
        reason: &'static str,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_sides_apart() {
        assert_ne!(Stream::local(3), Stream::remote(3));
        assert_eq!(Stream::local(3).number(), Stream::remote(3).number());
        assert!(Stream::local(0).is_local() && !Stream::remote(0).is_local());
    }

    #[test]
    fn levels_fall_with_rank() {
        let kinds = [
            Priority::Control,
            Priority::Request,
            Priority::Base,
            Priority::Enhancement,
            Priority::Padding,
        ];
        assert!(kinds.is_sorted_by(|a, b| a < b && a.level() > b.level()));
    }
}
