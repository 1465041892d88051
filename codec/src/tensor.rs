//! Shapes, element types and borrowed tensors: what goes into an encoder.

use half::{bf16, f16};

/// The number format of one element of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ElementType {
    /// IEEE 754 binary32, 4 bytes.
    F32,
    /// IEEE 754 binary16, 2 bytes.
    F16,
    /// The upper half of binary32, 2 bytes.
    Bf16,
}

impl ElementType {
    /// Returns the size of one element, in bytes.
    pub const fn size(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }

    /// Returns the number of this type in a frame header (`codec.md` 2.1).
    pub const fn code(self) -> u8 {
        match self {
            Self::F32 => 0,
            Self::F16 => 1,
            Self::Bf16 => 2,
        }
    }

    /// Returns the type with the given number, or `None` for a reserved one.
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::F32),
            1 => Some(Self::F16),
            2 => Some(Self::Bf16),
            _ => None,
        }
    }

    /// Returns the name used in reports: `f32`, `f16` or `bf16`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
        }
    }
}

/// The reason why a shape was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShapeError {
    /// There are more than [`Dims::MAX_RANK`] dimensions.
    #[error("a tensor has at most 8 dimensions, not {0}")]
    Rank(usize),
    /// A dimension does not fit into 32 bits, or the number of elements overflows.
    #[error("the number of elements of the shape overflows")]
    Overflow,
    /// The data have another length than the shape says.
    #[error("the shape has {expected} elements, the data have {found}")]
    Length {
        /// The number of elements of the shape.
        expected: usize,
        /// The number of elements given.
        found: usize,
    },
    /// The shape is not the one that the profile was learned for.
    #[error("the tensor has {found} elements where the profile expects {expected}")]
    Profile {
        /// The number of elements that the profile expects.
        expected: usize,
        /// The number of elements given.
        found: usize,
    },
}

/// The dimensions of a tensor: 0 to 8 of them, each below 2^32, with a checked product.
///
/// No dimensions at all is a scalar with one element; a dimension of 0 makes an empty tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Dims {
    sizes: [usize; Self::MAX_RANK],
    rank: u8,
    elements: usize,
}

impl Dims {
    /// The largest number of dimensions.
    pub const MAX_RANK: usize = 8;

    /// Checks and stores the given sizes, outermost first.
    ///
    /// # Errors
    /// [`ShapeError::Rank`] for more than 8 sizes, [`ShapeError::Overflow`] when a size or their
    /// product is too large to count; the product is taken over the non-zero sizes, so that the
    /// answer does not depend on their order.
    pub fn new(sizes: &[usize]) -> Result<Self, ShapeError> {
        let mut stored = [0; Self::MAX_RANK];
        let rank = u8::try_from(sizes.len()).map_err(|_| ShapeError::Rank(sizes.len()))?;
        let slots = stored.get_mut(..sizes.len()).ok_or(ShapeError::Rank(sizes.len()))?;
        let mut product = 1_usize;
        let mut empty = false;
        for (slot, &size) in slots.iter_mut().zip(sizes) {
            u32::try_from(size).map_err(|_| ShapeError::Overflow)?;
            *slot = size;
            empty |= size == 0;
            product = product.checked_mul(size.max(1)).ok_or(ShapeError::Overflow)?;
        }
        // The byte size of the widest element must be countable as well.
        product.checked_mul(8).ok_or(ShapeError::Overflow)?;
        Ok(Self { sizes: stored, rank, elements: if empty { 0 } else { product } })
    }

    /// Returns the sizes, outermost first.
    pub fn as_slice(&self) -> &[usize] {
        self.sizes.get(..usize::from(self.rank)).unwrap_or(&self.sizes)
    }

    /// Returns the number of dimensions, 0 to 8.
    pub const fn rank(&self) -> usize {
        self.rank as usize
    }

    /// Returns the number of elements: the product of the sizes, 1 for a scalar.
    pub const fn elements(&self) -> usize {
        self.elements
    }
}

