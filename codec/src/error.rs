//! Typed errors of the codec: what went wrong, at which byte, under which rule of the specification.
//!
//! Nothing here allocates: a peer that sends hostile bytes costs no memory for its error texts.

use core::fmt;

use crate::limits::Limit;
use crate::tensor::ShapeError;

/// What was wrong with the bytes of a frame or a profile.
///
/// Section 11 of `spec/codec.md` lists them by [`name`](Self::name).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The bytes end before the structure that they announce.
    #[error("the input ends too early")]
    Truncated,
    /// The first byte or bytes are not those of the expected structure.
    #[error("the input does not start like the expected structure")]
    BadMagic,
    /// The major version is one that this decoder does not know.
    #[error("version {major}.{minor} of the format is not supported, use a newer decoder")]
    UnsupportedVersion {
        /// The major version found.
        major: u8,
        /// The minor version found.
        minor: u8,
    },
    /// A reserved bit or value is used; a newer encoder may have given it a meaning.
    #[error("a reserved bit or value is used, a newer decoder may know it")]
    ReservedBits,
    /// The frame was coded with another profile than the one at hand.
    #[error("the frame was coded with another profile, load the profile that its header names")]
    WrongProfile,
    /// The content asks for more than the decoder was told to spend.
    #[error("{0} is exceeded, raise it if the sender is trusted")]
    LimitExceeded(Limit),
    /// The checksum of a layer does not match its bytes.
    #[error("the checksum of layer {layer} does not match, the bytes were changed on the way")]
    Checksum {
        /// The number of the layer, counted from 0.
        layer: u8,
    },
    /// A coded value lies outside of its range.
    #[error("a coded value lies outside of its range")]
    InvalidSymbol,
    /// A probability table is not a distribution, or a symbol names a table that does not exist.
    #[error("a probability table is invalid or missing")]
    InvalidTable,
    /// An entropy coder state is impossible, at the start or at the end of a payload.
    #[error("the entropy coder ended in an impossible state, the payload is damaged")]
    InvalidState,
    /// Bytes are left over after the end of the structure.
    #[error("bytes are left over after the end of the structure")]
    TrailingBytes,
    /// The frame has another mode than the caller can decode.
    #[error("the frame has another mode, lossy frames need a profile and the others none")]
    WrongMode,
    /// The shape or element type is not the one that was agreed.
    #[error("shape or element type differ from what was agreed")]
    ShapeMismatch,
    /// A value is written in a longer form than the canonical one.
    #[error("a value is not in its canonical form")]
    NonCanonical,
}

impl DecodeErrorKind {
    /// Returns the name that the specification, the vectors and reports use.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::BadMagic => "bad-magic",
            Self::UnsupportedVersion { .. } => "unsupported-version",
            Self::ReservedBits => "reserved-bits",
            Self::WrongProfile => "wrong-profile",
            Self::LimitExceeded(_) => "limit-exceeded",
            Self::Checksum { .. } => "checksum",
            Self::InvalidSymbol => "invalid-symbol",
            Self::InvalidTable => "invalid-table",
            Self::InvalidState => "invalid-state",
            Self::TrailingBytes => "trailing-bytes",
            Self::WrongMode => "wrong-mode",
            Self::ShapeMismatch => "shape-mismatch",
            Self::NonCanonical => "non-canonical",
        }
    }
}

/// An error of a decoder: what, at which byte, and by which section of the specification.
///
/// `offset` counts bytes from the start of the buffer given to the decoder; it points at the
/// first byte of the field that was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DecodeError {
    /// What was wrong.
    pub kind: DecodeErrorKind,
    /// The byte at which it was found, counted from the start of the input.
    pub offset: usize,
    /// The document and section that state the rule, such as `codec.md 4.2`.
    pub section: &'static str,
}

impl DecodeError {
    /// Builds an error from its three parts.
    pub const fn new(kind: DecodeErrorKind, offset: usize, section: &'static str) -> Self {
        Self { kind, offset, section }
    }

