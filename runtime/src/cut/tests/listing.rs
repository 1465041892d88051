use super::super::*;
use super::{Subject, lend, names};
use crate::fixtures;
use crate::graph::DimChoice;
use crate::value::{Tensor, Value};
use ndarray::ArrayD;
use std::sync::Arc;

#[test]
fn cuts_come_from_the_input_towards_the_output() {
    let list = Subject::new(fixtures::small_cnn()).search();
    assert_eq!(names(&list.cuts), [["pool0"], ["flat"]]);
    let [first, last] = list.cuts.as_slice() else { panic!("{:?}", list.cuts) };
    assert_eq!(first.id.to_string(), "c01");
    assert_eq!((first.elements(), first.raw_bytes), (8 * 8 * 8, 4 * 8 * 8 * 8));
    assert_eq!(first.flops_head + first.flops_tail, list.total_flops);
    assert!(first.flops_head < last.flops_head);
    assert_eq!(first.tensors[0].dims, [1, 8, 8, 8]);
    assert_eq!(first.tensors[0].operator, "MaxPool");
    assert_eq!(first.tensors[0].used_by, ["Conv"]);
    assert_eq!(last.tensors[0].used_by, ["Gemm"]);
    assert_eq!(list.input_elements, 3 * 16 * 16);
    for cut in &list.cuts {
        assert_eq!(cut.verified.max_abs_difference_random, Some(0.0));
        assert_eq!(cut.verified.max_abs_difference_real, None);
    }
}

#[test]
fn dominated_cuts_name_what_is_better() {
    let mut subject = Subject::new(fixtures::small_cnn());
    subject.options = subject.options.with_dominated();
    let list = subject.search();
    assert_eq!(names(&list.cuts), [["pool0"], ["flat"]], "the others keep their names");
    let listed = |name: &str| {
        let found = list.dominated.iter().find(|cut| cut.tensor_names() == [name]);
        found.unwrap_or_else(|| panic!("{name} is not listed"))
    };
    for (worse, better) in [("conv0", 1), ("relu0", 1), ("conv1", 1), ("pooled", 2)] {
        assert_eq!(listed(worse).dominated_by, Some(CutId::listed(better)), "{worse}");
        assert!(listed(worse).id.to_string().starts_with('d'));
        assert_eq!(listed(worse).verified.max_abs_difference_random, Some(0.0));
    }
}

#[test]
fn real_inputs_are_verified_too() {
    let subject = Subject::new(fixtures::small_cnn());
    let samples: Vec<Inputs> = (0..3).map(|seed| subject.inputs(seed, DimChoice::new())).collect();
    let list = search(&subject.graph, &subject.program, &samples, &subject.options);
    for cut in list.expect("the model runs").cuts {
        assert_eq!(cut.verified.real_inputs, 3);
        assert_eq!(cut.verified.max_abs_difference_real, Some(0.0));
        assert_eq!(cut.verified.random_inputs, 1);
    }
}

#[test]
fn both_sides_together_are_the_whole() {
    let subject = Subject::new(fixtures::residual_block());
    for tensors in [&["r0"][..], &["r0", "r1"], &["y"], &["flat"]] {
        let split = subject.split(tensors);
        let x: Tensor = ArrayD::from_shape_fn(vec![2, 4, 8, 8], |i| (i[0] + i[2]) as f32 / 9.0);
        let features = split.head(&x).expect("the head runs");
        assert_eq!(features.len(), tensors.len());
        assert_eq!(
            split.tail(&features).expect("the tail runs"),
            split.whole(&x).expect("the whole runs")
        );
        assert!(matches!(split.tail(&[]), Err(SplitError::TensorCount { given: 0, .. })));
    }
}

#[test]
fn the_tail_answers_to_what_it_is_given() {
    let subject = Subject::new(fixtures::residual_block());
    let split = subject.split(&["r0"]);
    let x: Tensor = ArrayD::ones(vec![1, 4, 8, 8]);
    let mut features = split.head(&x).expect("the head runs");
    let before = split.tail(&features).expect("the tail runs");
    features[0].mapv_inplace(|v| 0.5 * v);
    assert_ne!(split.tail(&features).expect("the tail runs"), before);
}

#[test]
fn masks_and_shapes_are_computed_on_both_sides() {
    let subject = Subject::new(fixtures::transformer_encoder(fixtures::EncoderSize::default()));
    let list = subject.search();
    let between = list.cuts.iter().find(|cut| cut.tensor_names() == ["layer0.out"]);
    let between = between.expect("the cut between the layers");
    assert_eq!(between.side_inputs.len(), 1, "{:?}", between.side_inputs);
    assert_eq!(between.side_inputs[0].name, "attention_mask");
    assert_eq!(between.side_bytes(), 7 * 8);
    let split = SplitModel::new(Arc::clone(&subject.program), &subject.graph, between.clone());
    // Another length than the cuts were found with.
    let inputs = subject.inputs(5, DimChoice::new().with("T", 11));
    let inputs = lend(&inputs);
    let run = split.head_with(&inputs).expect("the head runs");
    assert_eq!(run.features[0].shape(), [1, 11, 16]);
    assert_eq!(
        split.tail_with(&run.features, &inputs, None).expect("the tail runs"),
        split.whole_with(&inputs).expect("the whole runs")
    );
    assert!(matches!(split.tail(&run.features), Err(SplitError::Run(_))), "the mask is missing");
    let x: Tensor = ArrayD::zeros(vec![1, 11]);
    assert!(matches!(split.head(&x), Err(SplitError::SeveralInputs { count: 2 })));
}

#[test]
fn the_token_table_is_not_looked_up_twice() {
    let subject = Subject::new(fixtures::transformer_encoder(fixtures::EncoderSize::default()));
    // Behind the residual sum the tail would have to embed the tokens again.
    let error = subject.prove(&["layer0.projected"]).expect_err("a leak");
    assert!(matches!(&error, CutError::Leak { root, .. } if root == "embedded"), "{error}");
}

#[test]
fn ids_are_written_and_read() {
    for (id, text) in [(CutId::listed(3), "c03"), (CutId::dominated(12), "d012")] {
        assert_eq!(id.to_string(), text);
        assert_eq!(text.parse(), Ok(id));
    }
    assert_eq!("c3".parse(), Ok(CutId::listed(3)));
    for text in ["", "c", "x03", "c+3", "c99999", "c0x3", "é3"] {
        assert!(text.parse::<CutId>().is_err(), "{text}");
    }
}

#[test]
fn a_cut_survives_being_stored() {
    let subject = Subject::new(fixtures::decoder_step());
    for cut in subject.search().cuts {
        let text = serde_json::to_string(&cut).expect("a cut can be written");
        let read: Cut = serde_json::from_str(&text).expect("a cut can be read");
        assert_eq!(read, cut);
    }
}

#[test]
fn a_value_that_is_no_float_cannot_cross() {
    let subject = Subject::new(fixtures::small_cnn());
    let x = Value::I64(ArrayD::zeros(vec![1, 3, 16, 16]));
    assert!(subject.split(&["flat"]).head_with(&[("x", x)]).is_err());
}
