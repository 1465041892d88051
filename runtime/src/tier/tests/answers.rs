use aiflow_units::Micros;
use ndarray::{ArrayD, array};

use crate::tier::{Answer, AnswerError, AnswerForm, Part, Trace};
use crate::value::Value;

fn outputs() -> Vec<Value> {
    let scores = array![[0.5_f32, -1.0, 7.25, 7.25]].into_dyn();
    vec![Value::F32(scores)]
}

fn trace() -> Trace {
    let mut trace = Trace::new();
    trace.push(0, Part::Wait, Micros::new(12));
    trace.push(0, Part::Compute, Micros::new(70_000));
    trace
}

fn several() -> Vec<Value> {
    vec![
        Value::F32(ArrayD::from_elem(vec![2, 3], f32::NEG_INFINITY)),
        Value::I64(ArrayD::from_elem(vec![1], i64::MIN)),
        Value::I32(ArrayD::from_elem(vec![1], -3)),
        Value::I8(ArrayD::from_elem(vec![2], -3)),
        Value::U8(ArrayD::from_elem(vec![2], 200)),
        Value::Bool(ArrayD::from_elem(vec![3], true)),
        Value::F32(ArrayD::zeros(vec![0, 4])),
    ]
}

#[test]
fn answers_come_back_with_their_trace() {
    for (outputs, form) in [
        (outputs(), AnswerForm::Tensors),
        (outputs(), AnswerForm::Classes(2)),
        (several(), AnswerForm::Tensors),
        (several(), AnswerForm::Classes(5)),
    ] {
        let answer = Answer::new(outputs, form);
        let bytes = answer.encode(&trace());
        assert_eq!(Answer::decode(&bytes), Ok((answer, trace())));
        for end in 0..bytes.len() {
            assert!(Answer::decode(&bytes[..end]).is_err(), "cut short at {end}");
        }
    }
}

#[test]
fn the_likeliest_class_is_the_same_in_both_forms() {
    let classes = Answer::new(outputs(), AnswerForm::Classes(3));
    let Answer::Classes(list) = &classes else { panic!("no classes") };
    assert_eq!(list.iter().map(|class| class.class).collect::<Vec<_>>(), [2, 3, 0]);
    assert_eq!(classes.class(), Some(2));
    assert_eq!(Answer::new(outputs(), AnswerForm::Tensors).class(), Some(2));
    assert_eq!(Answer::new(several(), AnswerForm::Classes(3)).class(), None);
    let nan = vec![Value::F32(array![[f32::NAN, 1.0]].into_dyn())];
    assert_eq!(Answer::new(nan, AnswerForm::Classes(1)).class(), None);
    // One class is 9 bytes with an empty trace: version, parts, kind, count, class and score.
    assert_eq!(Answer::new(outputs(), AnswerForm::Classes(1)).encode(&Trace::new()).len(), 9);
}

#[test]
fn what_breaks_a_rule_is_refused() {
    let version = Answer::decode(&[9]);
    assert_eq!(version, Err(AnswerError::Version { found: 9, known: 1 }));
    // Many outputs announced, nothing there; an absurd shape; a kind that is not known.
    for bytes in [
        vec![1, 0, 0, 0x40],
        vec![1, 0, 0, 1, 10, 2, 0xff, 0xff, 0xff, 0xff, 0x0f, 0xff, 0xff, 0xff, 0xff, 0x0f],
        vec![1, 0, 7],
        vec![1, 1, 0, 9, 0],
        vec![1, 0, 1, 0, 0],
    ] {
        assert!(Answer::decode(&bytes).is_err(), "{bytes:?}");
    }
}

#[test]
fn traces_add_up_over_tiers() {
    let mut whole = Trace::new();
    whole.push(0, Part::Compute, Micros::new(5));
    whole.extend(&trace(), 1);
    assert_eq!(whole.total(), Micros::new(70_017));
    assert_eq!(whole.of(1, Part::Compute), Micros::new(70_000));
    assert_eq!(whole.to_string(), "0: compute 0.0 ms, 1: wait 0.0 ms, compute 70.0 ms");
    for _ in 0..200 {
        whole.push(0, Part::Wire, Micros::ZERO);
    }
    assert_eq!(whole.parts().len(), Trace::MOST);
}

#[test]
fn forms_have_numbers() {
    for form in [AnswerForm::Tensors, AnswerForm::Classes(1), AnswerForm::Classes(255)] {
        assert_eq!(AnswerForm::from_number(form.number()), form);
    }
    assert_eq!(AnswerForm::from_number(256), AnswerForm::Tensors);
}