    /// Moves the offset: used where a part of a larger input was decoded on its own.
    #[must_use]
    pub const fn shifted(mut self, bytes: usize) -> Self {
        self.offset = self.offset.saturating_add(bytes);
        self
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at byte {}, see {})", self.kind, self.offset, self.section)
    }
}

impl core::error::Error for DecodeError {}

/// An error of an encoder: the caller asked for something that cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The shape of the tensor is not usable, or not the one of the profile.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// The tensor or the frame would be larger than a decoder with default limits accepts.
    #[error("{0} is exceeded, split the tensor")]
    LimitExceeded(Limit),
    /// The frame header has fields that contradict each other or its layers.
    #[error("the frame header is inconsistent: {0}")]
    Header(&'static str),
    /// A symbol has probability zero in its table.
    #[error("symbol {symbol} has no probability in table {table}")]
    UncodableSymbol {
        /// The symbol.
        symbol: u8,
        /// The index of the table.
        table: u16,
    },
    /// A context names a table that does not exist.
    #[error("table {table} does not exist, the set has {count}")]
    UnknownTable {
        /// The index asked for.
        table: u16,
        /// The number of tables in the set.
        count: usize,
    },
    /// The target cannot be met even at the coarsest setting.
    #[error("{needed} bytes are needed where at most {allowed} are allowed, raise the limit")]
    TargetTooSmall {
        /// The smallest size that was found, in bytes.
        needed: usize,
        /// The size that was allowed, in bytes.
        allowed: usize,
    },
}

/// An error of the construction of a probability table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// The alphabet is empty or larger than 256 symbols.
    #[error("an alphabet has 1 to 256 symbols, not {0}")]
    Alphabet(usize),
    /// The frequencies do not add up to 2^15.
    #[error("frequencies add up to {0} instead of 32768")]
    Sum(u64),
    /// All counts are zero, so there is nothing to derive a distribution from.
    #[error("all counts are zero")]
    Empty,
    /// There are more tables than a context can number.
    #[error("a set has at most 65536 tables, not {0}")]
    Tables(usize),
}

/// An error of the learning of a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LearnError {
    /// There are fewer calibration samples than the method needs.
    #[error("{found} calibration samples are too few, at least {needed} are needed")]
    TooFewSamples {
        /// The number of samples given.
        found: usize,
        /// The smallest number that works.
        needed: usize,
    },
    /// The calibration samples differ in shape, or their shape has no layout.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// A calibration sample holds NaN or an infinity.
    #[error("calibration sample {sample} holds NaN or an infinity, check the model and its input")]
    NotFinite {
        /// The index of the sample.
        sample: usize,
    },
    /// A numeric method did not converge or met a singular system.
    #[error("the numeric method `{0}` failed on the calibration data, give more varied samples")]
    Numeric(&'static str),
    /// A probability table could not be built.
    #[error(transparent)]
    Table(#[from] TableError),
    /// Encoding a calibration sample failed.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_says_what_where_and_by_which_rule() {
        let error = DecodeError::new(DecodeErrorKind::Checksum { layer: 2 }, 17, "codec.md 4.4");
        assert_eq!(
            error.to_string(),
            "the checksum of layer 2 does not match, the bytes were changed on the way \
             (at byte 17, see codec.md 4.4)"
        );
        let limit = DecodeErrorKind::LimitExceeded(Limit::Elements);
        assert_eq!(
            limit.to_string(),
            "the limit `max_elements` is exceeded, raise it if the sender is trusted"
        );
    }

    #[test]
    fn shifting_moves_the_offset_only() {
        let error = DecodeError::new(DecodeErrorKind::Truncated, 3, "codec.md 3.1");
        assert_eq!(error.shifted(10), DecodeError { offset: 13, ..error });
        assert_eq!(error.shifted(usize::MAX).offset, usize::MAX);
    }
}
