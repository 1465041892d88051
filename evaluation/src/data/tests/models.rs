//! Preprocessing, measured by what models answer: a wrong mean or channel order costs accuracy.

use std::path::Path;

use aiflow_runtime::engine::{Engine, Program, RtenEngine};
use aiflow_runtime::{ModelFile, Value};

use super::real::folder;
use crate::data::{Dataset, Preprocess, open};

/// Returns the share of right answers of a model file.
fn accuracy(model: &Path, set: &str) -> f64 {
    let preprocess = Preprocess::for_model(model).unwrap().expect("a description or a preset");
    let set = open(&set.parse().unwrap(), Some(&preprocess)).unwrap();
    let program = RtenEngine::default().load(&ModelFile::open(model).unwrap()).unwrap();
    let right = (0..set.len())
        .filter(|&index| is_right(set.as_ref(), index, program.as_ref(), preprocess.input()))
        .count();
    right as f64 / set.len() as f64
}

fn is_right(set: &dyn Dataset, index: usize, program: &dyn Program, input: &str) -> bool {
    let sample = set.sample(index).unwrap();
    let output = program.run(&[(input, Value::F32(sample.input))], &["logits"]).unwrap();
    let logits = output.into_iter().next().and_then(Value::into_f32).unwrap();
    let best = (0..logits.len()).max_by(|&a, &b| logits[[0, a]].total_cmp(&logits[[0, b]]));
    best == sample.label
}

/// 97 % on ten thousand pictures; 480 are right within 2.5 points of that.
#[test]
fn the_shipped_network_knows_unseen_scenes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/scenes-cnn/scenes-cnn.onnx");
    let share = accuracy(&root, "scenes:480@77");
    assert!(share >= 0.945, "{share}");
}

/// Published: 91.7 % on all ten thousand pictures of the test batch.
#[test]
fn resnet20_is_as_good_as_published() {
    let Some(data) = folder("resnet20_is_as_good_as_published") else { return };
    let model = data.join("models/resnet20-cifar10.onnx");
    let set = format!("cifar10:{}#test?limit=500", data.join("cifar10").display());
    let share = accuracy(&model, &set);
    assert!((0.89..=0.94).contains(&share), "{share}");
}
