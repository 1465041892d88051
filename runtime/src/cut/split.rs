//! Running the two sides of a cut.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Cut, SplitError};
use crate::engine::Program;
use crate::graph::Graph;
use crate::value::{ElementKind, Tensor, Value};

/// One loaded model, divided at one cut.
///
/// Both sides run on the same [`Program`]: making another `SplitModel` for another cut costs no
/// memory to speak of, so switching between cuts is free. It may be used from several threads.
pub struct SplitModel {
    program: Arc<dyn Program>,
    cut: Cut,
    /// Graph inputs with their element types, to make zeros of their dimensions.
    inputs: Vec<(String, ElementKind)>,
    /// Graph outputs in the order of the model.
    outputs: Vec<String>,
    /// Shape values by the dimensions that they were found for.
    shapes: Mutex<BTreeMap<InputDims, Arc<ShapeValues>>>,
}

/// Dimensions of the graph inputs, by name.
pub type InputDims = Vec<(String, Vec<usize>)>;

/// A part of a model behind a cut.
pub(super) struct Behind<'a> {
    /// What is computed.
    pub(super) fetch: &'a [&'a str],
    /// Shape values that are found from the dimensions of the graph inputs.
    pub(super) shapes: &'a [String],
    /// Tells whether an input beside the tensors is needed.
    pub(super) takes: &'a dyn Fn(&str) -> bool,
}

type ShapeValues = BTreeMap<String, Value>;

/// What a head computed.
#[derive(Clone, Debug, PartialEq)]
pub struct HeadRun {
    /// The tensors that cross, in the order of [`Cut::tensors`].
    pub features: Vec<Tensor>,
    /// The new state that stays with the head, in the order of [`Cut::head_outputs`].
    pub state: Vec<(String, Value)>,
}

impl SplitModel {
    /// Divides a loaded model at a cut of its graph.
    pub fn new(program: Arc<dyn Program>, graph: &Graph, cut: Cut) -> Self {
        let inputs = graph.input_specs().into_iter();
        let inputs =
            inputs.map(|spec| (spec.name, spec.kind.unwrap_or(ElementKind::F32))).collect();
        let name = |&id: &crate::graph::ValueId| graph.value_name(id).to_owned();
        let outputs = graph.outputs().iter().map(name).collect();
        Self { program, cut, inputs, outputs, shapes: Mutex::default() }
    }

    /// Returns the cut.
    pub fn cut(&self) -> &Cut {
        &self.cut
    }

    /// Runs the whole model with one input; returns the outputs in the order of the model.
    ///
    /// # Errors
    /// When the model has more inputs, or does not run.
    pub fn whole(&self, input: &Tensor) -> Result<Vec<Value>, SplitError> {
        let name = self.only_input(self.inputs.iter().map(|(name, _)| name.as_str()))?;
        self.whole_with(&[(name, Value::F32(input.clone()))])
    }

    /// Runs the whole model; returns the outputs in the order of the model.
    ///
    /// # Errors
    /// When an input is missing or the model does not run.
    pub fn whole_with(&self, inputs: &[(&str, Value)]) -> Result<Vec<Value>, SplitError> {
        let fetch: Vec<&str> = self.outputs.iter().map(String::as_str).collect();
        Ok(self.program.run(inputs, &fetch)?)
    }

    /// Runs the head with the one input that it needs; returns the tensors that cross.
    ///
    /// # Errors
    /// When the head needs more inputs, or does not run.
    pub fn head(&self, input: &Tensor) -> Result<Vec<Tensor>, SplitError> {
        let name = self.only_input(self.cut.head_inputs.iter().map(String::as_str))?;
        Ok(self.head_with(&[(name, Value::F32(input.clone()))])?.features)
    }

    /// Runs the head. Inputs that it does not need may be given; their dimensions are then known.
    ///
    /// # Errors
    /// When an input is missing, a tensor of the cut is no float tensor, or the head does not run.
    pub fn head_with(&self, inputs: &[(&str, Value)]) -> Result<HeadRun, SplitError> {
        let dims = dims_of(inputs);
        let shapes = self.shape_values(&self.cut.head_shapes, &dims)?;
        let needed =
            inputs.iter().filter(|(name, _)| self.cut.head_inputs.iter().any(|n| n == name));
        let mut feeds: Vec<(&str, Value)> = needed.cloned().collect();
        self.feed_shapes(&self.cut.head_shapes, &shapes, &mut feeds);
        let mut fetch: Vec<&str> = self.cut.tensor_names();
        fetch.extend(self.cut.head_outputs.iter().map(String::as_str));
        let mut results = self.program.run(&feeds, &fetch)?.into_iter();
        let tensors = self.cut.tensors.iter().zip(results.by_ref());
        let float = |(tensor, value): (&super::CutTensor, Value)| {
            value.into_f32().ok_or_else(|| SplitError::NotFloat { name: tensor.name.clone() })
        };
        let features = tensors.map(float).collect::<Result<_, _>>()?;
        Ok(HeadRun {
            features,
            state: self.cut.head_outputs.iter().cloned().zip(results).collect(),
        })
    }

