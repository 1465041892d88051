//! What was wrong with bytes or behaviour of a peer.

use super::Code;
use crate::wire::Limit;

/// What a peer did wrong (`protocol.md` 16.2 lists the kinds by [`name`](Self::name)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The bytes end before the structure that they announce.
    #[error("the input ends too early")]
    Truncated,
    /// Bytes are left over after the end of the structure.
    #[error("bytes are left over after the end of the message")]
    TrailingBytes,
    /// An integer is written in more bytes than it needs.
    #[error("an integer is not in its shortest form")]
    NonMinimal,
    /// A value lies outside of its range.
    #[error("a value lies outside of its range")]
    InvalidValue,
    /// A reserved bit is set; a newer peer may have given it a meaning.
    #[error("a reserved bit is set, a newer version may know it")]
    ReservedBits,
    /// A text is not UTF-8.
    #[error("a text is not UTF-8")]
    InvalidText,
    /// A parameter, point or entry stands twice.
    #[error("a parameter or entry stands twice")]
    Duplicate,
    /// A list is not in ascending order.
    #[error("a list is not in ascending order")]
    Order,
    /// Something that must be there is missing.
    #[error("a part that must be there is missing")]
    Missing,
    /// More is announced than the specification allows in any case.
    #[error("more is announced than any peer may send")]
    TooMany,
    /// More is announced or used than this side advertised.
    #[error("the advertised limit `{0}` is exceeded")]
    LimitExceeded(Limit),
    /// A critical message of a type that is not known.
    #[error("a critical message of an unknown type arrived, the peer needs a newer version")]
    UnknownMessage,
    /// A stream of a type that is not known.
    #[error("a stream of an unknown type was opened")]
    UnknownStream,
    /// A message that is known, but not allowed here or now.
    #[error("a message arrived where or when it is not allowed")]
    Unexpected,
    /// A rule of behaviour was broken; the code says which.
    #[error("{}", .0.text())]
    Refused(Code),
}

impl ErrorKind {
    /// Returns the name that the specification and the vectors use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::TrailingBytes => "trailing-bytes",
            Self::NonMinimal => "non-minimal",
            Self::InvalidValue => "invalid-value",
            Self::ReservedBits => "reserved-bits",
            Self::InvalidText => "invalid-text",
            Self::Duplicate => "duplicate",
            Self::Order => "order",
            Self::Missing => "missing",
            Self::TooMany => "too-many",
            Self::LimitExceeded(_) => "limit-exceeded",
            Self::UnknownMessage => "unknown-message",
            Self::UnknownStream => "unknown-stream",
            Self::Unexpected => "unexpected",
            Self::Refused(_) => "refused",
        }
    }

    /// Returns the code that tells the peer.
    pub const fn code(self) -> Code {
        match self {
            Self::Truncated
            | Self::TrailingBytes
            | Self::NonMinimal
            | Self::InvalidValue
            | Self::ReservedBits
            | Self::InvalidText
            | Self::Duplicate
            | Self::Order
            | Self::Missing
            | Self::TooMany => Code::FormatError,
            Self::LimitExceeded(_) => Code::ExcessiveLoad,
            Self::UnknownMessage => Code::Unsupported,
            Self::UnknownStream => Code::UnknownStream,
            Self::Unexpected => Code::ProtocolViolation,
            Self::Refused(code) => code,
        }
    }
}