/// The elements of a borrowed tensor in one of the three number formats.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum TensorData<'a> {
    /// Elements of [`ElementType::F32`].
    F32(&'a [f32]),
    /// Elements of [`ElementType::F16`].
    F16(&'a [f16]),
    /// Elements of [`ElementType::Bf16`].
    Bf16(&'a [bf16]),
}

/// A borrowed tensor: dimensions and row-major elements whose number agrees with them.
#[derive(Debug, Clone, Copy)]
pub struct TensorView<'a> {
    dims: Dims,
    data: TensorData<'a>,
}

impl<'a> TensorView<'a> {
    /// Views `data` as a tensor of f32.
    ///
    /// # Errors
    /// [`ShapeError::Length`] when the number of elements is not that of `dims`.
    pub fn f32(dims: &Dims, data: &'a [f32]) -> Result<Self, ShapeError> {
        Self::checked(dims, TensorData::F32(data), data.len())
    }

    /// Views `data` as a tensor of f16.
    ///
    /// # Errors
    /// [`ShapeError::Length`] when the number of elements is not that of `dims`.
    pub fn f16(dims: &Dims, data: &'a [f16]) -> Result<Self, ShapeError> {
        Self::checked(dims, TensorData::F16(data), data.len())
    }

    /// Views `data` as a tensor of bf16.
    ///
    /// # Errors
    /// [`ShapeError::Length`] when the number of elements is not that of `dims`.
    pub fn bf16(dims: &Dims, data: &'a [bf16]) -> Result<Self, ShapeError> {
        Self::checked(dims, TensorData::Bf16(data), data.len())
    }

    fn checked(dims: &Dims, data: TensorData<'a>, found: usize) -> Result<Self, ShapeError> {
        let expected = dims.elements();
        if found != expected {
            return Err(ShapeError::Length { expected, found });
        }
        Ok(Self { dims: *dims, data })
    }

    /// Returns the dimensions.
    pub const fn dims(&self) -> &Dims {
        &self.dims
    }

    /// Returns the number format of the elements.
    pub const fn element(&self) -> ElementType {
        match self.data {
            TensorData::F32(_) => ElementType::F32,
            TensorData::F16(_) => ElementType::F16,
            TensorData::Bf16(_) => ElementType::Bf16,
        }
    }

    /// Returns the elements as they are stored.
    pub const fn data(&self) -> TensorData<'a> {
        self.data
    }

    /// Replaces the content of `out` by the elements as f32; exact for all three formats.
    pub fn to_f32(&self, out: &mut Vec<f32>) {
        out.clear();
        match self.data {
            TensorData::F32(data) => out.extend_from_slice(data),
            TensorData::F16(data) => out.extend(data.iter().map(|value| value.to_f32())),
            TensorData::Bf16(data) => out.extend(data.iter().map(|value| value.to_f32())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dims_count_elements_and_keep_their_sizes() {
        let dims = Dims::new(&[64, 8, 8]).unwrap();
        assert_eq!((dims.as_slice(), dims.rank(), dims.elements()), (&[64, 8, 8][..], 3, 4096));
        assert_eq!(Dims::new(&[]).unwrap().elements(), 1);
        assert_eq!(Dims::new(&[3, 0, 5]).unwrap().elements(), 0);
        assert_eq!(Dims::new(&[1; 8]).unwrap().rank(), 8);
    }

    #[test]
    fn dims_refuse_what_cannot_be_counted() {
        assert_eq!(Dims::new(&[1; 9]), Err(ShapeError::Rank(9)));
        assert_eq!(Dims::new(&[1; 300]), Err(ShapeError::Rank(300)));
        assert_eq!(Dims::new(&[usize::MAX]), Err(ShapeError::Overflow));
        assert_eq!(Dims::new(&[1 << 31, 1 << 31, 2]), Err(ShapeError::Overflow));
        // A zero anywhere must not hide an overflow that another order would show.
        assert_eq!(Dims::new(&[0, 1 << 31, 1 << 31, 4]), Err(ShapeError::Overflow));
    }

    #[test]
    fn views_check_the_length_and_convert() {
        let dims = Dims::new(&[2]).unwrap();
        let error = TensorView::f32(&dims, &[1.0]).unwrap_err();
        assert_eq!(error, ShapeError::Length { expected: 2, found: 1 });
        let halves = [f16::from_f32(0.5), f16::INFINITY];
        let view = TensorView::f16(&dims, &halves).unwrap();
        let mut out = vec![9.0];
        view.to_f32(&mut out);
        assert_eq!((view.element(), out), (ElementType::F16, vec![0.5, f32::INFINITY]));
    }

    #[test]
    fn element_codes_agree_both_ways() {
        for element in [ElementType::F32, ElementType::F16, ElementType::Bf16] {
            assert_eq!(ElementType::from_code(element.code()), Some(element));
        }
        assert_eq!(ElementType::from_code(3), None);
    }
}
