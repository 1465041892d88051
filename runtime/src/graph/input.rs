//! The inputs that a model asks for, and inputs drawn at random.

use std::collections::BTreeMap;

use ndarray::ArrayD;

use super::Graph;
use crate::value::{ElementKind, Value};

/// One dimension of a graph input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dim {
    /// Always this size.
    Fixed(usize),
    /// Chosen anew for each run; the symbol is empty where the file gives none.
    Open(String),
}

/// Name, element type and dimensions of a graph input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputSpec {
    /// Name.
    pub name: String,
    /// Element type; `None` for one that no engine here takes.
    pub kind: Option<ElementKind>,
    /// Dimensions; `None` when even the rank is open.
    pub dims: Option<Vec<Dim>>,
}

/// Sizes for open dimensions.
///
/// A symbol takes its size from here wherever it stands. An open first dimension that has no size
/// here is taken for the batch and becomes 1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DimChoice {
    sizes: BTreeMap<String, usize>,
}

impl DimChoice {
    /// Starts without any size.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives a size to a symbol, or to `input:axis` for a dimension without a symbol.
    #[must_use]
    pub fn with(mut self, symbol: impl Into<String>, size: usize) -> Self {
        self.sizes.insert(symbol.into(), size);
        self
    }
}

/// Why no input can be made up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// A dimension is open and no size was given.
    #[error("dimension {axis} of input `{input}` is open: give a size for `{symbol}`")]
    OpenDimension {
        /// Name of the input.
        input: String,
        /// Axis, from 0.
        axis: usize,
        /// What to give a size for.
        symbol: String,
    },
    /// The file says nothing about the shape or the element type.
    #[error("the model does not say what its input `{input}` looks like: give real inputs")]
    Unknown {
        /// Name of the input.
        input: String,
    },
}

impl InputSpec {
    /// Fills open dimensions in.
    ///
    /// # Errors
    /// When a dimension other than the first stays open, or the rank is not known.
    pub fn resolve(&self, choice: &DimChoice) -> Result<Vec<usize>, InputError> {
        let unknown = || InputError::Unknown { input: self.name.clone() };
        let dims = self.dims.as_ref().ok_or_else(unknown)?;
        let size = |(axis, dim): (usize, &Dim)| {
            let place = format!("{}:{axis}", self.name);
            let symbol = match dim {
                Dim::Fixed(size) => return Ok(*size),
                Dim::Open(symbol) if symbol.is_empty() => place.clone(),
                Dim::Open(symbol) => symbol.clone(),
            };
            let given = choice.sizes.get(&symbol).or_else(|| choice.sizes.get(&place)).copied();
            let batch = (axis == 0).then_some(1);
            given.or(batch).ok_or(InputError::OpenDimension {
                input: self.name.clone(),
                axis,
                symbol,
            })
        };
        dims.iter().enumerate().map(size).collect()
    }
}

/// Draws inputs from a seed; equal seeds give equal inputs on every machine.
#[derive(Clone, Debug)]
pub struct RandomSource {
    state: u64,
}

impl RandomSource {
    /// Starts from a seed.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// Returns 64 random bits.
    pub fn bits(&mut self) -> u64 {
        // SplitMix64: the published constants.
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Returns a number in `[0, 1)`.
    pub fn uniform(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1 << 24) as f32
    }

    /// Returns a number that is nearly normal, with mean 0 and deviation 1: a sum of twelve
    /// uniform ones, so that no platform's own logarithm or sine decides it.
    pub fn normal(&mut self) -> f32 {
        (0..12).map(|_| self.uniform()).sum::<f32>() - 6.0
    }

    /// Draws an input like `example`: floats with its mean and deviation, integers between its
    /// smallest and largest element, truth values as often true.
    pub fn like(&mut self, example: &Value) -> Value {
        let dims = example.dims();
        let numbers = example.to_f64();
        let count = numbers.len().max(1) as f64;
        let mean = numbers.iter().sum::<f64>() / count;
        let low = numbers.iter().copied().fold(f64::INFINITY, f64::min);
        let high = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        // Draws from low..=high; an empty example has neither and draws nothing.
        let span = ((high - low).max(0.0) as u64).saturating_add(1);
        let mut integer = || (low as i64).wrapping_add((self.bits() % span) as i64);
        match example {
            Value::F32(_) => {
                let variance = numbers.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
                let deviation = variance.sqrt() as f32;
                Value::F32(fill(dims, || mean as f32 + deviation * self.normal()))
            }
            Value::I64(_) => Value::I64(fill(dims, integer)),
            Value::I32(_) => Value::I32(fill(dims, || integer() as i32)),
            Value::I8(_) => Value::I8(fill(dims, || integer() as i8)),
            Value::U8(_) => Value::U8(fill(dims, || integer() as u8)),
            Value::Bool(_) => Value::Bool(fill(dims, || f64::from(self.uniform()) < mean)),
        }
    }

    /// Draws an input without an example: normal floats, integers that are 0 or 1.
    pub fn value(&mut self, kind: ElementKind, dims: &[usize]) -> Value {
        match kind {
            ElementKind::F32 => Value::F32(fill(dims, || self.normal())),
            ElementKind::I64 => Value::I64(fill(dims, || (self.bits() & 1) as i64)),
            ElementKind::I32 => Value::I32(fill(dims, || (self.bits() & 1) as i32)),
            ElementKind::I8 => Value::I8(fill(dims, || (self.bits() & 1) as i8)),
            ElementKind::U8 => Value::U8(fill(dims, || (self.bits() & 1) as u8)),
            ElementKind::Bool => Value::Bool(fill(dims, || self.bits() & 1 == 1)),
        }
    }
}

impl Graph {
    /// Makes one random value for each graph input.
    ///
    /// # Errors
    /// When the file leaves a dimension open that `choice` does not fill in.
    pub fn random_inputs(
        &self,
        source: &mut RandomSource,
        choice: &DimChoice,
    ) -> Result<Vec<(String, Value)>, InputError> {
        let specs = self.input_specs();
        let mut choice = choice.clone();
        for spec in &specs {
            // The batch may stand elsewhere in another input.
            if let Some(Dim::Open(symbol)) = spec.dims.as_ref().and_then(|dims| dims.first()) {
                choice.sizes.entry(symbol.clone()).or_insert(1);
            }
        }
        choice.sizes.remove("");
        let draw = |spec: InputSpec| {
            let dims = spec.resolve(&choice)?;
            let kind = spec.kind.ok_or(InputError::Unknown { input: spec.name.clone() })?;
            Ok((spec.name, source.value(kind, &dims)))
        };
        specs.into_iter().map(draw).collect()
    }
}

fn fill<T>(dims: &[usize], mut draw: impl FnMut() -> T) -> ArrayD<T> {
    ArrayD::from_shape_simple_fn(dims, &mut draw)
}
