//! The networks that everything must work on.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use aiflow_runtime::cut::{CutList, CutOptions, Inputs, search};
use aiflow_runtime::engine::{Engine, Program, RtenEngine};
use aiflow_runtime::fixtures::{self, EncoderSize};
use aiflow_runtime::graph::{DimChoice, Graph, RandomSource};
use aiflow_runtime::{ModelFile, Value};

/// A network, loaded by the built-in engine.
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    pub(crate) model: ModelFile,
    pub(crate) graph: Graph,
    pub(crate) program: Arc<dyn Program>,
}

impl Subject {
    fn new(name: &'static str, model: ModelFile) -> Self {
        let graph = Graph::new(&model).expect("the graph can be read");
        let program = RtenEngine::new().load(&model).expect("the engine has all operators");
        Self { name, model, graph, program }
    }

    /// Loads a network of the data folder; `None`, with a line that says so, without one.
    pub(crate) fn real(name: &'static str) -> Option<Self> {
        let path = models()?.join(format!("{name}.onnx"));
        Some(Self::new(name, ModelFile::open(path).expect("the data folder has the network")))
    }

    /// Sizes of open dimensions that suit every network here.
    pub(crate) fn dims() -> DimChoice {
        DimChoice::new().with("T", 9).with("P", 4).with("sequence", 576)
    }

    /// Inputs like those that the network was made for.
    pub(crate) fn inputs(&self, seed: u64) -> Inputs {
        let mut source = RandomSource::new(seed);
        let mut inputs = self.graph.random_inputs(&mut source, &Self::dims()).expect("inputs");
        for (name, value) in &mut inputs {
            match (self.name, name.as_str(), value) {
                (YOLOX, _, Value::F32(array)) => array.mapv_inplace(|v| 114.0 + 40.0 * v),
                (SILERO, "sr", Value::I64(array)) => array.fill(16_000),
                (SILERO, _, Value::F32(array)) => array.mapv_inplace(|v| 0.1 * v),
                _ => {}
            }
        }
        inputs
    }

    pub(crate) fn search(&self, options: &CutOptions) -> CutList {
        let samples = [self.inputs(1)];
        search(&self.graph, &self.program, &samples, options).expect("the network runs")
    }
}

/// Lends names to values.
pub(crate) fn lend(inputs: &Inputs) -> Vec<(&str, Value)> {
    inputs.iter().map(|(name, value)| (name.as_str(), value.clone())).collect()
}

/// The fixtures, which are always there.
pub(crate) fn built() -> Vec<Subject> {
    let models = [
        ("residual block", fixtures::residual_block()),
        ("small cnn", fixtures::small_cnn()),
        ("conditional", fixtures::conditional()),
        ("encoder", fixtures::transformer_encoder(EncoderSize::default())),
        ("decoder", fixtures::decoder_step()),
    ];
    let load = |bytes| ModelFile::from_bytes(bytes).expect("a fixture is a model");
    models.into_iter().map(|(name, bytes)| Subject::new(name, load(bytes))).collect()
}

/// The networks of the data folder; none, with a line that says so, without one.
pub(crate) fn real() -> Vec<Subject> {
    [RESNET20, RESNET32, SQUEEZENET, MOBILENET, YOLOX, SILERO]
        .into_iter()
        .map_while(Subject::real)
        .collect()
}

fn models() -> Option<PathBuf> {
    match std::env::var_os("AIFLOW_DATA") {
        Some(folder) => Some(PathBuf::from(folder).join("models")),
        None => {
            skipped("AIFLOW_DATA is not set: no real networks");
            None
        }
    }
}

/// Says that something was not tested, past the capture of the test runner.
pub(crate) fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

pub(crate) const RESNET20: &str = "resnet20-cifar10";
pub(crate) const RESNET32: &str = "resnet32-cifar10";
pub(crate) const SQUEEZENET: &str = "squeezenet-1.1-imagenet";
pub(crate) const MOBILENET: &str = "mobilenet-v2-imagenet";
pub(crate) const YOLOX: &str = "yolox-nano-coco";
pub(crate) const SILERO: &str = "silero-vad-16k";
