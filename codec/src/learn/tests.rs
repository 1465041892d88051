//! Learning, coding and decoding on synthetic features with a known task.

use std::sync::Arc;

use super::candidate::family;
use super::material::Features;
use super::{LearnConfig, Learned, Stage, Task, anchor, extras, learn};
use crate::bitstream::FrameForm;
use crate::decoder::Decoder;
use crate::encoder::{Effort, Encoder, EncoderConfig, RateTarget};
use crate::error::LearnError;
use crate::layout::Layout;
use crate::limits::DecodeLimits;
use crate::profile::{NO_ID, Profile};
use crate::rate::RateIndex;
use crate::tensor::{Dims, ElementType, TensorView};

/// A small seeded sequence of values in -0.5..0.5.
pub(crate) struct Noise(pub(crate) u64);

impl Noise {
    pub(crate) fn next(&mut self) -> f32 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1 << 24) as f32 - 0.5
    }
}

/// Smooth maps: every channel mixes a few slow waves with a little noise.
pub(crate) fn maps(count: usize, rectified: bool) -> (Dims, Vec<Vec<f32>>) {
    let (c, h, w) = (12, 6, 6);
    let mut noise = Noise(7);
    let features = (0..count)
        .map(|_| {
            let waves: Vec<f32> = (0..6).map(|_| 4.0 * noise.next()).collect();
            let mut out = Vec::with_capacity(c * h * w);
            for k in 0..c {
                for y in 0..h {
                    for x in 0..w {
                        let v = waves[k % 3] * (y as f32 - 2.5) / 3.0
                            + waves[3 + k % 2] * (x as f32 - 2.5) / 3.0
                            + waves[5]
                            + 0.3 * noise.next();
                        out.push(if rectified { v.max(0.0) } else { v });
                    }
                }
            }
            out
        })
        .collect();
    (Dims::new(&[1, c, h, w]).expect("small"), features)
}

/// How strongly the scores depend on the tensor: so much that rates in the middle of the range matter.
const STRENGTH: f32 = 16.0;

/// Three classes, scored by the means of thirds of the tensor.
pub(crate) struct Thirds {
    outputs: Vec<Vec<f32>>,
}

fn logits(feature: &[f32]) -> Vec<f32> {
    let third = feature.len() / 3;
    let mean = |part: &[f32]| part.iter().sum::<f32>() / third as f32;
    feature.chunks(third.max(1)).take(3).map(|part| STRENGTH * mean(part)).collect()
}

fn log_softmax(logits: &[f32]) -> Vec<f64> {
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|&l| f64::from(l - top).exp()).sum();
    logits.iter().map(|&l| f64::from(l - top) - sum.ln()).collect()
}

impl Thirds {
    pub(crate) fn of(features: &[Vec<f32>]) -> Self {
        Self { outputs: features.iter().map(|f| logits(f)).collect() }
    }
}

impl Task for Thirds {
    fn loss(&self, sample: usize, feature: &[f32]) -> f64 {
        let (p, q) = (log_softmax(&self.outputs[sample]), log_softmax(&logits(feature)));
        p.iter().zip(&q).map(|(a, b)| a.exp() * (a - b)).sum::<f64>().max(0.0)
    }
    fn outputs_of(&self, _: usize, feature: &[f32]) -> Option<Vec<f32>> {
        Some(logits(feature))
    }
    fn outputs(&self, sample: usize) -> &[f32] {
        &self.outputs[sample]
    }
}

fn learned(layout: Layout, dims: &Dims, features: &[Vec<f32>], threads: usize) -> Learned {
    let config = LearnConfig::default().with_threads(threads).with_target_loss(1e-3);
    learn(layout, dims, features, &Thirds::of(features), &config, &|_, _| {}).expect("learns")
}

#[test]
fn learning_is_deterministic_and_survives_storage() {
    let (dims, features) = maps(40, true);
    let one = learned(Layout::Map, &dims, &features, 1).profile;
    let two = learned(Layout::Map, &dims, &features, 2).profile;
    let bytes = one.to_bytes();
    assert_eq!(bytes, two.to_bytes());
    let read = Profile::from_bytes(&bytes, &DecodeLimits::default()).expect("reads");
    assert_eq!(read, one);
    assert_eq!(read.to_bytes(), bytes);
}

