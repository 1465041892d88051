//! Weights: their sizes, and the values of the small ones.

use super::proto::{TensorProto, data_type};

/// Where the elements of a tensor stand and how many bytes they take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TensorData {
    /// In the message, as raw bytes or in a typed field.
    Inline,
    /// In another file.
    External,
}

/// Multiplies the dimensions; `None` when one is negative or the product overflows.
pub(crate) fn tensor_elements(dims: &[i64]) -> Option<u64> {
    dims.iter().try_fold(1u64, |product, &dim| product.checked_mul(u64::try_from(dim).ok()?))
}

/// Checks that the data is as long as the dimensions say.
pub(super) fn check(tensor: &TensorProto) -> Result<TensorData, &'static str> {
    let elements = tensor_elements(&tensor.dims).ok_or("has impossible dimensions")?;
    let kind = tensor.data_type.unwrap_or_default();
    if tensor.data_location == Some(1) {
        return Ok(TensorData::External);
    }
    if let Some(raw) = &tensor.raw_data {
        let bits = element_bits(kind).ok_or("has an element type that cannot be raw")?;
        let bytes = elements.checked_mul(bits).ok_or("has impossible dimensions")?.div_ceil(8);
        return if raw.len() as u64 == bytes {
            Ok(TensorData::Inline)
        } else {
            Err("holds another number of bytes than its dimensions say")
        };
    }
    let present = match kind {
        data_type::FLOAT => tensor.float_data.len(),
        data_type::DOUBLE => tensor.double_data.len(),
        data_type::INT64 => tensor.int64_data.len(),
        data_type::UINT32 | data_type::UINT64 => tensor.uint64_data.len(),
        data_type::STRING => tensor.string_data.len(),
        data_type::UINT8
        | data_type::INT8
        | data_type::UINT16
        | data_type::INT16
        | data_type::INT32
        | data_type::BOOL
        | data_type::FLOAT16
        | data_type::BFLOAT16 => tensor.int32_data.len(),
        // Complex and narrow types pack several elements into one: left to the engine.
        _ => return Ok(TensorData::Inline),
    };
    if present as u64 == elements {
        Ok(TensorData::Inline)
    } else {
        Err("holds another number of elements than its dimensions say")
    }
}

/// Returns the bytes that the elements of an external tensor take; `None` for unknown types.
pub(crate) fn byte_length(tensor: &TensorProto) -> Option<u64> {
    let bits = element_bits(tensor.data_type.unwrap_or_default())?;
    Some(tensor_elements(&tensor.dims)?.checked_mul(bits)?.div_ceil(8))
}

/// Reads an integer tensor of at most 64 elements; `None` for anything else.
pub(crate) fn small_integers(tensor: &TensorProto) -> Option<Vec<i64>> {
    let elements = usize::try_from(tensor_elements(&tensor.dims)?).ok().filter(|&n| n <= 64)?;
    let values: Vec<i64> = match (tensor.data_type?, &tensor.raw_data) {
        (data_type::INT64, Some(raw)) => {
            raw.as_chunks::<8>().0.iter().map(|b| i64::from_le_bytes(*b)).collect()
        }
        (data_type::INT64, None) => tensor.int64_data.clone(),
        (data_type::INT32, Some(raw)) => {
            raw.as_chunks::<4>().0.iter().map(|b| i32::from_le_bytes(*b).into()).collect()
        }
        (data_type::INT32, None) => tensor.int32_data.iter().map(|&v| v.into()).collect(),
        _ => return None,
    };
    (values.len() == elements).then_some(values)
}

/// Returns the width of an element in bits.
fn element_bits(kind: i32) -> Option<u64> {
    match kind {
        data_type::DOUBLE | data_type::INT64 | data_type::UINT64 | 14 => Some(64),
        data_type::FLOAT | data_type::INT32 | data_type::UINT32 => Some(32),
        data_type::FLOAT16 | data_type::BFLOAT16 | data_type::INT16 | data_type::UINT16 => Some(16),
        data_type::UINT8 | data_type::INT8 | data_type::BOOL | 17..=20 | 24 => Some(8),
        15 => Some(128),
        21..=23 => Some(4),
        _ => None,
    }
}
