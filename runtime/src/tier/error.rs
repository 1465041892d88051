//! What goes wrong on a tier.

use aiflow_codec::DecodeError;
use aiflow_codec::tensor::ShapeError;
use aiflow_units::Micros;

use super::place::{Place, Span};
use crate::coding::CodingError;
use crate::cut::{CutError, SplitError};
use crate::engine::RunError;

/// Why a part of a model cannot be run, or what crosses a place cannot be coded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PartError {
    /// The bundle has no such cut.
    #[error("the bundle has no place `{place}` to hand over at; take one of its cuts")]
    UnknownPlace {
        /// The place.
        place: Place,
    },
    /// The part ends before it begins, or its end does not follow from its start alone.
    #[error("there is no part from {span}; take a later cut that follows from the earlier one")]
    NoPart {
        /// The part.
        span: Span,
        /// What is wrong with it, where it is more than the order.
        source: Option<CutError>,
    },
    /// Nothing was learned for the cut, so it can only be coded without loss.
    #[error("the bundle has no profiles for `{place}`; send lossless, or learn the bundle again")]
    NoProfile {
        /// The place.
        place: Place,
    },
    /// A profile of the bundle cannot be read.
    #[error("the profile of `{place}` cannot be read; learn the bundle again")]
    Profile {
        /// The cut.
        place: Place,
        /// What is wrong.
        source: DecodeError,
    },
    /// What crossed does not have the tensors of the place.
    #[error("`{place}` has {expected} tensors, {given} were given")]
    Count {
        /// The place.
        place: Place,
        /// Tensors of the place.
        expected: usize,
        /// Tensors given.
        given: usize,
    },
    /// An answer has another number of outputs than the model has behind the place.
    #[error("the model has {expected} outputs behind `{place}`, the answer has {given}")]
    Outputs {
        /// The place.
        place: Place,
        /// Outputs of the model.
        expected: usize,
        /// Outputs of the answer.
        given: usize,
    },
    /// A tensor has another shape than the bundle says.
    #[error("a tensor of `{place}` has the shape {found:?}, the bundle says {expected:?}")]
    Dims {
        /// The place.
        place: Place,
        /// Dimensions in the bundle.
        expected: Vec<usize>,
        /// Dimensions found.
        found: Vec<usize>,
    },
    /// A tensor has a shape that no frame has.
    #[error("a tensor of `{place}` cannot be sent")]
    Shape {
        /// The place.
        place: Place,
        /// What is wrong.
        source: ShapeError,
    },
    /// Tensors cannot be encoded or decoded.
    #[error("what crosses `{place}` cannot be coded")]
    Coding {
        /// The place.
        place: Place,
        /// What is wrong.
        source: CodingError,
    },
    /// Bytes that came are not those of the place.
    #[error("the bytes for `{place}` cannot be read")]
    Payload {
        /// The place.
        place: Place,
        /// What is wrong.
        source: DecodeError,
    },
    /// Bytes are no picture of their format, or there is no picture to write.
    #[error("there is no such picture, or it cannot be read")]
    Picture,
    /// A part did not run.
    #[error("the part from {span} does not run")]
    Run {
        /// The part.
        span: Span,
        /// What is wrong.
        source: SplitError,
    },
    /// The model did not run.
    #[error("the model does not run")]
    Model(#[from] RunError),
}

/// Why the bytes of an answer are refused, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// The bytes are no answer.
    #[error("the answer cannot be read")]
    Bytes(#[from] DecodeError),
    /// The answer is of a version that this program does not know.
    #[error("the answer has version {found}, this program knows {known}; update it")]
    Version {
        /// Version of the answer.
        found: u8,
        /// Version that is known.
        known: u8,
    },
}

/// A request that is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request is refused: {reason}")]
pub struct Refusal {
    /// Why.
    pub reason: RefusalReason,
    /// When asking again may do better; zero for never.
    pub retry_after: Micros,
}

/// Why a request is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum RefusalReason {
    /// Too many requests wait.
    #[error("too many requests wait")]
    Full,
    /// Too many requests of this client wait or run.
    #[error("too many requests of this client are under way")]
    ClientFull,
    /// The answer would come after the deadline.
    #[error("it cannot be answered before its deadline")]
    TooLate,
    /// The tier shuts down.
    #[error("the tier shuts down")]
    Draining,
}