#[test]
fn nothing_is_fitted_to_copies_of_what_is_measured() {
    let (dims, originals) = maps(21, false);
    let copies = originals.iter().map(|sample| sample.iter().map(|value| -value).collect());
    let all: Vec<Vec<f32>> = originals.iter().cloned().chain(copies).collect();
    let config = LearnConfig::default().with_copies(2);
    let features = Features::new(Layout::Map, &dims, &all, 2).expect("maps");
    assert_eq!(features.len(), 21);
    let task = Thirds::of(&all);
    let mut measured = Vec::new();
    for fold in 0..features.folds() {
        let data = features.fold(fold, &task, &config);
        assert_eq!(data.fit.len() + 2 * data.held_out.len(), 42);
        assert!(!data.held_out_samples.iter().any(|held| {
            data.fit_samples.contains(held) || data.fit_samples.contains(&(held + 21))
        }));
        measured.extend(data.held_out_samples);
    }
    measured.sort_unstable();
    assert_eq!(measured, (0..21).collect::<Vec<_>>());
    let few = learn(Layout::Map, &dims, &all[..30], &task, &config, &|_, _| {});
    assert!(matches!(few, Err(LearnError::TooFewSamples { found: 15, .. })));
}

#[test]
fn coarser_rates_are_smaller_and_worse() {
    for rectified in [true, false] {
        let (dims, features) = maps(48, rectified);
        let profile = Arc::new(learned(Layout::Map, &dims, &features, 2).profile);
        let rates: Vec<RateIndex> = profile.rates().collect();
        for effort in [Effort::Fast, Effort::High] {
            let config = EncoderConfig::default().with_effort(effort);
            let mut encoder = Encoder::new(Arc::clone(&profile), config);
            let mut decoder = Decoder::new(Arc::clone(&profile), DecodeLimits::default());
            let mut before = (usize::MAX, -1.0);
            for &rate in &rates {
                let (mut bytes, mut error, mut out) = (0, 0.0, Vec::new());
                for feature in &features {
                    let mut frame = Vec::new();
                    let view = TensorView::f32(&dims, feature).expect("fits");
                    let info = encoder.encode(&view, RateTarget::Index(rate), &mut frame);
                    bytes += info.expect("encodes").bytes;
                    decoder.decode(&frame, &mut out).expect("decodes");
                    let squares = feature.iter().zip(&out).map(|(a, b)| (a - b).powi(2));
                    error += f64::from(squares.sum::<f32>());
                }
                // Where next to nothing is sent there is nothing left to lose.
                let nothing_left = bytes < 26 * features.len();
                let moves = bytes < before.0 && error > before.1;
                assert!(moves || nothing_left, "{effort:?} {rate:?} {bytes} {error}");
                before = (bytes, error);
            }
        }
    }
}

#[test]
fn every_prefix_of_layers_decodes_and_improves() {
    for rectified in [true, false] {
        let (dims, features) = maps(48, rectified);
        let profile = Arc::new(learned(Layout::Map, &dims, &features, 2).profile);
        // Three octaves below the coarsest rate index, so that four layers fit.
        let finest = profile.rates().next().expect("an anchor");
        let rate = finest.min(RateIndex::MAX.shifted(-24));
        let config = EncoderConfig::default().with_layers(4);
        let mut encoder = Encoder::new(Arc::clone(&profile), config);
        let mut decoder = Decoder::new(Arc::clone(&profile), DecodeLimits::default());
        let mut errors = [0f32; 5];
        for feature in &features[..8] {
            let mut frame = Vec::new();
            let view = TensorView::f32(&dims, feature).expect("fits");
            let info = encoder.encode(&view, RateTarget::Index(rate), &mut frame).expect("encodes");
            assert_eq!(info.layers, 4);
            let mut out = Vec::new();
            let mut last = 0;
            for end in 1..=frame.len() {
                let Ok(info) = decoder.decode_prefix(&frame[..end], &mut out) else { continue };
                if info.layers != last {
                    last = info.layers;
                    let error: f32 = feature.iter().zip(&out).map(|(a, b)| (a - b).powi(2)).sum();
                    errors[usize::from(last)] += error;
                }
            }
            assert_eq!(last, 4);
        }
        // A layer without a byte arrives together with the next one.
        let seen: Vec<f32> = errors.into_iter().filter(|&error| error > 0.0).collect();
        assert!(seen.len() > 2 && seen.is_sorted_by(|a, b| a > b), "{rectified}: {seen:?}");
    }
}

