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

/// Floats beyond this are whole whatever was meant.
const LARGEST: f64 = 16_777_216.0;

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

    /// Takes floats as elements of a type; `None` where they are not all numbers of that type.
    pub fn from_floats(floats: Tensor, kind: ElementKind) -> Option<Self> {
        let whole = |least: f64, most: f64| {
            let fits = |value: &f32| {
                let value = f64::from(*value);
                value.fract() == 0.0 && (least..=most).contains(&value)
            };
            floats.iter().all(fits)
        };
        Some(match kind {
            ElementKind::F32 => Self::F32(floats),
            ElementKind::I64 if whole(-LARGEST, LARGEST) => Self::I64(floats.mapv(|v| v as i64)),
            ElementKind::I32 if whole(i32::MIN.into(), i32::MAX.into()) => {
                Self::I32(floats.mapv(|v| v as i32))
            }
            ElementKind::I8 if whole(i8::MIN.into(), i8::MAX.into()) => {
                Self::I8(floats.mapv(|v| v as i8))
            }
            ElementKind::U8 if whole(0.0, u8::MAX.into()) => Self::U8(floats.mapv(|v| v as u8)),
            ElementKind::Bool if whole(0.0, 1.0) => Self::Bool(floats.mapv(|v| v != 0.0)),
            _ => return None,
        })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_become_elements_of_a_type_where_they_are_such_numbers() {
        let floats = |values: &[f32]| ArrayD::from_shape_vec(vec![values.len()], values.to_vec());
        let of = |values: &[f32], kind| Value::from_floats(floats(values).expect("a vector"), kind);
        let kinds = |values: &[f32]| {
            use ElementKind as Kind;
            let all = [Kind::F32, Kind::I64, Kind::I32, Kind::I8, Kind::U8, Kind::Bool];
            all.map(|kind| of(values, kind).is_some_and(|value| value.kind() == kind))
        };
        assert_eq!(kinds(&[0.0, 1.0]), [true; 6]);
        assert_eq!(kinds(&[-5.0, 100.0]), [true, true, true, true, false, false]);
        assert_eq!(kinds(&[200.0]), [true, true, true, false, true, false]);
        assert_eq!(kinds(&[0.5]), [true, false, false, false, false, false]);
        assert_eq!(kinds(&[f32::NAN]), [true, false, false, false, false, false]);
        assert_eq!(kinds(&[1e9]), [true, false, true, false, false, false]);
        let ids = of(&[7.0, 1012.0], ElementKind::I64).expect("whole numbers");
        assert_eq!(ids.to_f64(), [7.0, 1012.0]);
    }
}
