//! One loaded model with all places at which it can be divided.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aiflow_codec::{DecodeLimits, Profile};

use super::coder::PartCoder;
use super::emulation::{Effort, Pace, TensorCodec, paced};
use super::error::PartError;
use super::place::{Place, Span};
use super::stacking::{Stacking, same_bits, stack, unstack};
use crate::bundle::{Bundle, BundleCut};
use crate::cut::{Cut, CutId, InputDims, MiddleModel, SplitModel};
use crate::digest::Digest;
use crate::engine::Program;
use crate::graph::{DimChoice, Graph};
use crate::onnx::ModelId;
use crate::value::{ElementKind, Tensor, Value};

/// What is handed over at a place: its tensors, and the side inputs that parts behind it need.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Crossing {
    /// The tensors, in the order of the place.
    pub tensors: Vec<Tensor>,
    /// Inputs of the model that are handed on as they are: side inputs, and state that parts behind
    /// the place read.
    pub sides: Vec<(String, Value)>,
    /// Outputs of the model that were computed before the place (new state of a head). They stay with
    /// who computed them, and do not cross.
    pub outputs: Vec<(String, Value)>,
}

/// One loaded model with all places at which it can be divided, and the coders for them.
///
/// All parts run on one [`Program`], which holds the weights once, whatever cuts are in use; to
/// change the cut is to call with another [`Place`].
pub struct ModelParts {
    id: ModelId,
    program: Arc<dyn Program>,
    graph: Graph,
    /// Inputs that hold floats, in the order of the model.
    inputs: Vec<String>,
    outputs: Vec<String>,
    whole: PartCoder,
    cuts: Vec<CutParts>,
    middles: Mutex<BTreeMap<(CutId, CutId), Arc<MiddleModel>>>,
    pace: Option<Arc<dyn Pace>>,
    stacking: Mutex<BTreeMap<Place, Stacking>>,
}

struct CutParts {
    split: SplitModel,
    coder: PartCoder,
    profile: Option<Digest>,
}

impl ModelParts {
    /// Takes a bundle and its loaded model.
    ///
    /// No tier remembers anything from one request to the next: state that is read behind a cut is
    /// handed on with every request, and its successor comes back with the answer. So any tier can
    /// answer any request, whoever answered the one before.
    ///
    /// # Errors
    /// When a profile of the bundle cannot be read.
    pub fn new(
        bundle: &Bundle,
        program: Arc<dyn Program>,
        graph: Graph,
    ) -> Result<Self, PartError> {
        let limits = DecodeLimits::default();
        let name = |&id: &crate::graph::ValueId| graph.value_name(id).to_owned();
        let outputs = graph.outputs().iter().map(name).collect();
        let mut cuts = Vec::new();
        for cut in bundle.cuts() {
            cuts.push(CutParts::new(cut, &program, &graph, limits)?);
        }
        let sample = cuts.first().map(|parts| parts.split.cut().input_dims.clone());
        let (inputs, whole) = input_coder(&graph, &sample.unwrap_or_default(), limits);
        Ok(Self {
            id: bundle.manifest().model.id,
            program,
            inputs,
            outputs,
            whole,
            cuts,
            middles: Mutex::default(),
            pace: None,
            stacking: Mutex::default(),
            graph,
        })
    }

    /// Makes parts and coding take as long as they would on another machine, for measurements.
    #[must_use]
    pub fn with_pace(mut self, pace: Arc<dyn Pace>) -> Self {
        self.whole.set_pace(&pace);
        self.cuts.iter_mut().for_each(|parts| parts.coder.set_pace(&pace));
        self.pace = Some(pace);
        self
    }

    /// Codes what crosses a cut in another way, whatever coding is asked for: one codec per tensor.
    /// Both peers must do so; it is there for measurements.
    ///
    /// # Errors
    /// When the bundle has no such cut, or it has another number of tensors.
    pub fn with_codecs(
        mut self,
        cut: CutId,
        codecs: Vec<Arc<dyn TensorCodec>>,
    ) -> Result<Self, PartError> {
        let place = Place::Cut(cut);
        let parts = self.cuts.iter_mut().find(|parts| parts.split.cut().id == cut);
        let parts = parts.ok_or(PartError::UnknownPlace { place })?;
        let (expected, given) = (parts.coder.dims().len(), codecs.len());
        if expected != given {
            return Err(PartError::Count { place, expected, given });
        }
        parts.coder.set_codecs(codecs);
        Ok(self)
    }