    /// Runs the tail on the tensors that crossed; returns its outputs in the order of
    /// [`Cut::tail_outputs`], which for models without state are the outputs of the model.
    ///
    /// # Errors
    /// When the number of tensors is wrong, the tail has state or side inputs, or does not run.
    pub fn tail(&self, features: &[Tensor]) -> Result<Vec<Value>, SplitError> {
        self.tail_with(features, &[], None)
    }

    /// Runs the tail with state and side inputs.
    ///
    /// `dims` are the dimensions of the graph inputs that the head had; `None` stands for those of
    /// the sample that the cuts were found with, overridden by those of `others`.
    ///
    /// # Errors
    /// When the number of tensors is wrong, an input is missing, or the tail does not run.
    pub fn tail_with(
        &self,
        features: &[Tensor],
        others: &[(&str, Value)],
        dims: Option<&InputDims>,
    ) -> Result<Vec<Value>, SplitError> {
        let needed = |name: &str| {
            self.cut.tail_state.iter().any(|n| n == name)
                || self.cut.side_inputs.iter().any(|side| side.name == name)
        };
        let fetch: Vec<&str> = self.cut.tail_outputs.iter().map(String::as_str).collect();
        let part = Behind { fetch: &fetch, shapes: &self.cut.tail_shapes, takes: &needed };
        self.run_behind(&part, features, others, dims)
    }

    /// Computes a part of what lies behind the cut from its tensors and other inputs.
    pub(super) fn run_behind(
        &self,
        part: &Behind<'_>,
        features: &[Tensor],
        others: &[(&str, Value)],
        dims: Option<&InputDims>,
    ) -> Result<Vec<Value>, SplitError> {
        let expected = self.cut.tensors.len();
        if features.len() != expected {
            return Err(SplitError::TensorCount { expected, given: features.len() });
        }
        let mut known = dims.unwrap_or(&self.cut.input_dims).clone();
        for (name, own) in dims_of(others) {
            known.retain(|(other, _)| *other != name);
            known.push((name, own));
        }
        let shapes = self.shape_values(part.shapes, &known)?;
        let tensors = self.cut.tensors.iter().zip(features);
        let mut feeds: Vec<(&str, Value)> =
            tensors.map(|(t, feature)| (t.name.as_str(), Value::F32(feature.clone()))).collect();
        feeds.extend(others.iter().filter(|(name, _)| (part.takes)(name)).cloned());
        self.feed_shapes(part.shapes, &shapes, &mut feeds);
        Ok(self.program.run(&feeds, part.fetch)?)
    }

    fn only_input<'a>(
        &self,
        mut names: impl ExactSizeIterator<Item = &'a str>,
    ) -> Result<&'a str, SplitError> {
        match (names.len(), names.next()) {
            (1, Some(name)) => Ok(name),
            (count, _) => Err(SplitError::SeveralInputs { count }),
        }
    }

    fn feed_shapes<'a>(
        &self,
        names: &'a [String],
        shapes: &ShapeValues,
        feeds: &mut Vec<(&'a str, Value)>,
    ) {
        let found = names.iter().filter_map(|n| Some((n.as_str(), shapes.get(n)?.clone())));
        feeds.extend(found);
    }

    /// Finds shape values from dimensions, by running their part of the model on zeros.
    fn shape_values(
        &self,
        names: &[String],
        dims: &InputDims,
    ) -> Result<Arc<ShapeValues>, SplitError> {
        if names.is_empty() {
            return Ok(Arc::default());
        }
        // A tier need not know the dimensions of what lives on the other; the engine says so when
        // a shape value does depend on them.
        let find = |name: &str| dims.iter().find(|(other, _)| other == name).map(|(_, d)| d);
        let known: Vec<(&str, ElementKind, &Vec<usize>)> = self
            .inputs
            .iter()
            .filter_map(|(name, kind)| Some((name.as_str(), *kind, find(name)?)))
            .collect();
        let key: InputDims =
            known.iter().map(|(name, _, dims)| ((*name).to_owned(), (*dims).clone())).collect();
        let mut cache = self.shapes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = cache.get(&key).filter(|v| names.iter().all(|n| v.contains_key(n))) {
            return Ok(Arc::clone(found));
        }
        let zeros: Vec<(&str, Value)> =
            known.iter().map(|(name, kind, dims)| (*name, Value::zeros(*kind, dims))).collect();
        let wanted: Vec<&str> = names.iter().map(String::as_str).collect();
        let values = self.program.run(&zeros, &wanted)?;
        let mut found: ShapeValues = names.iter().cloned().zip(values).collect();
        if cache.len() >= CACHED_SHAPES {
            cache.clear();
        }
        // The other side's values for the same dimensions stay.
        found.extend(cache.get(&key).into_iter().flat_map(|old| old.as_ref().clone()));
        let found = Arc::new(found);
        cache.insert(key, Arc::clone(&found));
        Ok(found)
    }
}

fn dims_of(values: &[(&str, Value)]) -> InputDims {
    values.iter().map(|(name, value)| ((*name).to_owned(), value.dims().to_vec())).collect()
}

/// Sets of input dimensions whose shape values are kept.
const CACHED_SHAPES: usize = 64;
