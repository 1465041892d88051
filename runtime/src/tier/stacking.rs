//! Running several requests as one batch.

use ndarray::{Axis, Slice, concatenate};

use super::parts::Crossing;
use crate::value::Value;

/// How requests of one place run together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Stacking {
    /// It was not tried yet.
    #[default]
    Unknown,
    /// As one batch, with the same bits as alone.
    Exact,
    /// One after the other: the model takes no batches, or gives other bits for them.
    Apart,
}

/// Stacks the tensors of several requests along their first dimension; `None` where that is not a
/// batch of one each, and where side inputs are handed on.
pub(super) fn stack(all: &[Crossing]) -> Option<Crossing> {
    let first = all.first()?;
    let alike = |what: &Crossing| {
        let shapes = what.tensors.iter().map(|tensor| tensor.shape());
        what.sides.is_empty() && shapes.eq(first.tensors.iter().map(|tensor| tensor.shape()))
    };
    let single = first.tensors.iter().all(|tensor| tensor.shape().first() == Some(&1));
    if !single || !all.iter().all(alike) {
        return None;
    }
    let column = |index: usize| {
        let views = all.iter().map(|what| Some(what.tensors.get(index)?.view()));
        concatenate(Axis(0), &views.collect::<Option<Vec<_>>>()?).ok()
    };
    let tensors = (0..first.tensors.len()).map(column).collect::<Option<_>>()?;
    Some(Crossing { tensors, ..Crossing::default() })
}

/// Divides the outputs of a batch among its requests; `None` where an output has another first
/// dimension than the batch.
pub(super) fn unstack(outputs: &[Value], count: usize) -> Option<Vec<Vec<Value>>> {
    if outputs.iter().any(|output| output.dims().first() != Some(&count)) {
        return None;
    }
    let row = |index: usize| outputs.iter().map(move |output| slice(output, index)).collect();
    Some((0..count).map(row).collect())
}

fn slice(value: &Value, index: usize) -> Value {
    let one = Slice::from(index..index + 1);
    match value {
        Value::F32(a) => Value::F32(a.slice_axis(Axis(0), one).to_owned()),
        Value::I64(a) => Value::I64(a.slice_axis(Axis(0), one).to_owned()),
        Value::I32(a) => Value::I32(a.slice_axis(Axis(0), one).to_owned()),
        Value::I8(a) => Value::I8(a.slice_axis(Axis(0), one).to_owned()),
        Value::U8(a) => Value::U8(a.slice_axis(Axis(0), one).to_owned()),
        Value::Bool(a) => Value::Bool(a.slice_axis(Axis(0), one).to_owned()),
    }
}

/// Tells whether two lists of outputs agree in every bit.
pub(super) fn same_bits(a: &[Vec<Value>], b: &[Vec<Value>]) -> bool {
    let same = |(a, b): (&Value, &Value)| match (a, b) {
        (Value::F32(a), Value::F32(b)) => {
            let bits = a.iter().map(|v| v.to_bits());
            a.shape() == b.shape() && bits.eq(b.iter().map(|v| v.to_bits()))
        }
        _ => a == b,
    };
    let rows = |(a, b): (&Vec<Value>, &Vec<Value>)| a.len() == b.len() && a.iter().zip(b).all(same);
    a.len() == b.len() && a.iter().zip(b).all(rows)
}