    /// Returns the name of the model.
    pub const fn id(&self) -> ModelId {
        self.id
    }

    /// Returns the graph.
    pub const fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Returns the names of the outputs, in the order of the model.
    pub fn outputs(&self) -> &[String] {
        &self.outputs
    }

    /// Returns the cuts that can be handed over at, from the input towards the output.
    pub fn cuts(&self) -> impl ExactSizeIterator<Item = &Cut> {
        self.cuts.iter().map(|parts| parts.split.cut())
    }

    /// Returns the coder of a place.
    ///
    /// # Errors
    /// When nothing is handed over there.
    pub fn coder(&self, place: Place) -> Result<&PartCoder, PartError> {
        match place {
            Place::Input => Ok(&self.whole),
            Place::Cut(id) => Ok(&self.find(id)?.coder),
            Place::Output => Err(PartError::UnknownPlace { place }),
        }
    }

    /// Returns the hash that names what was learned for a place: the name of its profile; of several,
    /// the SHA-256 of their names one after the other. `None` where nothing was learned.
    pub fn profile(&self, place: Place) -> Option<Digest> {
        self.find(place.cut()?).ok()?.profile
    }

    /// Runs the part from the input to a place.
    ///
    /// # Errors
    /// When the place is not known, an input is missing, or the part does not run.
    pub fn head(&self, inputs: &[(&str, Value)], to: Place) -> Result<Crossing, PartError> {
        let coder = self.coder(to)?;
        let sides = sides_of(coder, inputs.iter().map(|(name, value)| (*name, value)));
        let (tensors, outputs) = match to.cut() {
            Some(id) => {
                let split = &self.find(id)?.split;
                let run = self.paced(Span::head(to), || split.head_with(inputs));
                let run = run.map_err(|source| PartError::Run { span: Span::head(to), source })?;
                (run.features, run.state)
            }
            None => (self.floats(inputs)?, Vec::new()),
        };
        Ok(Crossing { tensors, sides, outputs })
    }

    /// Runs the part between two places, of which the second is a cut.
    ///
    /// # Errors
    /// When a place is not known, the second does not follow from the first, or the part does not
    /// run.
    pub fn middle(&self, span: Span, what: &Crossing) -> Result<Crossing, PartError> {
        let (Place::Cut(to), from) = (span.to, span.from) else {
            return Err(PartError::NoPart { span, source: None });
        };
        let others = borrowed(&what.sides);
        let failed = |source| PartError::Run { span, source };
        match from {
            Place::Output => Err(PartError::NoPart { span, source: None }),
            Place::Input => self.head(&self.named(what), span.to),
            Place::Cut(from) => {
                let part = self.middle_part(from, to)?;
                let run = self.paced(span, || part.run(&what.tensors, &others, None));
                let tensors = run.map_err(failed)?;
                let all = what.sides.iter().map(|(name, value)| (name.as_str(), value));
                let sides = sides_of(&self.find(to)?.coder, all);
                Ok(Crossing { tensors, sides, outputs: Vec::new() })
            }
        }
    }

    /// Runs everything behind a place; returns the outputs in the order of the model, without those
    /// that were computed before the place and are not in `what`: see [`joined`](Self::joined).
    ///
    /// # Errors
    /// When the place is not known or the part does not run.
    pub fn tail(&self, from: Place, what: &Crossing) -> Result<Vec<Value>, PartError> {
        let fetch: Vec<&str> = self.outputs.iter().map(String::as_str).collect();
        match from {
            Place::Output => Err(PartError::UnknownPlace { place: from }),
            Place::Input => {
                let inputs = self.named(what);
                Ok(self.paced(Span::tail(from), || self.program.run(&inputs, &fetch))?)
            }
            Place::Cut(id) => {
                let split = &self.find(id)?.split;
                let failed = |source| PartError::Run { span: Span::tail(from), source };
                let others = borrowed(&what.sides);
                let run = || split.tail_with(&what.tensors, &others, None);
                let results = self.paced(Span::tail(from), run).map_err(failed)?;
                let behind = split.cut().tail_outputs.iter().cloned().zip(results);
                Ok(self.ordered(behind.chain(what.outputs.iter().cloned()).collect()))
            }
        }
    }

