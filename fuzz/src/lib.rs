//! What the fuzz targets share: inputs with valid checksums around hostile content.
//!
//! A fuzzer does not guess checksums, so the targets take content from the fuzzer and write the
//! container around it themselves; each one reads the plain bytes as well.
#![forbid(unsafe_code)]

use std::sync::{Arc, LazyLock};

use aiflow_codec::bitstream::{Coder, FrameHeader, FrameMode};
use aiflow_codec::layout::Layout;
use aiflow_codec::learn::{LearnConfig, Task, learn};
use aiflow_codec::limits::DecodeLimits;
use aiflow_codec::profile::{MAGIC, Profile, VERSION};
use aiflow_codec::tensor::Dims;

/// The shape of the features of [`profile`].
pub const SHAPE: [usize; 4] = [1, 4, 4, 4];

/// Limits that keep one run fast and show memory that is taken without being earned.
#[must_use]
pub fn limits() -> DecodeLimits {
    DecodeLimits::default()
        .with_max_elements(1 << 14)
        .with_max_frame_bytes(1 << 16)
        .with_max_profile_bytes(1 << 24)
        .with_max_tables(1 << 10)
}

/// A small learned profile, made once per process.
#[must_use]
pub fn profile() -> Arc<Profile> {
    static PROFILE: LazyLock<Arc<Profile>> = LazyLock::new(|| {
        let features = features(24);
        let dims = Dims::new(&SHAPE).expect("a small shape");
        let task = Sums(features.clone());
        let config = LearnConfig::default();
        learn(Layout::infer(&SHAPE), &dims, &features, &task, &config, &|_, _| {})
            .map(|learned| Arc::new(learned.profile))
            .expect("the features are finite and enough")
    });
    Arc::clone(&PROFILE)
}

/// Repeatable features: slow waves with a little noise, half of them cut off at zero.
#[must_use]
pub fn features(count: usize) -> Vec<Vec<f32>> {
    let mut state = 1_u64;
    let mut noise = move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 24) as f32 - 0.5
    };
    let elements = SHAPE.iter().product::<usize>();
    (0..count)
        .map(|_| {
            let (level, slope) = (8.0 * noise() + 2.0, 4.0 * noise());
            (0..elements)
                .map(|index| (level + slope * (index % 4) as f32 + noise()).max(0.0))
                .collect()
        })
        .collect()
}

/// The task of the features: two outputs, the sums of both halves.
struct Sums(Vec<Vec<f32>>);

impl Task for Sums {
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

/// Takes the first byte off; 0 at the end.
pub fn byte(data: &mut &[u8]) -> u8 {
    let Some((&first, rest)) = data.split_first() else { return 0 };
    *data = rest;
    first
}

/// Splits the rest into `count` parts whose lengths the data choose.
#[must_use]
pub fn parts(mut data: &[u8], count: usize) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    for _ in 1..count {
        let length = usize::from(byte(&mut data)).min(data.len());
        let (part, rest) = data.split_at(length);
        parts.push(part);
        data = rest;
    }
    parts.push(data);
    parts
}

/// The header of a session frame of the given mode.
#[must_use]
pub fn session(mode: FrameMode, coder: Coder, rate_index: u8) -> FrameHeader {
    FrameHeader { mode, coder, rate_index, tensor: None }
}

/// The content of a profile with magic number, version and checksum around it.
#[must_use]
pub fn sealed_profile(content: &[u8]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.push(VERSION);
    bytes.extend(content);
    bytes.extend(crc32c::crc32c(&bytes).to_le_bytes());
    bytes
}
