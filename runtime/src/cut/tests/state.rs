use super::super::*;
use super::{Subject, lend};
use crate::fixtures::{self, ModelBuilder, TensorKind};
use crate::graph::{Dim, DimChoice};
use crate::value::Value;

#[test]
fn state_lives_with_the_layer_that_reads_it() {
    let subject = Subject::new(fixtures::decoder_step());
    let cut = subject.prove(&["layer0.out"]).expect("the cut between the layers");
    assert_eq!(cut.tail_state, ["past_key.1", "past_value.1"]);
    assert_eq!(cut.head_outputs, ["present_key.0", "present_value.0"]);
    assert_eq!(cut.tail_outputs, ["logits", "present_key.1", "present_value.1"]);
    assert!(cut.head_inputs.iter().all(|name| !name.ends_with(".1")), "{:?}", cut.head_inputs);
    assert_eq!(cut.side_inputs, []);
    assert_eq!(cut.tail_shapes, ["seen"], "found from the length of the head's state");
    let list = subject.search();
    let listed = list.cuts.iter().find(|listed| listed.tensors == cut.tensors);
    assert_eq!(listed.map(|listed| &listed.tail_state), Some(&cut.tail_state));
}

/// Runs a decoder token by token, whole and divided, each side with its own state.
#[test]
fn a_divided_decoder_gives_the_same_sequence() {
    let subject = Subject::new(fixtures::decoder_step());
    let split = subject.split(&["layer0.out"]);
    let dims = DimChoice::new().with("P", 0);
    let mut whole = subject.inputs(1, dims);
    let mut parts = whole.clone();
    for token in [3i64, 17, 4, 4, 30] {
        let token = Value::I64(ndarray::arr2(&[[token]]).into_dyn());
        whole[0].1 = token.clone();
        parts[0].1 = token;
        let expected = split.whole_with(&lend(&whole)).expect("the whole runs");
        let inputs = lend(&parts);
        let run = split.head_with(&inputs).expect("the head runs");
        let known = inputs.iter().map(|(n, v)| ((*n).to_owned(), v.dims().to_vec())).collect();
        let tail = split.tail_with(&run.features, &inputs, Some(&known)).expect("the tail runs");
        assert_eq!(tail[0], expected[0], "logits");
        let outputs = ["logits", "present_key.0", "present_value.0", "present_key.1"];
        let outputs = outputs.into_iter().chain(["present_value.1"]);
        for (name, value) in outputs.zip(expected).skip(1) {
            let input = name.replace("present", "past");
            let given = split.cut().tail_outputs.iter().position(|output| output == name);
            let own = match given {
                Some(place) => tail[place].clone(),
                None => run.state.iter().find(|(n, _)| n == name).expect(name).1.clone(),
            };
            assert_eq!(own, value, "{name}");
            let slot = |inputs: &mut Inputs, value: Value| {
                let found = inputs.iter_mut().find(|(n, _)| *n == input);
                found.expect("a state input").1 = value;
            };
            slot(&mut whole, value);
            slot(&mut parts, own);
        }
    }
    assert_eq!(whole[1].1.dims(), [1, 2, 5, 8]);
}

#[test]
fn a_tier_needs_only_its_own_state() {
    let subject = Subject::new(fixtures::decoder_step());
    let inputs = subject.inputs(4, DimChoice::new().with("P", 6));
    let own = |layer: &str| {
        let mine = inputs.iter().filter(|(name, _)| name == "token" || name.ends_with(layer));
        mine.map(|(name, value)| (name.as_str(), value.clone())).collect::<Vec<_>>()
    };
    let split = subject.split(&["layer0.out"]);
    let run = split.head_with(&own(".0")).expect("the head needs no state of the tail");
    // The tail learns the length of the head's state from the head.
    let dims = vec![("past_key.0".to_owned(), vec![1, 2, 6, 8])];
    let tail = split.tail_with(&run.features, &own(".1"), Some(&dims)).expect("the tail runs");
    assert_eq!(tail[0], split.whole_with(&lend(&inputs)).expect("the whole runs")[0]);
    let error = split.tail_with(&run.features, &own(".1"), Some(&Vec::new()));
    assert!(error.is_err(), "the length is not known");
    // The very first cut: the head takes its position from a state that lives with the tail.
    let split = subject.split(&["layer.in"]);
    assert_eq!(split.cut().head_shapes, ["place"]);
    assert!(split.head_with(&own(".none")).is_err(), "the position is not known");
}

/// `x`, `s` -> `a` (reads `s`) -> `b` -> `y`; what `next` and the second reader do varies.
fn recurrent(second_reader: bool, next_from: &str) -> Subject {
    let mut model = ModelBuilder::new(21);
    let dims = [Dim::Fixed(1), Dim::Fixed(6)];
    let x = model.input("x", TensorKind::Float, &dims);
    let s = model.input("s", TensorKind::Float, &dims);
    let a = model.node("a", "Add", &[&x, &s]);
    let b = model.linear("b", &a, 6, 6);
    let c = if second_reader { model.node("c", "Add", &[&b, &s]) } else { b };
    let y = model.linear("y", &c, 6, 3);
    let next = model.node("s_out", "Tanh", &[next_from]);
    model.output(&y, TensorKind::Float);
    model.output(&next, TensorKind::Float);
    Subject::new(model.build())
}

#[test]
fn state_that_both_sides_read_makes_no_cut() {
    let error = recurrent(true, "a").prove(&["a"]).expect_err("both sides read `s`");
    assert!(matches!(&error, CutError::SharedState { input } if input == "s"), "{error}");
}

#[test]
fn new_state_of_the_head_must_not_need_the_tail() {
    let error = recurrent(false, "b").prove(&["a"]).expect_err("`s_out` comes from the tail");
    assert!(matches!(&error, CutError::Overlap { value } if value.starts_with('b')), "{error}");
    let sound = recurrent(false, "a").prove(&["a"]).expect("`s_out` comes from the head");
    assert_eq!(sound.head_outputs, ["s_out"]);
    assert!(sound.tail_state.is_empty());
}

#[test]
fn without_pairs_state_is_an_input_like_others() {
    let mut subject = recurrent(false, "a");
    subject.options = subject.options.with_state(StatePairs::Listed(Vec::new()));
    let error = subject.prove(&["b"]).expect_err("`s_out` must reach the tail");
    assert!(matches!(error, CutError::Leak { .. }), "{error}");
    let cut = subject.prove(&["a"]).expect("`a` leads to both outputs");
    assert_eq!(cut.tail_outputs, ["y", "s_out"]);
    subject.options = subject
        .options
        .with_state(StatePairs::Listed(vec![("s".to_owned(), "nowhere".to_owned())]));
    assert!(matches!(subject.prove(&["a"]), Err(CutError::UnknownState { .. })));
}