    /// Puts the outputs that were computed behind a place together with those that were computed
    /// before it; returns them in the order of the model.
    ///
    /// # Errors
    /// When the place is not known, or there is another number of outputs behind it.
    pub fn joined(
        &self,
        at: Place,
        behind: Vec<Value>,
        before: &[(String, Value)],
    ) -> Result<Vec<Value>, PartError> {
        let own: &[String] = match at {
            Place::Cut(id) => &self.find(id)?.split.cut().head_outputs,
            Place::Input | Place::Output => &[],
        };
        let names = self.outputs.iter().filter(|name| !own.contains(name));
        let (expected, given) = (names.clone().count(), behind.len());
        if expected != given {
            return Err(PartError::Outputs { place: at, expected, given });
        }
        let behind = names.cloned().zip(behind);
        Ok(self.ordered(behind.chain(before.iter().cloned()).collect()))
    }

    /// Runs everything behind a place for several requests at once.
    ///
    /// They run as one batch where the model takes batches and gives each request the very bits that
    /// it gives it alone; whether it does is found out with the first ones, which are run both ways.
    /// Otherwise they run one after the other.
    ///
    /// # Errors
    /// As [`tail`](Self::tail); one that fails fails them all, so run them alone then.
    pub fn tails(&self, from: Place, all: &[Crossing]) -> Result<Vec<Vec<Value>>, PartError> {
        let alone = |what: &Crossing| self.tail(from, what);
        let known = self.stacking().get(&from).copied().unwrap_or_default();
        if all.len() < 2 || known == Stacking::Apart {
            return all.iter().map(alone).collect();
        }
        let together = stack(all).and_then(|stacked| {
            let outputs = self.tail(from, &stacked).ok()?;
            unstack(&outputs, all.len())
        });
        match (known, together) {
            (Stacking::Exact, Some(outputs)) => Ok(outputs),
            (_, together) => {
                let apart = all.iter().map(alone).collect::<Result<Vec<_>, _>>()?;
                let exact = together.is_some_and(|together| same_bits(&together, &apart));
                let found = if exact { Stacking::Exact } else { Stacking::Apart };
                self.stacking().insert(from, found);
                Ok(apart)
            }
        }
    }

    /// Returns how requests of a place run together, as far as it is known.
    #[cfg(test)]
    pub(super) fn stacked(&self, from: Place) -> Stacking {
        self.stacking().get(&from).copied().unwrap_or_default()
    }

    fn paced<T>(&self, span: Span, work: impl FnOnce() -> T) -> T {
        paced(self.pace.as_deref(), Effort::Part(span), work)
    }

    fn stacking(&self) -> MutexGuard<'_, BTreeMap<Place, Stacking>> {
        self.stacking.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Names what crossed at the input.
    fn named<'a>(&'a self, what: &'a Crossing) -> Vec<(&'a str, Value)> {
        let tensors = self.inputs.iter().zip(&what.tensors);
        let mut inputs: Vec<(&str, Value)> =
            tensors.map(|(name, tensor)| (name.as_str(), Value::F32(tensor.clone()))).collect();
        inputs.extend(borrowed(&what.sides));
        inputs
    }

    fn find(&self, id: CutId) -> Result<&CutParts, PartError> {
        let found = self.cuts.iter().find(|parts| parts.split.cut().id == id);
        found.ok_or(PartError::UnknownPlace { place: Place::Cut(id) })
    }

    /// Tells whether a cut follows from a place.
    pub(super) fn follows(&self, from: Place, to: Place) -> bool {
        match (from, to) {
            (Place::Input, Place::Cut(_)) => true,
            (Place::Cut(from), Place::Cut(to)) => self.middle_part(from, to).is_ok(),
            _ => false,
        }
    }

    fn middle_part(&self, from: CutId, to: CutId) -> Result<Arc<MiddleModel>, PartError> {
        let mut middles = self.middles.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = middles.get(&(from, to)) {
            return Ok(Arc::clone(found));
        }
        let span = Span { from: Place::Cut(from), to: Place::Cut(to) };
        let (first, second) = (self.find(from)?.split.cut(), self.find(to)?.split.cut());
        let part = MiddleModel::new(Arc::clone(&self.program), &self.graph, first, second);
        let part = part.map_err(|source| PartError::NoPart { span, source: Some(source) })?;
        let part = Arc::new(part);
        middles.insert((from, to), Arc::clone(&part));
        Ok(part)
    }
    /// The inputs that hold floats, in the order of the model.
    fn floats(&self, inputs: &[(&str, Value)]) -> Result<Vec<Tensor>, PartError> {
        let find = |own: &String| {
            let found = inputs.iter().find(|(name, _)| name == own);
            found.and_then(|(_, value)| value.as_f32().cloned()).ok_or(PartError::Count {
                place: Place::Input,
                expected: self.inputs.len(),
                given: inputs.len(),
            })
        };
        self.inputs.iter().map(find).collect()
    }

    /// Puts outputs into the order of the model.
    fn ordered(&self, mut named: Vec<(String, Value)>) -> Vec<Value> {
        let take = |wanted: &String| {
            let place = named.iter().position(|(name, _)| name == wanted)?;
            Some(named.swap_remove(place).1)
        };
        self.outputs.iter().filter_map(take).collect()
    }
}

