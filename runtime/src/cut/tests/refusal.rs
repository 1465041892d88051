use super::super::*;
use super::Subject;
use crate::engine::{Program, RunError};
use crate::fixtures;
use crate::learning::{LearningError, reference};
use crate::onnx::proto::{ModelProto, TensorProto};
use crate::value::Value;
use ndarray::ArrayD;
use prost::Message as _;
use std::sync::Arc;

#[test]
fn one_branch_of_a_residual_block_is_no_cut() {
    let subject = Subject::new(fixtures::residual_block());
    for branch in ["r1", "conv1", "conv2"] {
        let error = subject.prove(&[branch]).expect_err(branch);
        let CutError::Leak { root, path } = &error else { panic!("{branch}: {error}") };
        assert_eq!(root, "x", "{branch}");
        assert_eq!(path.last().map(String::as_str), Some("conv0"), "{branch}: {path:?}");
        assert!(path.iter().any(|name| name == "r0"), "{branch}: {path:?}");
    }
    let error = subject.prove(&["r1"]).expect_err("a leak");
    assert_eq!(
        error.to_string(),
        "not a cut: the tail still reaches `x`, by way of flat <- pooled <- y <- sum <- r0 <- \
         conv0; put one of these into the cut"
    );
    assert!(subject.prove(&["r0", "r1"]).is_ok(), "both branches together are one");
    assert!(subject.prove(&["sum"]).is_ok());
    let listed = subject.search();
    assert!(listed.cuts.iter().all(|cut| cut.tensor_names() != ["r1"]));
}

#[test]
fn an_answer_that_is_no_number_proves_and_teaches_nothing() {
    let mut broken = ModelProto::decode(fixtures::small_cnn().as_slice()).expect("a model");
    let weights = &mut broken.graph.as_mut().expect("a graph").initializer;
    let is_bias = |weight: &&mut TensorProto| weight.name.as_deref() == Some("fc.b");
    let bias = weights.iter_mut().find(is_bias).expect("a bias");
    bias.raw_data = Some(f32::NAN.to_le_bytes().repeat(10).into());
    let samples: [Inputs; 1] =
        [vec![("x".to_owned(), Value::F32(ArrayD::from_elem(vec![1, 3, 16, 16], 0.5)))]];
    let prove = |subject: &Subject| {
        Cut::prove(&subject.graph, &subject.program, &["flat"], &samples, &subject.options)
    };
    assert!(prove(&Subject::new(fixtures::small_cnn())).is_ok());
    let subject = Subject::new(broken.encode_to_vec());
    let error = prove(&subject).expect_err("no proof");
    assert!(
        matches!(&error, CutError::NotANumber { output, sample: 0 } if output == "logits"),
        "{error}"
    );
    let drawn = subject.prove(&["flat"]).expect_err("no proof by drawn numbers either");
    assert!(matches!(drawn, CutError::NotANumber { .. }), "{drawn}");
    // A proof with another model, to teach this one by.
    let cut = Subject::new(fixtures::small_cnn()).prove(&["flat"]).expect("a cut");
    let split = SplitModel::new(Arc::clone(&subject.program), &subject.graph, cut);
    let error = reference(&split, &samples, 1).expect_err("no lesson");
    assert!(matches!(error, LearningError::NotANumber { sample: 0 }), "{error}");
}

#[test]
fn a_name_captured_by_a_body_is_a_path() {
    let subject = Subject::new(fixtures::conditional());
    let error = subject.prove(&["h"]).expect_err("one body uses `a`");
    assert!(matches!(&error, CutError::Leak { root, .. } if root == "x"), "{error}");
    let both = subject.prove(&["a", "h"]).expect("both together");
    assert_eq!(both.tensor_names(), ["a", "h"]);
    assert_eq!(both.verified.max_abs_difference_random, Some(0.0));
    for cut in subject.search().cuts {
        assert!(cut.tensor_names() != ["h"], "{cut:?}");
    }
}

#[test]
fn sets_that_make_no_sense_are_explained() {
    let subject = Subject::new(fixtures::residual_block());
    let refused = |tensors: &[&str]| subject.prove(tensors).expect_err("no cut").to_string();
    assert_eq!(refused(&[]), "a cut has 1 to 4 tensors, not 0");
    assert_eq!(refused(&["r0", "r1", "sum", "y", "flat"]), "a cut has 1 to 4 tensors, not 5");
    assert_eq!(
        refused(&["nowhere"]),
        "the model has no value `nowhere`: take a name from the list of cuts"
    );
    assert_eq!(refused(&["r0", "y"]), "not a cut: the tail does not need `r0`; leave it out");
    assert_eq!(refused(&["logits"]), "not a cut: no output is left for the tail");
    assert!(refused(&["conv0.w"]).contains("computed on both sides anyway"));
    let subject = Subject::new(fixtures::conditional());
    assert!(matches!(subject.prove(&["positive"]), Err(CutError::Leak { .. })));
    assert!(matches!(subject.prove(&["a", "h", "positive"]), Err(CutError::NotFloat { .. })));
    let subject = Subject::new(fixtures::transformer_encoder(fixtures::EncoderSize::default()));
    assert!(matches!(subject.prove(&["mask.bias"]), Err(CutError::NotData { .. })));
}

/// An engine with a defect: it adds a little to every result of a run that is fed with `bad`.
struct Defective {
    program: Arc<dyn Program>,
    bad: &'static str,
}

impl Program for Defective {
    fn run(&self, feeds: &[(&str, Value)], fetch: &[&str]) -> Result<Vec<Value>, RunError> {
        let wrong = feeds.iter().any(|(name, _)| *name == self.bad);
        let mut results = self.program.run(feeds, fetch)?;
        for result in results.iter_mut().filter(|_| wrong) {
            if let Value::F32(array) = result {
                array.mapv_inplace(|v| v + 0.01);
            }
        }
        Ok(results)
    }
}

#[test]
fn a_cut_that_computes_something_else_is_not_listed() {
    let mut subject = Subject::new(fixtures::residual_block());
    let sound = subject.search();
    assert!(sound.refused.is_empty());
    let first = sound.cuts[0].tensor_names();
    assert_eq!(first, ["r0"]);
    subject.program = Arc::new(Defective { program: Arc::clone(&subject.program), bad: "r0" });
    let found = subject.search();
    assert!(found.cuts.iter().all(|cut| !cut.tensor_names().contains(&"r0")), "{:?}", found.cuts);
    assert!(!found.refused.is_empty());
    for refused in &found.refused {
        assert!(refused.tensors.iter().any(|name| name == "r0"), "{:?}", refused.tensors);
        let CutError::Differs { output, difference } = &refused.error else {
            panic!("{}", refused.error)
        };
        assert_eq!(output, "logits");
        assert!((difference - 0.01).abs() < 1e-4, "{difference}");
    }
    // What `r0` dominated is listed in its place.
    assert!(found.cuts.iter().any(|cut| cut.tensor_names() == ["conv0"]), "{:?}", found.cuts);
}
