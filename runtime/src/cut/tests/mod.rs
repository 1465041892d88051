mod listing;
mod middle;
mod refusal;
mod state;

use std::sync::Arc;

use super::{Cut, CutError, CutList, CutOptions, Inputs, SplitModel, search};
use crate::engine::{Engine, Program, RtenEngine};
use crate::graph::{DimChoice, Graph, RandomSource};
use crate::onnx::ModelFile;
use crate::value::Value;

/// A model that is ready to be cut.
struct Subject {
    graph: Graph,
    program: Arc<dyn Program>,
    options: CutOptions,
}

impl Subject {
    fn new(bytes: Vec<u8>) -> Self {
        let model = ModelFile::from_bytes(bytes).expect("the fixture is a model");
        let program = RtenEngine::new().load(&model).expect("the engine runs the fixture");
        let dims = DimChoice::new().with("T", 7).with("P", 5);
        let graph = Graph::new(&model).expect("the fixture has a graph");
        Self { graph, program, options: CutOptions::default().with_dims(dims) }
    }

    fn search(&self) -> CutList {
        search(&self.graph, &self.program, &[], &self.options).expect("the model runs")
    }

    fn prove(&self, tensors: &[&str]) -> Result<Cut, CutError> {
        Cut::prove(&self.graph, &self.program, tensors, &[], &self.options)
    }

    fn split(&self, tensors: &[&str]) -> SplitModel {
        let cut = self.prove(tensors).expect("a cut");
        SplitModel::new(Arc::clone(&self.program), &self.graph, cut)
    }

    fn inputs(&self, seed: u64, dims: DimChoice) -> Inputs {
        self.graph.random_inputs(&mut RandomSource::new(seed), &dims).expect("inputs")
    }
}

fn lend(inputs: &Inputs) -> Vec<(&str, Value)> {
    inputs.iter().map(|(name, value)| (name.as_str(), value.clone())).collect()
}

fn names(cuts: &[Cut]) -> Vec<Vec<&str>> {
    cuts.iter().map(Cut::tensor_names).collect()
}
