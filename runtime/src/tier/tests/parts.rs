use super::model::{fixture_models, inputs, parts_of};
use crate::bundle::{CodingEffort, FeatureCoding, FrameRate};
use crate::fixtures;
use crate::learning::NamedInputs;
use crate::tier::stacking::Stacking;
use crate::tier::{Crossing, ModelParts, PartError, Place, Span};
use crate::value::Value;

fn borrowed(sample: &NamedInputs) -> Vec<(&str, Value)> {
    sample.iter().map(|(name, value)| (name.as_str(), value.clone())).collect()
}

fn places(parts: &ModelParts) -> Vec<Place> {
    std::iter::once(Place::Input).chain(parts.cuts().map(|cut| Place::Cut(cut.id))).collect()
}

fn sent(parts: &ModelParts, at: Place, what: &Crossing) -> Crossing {
    let coder = parts.coder(at).expect("a coder");
    let bytes = coder.encode(what, FeatureCoding::Lossless).expect("bytes");
    coder.decode(&bytes).expect("what was sent")
}

#[test]
fn every_chain_of_two_and_three_tiers_gives_the_answer_of_one() {
    for (name, model) in fixture_models() {
        let parts = parts_of(model, false);
        let sample = &inputs(parts.graph(), 1, 9)[0];
        let head = |to| parts.head(&borrowed(sample), to).expect("a head");
        let whole = parts.tail(Place::Input, &head(Place::Input)).expect("the model");
        let places = places(&parts);
        let mut chains = 0;
        for (index, &first) in places.iter().enumerate() {
            let crossed = sent(&parts, first, &head(first));
            assert_eq!(parts.tail(first, &crossed).expect("a tail"), whole, "{name} {first}");
            for &second in &places[index + 1..] {
                let span = Span { from: first, to: second };
                let Ok(middle) = parts.middle(span, &crossed) else { continue };
                let answer = parts.tail(second, &sent(&parts, second, &middle));
                assert_eq!(answer.expect("a tail"), whole, "{name} {span}");
                chains += 1;
            }
        }
        assert!(chains >= 3, "{name} has {chains} chains");
    }
}

#[test]
fn learned_codings_cross_a_cut_of_several_tensors_as_one_frame() {
    let parts = parts_of(fixtures::residual_block(), true);
    let cut = parts.cuts().find(|cut| cut.tensors.len() == 2).expect("two tensors").id;
    let at = Place::Cut(cut);
    let sample = &inputs(parts.graph(), 1, 4)[0];
    let what = parts.head(&borrowed(sample), at).expect("a head");
    let coder = parts.coder(at).expect("a coder");
    let rate = FrameRate::Fixed;
    let lossy = |rate_index| {
        let effort = CodingEffort::High;
        let coding = FeatureCoding::Learned { rate_index, effort, rate };
        coder.encode(&what, coding).expect("bytes")
    };
    let (fine, coarse) = (lossy(4), lossy(30));
    assert!(coarse.len() < fine.len());
    let back = coder.decode(&fine).expect("tensors");
    assert_eq!(back.tensors.len(), 2);
    assert!(parts.profile(at).is_some());
    for end in 0..fine.len() {
        assert!(coder.decode(&fine[..end]).is_err(), "cut short at {end}");
    }
    let mut flipped = fine.clone();
    for byte in 0..fine.len() {
        flipped[byte] ^= 1;
        assert!(coder.decode(&flipped).is_err(), "byte {byte} flipped");
        flipped[byte] ^= 1;
    }
}

