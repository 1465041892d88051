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

/// Bytes to write to a stream, in up to two parts, so that a header leaves together with what it
/// stands before without anything being copied.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chunk {
    /// What the core made, such as a header; often empty.
    pub head: Buffer,
    /// A slice of what the application gave, after it.
    pub body: Buffer,
}

impl Chunk {
    /// Returns the number of bytes of both parts.
    pub const fn len(&self) -> usize {
        self.head.len() + self.body.len()
    }

    /// Says whether both parts are empty.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Drops what is beyond the first `most` bytes.
    pub fn truncate(&mut self, most: usize) {
        self.head.truncate(most);
        self.body.truncate(most - self.head.len());
    }

    /// Returns all bytes in one buffer; copies them where both parts have some.
    pub fn to_contiguous(&self) -> Buffer {
        match (self.head.is_empty(), self.body.is_empty()) {
            (true, _) => self.body.clone(),
            (_, true) => self.head.clone(),
            _ => [&self.head[..], &self.body[..]].concat().into(),
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
        /// The bytes: at most 128 KiB of what the application gave. What the carrier takes can no
        /// longer be overtaken: [`Flight::piece`](crate::rate::Flight::piece) says how much is good
        /// to take at once.
        data: Chunk,
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
    fn chunks_are_cut_from_their_end() {
        let chunk =
            Chunk { head: Buffer::from_static(b"head"), body: Buffer::from_static(b"body") };
        for most in 0..=9 {
            let mut cut = chunk.clone();
            cut.truncate(most);
            assert_eq!((cut.len(), cut.is_empty()), (most.min(8), most == 0));
            assert_eq!(cut.to_contiguous(), b"headbody"[..most.min(8)]);
        }
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
