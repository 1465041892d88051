//! Answers: what a tier sends back for a request (`spec/answer.md`).
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use aiflow_codec::DecodeError;
use aiflow_codec::bitstream::{Reader, write_varint};
use aiflow_codec::error::DecodeErrorKind;
use aiflow_units::Micros;
use ndarray::{ArrayD, IxDyn};

use super::classes::{Class, likeliest};
use super::error::AnswerError;
use super::trace::{Part, Trace};
use crate::value::{ElementKind, Value};

/// What a device wants to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AnswerForm {
    /// All outputs of the model, every bit.
    #[default]
    Tensors,
    /// The likeliest classes, as many as this; all outputs where the model is no classifier.
    Classes(u8),
}

impl AnswerForm {
    /// Returns the number by which peers name the form: 0 for tensors, the number of classes for
    /// classes.
    pub const fn number(self) -> u64 {
        match self {
            Self::Tensors => 0,
            Self::Classes(most) => most as u64,
        }
    }

    /// Takes the number of a peer; more than 255 classes become all outputs.
    pub fn from_number(number: u64) -> Self {
        match u8::try_from(number) {
            Ok(0) | Err(_) => Self::Tensors,
            Ok(most) => Self::Classes(most),
        }
    }
}

/// What a tier answers: the result, and where its time went.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Answer {
    /// All outputs, in the order of the model.
    Tensors(Vec<Value>),
    /// The likeliest classes, the likeliest first.
    Classes(Vec<Class>),
}

impl Answer {
    /// The version that this crate writes.
    pub const VERSION: u8 = 1;

    /// Makes the answer of a form from the outputs of the model.
    pub fn new(outputs: Vec<Value>, form: AnswerForm) -> Self {
        match form {
            AnswerForm::Classes(most) => match likeliest(&outputs, most.into()) {
                Some(classes) => Self::Classes(classes),
                None => Self::Tensors(outputs),
            },
            AnswerForm::Tensors => Self::Tensors(outputs),
        }
    }

    /// Returns the likeliest class; `None` where the model is no classifier.
    pub fn class(&self) -> Option<u32> {
        let first = |classes: &[Class]| classes.first().map(|class| class.class);
        match self {
            Self::Classes(classes) => first(classes),
            Self::Tensors(outputs) => first(&likeliest(outputs, 1)?),
        }
    }

    /// Writes the answer with its trace.
    pub fn encode(&self, trace: &Trace) -> Vec<u8> {
        let mut out = vec![Self::VERSION];
        write_varint(trace.parts().len() as u64, &mut out);
        for (tier, part, time) in trace.parts() {
            out.extend([*tier, part.number()]);
            write_varint(time.get(), &mut out);
        }
        match self {
            Self::Tensors(outputs) => {
                out.push(KIND_TENSORS);
                write_varint(outputs.len() as u64, &mut out);
                outputs.iter().for_each(|value| write_value(value, &mut out));
            }
            Self::Classes(classes) => {
                out.push(KIND_CLASSES);
                write_varint(classes.len() as u64, &mut out);
                for class in classes {
                    write_varint(class.class.into(), &mut out);
                    out.extend(class.score.to_le_bytes());
                }
            }
        }
        out
    }

    /// Reads an answer with its trace. Memory is taken for what is there, not for what is announced.
    ///
    /// # Errors
    /// Another version, or which rule is broken at which byte.
    pub fn decode(bytes: &[u8]) -> Result<(Self, Trace), AnswerError> {
        let mut reader = Reader::new(bytes, "answer.md 2");
        match reader.u8()? {
            Self::VERSION => {}
            found => return Err(AnswerError::Version { found, known: Self::VERSION }),
        }
        let mut trace = Trace::new();
        for _ in 0..count(&mut reader, Trace::MOST)? {
            let tier = reader.u8()?;
            let unknown = reader.error(DecodeErrorKind::ReservedBits);
            let part = Part::from_number(reader.u8()?).ok_or(unknown)?;
            trace.push(tier, part, Micros::new(reader.varint_u64()?));
        }
        let reserved = reader.error(DecodeErrorKind::ReservedBits);
        let answer = match reader.u8()? {
            KIND_TENSORS => {
                reader.set_section("answer.md 3");
                let mut outputs = Vec::new();
                for _ in 0..count(&mut reader, MOST_OUTPUTS)? {
                    outputs.push(read_value(&mut reader)?);
                }
                Self::Tensors(outputs)
            }
            KIND_CLASSES => {
                reader.set_section("answer.md 4");
                let mut classes = Vec::new();
                for _ in 0..count(&mut reader, MOST_CLASSES)? {
                    let class = reader.varint_u32()?;
                    classes.push(Class { class, score: f32::from_le_bytes(reader.array()?) });
                }
                Self::Classes(classes)
            }
            _ => return Err(reserved.into()),
        };
        reader.expect_end()?;
        Ok((answer, trace))
    }
}