#[test]
fn vectors_tokens_and_byte_targets() {
    let (_, features) = maps(64, false);
    for (layout, sizes) in [(Layout::Vector, [1, 432, 1]), (Layout::Tokens, [1, 18, 24])] {
        let dims = Dims::new(&sizes).expect("small");
        let profile = Arc::new(learned(layout, &dims, &features, 2).profile);
        let config = EncoderConfig::default().with_form(FrameForm::Session);
        let mut encoder = Encoder::new(Arc::clone(&profile), config);
        let mut decoder = Decoder::new(Arc::clone(&profile), DecodeLimits::default())
            .with_session(dims, ElementType::F32);
        for most in [40, 80, 200] {
            let mut frame = Vec::new();
            let view = TensorView::f32(&dims, &features[0]).expect("fits");
            let info = encoder.encode(&view, RateTarget::MaxBytes(most), &mut frame);
            assert!(info.expect("encodes").bytes <= most);
            assert!(frame.len() <= most);
            let mut out = Vec::new();
            decoder.decode(&frame, &mut out).expect("decodes");
            assert_eq!(out.len(), features[0].len());
        }
    }
}

#[test]
fn values_that_are_not_finite_travel_without_loss() {
    let (dims, features) = maps(24, false);
    let profile = Arc::new(learned(Layout::Map, &dims, &features, 2).profile);
    let mut encoder = Encoder::new(Arc::clone(&profile), EncoderConfig::default());
    let mut decoder = Decoder::new(profile, DecodeLimits::default());
    let mut feature = features[0].clone();
    feature[3] = f32::NAN;
    feature[4] = f32::NEG_INFINITY;
    let (mut frame, mut out) = (Vec::new(), Vec::new());
    let view = TensorView::f32(&dims, &feature).expect("fits");
    encoder.encode(&view, RateTarget::Index(RateIndex::MAX), &mut frame).expect("encodes");
    decoder.decode(&frame, &mut out).expect("decodes");
    let bits = |v: &[f32]| v.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&out), bits(&feature));
}

#[test]
fn stages_can_be_left_out_and_bad_samples_are_named() {
    let (dims, mut features) = maps(24, true);
    let task = Thirds::of(&features);
    for stage in Stage::ALL {
        let config = LearnConfig::default().with_target_loss(1e-3).without(stage);
        let result = learn(Layout::Map, &dims, &features, &task, &config, &|_, _| {});
        assert!(result.is_ok(), "{}: {result:?}", stage.name());
    }
    let config = LearnConfig::default();
    let few = learn(Layout::Map, &dims, &features[..3], &task, &config, &|_, _| {});
    assert!(matches!(few, Err(LearnError::TooFewSamples { found: 3, .. })));
    features[5][0] = f32::NAN;
    let bad = learn(Layout::Map, &dims, &features, &task, &config, &|_, _| {});
    assert!(matches!(bad, Err(LearnError::NotFinite { sample: 5 })));
}

