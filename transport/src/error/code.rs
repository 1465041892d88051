//! The codes of errors on the wire (`protocol.md` 16).

use core::fmt;

/// Why a connection, a stream or a request ended.
///
/// `spec/registry/errors.toml` holds the same table; a test compares them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Code {
    /// Nothing is wrong.
    NoError,
    /// The side that reports it failed, or sent a code that this side does not know.
    Internal,
    /// Bytes do not follow the syntax.
    FormatError,
    /// A message or stream arrived where or when it is not allowed.
    ProtocolViolation,
    /// A critical message, or something not agreed on, was used.
    Unsupported,
    /// A stream has a type that the receiver does not know.
    UnknownStream,
    /// The sender gave up a frame because its deadline passed.
    DeadlineExceeded,
    /// The receiver gave up a frame because it can no longer be on time.
    TooLate,
    /// A newer frame made this one useless.
    Superseded,
    /// The application no longer wants the result.
    Cancelled,
    /// A limit was exceeded, or messages came too often.
    ExcessiveLoad,
    /// Certificate or token do not allow what was asked for.
    Unauthorized,
    /// The token is no longer valid.
    TokenExpired,
    /// The receiver does not have the model.
    ModelUnknown,
    /// None of the offered cuts is served.
    SplitRejected,
    /// None of the offered codecs is known.
    CodecUnknown,
    /// The payload of a frame could not be decoded.
    DecodeFailed,
    /// The peer shuts down.
    GoingAway,
    /// Shape or type of a tensor are not those of the model.
    MalformedTensor,
    /// The profile is not the one that the receiver has for this cut.
    ProfileMismatch,
    /// A stream or message names a session that does not exist.
    SessionUnknown,
    /// A stream or message names an epoch that is not valid.
    EpochUnknown,
    /// Both sides proposed a change at once, and this one lost.
    Glare,
    /// The resumption ticket is not accepted.
    TicketRefused,
    /// The peer did not answer in time.
    Timeout,
    /// The receiver is not ready yet.
    NotReady,
    /// The control stream was closed.
    ControlClosed,
    /// The peers have no version in common.
    VersionUnsupported,
}

/// Who can do something about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Actor {
    /// The peer broke the protocol: a defect or an attack.
    Peer,
    /// The peers do not fit together: configuration.
    Agreement,
    /// Load, time or the network.
    Circumstance,
    /// The side that reports it.
    Local,
}

impl Actor {
    /// Returns the name that the registry uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Agreement => "agreement",
            Self::Circumstance => "circumstance",
            Self::Local => "local",
        }
    }
}

/// What an error ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// One stream: a frame, a result, a request.
    Stream,
    /// One session.
    Session,
    /// The whole connection.
    Connection,
}

impl Scope {
    /// Returns the name that the registry uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::Session => "session",
            Self::Connection => "connection",
        }
    }
}

type Row = (u64, &'static str, Actor, Scope, &'static str);

impl Code {
    /// All codes, in the order of their numbers.
    pub const ALL: [Self; 28] = [
        Self::NoError,
        Self::Internal,
        Self::FormatError,
        Self::ProtocolViolation,
        Self::Unsupported,
        Self::UnknownStream,
        Self::DeadlineExceeded,
        Self::TooLate,
        Self::Superseded,
        Self::Cancelled,
        Self::ExcessiveLoad,
        Self::Unauthorized,
        Self::TokenExpired,
        Self::ModelUnknown,
        Self::SplitRejected,
        Self::CodecUnknown,
        Self::DecodeFailed,
        Self::GoingAway,
        Self::MalformedTensor,
        Self::ProfileMismatch,
        Self::SessionUnknown,
        Self::EpochUnknown,
        Self::Glare,
        Self::TicketRefused,
        Self::Timeout,
        Self::NotReady,
        Self::ControlClosed,
        Self::VersionUnsupported,
    ];

