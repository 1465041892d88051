//! Places along a model, and the parts between them.

use std::fmt;

use crate::cut::CutId;

/// A place along a model where tensors can be handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// Before everything: the inputs of the model.
    Input,
    /// A cut.
    Cut(CutId),
    /// Behind everything: the outputs of the model.
    Output,
}

impl Place {
    /// Returns the number by which peers name the place: 0 for the input, the number of a listed
    /// cut, 65,536 more than the number of a dominated one; `None` for the output, which nobody
    /// hands over.
    pub fn number(self) -> Option<u32> {
        match self {
            Self::Input => Some(0),
            Self::Cut(id) if id == CutId::listed(id.number()) => Some(u32::from(id.number())),
            Self::Cut(id) => Some(DOMINATED | u32::from(id.number())),
            Self::Output => None,
        }
    }

    /// Returns the cut; `None` for the input and the output.
    pub const fn cut(self) -> Option<CutId> {
        match self {
            Self::Cut(id) => Some(id),
            Self::Input | Self::Output => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input => f.pad("input"),
            Self::Cut(id) => id.fmt(f),
            Self::Output => f.pad("output"),
        }
    }
}

/// A part of a model: what lies between two places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// Whose tensors come in.
    pub from: Place,
    /// Whose tensors go out.
    pub to: Place,
}

impl Span {
    /// The whole model.
    pub const WHOLE: Self = Self { from: Place::Input, to: Place::Output };

    /// What a device computes before it hands over at `to`.
    pub const fn head(to: Place) -> Self {
        Self { from: Place::Input, to }
    }

    /// What is left behind `from`.
    pub const fn tail(from: Place) -> Self {
        Self { from, to: Place::Output }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.from, self.to)
    }
}

/// Numbers of dominated cuts begin here.
const DOMINATED: u32 = 1 << 16;
