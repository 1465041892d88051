//! Values in and out of ONNX Runtime.

use ::ort::memory::Allocator;
use ::ort::session::SessionInputValue;
use ::ort::value::{DynValue, PrimitiveTensorElementType, Tensor, TensorElementType, TensorRef};
use ndarray::{ArrayD, IxDyn};

use super::failed;
use crate::engine::RunError;
use crate::value::Value;

/// Hands a value over, without copying it where its layout allows.
pub(super) fn to_ort<'a>(name: &str, value: &'a Value) -> Result<SessionInputValue<'a>, RunError> {
    match value {
        Value::F32(array) => share(array),
        Value::I64(array) => share(array),
        Value::I32(array) => share(array),
        Value::I8(array) => share(array),
        Value::U8(array) => share(array),
        Value::Bool(array) => share(array),
    }
    .map_err(|error| RunError::InvalidInput {
        name: name.to_owned(),
        kind: value.kind(),
        dims: value.dims().to_vec(),
        message: error.to_string(),
    })
}

fn share<T>(array: &ArrayD<T>) -> ::ort::Result<SessionInputValue<'_>>
where
    T: PrimitiveTensorElementType + Clone + std::fmt::Debug + 'static,
{
    let dims = array.shape().to_vec();
    if array.is_empty() {
        // A tensor over given memory must not be empty; one that the library allocates may be.
        return Ok(Tensor::<T>::new(&Allocator::default(), dims)?.into());
    }
    match array.as_slice() {
        Some(slice) => Ok(TensorRef::from_array_view((dims, slice))?.into()),
        None => Ok(Tensor::from_array((dims, array.iter().cloned().collect::<Vec<T>>()))?.into()),
    }
}

/// Takes a value over.
pub(super) fn from_ort(name: &str, value: &DynValue) -> Result<Value, RunError> {
    let refuse = || RunError::NotATensor { name: name.to_owned() };
    match value.dtype().tensor_type().ok_or_else(refuse)? {
        TensorElementType::Float32 => array::<f32>(name, value).map(Value::F32),
        TensorElementType::Float64 => {
            array::<f64>(name, value).map(|array| Value::F32(array.mapv(|v| v as f32)))
        }
        TensorElementType::Int64 => array::<i64>(name, value).map(Value::I64),
        TensorElementType::Int32 => array::<i32>(name, value).map(Value::I32),
        TensorElementType::Int8 => array::<i8>(name, value).map(Value::I8),
        TensorElementType::Uint8 => array::<u8>(name, value).map(Value::U8),
        TensorElementType::Bool => array::<bool>(name, value).map(Value::Bool),
        _ => Err(refuse()),
    }
}

fn array<T>(name: &str, value: &DynValue) -> Result<ArrayD<T>, RunError>
where
    T: PrimitiveTensorElementType + Clone,
{
    let refuse = || RunError::NotATensor { name: name.to_owned() };
    let (shape, data) = value.try_extract_tensor::<T>().map_err(failed)?;
    let dims: Option<Vec<usize>> = shape.iter().map(|&d| usize::try_from(d).ok()).collect();
    ArrayD::from_shape_vec(IxDyn(&dims.ok_or_else(refuse)?), data.to_vec()).map_err(|_| refuse())
}