    const fn row(self) -> Row {
        use Actor::{Agreement, Circumstance, Local, Peer};
        use Scope::{Connection, Session, Stream};
        match self {
            Self::NoError => (0x00, "NO_ERROR", Local, Connection, "nothing is wrong"),
            Self::Internal => (0x01, "INTERNAL", Local, Connection, "the peer failed"),
            Self::FormatError => (0x02, "FORMAT_ERROR", Peer, Connection, "malformed bytes"),
            Self::ProtocolViolation => {
                (0x03, "PROTOCOL_VIOLATION", Peer, Connection, "a rule of the protocol is broken")
            }
            Self::Unsupported => {
                (0x04, "UNSUPPORTED", Agreement, Connection, "something not agreed on was used")
            }
            Self::UnknownStream => {
                (0x05, "UNKNOWN_STREAM", Agreement, Stream, "unknown stream type")
            }
            Self::DeadlineExceeded => {
                (0x06, "DEADLINE_EXCEEDED", Circumstance, Stream, "the deadline passed")
            }
            Self::TooLate => {
                (0x07, "TOO_LATE", Circumstance, Stream, "it cannot be on time any more")
            }
            Self::Superseded => {
                (0x08, "SUPERSEDED", Circumstance, Stream, "a newer frame took its place")
            }
            Self::Cancelled => {
                (0x09, "CANCELLED", Circumstance, Stream, "nobody wants it any more")
            }
            Self::ExcessiveLoad => {
                (0x0a, "EXCESSIVE_LOAD", Peer, Connection, "a limit is exceeded")
            }
            Self::Unauthorized => (0x0b, "UNAUTHORIZED", Agreement, Session, "not allowed"),
            Self::TokenExpired => {
                (0x0c, "TOKEN_EXPIRED", Agreement, Session, "the token is expired")
            }
            Self::ModelUnknown => {
                (0x0d, "MODEL_UNKNOWN", Agreement, Session, "the model is unknown")
            }
            Self::SplitRejected => (0x0e, "SPLIT_REJECTED", Agreement, Session, "no cut is served"),
            Self::CodecUnknown => (0x0f, "CODEC_UNKNOWN", Agreement, Session, "no codec is known"),
            Self::DecodeFailed => {
                (0x10, "DECODE_FAILED", Peer, Stream, "a frame cannot be decoded")
            }
            Self::GoingAway => (0x11, "GOING_AWAY", Circumstance, Session, "the peer shuts down"),
            Self::MalformedTensor => {
                (0x12, "MALFORMED_TENSOR", Agreement, Session, "a tensor is not the model's")
            }
            Self::ProfileMismatch => {
                (0x13, "PROFILE_MISMATCH", Agreement, Session, "the profiles differ")
            }
            Self::SessionUnknown => {
                (0x14, "SESSION_UNKNOWN", Peer, Stream, "there is no such session")
            }
            Self::EpochUnknown => (0x15, "EPOCH_UNKNOWN", Peer, Stream, "the epoch is not valid"),
            Self::Glare => {
                (0x16, "GLARE", Circumstance, Stream, "the peer proposed a change first")
            }
            Self::TicketRefused => {
                (0x17, "TICKET_REFUSED", Agreement, Stream, "the ticket is not accepted")
            }
            Self::Timeout => (0x18, "TIMEOUT", Circumstance, Connection, "no answer in time"),
            Self::NotReady => (0x19, "NOT_READY", Circumstance, Stream, "not ready yet"),
            Self::ControlClosed => {
                (0x1a, "CONTROL_CLOSED", Peer, Connection, "the control stream was closed")
            }
            Self::VersionUnsupported => {
                (0x1b, "VERSION_UNSUPPORTED", Agreement, Connection, "no common version")
            }
        }
    }

    /// Returns the number on the wire.
    pub const fn number(self) -> u64 {
        self.row().0
    }

    /// Returns the name in the specification, in capitals.
    pub const fn name(self) -> &'static str {
        self.row().1
    }

    /// Returns who can do something about it.
    pub const fn actor(self) -> Actor {
        self.row().2
    }

    /// Returns the most that an error with this code ends; FORMAT_ERROR on a frame's own stream,
    /// for example, ends the connection, TOO_LATE never more than the frame.
    pub const fn scope(self) -> Scope {
        self.row().3
    }

    /// Returns a short text for people.
    pub const fn text(self) -> &'static str {
        self.row().4
    }

    /// Reads a number from the wire; one that is not known means [`Code::Internal`].
    pub fn from_number(number: u64) -> Self {
        let index = usize::try_from(number).unwrap_or(usize::MAX);
        Self::ALL.get(index).copied().unwrap_or(Self::Internal)
    }
}

impl fmt::Display for Code {
    /// Writes the name and the number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:#04x})", self.name(), self.number())
    }
}
