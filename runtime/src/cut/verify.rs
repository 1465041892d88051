//! The numerical proof: head and tail together give what the whole gives.

use super::{Cut, CutError, SplitError, SplitModel};
use crate::value::Value;

/// Returns the largest absolute difference between `tail(head(x))` and `whole(x)`, over all
/// outputs of the model.
///
/// `whole` are the outputs of the whole model in its order, with their names.
pub(super) fn difference(
    split: &SplitModel,
    inputs: &[(&str, Value)],
    whole: &[(String, Value)],
) -> Result<f32, CutError> {
    let run = split.head_with(inputs).map_err(into_cut_error)?;
    let others = others(split.cut(), inputs);
    let dims = inputs.iter().map(|(n, v)| ((*n).to_owned(), v.dims().to_vec())).collect();
    let results = split.tail_with(&run.features, &others, Some(&dims)).map_err(into_cut_error)?;
    let tail = split.cut().tail_outputs.iter().zip(&results);
    let head = run.state.iter().map(|(name, value)| (name, value));
    let mut largest = 0f32;
    for (name, value) in tail.chain(head) {
        let Some((_, expected)) = whole.iter().find(|(other, _)| other == name) else { continue };
        let difference = compare(expected, value);
        if !within(difference, expected) {
            return Err(CutError::Differs { output: name.clone(), difference });
        }
        largest = largest.max(difference);
    }
    Ok(largest)
}

/// The inputs that the tail needs beside the tensors.
fn others<'a>(cut: &Cut, inputs: &[(&'a str, Value)]) -> Vec<(&'a str, Value)> {
    let needed = |name: &str| {
        cut.tail_state.iter().any(|n| n == name) || cut.side_inputs.iter().any(|s| s.name == name)
    };
    inputs.iter().filter(|(name, _)| needed(name)).cloned().collect()
}

/// Largest absolute difference; not a number when shapes, kinds or non-numbers disagree.
fn compare(expected: &Value, actual: &Value) -> f32 {
    if expected.kind() != actual.kind() || expected.dims() != actual.dims() {
        return f32::NAN;
    }
    let mut largest = 0f64;
    for (a, b) in expected.to_f64().into_iter().zip(actual.to_f64()) {
        let difference = if a == b || (a.is_nan() && b.is_nan()) { 0.0 } else { (a - b).abs() };
        if difference.is_nan() {
            return f32::NAN;
        }
        largest = largest.max(difference);
    }
    largest as f32
}

/// Tells whether a difference is rounding: an engine that fuses nodes across the cut rounds
/// elsewhere than one that does not.
fn within(difference: f32, expected: &Value) -> bool {
    let numbers = expected.to_f64();
    let scale = numbers.iter().map(|v| v.abs()).filter(|v| v.is_finite()).fold(1.0, f64::max);
    f64::from(difference) <= RELATIVE_TOLERANCE * scale
}

fn into_cut_error(error: SplitError) -> CutError {
    match error {
        SplitError::Run(error) => CutError::Run(error),
        SplitError::NotFloat { name } => CutError::NotFloat { name },
        SplitError::TensorCount { expected, given } => CutError::Count { given, most: expected },
        SplitError::SeveralInputs { .. } => CutError::NothingLeft,
    }
}

/// Difference allowed, as a part of the largest magnitude of the output (but at least of 1).
/// The built-in engine gives 0; ONNX Runtime with all fusions was seen at 3e-8.
const RELATIVE_TOLERANCE: f64 = 1e-4;