#[test]
fn what_cannot_be_done_is_said() {
    let parts = parts_of(fixtures::small_cnn(), false);
    let last = Place::Cut(parts.cuts().last().expect("a cut").id);
    let first = Place::Cut(parts.cuts().next().expect("a cut").id);
    let sample = &inputs(parts.graph(), 1, 4)[0];
    let what = parts.head(&borrowed(sample), last).expect("a head");
    let coding = FeatureCoding::Learned {
        rate_index: 3,
        effort: CodingEffort::Fast,
        rate: FrameRate::Fixed,
    };
    let coder = parts.coder(last).expect("a coder");
    assert!(matches!(coder.encode(&what, coding), Err(PartError::NoProfile { .. })));
    assert!(matches!(coder.encode(&Crossing::default(), coding), Err(PartError::Count { .. })));
    let back = Span { from: last, to: first };
    assert!(matches!(parts.middle(back, &what), Err(PartError::NoPart { .. })));
    assert!(matches!(parts.coder(Place::Output), Err(PartError::UnknownPlace { .. })));
    assert!(parts.head(&[], first).is_err());
}

#[test]
fn batches_give_every_request_its_own_bits() {
    let parts = parts_of(fixtures::small_cnn(), false);
    let at = Place::Cut(parts.cuts().next().expect("a cut").id);
    let samples = inputs(parts.graph(), 5, 12);
    let all: Vec<Crossing> =
        samples.iter().map(|sample| parts.head(&borrowed(sample), at).expect("a head")).collect();
    let alone: Vec<_> = all.iter().map(|what| parts.tail(at, what).expect("a tail")).collect();
    assert_eq!(parts.stacked(at), Stacking::Unknown);
    assert_eq!(parts.tails(at, &all).expect("a batch"), alone);
    assert_ne!(parts.stacked(at), Stacking::Unknown);
    assert_eq!(parts.tails(at, &all[..3]).expect("a batch"), alone[..3]);
    assert_eq!(parts.tails(at, &all[..1]).expect("a batch"), alone[..1]);
}

#[test]
fn places_have_numbers_that_peers_share() {
    let parts = parts_of(fixtures::small_cnn(), false);
    let numbers: Vec<_> = places(&parts).into_iter().map(Place::number).collect();
    assert_eq!(numbers[..2], [Some(0), Some(1)]);
    assert_eq!(Place::Output.number(), None);
    assert_eq!(Place::Cut(crate::cut::CutId::dominated(1)).number(), Some(65_537));
}

#[test]
fn the_base_of_a_frame_in_layers_is_enough() {
    let parts = parts_of(fixtures::small_cnn(), true);
    let cut = parts.cuts().next().expect("a cut").id;
    let (at, sample) = (Place::Cut(cut), &inputs(parts.graph(), 1, 4)[0]);
    let what = parts.head(&borrowed(sample), at).expect("a head");
    let coder = parts.coder(at).expect("a coder");
    assert!(coder.has_layers());
    let rate = FrameRate::Fixed;
    let lossy = |effort| FeatureCoding::Learned { rate_index: 10, effort, rate };
    let layers = coder.encode_layers(&what, lossy(CodingEffort::High)).expect("layers");
    let [base, refinement] = layers.as_slice() else { panic!("{} layers", layers.len()) };
    let all = layers.concat();
    let whole = coder.decode(&all).expect("the whole frame");
    assert_eq!(coder.decode_prefix(&all).expect("the whole frame"), whole);
    let distance = |other: &Crossing| {
        let both = what.tensors[0].iter().zip(&other.tensors[0]);
        both.map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>()
    };
    // Whatever is there of the refinement, the base is what counts without the rest.
    for end in 0..refinement.len() {
        let prefix = coder.decode_prefix(&[base, &refinement[..end]].concat()).expect("the base");
        assert!(distance(&prefix) > distance(&whole), "{end}");
    }
    assert!(coder.decode(base).is_err() && coder.decode_prefix(&base[..base.len() - 1]).is_err());
    // What has no layers comes in one piece.
    for coding in [FeatureCoding::Lossless, lossy(CodingEffort::Fast)] {
        let one = coder.encode_layers(&what, coding).expect("one layer");
        assert_eq!(one, [coder.encode(&what, coding).expect("a frame")]);
    }
    assert!(!parts.coder(Place::Input).expect("a coder").has_layers());
}
