//! Two engines, one answer.

use aiflow_runtime::cut::{CutOptions, SplitModel, search};
use aiflow_runtime::engine::{Engine, OrtEngine};
use aiflow_runtime::{ModelFile, Value, fixtures};

use crate::suite::{RESNET20, Subject, built, lend, real, skipped};

fn ort() -> Option<OrtEngine> {
    match OrtEngine::open() {
        Ok(engine) => Some(engine),
        Err(error) => {
            skipped(&error.to_string());
            None
        }
    }
}

/// Largest difference as a part of the largest magnitude, but at least of 1.
fn difference(a: &Value, b: &Value) -> f64 {
    assert_eq!((a.kind(), a.dims()), (b.kind(), b.dims()));
    let (a, b) = (a.to_f64(), b.to_f64());
    let scale = a.iter().map(|v| v.abs()).fold(1.0, f64::max);
    let differences = a.iter().zip(&b).map(|(x, y)| (x - y).abs() / scale);
    differences.fold(0.0, |worst, d| if d.is_nan() { f64::NAN } else { worst.max(d) })
}

#[test]
fn engines_agree_on_every_network() {
    let Some(engine) = ort() else { return };
    for subject in built().into_iter().chain(real()) {
        let other = engine.load(&subject.model).expect("the network loads");
        let outputs: Vec<&str> =
            subject.graph.outputs().iter().map(|&id| subject.graph.value_name(id)).collect();
        for seed in [1, 2] {
            let inputs = subject.inputs(seed);
            let ours = subject.program.run(&lend(&inputs), &outputs).expect("rten runs");
            let theirs = other.run(&lend(&inputs), &outputs).expect("ort runs");
            for ((name, a), b) in outputs.iter().zip(&ours).zip(&theirs) {
                let difference = difference(a, b);
                assert!(difference <= 1e-4, "{} {name}: {difference}", subject.name);
            }
        }
    }
}

#[test]
fn both_engines_prove_the_same_cuts() {
    let Some(engine) = ort() else { return };
    for subject in built().into_iter().chain(Subject::real(RESNET20)) {
        let other = engine.load(&subject.model).expect("the network loads");
        let samples = [subject.inputs(1)];
        let options = CutOptions::default();
        let theirs = search(&subject.graph, &other, &samples, &options).expect("ort runs");
        assert!(theirs.refused.is_empty(), "{}: {:?}", subject.name, theirs.refused);
        let ours = subject.search(&options);
        let names = |list: &aiflow_runtime::cut::CutList| -> Vec<String> {
            list.cuts.iter().map(|cut| format!("{} {:?}", cut.id, cut.tensor_names())).collect()
        };
        assert_eq!(names(&theirs), names(&ours), "{}", subject.name);
        for cut in &theirs.cuts {
            let difference = cut.verified.max_abs_difference_real.expect("a real input");
            assert!(difference <= 1e-4, "{} {}: {difference}", subject.name, cut.id);
        }
    }
}

#[test]
fn a_head_on_one_engine_fits_a_tail_on_the_other() {
    let Some(engine) = ort() else { return };
    for subject in built() {
        let other = engine.load(&subject.model).expect("the network loads");
        let inputs = subject.inputs(3);
        let inputs = lend(&inputs);
        for cut in subject.search(&CutOptions::default()).cuts {
            let ours = SplitModel::new(subject.program.clone(), &subject.graph, cut.clone());
            let theirs = SplitModel::new(other.clone(), &subject.graph, cut);
            let dims = inputs.iter().map(|(n, v)| ((*n).to_owned(), v.dims().to_vec())).collect();
            let run = ours.head_with(&inputs).expect("rten runs the head");
            let mixed = theirs.tail_with(&run.features, &inputs, Some(&dims));
            let mixed = mixed.expect("ort runs the tail");
            let plain = ours.tail_with(&run.features, &inputs, Some(&dims));
            for (a, b) in plain.expect("rten runs the tail").iter().zip(&mixed) {
                assert!(difference(a, b) <= 1e-4, "{} {}", subject.name, ours.cut().id);
            }
        }
    }
}

#[test]
fn parts_and_errors_are_the_same_on_both() {
    let Some(engine) = ort() else { return };
    let model = ModelFile::from_bytes(fixtures::residual_block()).expect("a fixture is a model");
    let program = engine.load(&model).expect("the fixture loads");
    let x = Value::F32(ndarray::ArrayD::ones(vec![3, 4, 8, 8]));
    let results = program.run(&[("x", x.clone())], &["r1", "x", "r1"]).expect("the head runs");
    assert_eq!(results[0], results[2]);
    assert_eq!(results[1], x);
    let error = program.run(&[("r1", results[0].clone())], &["logits"]).expect_err("a leak");
    assert!(error.to_string().contains("`x` was not fed"), "{error}");
    let error = program.run(&[("x", x)], &["nowhere"]).expect_err("no such value");
    assert!(error.to_string().contains("`nowhere`"), "{error}");
    let flat = Value::F32(ndarray::ArrayD::ones(vec![1, 256]));
    assert!(program.run(&[("x", flat)], &["logits"]).is_err());
}

#[test]
fn many_parts_and_threads_share_a_program() {
    let Some(engine) = ort() else { return };
    let model = ModelFile::from_bytes(fixtures::residual_block()).expect("a fixture is a model");
    let program = engine.load(&model).expect("the fixture loads");
    let names = ["conv0", "r0", "conv1", "r1", "conv2", "sum", "y", "pooled", "flat", "logits"];
    let run = |i: usize| {
        let x = Value::F32(ndarray::ArrayD::from_elem(vec![1, 4, 8, 8], i as f32 / 40.0));
        program.run(&[("x", x)], &[names[i % names.len()]]).expect("the part runs")
    };
    // More parts than are kept, from several threads.
    let serial = aiflow_runtime::parallel_map(40, 1, run);
    assert_eq!(aiflow_runtime::parallel_map(40, 3, run), serial);
}
