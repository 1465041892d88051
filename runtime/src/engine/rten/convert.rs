//! Values in and out of `rten`, which knows no 64-bit integers and no truth values.

use ::rten::{Value as RtenValue, ValueOrView, ValueView};
use ndarray::{ArrayD, IxDyn};
use rten_tensor::Layout as _;

use crate::engine::RunError;
use crate::value::{ElementKind, Value};

/// Hands a value to the engine, without copying it where element type and layout allow.
pub(super) fn to_rten<'a>(name: &str, value: &'a Value) -> Result<ValueOrView<'a>, RunError> {
    let refuse = |message: String| RunError::InvalidInput {
        name: name.to_owned(),
        kind: value.kind(),
        dims: value.dims().to_vec(),
        message,
    };
    match value {
        Value::F32(array) => share(array),
        Value::I32(array) => share(array),
        Value::I8(array) => share(array),
        Value::U8(array) => share(array),
        Value::Bool(array) => own(array.shape(), array.iter().map(|&v| i32::from(v)).collect()),
        Value::I64(array) => {
            let narrow = array.iter().map(|&v| i32::try_from(v)).collect::<Result<Vec<_>, _>>();
            let narrow = narrow
                .map_err(|_| refuse("this engine computes integers in 32 bits".to_owned()))?;
            own(array.shape(), narrow)
        }
    }
    .map_err(refuse)
}

fn share<'a, T>(array: &'a ArrayD<T>) -> Result<ValueOrView<'a>, String>
where
    T: Clone,
    ValueView<'a>: From<rten_tensor::TensorView<'a, T>>,
    RtenValue: From<rten_tensor::Tensor<T>>,
{
    match array.as_slice() {
        Some(slice) => ValueView::from_shape(array.shape(), slice)
            .map(ValueOrView::from)
            .map_err(|error| error.to_string()),
        None => own(array.shape(), array.iter().cloned().collect()),
    }
}

fn own<'a, T>(dims: &[usize], data: Vec<T>) -> Result<ValueOrView<'a>, String>
where
    T: Clone,
    RtenValue: From<rten_tensor::Tensor<T>>,
{
    RtenValue::from_shape(dims, data).map(ValueOrView::from).map_err(|error| error.to_string())
}

/// Takes a value from the engine and gives it the element type that the file says.
pub(super) fn from_rten(
    name: &str,
    value: RtenValue,
    kind: Option<ElementKind>,
) -> Result<Value, RunError> {
    let refuse = || RunError::NotATensor { name: name.to_owned() };
    match value {
        RtenValue::FloatTensor(tensor) => array(tensor).map(Value::F32),
        RtenValue::Int8Tensor(tensor) => array(tensor).map(Value::I8),
        RtenValue::UInt8Tensor(tensor) => array(tensor).map(Value::U8),
        RtenValue::Int32Tensor(tensor) => array(tensor).map(|integers| match kind {
            Some(ElementKind::I64) => Value::I64(integers.mapv(i64::from)),
            Some(ElementKind::Bool) => Value::Bool(integers.mapv(|v| v != 0)),
            _ => Value::I32(integers),
        }),
        _ => None,
    }
    .ok_or_else(refuse)
}

fn array<T: Clone>(tensor: rten_tensor::Tensor<T>) -> Option<ArrayD<T>> {
    let dims = tensor.shape().to_vec();
    ArrayD::from_shape_vec(IxDyn(&dims), tensor.into_data()).ok()
}
