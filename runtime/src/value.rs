//! Tensors that go in and out of engines.

use ndarray::ArrayD;

/// A feature: the kind of tensor that crosses a cut.
pub type Tensor = ArrayD<f32>;

/// What the elements of a value are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ElementKind {
    /// 32-bit float; half and double precision are widened or narrowed to it by the engines.
    F32,
    /// 64-bit integer.
    I64,
    /// 32-bit integer.
    I32,
    /// Signed byte.
    I8,
    /// Unsigned byte.
    U8,
    /// Truth value.
    Bool,
}

impl ElementKind {
    /// Returns the bytes that one element takes when it is sent as it is.
    pub const fn bytes(self) -> u64 {
        match self {
            Self::F32 | Self::I32 => 4,
            Self::I64 => 8,
            Self::I8 | Self::U8 | Self::Bool => 1,
        }
    }
}

/// A tensor with its element type.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// Floats.
    F32(ArrayD<f32>),
    /// 64-bit integers; an engine that computes in 32 bits refuses those that do not fit.
    I64(ArrayD<i64>),
    /// 32-bit integers.
    I32(ArrayD<i32>),
    /// Signed bytes.
    I8(ArrayD<i8>),
    /// Unsigned bytes.
    U8(ArrayD<u8>),
    /// Truth values.
    Bool(ArrayD<bool>),
}

impl Value {
    /// Returns the dimensions, outermost first.
    pub fn dims(&self) -> &[usize] {
        match self {
            Self::F32(a) => a.shape(),
            Self::I64(a) => a.shape(),
            Self::I32(a) => a.shape(),
            Self::I8(a) => a.shape(),
            Self::U8(a) => a.shape(),
            Self::Bool(a) => a.shape(),
        }
    }

    /// Returns the number of elements.
    pub fn elements(&self) -> usize {
        self.dims().iter().product()
    }

    /// Returns what the elements are.
    pub fn kind(&self) -> ElementKind {
        match self {
            Self::F32(_) => ElementKind::F32,
            Self::I64(_) => ElementKind::I64,
            Self::I32(_) => ElementKind::I32,
            Self::I8(_) => ElementKind::I8,
            Self::U8(_) => ElementKind::U8,
            Self::Bool(_) => ElementKind::Bool,
        }
    }

    /// Returns the floats, or `None` for another element type.
    pub fn as_f32(&self) -> Option<&Tensor> {
        match self {
            Self::F32(array) => Some(array),
            _ => None,
        }
    }

    /// Returns the floats, or `None` for another element type.
    pub fn into_f32(self) -> Option<Tensor> {
        match self {
            Self::F32(array) => Some(array),
            _ => None,
        }
    }

    /// Returns a value of the same kind with every element zero.
    pub fn zeros(kind: ElementKind, dims: &[usize]) -> Self {
        match kind {
            ElementKind::F32 => Self::F32(ArrayD::zeros(dims)),
            ElementKind::I64 => Self::I64(ArrayD::zeros(dims)),
            ElementKind::I32 => Self::I32(ArrayD::zeros(dims)),
            ElementKind::I8 => Self::I8(ArrayD::zeros(dims)),
            ElementKind::U8 => Self::U8(ArrayD::zeros(dims)),
            ElementKind::Bool => Self::Bool(ArrayD::from_elem(dims, false)),
        }
    }

    /// Returns the elements as doubles, in row-major order; truth values as 0 and 1.
    pub fn to_f64(&self) -> Vec<f64> {
        match self {
            Self::F32(a) => a.iter().map(|&v| v.into()).collect(),
            Self::I64(a) => a.iter().map(|&v| v as f64).collect(),
            Self::I32(a) => a.iter().map(|&v| v.into()).collect(),
            Self::I8(a) => a.iter().map(|&v| v.into()).collect(),
            Self::U8(a) => a.iter().map(|&v| v.into()).collect(),
            Self::Bool(a) => a.iter().map(|&v| u8::from(v).into()).collect(),
        }
    }
}

impl From<Tensor> for Value {
    fn from(tensor: Tensor) -> Self {
        Self::F32(tensor)
    }
}

impl From<ArrayD<i64>> for Value {
    fn from(array: ArrayD<i64>) -> Self {
        Self::I64(array)
    }
}
