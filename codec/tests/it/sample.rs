//! A small learned profile and frames made with it.

use std::sync::{Arc, LazyLock};

use aiflow_codec::bitstream::FrameForm;
use aiflow_codec::learn::{LearnConfig, Task, learn};
use aiflow_codec::{
    DecodeLimits, Decoder, Dims, Effort, ElementType, Encoder, EncoderConfig, Layout, Profile,
    RateTarget, TensorView,
};

pub(crate) fn dims() -> Dims {
    Dims::new(&[1, 4, 4, 4]).expect("a small shape")
}

/// Repeatable features: slopes with a little noise, cut off at zero.
pub(crate) fn features() -> Vec<Vec<f32>> {
    let mut state = 1_u64;
    let mut noise = move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 24) as f32 - 0.5
    };
    (0..24)
        .map(|_| {
            let (level, slope) = (8.0 * noise() + 2.0, 4.0 * noise());
            (0..dims().elements())
                .map(|index| (level + slope * (index % 4) as f32 + noise()).max(0.0))
                .collect()
        })
        .collect()
}

/// Repeatable features of which two thirds are zero, in patches.
pub(crate) fn sparse_features() -> Vec<Vec<f32>> {
    let mut features = features();
    for (sample, feature) in features.iter_mut().enumerate() {
        for (index, value) in feature.iter_mut().enumerate() {
            let (channel, row) = (index / 16, index / 4 % 4);
            *value =
                if (channel + row + sample) % 3 == 0 { *value } else { (*value - 7.0).max(0.0) };
        }
    }
    features
}

/// Repeatable smooth planes with little noise: what is decoded around a value tells much about it, so that a
/// restoration is learned.
pub(crate) fn smooth_features() -> Vec<Vec<f32>> {
    let mut state = 7_u64;
    let mut noise = move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 24) as f32 - 0.5
    };
    (0..96)
        .map(|_| {
            let (level, right, down) = (4.0 * noise(), 2.0 * noise(), 2.0 * noise());
            (0..64)
                .map(|index| {
                    let (row, column) = ((index / 8) as f32, (index % 8) as f32);
                    level + right * (column - 3.5) + down * (row - 3.5) + 0.2 * noise()
                })
                .collect()
        })
        .collect()
}

/// The loss is the squared error of the feature.
struct Error(Vec<Vec<f32>>);

impl Task for Error {
    fn loss(&self, sample: usize, feature: &[f32]) -> f64 {
        let pairs = self.0[sample].iter().zip(feature);
        pairs.map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>() / feature.len() as f64
    }

    fn outputs_of(&self, _: usize, _: &[f32]) -> Option<Vec<f32>> {
        None
    }

    fn outputs(&self, _: usize) -> &[f32] {
        &[]
    }
}

pub(crate) fn profile() -> Arc<Profile> {
    static PROFILE: LazyLock<Arc<Profile>> =
        LazyLock::new(|| Arc::new(learned(&dims(), &features())));
    Arc::clone(&PROFILE)
}

/// A profile of features in any shape of 64 elements.
pub(crate) fn learned(dims: &Dims, features: &[Vec<f32>]) -> Profile {
    let task = Error(features.to_vec());
    let layout = Layout::infer(dims.as_slice());
    learn(layout, dims, features, &task, &LearnConfig::default(), &|_, _| {})
        .expect("features that can be learned")
        .profile
}

/// A frame of the feature with the largest values.
pub(crate) fn frame(form: FrameForm, effort: Effort, layers: u8) -> Vec<u8> {
    let config = EncoderConfig::default().with_effort(effort).with_form(form).with_layers(layers);
    let sum = |feature: &&Vec<f32>| feature.iter().sum::<f32>();
    let features = features();
    let feature = features.iter().max_by(|a, b| sum(a).total_cmp(&sum(b))).expect("24 features");
    let dims = dims();
    let tensor = TensorView::f32(&dims, feature).expect("the shape of the feature");
    let rate = profile().rates().next().expect("a profile has rates");
    let mut bytes = Vec::new();
    Encoder::new(profile(), config)
        .encode(&tensor, RateTarget::Index(rate), &mut bytes)
        .expect("a finite tensor");
    bytes
}

pub(crate) fn decoder(form: FrameForm) -> Decoder {
    let decoder = Decoder::new(profile(), DecodeLimits::default());
    match form {
        FrameForm::Session => decoder.with_session(dims(), ElementType::F32),
        FrameForm::SelfContained => decoder,
    }
}
