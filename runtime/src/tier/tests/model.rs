//! Fixture models as bundles with learned profiles.

use std::sync::Arc;

use crate::bundle::{Bundle, BundleBuilder, CutFiles};
use crate::cut::{CutOptions, SplitModel, search};
use crate::engine::{Engine, RtenEngine};
use crate::fixtures;
use crate::graph::{DimChoice, Graph, RandomSource};
use crate::learning::{NamedInputs, learn_cut};
use crate::onnx::ModelFile;
use crate::tier::ModelParts;

/// A model in memory with all its cuts; profiles only where `learn` says so.
pub(super) fn bundle_of(bytes: Vec<u8>, learn: bool) -> (Bundle, ModelFile) {
    let model = ModelFile::from_bytes(bytes).expect("a model");
    let graph = Graph::new(&model).expect("a graph");
    let program = RtenEngine::new().load(&model).expect("a program");
    let list = search(&graph, &program, &[], &CutOptions::default()).expect("cuts");
    let mut builder = BundleBuilder::new("fixture", model.id(), "fixture.onnx", 1);
    let samples = inputs(&graph, 24, 3);
    for cut in list.cuts {
        let mut files = CutFiles::default();
        if learn {
            let split = SplitModel::new(Arc::clone(&program), &graph, cut.clone());
            let config = aiflow_codec::learn::LearnConfig::default();
            let learned = learn_cut(&split, &samples, &config, 2, &|_, _| {}).expect("profiles");
            files.profiles = learned.iter().map(|tensor| tensor.profile.to_bytes()).collect();
        }
        builder.add_cut(cut, files);
    }
    (builder.build().expect("a bundle"), model)
}

pub(super) fn parts_of(bytes: Vec<u8>, learn: bool) -> ModelParts {
    let (bundle, model) = bundle_of(bytes, learn);
    let graph = Graph::new(&model).expect("a graph");
    let program = RtenEngine::new().load(&model).expect("a program");
    ModelParts::new(&bundle, program, graph).expect("parts")
}

/// Random inputs of a model.
pub(super) fn inputs(graph: &Graph, count: usize, seed: u64) -> Vec<NamedInputs> {
    let mut random = RandomSource::new(seed);
    let choice = DimChoice::new().with("tokens", 6);
    (0..count).map(|_| graph.random_inputs(&mut random, &choice).expect("inputs")).collect()
}

pub(super) fn fixture_models() -> Vec<(&'static str, Vec<u8>)> {
    vec![("small_cnn", fixtures::small_cnn()), ("residual_block", fixtures::residual_block())]
}
