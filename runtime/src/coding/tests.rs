use super::*;
use crate::cut::{CutOptions, SplitModel, search};
use crate::engine::{Engine, RtenEngine};
use crate::fixtures;
use crate::graph::{DimChoice, Graph, RandomSource};
use crate::learning::{NamedInputs, learn_cut};
use crate::onnx::ModelFile;

/// A cut of two tensors with learned profiles, and the features of one more sample.
fn learned() -> (SplitModel, Vec<Arc<Profile>>, Vec<Tensor>) {
    let model = ModelFile::from_bytes(fixtures::residual_block()).expect("a model");
    let graph = Graph::new(&model).expect("a graph");
    let program = RtenEngine::new().load(&model).expect("a program");
    let list = search(&graph, &program, &[], &CutOptions::default()).expect("cuts");
    let cut = list.cuts.into_iter().find(|cut| cut.tensors.len() == 2).expect("two tensors");
    let split = SplitModel::new(program, &graph, cut);
    let mut random = RandomSource::new(5);
    let mut inputs = |count| -> Vec<NamedInputs> {
        (0..count)
            .map(|_| graph.random_inputs(&mut random, &DimChoice::new()).expect("inputs"))
            .collect()
    };
    let config = aiflow_codec::learn::LearnConfig::default();
    let learned = learn_cut(&split, &inputs(24), &config, 2, &|_, _| {}).expect("profiles");
    let profiles = learned.into_iter().map(|tensor| Arc::new(tensor.profile)).collect();
    let sample = inputs(1);
    let named: Vec<_> = sample[0].iter().map(|(n, v)| (n.as_str(), v.clone())).collect();
    let features = split.head_with(&named).expect("a head").features;
    (split, profiles, features)
}

#[test]
fn every_coding_comes_back_and_broken_frames_do_not() {
    let (split, profiles, features) = learned();
    let mut encoder = CutEncoder::new(split.cut(), &profiles).expect("an encoder");
    let limits = DecodeLimits::default();
    let mut decoder = CutDecoder::new(split.cut(), &profiles, limits).expect("a decoder");
    let lossy = |effort, rate| FeatureCoding::Learned { rate_index: 12, effort, rate };
    let mut sizes = Vec::new();
    for coding in [
        FeatureCoding::Raw,
        FeatureCoding::Lossless,
        lossy(CodingEffort::Fast, FrameRate::Fixed),
        lossy(CodingEffort::High, FrameRate::Fixed),
        lossy(CodingEffort::High, FrameRate::Confidence),
    ] {
        let frames = encoder.encode(&features, coding).expect("frames");
        assert_eq!(frames.len(), 2);
        let back = decoder.decode(&frames).expect("tensors");
        for (tensor, feature) in back.iter().zip(&features) {
            assert_eq!(tensor.shape(), feature.shape());
            if matches!(coding, FeatureCoding::Raw | FeatureCoding::Lossless) {
                assert_eq!(tensor, feature, "{coding}");
            }
        }
        sizes.push(frames.iter().map(Vec::len).sum::<usize>());
        let mut broken = frames.clone();
        let middle = broken[1].len() / 2;
        broken[1][middle] ^= 0x40;
        let error = decoder.decode(&broken).expect_err("a checksum");
        assert!(matches!(error, CodingError::Decode { tensor: 1, .. }), "{error}");
    }
    let raw = 4 * features.iter().map(Tensor::len).sum::<usize>();
    assert!((raw..raw + 40).contains(&sizes[0]) && sizes[1] <= sizes[0], "{sizes:?}");
    assert!(sizes[2] < sizes[1] && sizes[3] < sizes[1], "{sizes:?}");
}

#[test]
fn wrong_numbers_of_anything_are_refused() {
    let (split, profiles, features) = learned();
    let few = CutEncoder::new(split.cut(), &profiles[..1]).expect_err("one profile");
    assert!(matches!(few, CodingError::Profiles { tensors: 2, profiles: 1 }), "{few}");
    let mut encoder = CutEncoder::new(split.cut(), &profiles).expect("an encoder");
    let error = encoder.encode(&features[..1], FeatureCoding::Raw).expect_err("one tensor");
    assert!(matches!(error, CodingError::Count { expected: 2, given: 1 }), "{error}");
    let limits = DecodeLimits::default();
    let mut decoder = CutDecoder::new(split.cut(), &profiles, limits).expect("a decoder");
    assert!(decoder.decode::<Vec<u8>>(&[]).is_err());
}
