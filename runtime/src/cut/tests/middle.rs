//! The part between two cuts.

use super::*;
use crate::cut::{InputDims, MiddleModel};
use crate::fixtures::{self, EncoderSize};

/// Runs every pair of cuts in a chain of three parts and compares with the whole.
fn chains(bytes: Vec<u8>, least: usize) {
    let subject = Subject::new(bytes);
    let inputs = subject.inputs(3, subject.options.dims.clone());
    let named = lend(&inputs);
    let dims: InputDims = inputs.iter().map(|(n, v)| (n.clone(), v.dims().to_vec())).collect();
    let cuts = subject.search().cuts;
    let middle = |from: &Cut, to: &Cut| {
        MiddleModel::new(Arc::clone(&subject.program), &subject.graph, from, to)
    };
    let divided =
        |cut: &Cut| SplitModel::new(Arc::clone(&subject.program), &subject.graph, cut.clone());
    let mut run = 0;
    for (index, from) in cuts.iter().enumerate() {
        for to in &cuts[index + 1..] {
            let Ok(part) = middle(from, to) else { continue };
            let (first, second) = (divided(from), divided(to));
            let features = first.head_with(&named).expect("a head").features;
            let features = part.run(&features, &named, Some(&dims)).expect("a middle");
            assert_eq!(features, second.head_with(&named).expect("a head").features);
            let answer = second.tail_with(&features, &named, Some(&dims)).expect("a tail");
            assert_eq!(answer, second.whole_with(&named).expect("the whole"));
            run += 1;
        }
    }
    assert!(run >= least, "{run} pairs of {} cuts", cuts.len());
}

#[test]
fn a_chain_of_three_gives_the_answer_of_the_whole() {
    chains(fixtures::small_cnn(), 1);
    chains(fixtures::residual_block(), 1);
    let size = EncoderSize { layers: 3, ..EncoderSize::default() };
    chains(fixtures::transformer_encoder(size), 1);
}

#[test]
fn a_cut_does_not_lead_back() {
    let subject = Subject::new(fixtures::small_cnn());
    let cuts = subject.search().cuts;
    let (first, last) = (&cuts[0], &cuts[cuts.len() - 1]);
    let program = || Arc::clone(&subject.program);
    let error = MiddleModel::new(program(), &subject.graph, last, first).err().expect("backwards");
    assert!(matches!(error, CutError::Leak { .. }), "{error}");
    let whole = MiddleModel::new(program(), &subject.graph, first, last).expect("a part");
    let error = whole.run(&[], &[], None).expect_err("no tensor");
    assert!(error.to_string().contains("0 were given"), "{error}");
}