impl CutParts {
    fn new(
        cut: BundleCut<'_>,
        program: &Arc<dyn Program>,
        graph: &Graph,
        limits: DecodeLimits,
    ) -> Result<Self, PartError> {
        let own = cut.cut();
        let place = Place::Cut(own.id);
        let read = |bytes: &[u8]| Profile::from_bytes(bytes, &limits).map(Arc::new);
        let profiles: Vec<Arc<Profile>> = cut
            .profiles()
            .map(read)
            .collect::<Result<_, _>>()
            .map_err(|source| PartError::Profile { place, source })?;
        let dims = own.tensors.iter().map(|tensor| tensor.dims.clone()).collect();
        let sides = own.side_inputs.iter().map(|side| &side.name).chain(&own.tail_state);
        let sides = sides.map(|name| {
            let kind = graph.value(name).and_then(|id| graph.kind(id));
            (name.clone(), kind.unwrap_or(ElementKind::I64))
        });
        let names: Vec<Digest> = cut.entry().profiles.iter().map(|p| p.file.sha256).collect();
        let coder = PartCoder::new(place, dims, sides.collect(), limits);
        let coder = if profiles.is_empty() { coder } else { coder.with_profiles(own, profiles) };
        let split = SplitModel::new(Arc::clone(program), graph, own.clone());
        Ok(Self { split, coder, profile: joint(&names) })
    }
}

/// Names several profiles at once.
fn joint(names: &[Digest]) -> Option<Digest> {
    match names {
        [] => None,
        [only] => Some(*only),
        several => {
            let bytes: Vec<u8> = several.iter().flat_map(|name| *name.as_bytes()).collect();
            Some(Digest::of(&bytes))
        }
    }
}

/// Lists the inputs that hold floats, and makes the coder for the input of the model: floats without
/// loss, everything else as it is.
fn input_coder(
    graph: &Graph,
    sample: &InputDims,
    limits: DecodeLimits,
) -> (Vec<String>, PartCoder) {
    let (mut names, mut dims, mut sides) = (Vec::new(), Vec::new(), Vec::new());
    for spec in graph.input_specs() {
        match spec.kind.unwrap_or(ElementKind::F32) {
            ElementKind::F32 => {
                let known = sample.iter().find(|(name, _)| *name == spec.name);
                let known = known.map(|(_, dims)| dims.clone());
                dims.push(
                    known.or_else(|| spec.resolve(&DimChoice::new()).ok()).unwrap_or_default(),
                );
                names.push(spec.name);
            }
            kind => sides.push((spec.name, kind)),
        }
    }
    (names, PartCoder::new(Place::Input, dims, sides, limits))
}

/// Keeps the inputs that are handed on as they are.
fn sides_of<'a>(
    coder: &PartCoder,
    inputs: impl Iterator<Item = (&'a str, &'a Value)>,
) -> Vec<(String, Value)> {
    let needed = |name: &str| coder.sides().iter().any(|(side, _)| side == name);
    let kept = inputs.filter(|(name, _)| needed(name));
    kept.map(|(name, value)| (name.to_owned(), value.clone())).collect()
}

fn borrowed(sides: &[(String, Value)]) -> Vec<(&str, Value)> {
    sides.iter().map(|(name, value)| (name.as_str(), value.clone())).collect()
}
