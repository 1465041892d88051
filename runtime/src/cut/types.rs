//! A cut and what is known of it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Names a cut of one model: `c01`, `c02`, ... from the input towards the output; `d001`, ... for
/// dominated ones, so that listing those changes no other name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CutId {
    dominated: bool,
    number: u16,
}

impl CutId {
    /// Names a listed cut by its place, from 1.
    pub const fn listed(number: u16) -> Self {
        Self { dominated: false, number }
    }

    /// Names a dominated cut by its place, from 1.
    pub const fn dominated(number: u16) -> Self {
        Self { dominated: true, number }
    }

    /// Returns the place in its list, from 1.
    pub const fn number(self) -> u16 {
        self.number
    }
}

impl fmt::Display for CutId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = if self.dominated {
            format!("d{:03}", self.number)
        } else {
            format!("c{:02}", self.number)
        };
        f.pad(&text)
    }
}

/// A text that names no cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a cut is named like c03")]
pub struct ParseCutIdError;

impl FromStr for CutId {
    type Err = ParseCutIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (dominated, digits) = match text.as_bytes().first() {
            Some(b'c') => (false, text.get(1..)),
            Some(b'd') => (true, text.get(1..)),
            _ => return Err(ParseCutIdError),
        };
        let digits = digits.filter(|d| d.bytes().all(|b| b.is_ascii_digit()));
        let number = digits.and_then(|d| d.parse().ok()).ok_or(ParseCutIdError)?;
        Ok(Self { dominated, number })
    }
}

impl Serialize for CutId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CutId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// One tensor that crosses a cut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CutTensor {
    /// Name in the model.
    pub name: String,
    /// Dimensions on the sample that the cuts were found with, outermost (batch) first.
    pub dims: Vec<usize>,
    /// Operator that computes it, such as `Relu`; `Input` for a graph input.
    pub operator: String,
    /// Operators of the tail that use it.
    pub used_by: Vec<String>,
}

impl CutTensor {
    /// Returns the number of elements.
    pub fn elements(&self) -> u64 {
        self.dims.iter().map(|&d| d as u64).product()
    }
}

/// A graph input that the tail needs as well and that is sent as it is: token numbers, a mask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SideInput {
    /// Name of the graph input.
    pub name: String,
    /// Bytes on the sample that the cuts were found with.
    pub bytes: u64,
}

/// How far head and tail together were from the whole model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Verified {
    /// Largest absolute difference of any output on real inputs; `None` when none were given.
    pub max_abs_difference_real: Option<f32>,
    /// Largest absolute difference of any output on random inputs; `None` when none were drawn.
    pub max_abs_difference_random: Option<f32>,
    /// Real inputs that were run.
    pub real_inputs: u32,
    /// Random inputs that were run.
    pub random_inputs: u32,
}

/// A proved cut.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cut {
    /// Name.
    pub id: CutId,
    /// What crosses it, in the order in which the model computes it.
    pub tensors: Vec<CutTensor>,
    /// Floating-point operations of the head, two per multiply-add.
    pub flops_head: u64,
    /// Floating-point operations of the tail.
    pub flops_tail: u64,
    /// Bytes of the tensors as 32-bit floats.
    pub raw_bytes: u64,
    /// Graph inputs that the tail needs beside the tensors, sent as they are.
    pub side_inputs: Vec<SideInput>,
    /// State inputs (keys and values of earlier tokens) that live with the tail.
    pub tail_state: Vec<String>,
    /// Shape values that the tail finds from the dimensions of the graph inputs.
    pub tail_shapes: Vec<String>,
    /// Shape values that the head finds from the dimensions of the graph inputs.
    pub head_shapes: Vec<String>,
    /// Graph inputs that the head needs.
    pub head_inputs: Vec<String>,
    /// Graph outputs that the head computes and keeps: its new state.
    pub head_outputs: Vec<String>,
    /// Graph outputs that the tail computes.
    pub tail_outputs: Vec<String>,
    /// Dimensions of all graph inputs on the sample that the cuts were found with.
    pub input_dims: Vec<(String, Vec<usize>)>,
    /// The listed cut that dominates this one; `None` when no other does.
    pub dominated_by: Option<CutId>,
    /// What the numbers say.
    pub verified: Verified,
}

impl Cut {
    /// Returns the elements of all tensors together.
    pub fn elements(&self) -> u64 {
        self.tensors.iter().map(CutTensor::elements).sum()
    }

    /// Returns the bytes of the side inputs.
    pub fn side_bytes(&self) -> u64 {
        self.side_inputs.iter().map(|side| side.bytes).sum()
    }

    /// Returns the names of the tensors.
    pub fn tensor_names(&self) -> Vec<&str> {
        self.tensors.iter().map(|t| t.name.as_str()).collect()
    }
}