fn count(reader: &mut Reader<'_>, most: usize) -> Result<usize, DecodeError> {
    let too_many = reader.error(DecodeErrorKind::InvalidSymbol);
    let count = reader.varint_u32()?;
    usize::try_from(count).ok().filter(|&count| count <= most).ok_or(too_many)
}

/// Writes type, dimensions and elements of a value.
pub(super) fn write_value(value: &Value, out: &mut Vec<u8>) {
    out.push(kind_number(value.kind()));
    write_varint(value.dims().len() as u64, out);
    value.dims().iter().for_each(|&size| write_varint(size as u64, out));
    match value {
        Value::F32(a) => out.extend(a.iter().flat_map(|v| v.to_le_bytes())),
        Value::I64(a) => out.extend(a.iter().flat_map(|v| v.to_le_bytes())),
        Value::I32(a) => out.extend(a.iter().flat_map(|v| v.to_le_bytes())),
        Value::I8(a) => out.extend(a.iter().flat_map(|v| v.to_le_bytes())),
        Value::U8(a) => out.extend(a.iter().copied()),
        Value::Bool(a) => out.extend(a.iter().map(|&v| u8::from(v))),
    }
}

/// Reads what [`write_value`] wrote.
pub(super) fn read_value(reader: &mut Reader<'_>) -> Result<Value, DecodeError> {
    let reserved = reader.error(DecodeErrorKind::ReservedBits);
    let kind = kind_from(reader.u8()?).ok_or(reserved)?;
    let invalid = reader.error(DecodeErrorKind::InvalidSymbol);
    let mut dims = Vec::new();
    for _ in 0..count(reader, MOST_DIMS)? {
        dims.push(reader.varint_u32()? as usize);
    }
    let elements = dims.iter().try_fold(1_usize, |product, &size| product.checked_mul(size));
    let wide = usize::try_from(kind.bytes()).unwrap_or(usize::MAX);
    let size = elements.and_then(|elements| elements.checked_mul(wide)).ok_or(invalid)?;
    // What is announced is there, or nothing is allocated.
    let bytes = reader.take(size)?;
    let value = match kind {
        ElementKind::F32 => filled(&dims, bytes, f32::from_le_bytes).map(Value::F32),
        ElementKind::I64 => filled(&dims, bytes, i64::from_le_bytes).map(Value::I64),
        ElementKind::I32 => filled(&dims, bytes, i32::from_le_bytes).map(Value::I32),
        ElementKind::I8 => filled(&dims, bytes, i8::from_le_bytes).map(Value::I8),
        ElementKind::U8 => filled(&dims, bytes, u8::from_le_bytes).map(Value::U8),
        ElementKind::Bool => filled(&dims, bytes, |[v]: [u8; 1]| v != 0).map(Value::Bool),
    };
    value.ok_or(invalid)
}

fn filled<T, const N: usize>(
    dims: &[usize],
    bytes: &[u8],
    element: impl Fn([u8; N]) -> T,
) -> Option<ArrayD<T>> {
    let elements = bytes.as_chunks().0.iter().map(|&chunk| element(chunk)).collect();
    ArrayD::from_shape_vec(IxDyn(dims), elements).ok()
}

const fn kind_number(kind: ElementKind) -> u8 {
    match kind {
        ElementKind::Bool => 0,
        ElementKind::U8 => 1,
        ElementKind::I8 => 5,
        ElementKind::I32 => 7,
        ElementKind::I64 => 8,
        ElementKind::F32 => 10,
    }
}

const fn kind_from(number: u8) -> Option<ElementKind> {
    Some(match number {
        0 => ElementKind::Bool,
        1 => ElementKind::U8,
        5 => ElementKind::I8,
        7 => ElementKind::I32,
        8 => ElementKind::I64,
        10 => ElementKind::F32,
        _ => return None,
    })
}

const KIND_TENSORS: u8 = 0;
const KIND_CLASSES: u8 = 1;
/// Outputs of one model.
const MOST_OUTPUTS: usize = 64;
/// Classes of one answer.
const MOST_CLASSES: usize = 255;
/// Dimensions of one tensor.
const MOST_DIMS: usize = 8;
