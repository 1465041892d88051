//! Who is at the other end.

use bytes::Bytes as Buffer;

/// Which end of the connection this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Opened the connection; opens sessions and sends frames.
    Client,
    /// Accepted the connection; answers.
    Server,
}

impl Side {
    /// Returns the other side.
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// What the carrier's handshake established about the peer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PeerIdentity {
    /// The protocol that was agreed on (ALPN). One that is not
    /// [`Connection::PROTOCOL`](crate::Connection::PROTOCOL) is refused as an unknown version; empty
    /// for carriers that know no versions.
    pub protocol: Buffer,
    /// The end-entity certificate in DER, if the peer showed one; the carrier has verified it.
    pub certificate: Option<Buffer>,
    /// Whether what is sent now may be replayed by an attacker.
    pub early: Early,
}

/// Whether the handshake is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Early {
    /// It is complete: nothing can be replayed.
    #[default]
    Complete,
    /// This is early data: health, metadata and resumption only, and frames of sessions whose
    /// inference is declared repeatable.
    Early,
}
