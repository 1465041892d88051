//! Types and shapes of tensors (`protocol.md` 6.6).

use super::{Limits, Reader, Wire, Writer};
use crate::error::{ErrorKind, ProtocolError};

/// The most tensors that cross one cut.
pub const MAX_TENSORS: usize = 8;
/// The most dimensions of a tensor.
pub const MAX_DIMENSIONS: usize = 8;

/// The type of the elements of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[allow(missing_docs, reason = "each is named after its numbers")]
pub enum ElementType {
    Bool,
    U8,
    U16,
    U32,
    U64,
    I8,
    I16,
    I32,
    I64,
    F16,
    F32,
    F64,
    Bf16,
    /// Strings of bytes.
    Bytes,
}

impl ElementType {
    /// All types, in the order of their numbers.
    pub const ALL: [Self; 14] = [
        Self::Bool,
        Self::U8,
        Self::U16,
        Self::U32,
        Self::U64,
        Self::I8,
        Self::I16,
        Self::I32,
        Self::I64,
        Self::F16,
        Self::F32,
        Self::F64,
        Self::Bf16,
        Self::Bytes,
    ];

    /// Returns the number on the wire.
    pub const fn number(self) -> u64 {
        self as u64
    }

    /// Returns the name in the Open Inference Protocol.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bool => "BOOL",
            Self::U8 => "UINT8",
            Self::U16 => "UINT16",
            Self::U32 => "UINT32",
            Self::U64 => "UINT64",
            Self::I8 => "INT8",
            Self::I16 => "INT16",
            Self::I32 => "INT32",
            Self::I64 => "INT64",
            Self::F16 => "FP16",
            Self::F32 => "FP32",
            Self::F64 => "FP64",
            Self::Bf16 => "BF16",
            Self::Bytes => "BYTES",
        }
    }

    /// Finds the type of a number.
    pub fn from_number(number: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|element| element.number() == number)
    }

    /// Returns the bytes of one element; `None` where they differ.
    pub const fn bytes(self) -> Option<u64> {
        match self {
            Self::Bool | Self::U8 | Self::I8 => Some(1),
            Self::U16 | Self::I16 | Self::F16 | Self::Bf16 => Some(2),
            Self::U32 | Self::I32 | Self::F32 => Some(4),
            Self::U64 | Self::I64 | Self::F64 => Some(8),
            Self::Bytes => None,
        }
    }
}

impl Wire for ElementType {
    const SECTION: &'static str = "protocol.md 6.6";

    fn read(reader: &mut Reader<'_>, _: &Limits) -> Result<Self, ProtocolError> {
        let invalid = reader.error(ErrorKind::InvalidValue);
        Self::from_number(reader.varint()?).ok_or(invalid)
    }

    fn write(&self, writer: &mut Writer) {
        writer.varint("element type", self.number());
    }
}

/// Type and shape of a tensor that crosses a cut.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TensorSchema {
    /// The type of its elements.
    pub element: ElementType,
    /// Its dimensions, outermost first; at most 8, and at most 2^40 elements.
    pub dims: Vec<u32>,
}

impl TensorSchema {
    /// Returns the number of elements; `None` above 2^40.
    pub fn elements(&self) -> Option<u64> {
        let sizes = self.dims.iter().map(|&size| u64::from(size));
        let product = sizes.clone().filter(|&size| size > 0).try_fold(1_u64, |product, size| {
            product.checked_mul(size).filter(|product| *product <= MAX_ELEMENTS)
        })?;
        Some(if sizes.clone().any(|size| size == 0) { 0 } else { product })
    }
}

impl Wire for TensorSchema {
    const SECTION: &'static str = "protocol.md 6.6";

    fn read(reader: &mut Reader<'_>, limits: &Limits) -> Result<Self, ProtocolError> {
        let element = ElementType::read(reader, limits)?;
        let at = reader.offset();
        let count = reader.count(MAX_DIMENSIONS)?;
        let dims = (0..count).map(|_| reader.varint_u32()).collect::<Result<_, _>>()?;
        let schema = Self { element, dims };
        match schema.elements() {
            Some(_) => Ok(schema),
            None => Err(reader.error_at(ErrorKind::TooMany, at)),
        }
    }

    fn write(&self, writer: &mut Writer) {
        self.element.write(writer);
        if self.elements().is_none() {
            writer.invalid("dims", "there are at most 2^40 elements");
        }
        writer.count("dims", self.dims.len(), MAX_DIMENSIONS);
        self.dims.iter().for_each(|&size| writer.varint("dim", u64::from(size)));
    }
}

/// The most elements of a tensor; zeros among the dimensions do not hide the others.
const MAX_ELEMENTS: u64 = 1 << 40;