#[test]
fn features_far_from_the_calibration_still_travel() {
    for rectified in [true, false] {
        let (dims, features) = maps(32, rectified);
        for layout in [Layout::Map, Layout::Vector] {
            let profile = Arc::new(learned(layout, &dims, &features, 2).profile);
            let mut decoder = Decoder::new(Arc::clone(&profile), DecodeLimits::default());
            for (effort, layers) in [(Effort::Fast, 1), (Effort::High, 1), (Effort::High, 5)] {
                let config = EncoderConfig::default().with_effort(effort).with_layers(layers);
                let mut encoder = Encoder::new(Arc::clone(&profile), config);
                for scale in [-1.0, 7.0, 50.0, 400.0, 3e3, 1e6, 1e12, 1e30] {
                    for q in [0, 9, 24, 40, 63] {
                        let mut noise = Noise(q + 1);
                        let feature: Vec<f32> =
                            features[1].iter().map(|v| v * scale * (1.0 + noise.next())).collect();
                        let (mut frame, mut out) = (Vec::new(), Vec::new());
                        let view = TensorView::f32(&dims, &feature).expect("fits");
                        let target = RateTarget::Index(RateIndex::clamped(q as i32));
                        encoder.encode(&view, target, &mut frame).expect("encodes");
                        let result = decoder.decode(&frame, &mut out);
                        assert!(result.is_ok(), "{layout:?} {effort:?} x{scale} q{q}: {result:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn every_candidate_makes_a_profile_that_decodes_its_own_frames() {
    for rectified in [true, false] {
        let (dims, features) = maps(32, rectified);
        let (task, config) = (Thirds::of(&features), LearnConfig::default());
        for layout in [Layout::Map, Layout::Vector] {
            let features = Features::new(layout, &dims, &features, 1).expect("features");
            let data = features.fold(0, &task, &config);
            for (name, setup) in family(std::slice::from_ref(&data), &config) {
                let rates = [24, 32, 40].map(RateIndex::clamped);
                let mut anchors = rates
                    .map(|rate| anchor::fit_at(&data, &setup, rate).expect("an anchor"))
                    .to_vec();
                extras::refinements(&data, &setup, &mut anchors).expect("refinements");
                let profile = Profile {
                    layout,
                    dims,
                    range: data.range,
                    base_step: setup.base_step,
                    transform: setup.transform,
                    anchors,
                    confidence: None,
                    id: NO_ID,
                };
                travels(&Arc::new(profile.sealed()), &dims, &name);
            }
        }
    }
}

/// Heavy-tailed noise through every rate of a profile, from a reader of its stored form.
fn travels(profile: &Arc<Profile>, dims: &Dims, name: &str) {
    let read = Profile::from_bytes(&profile.to_bytes(), &DecodeLimits::default()).expect("reads");
    let mut decoder = Decoder::new(Arc::new(read), DecodeLimits::default());
    let mut noise = Noise(99);
    for layers in [1, 3] {
        let config = EncoderConfig::default().with_layers(layers);
        let mut encoder = Encoder::new(Arc::clone(profile), config);
        for q in 0..=63 {
            for tail in [1, 3, 9] {
                let feature: Vec<f32> =
                    (0..dims.elements()).map(|_| 4.0 * (2.0 * noise.next()).powi(tail)).collect();
                let (mut frame, mut out) = (Vec::new(), Vec::new());
                let view = TensorView::f32(dims, &feature).expect("fits");
                let target = RateTarget::Index(RateIndex::clamped(q));
                encoder.encode(&view, target, &mut frame).expect("encodes");
                let result = decoder.decode(&frame, &mut out);
                assert!(result.is_ok(), "{name} q{q} tail {tail} layers {layers}: {result:?}");
            }
        }
    }
}

#[test]
fn an_inspection_covers_every_byte_of_a_profile() {
    let (dims, features) = maps(40, true);
    let bytes = learned(Layout::Map, &dims, &features, 1).profile.to_bytes();
    let limits = DecodeLimits::default();
    let found = crate::profile::inspect(&bytes, &limits);
    assert_eq!(found.error, None);
    let mut end = 0;
    for row in &found.rows {
        assert_eq!(row.offset, end, "a gap before {}", row.name);
        let heading = row.name == "anchor";
        end += if heading { 0 } else { row.length };
    }
    assert_eq!(end, bytes.len());
    let mut damaged = bytes.clone();
    damaged[bytes.len() / 2] ^= 1;
    let found = crate::profile::inspect(&damaged, &limits);
    assert!(found.rows.len() > 10 && found.error.is_some());
    for length in (0..bytes.len()).step_by(97) {
        assert!(crate::profile::inspect(&bytes[..length], &limits).error.is_some(), "{length}");
    }
}
