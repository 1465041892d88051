//! What the speed benches share: a synthetic feature, a profile learned for it, and its int8 rival.
//!
//! Everything follows from fixed seeds. The feature has the traits that decide the speed of a
//! coder for rectified convolutional maps: about two thirds zeros, smooth planes, channels that
//! share causes.

use std::sync::Arc;

use aiflow_codec::learn::{LearnConfig, Stage, Task, learn};
use aiflow_codec::rans::{CdfSet, CdfTable};
use aiflow_codec::{
    DecodeLimits, Decoder, Dims, Effort, Encoder, EncoderConfig, Layout, Profile, RateIndex,
    RateTarget, Restore, TensorView,
};

/// Channels of the feature.
pub const CHANNELS: usize = 64;
/// Rows and columns of the coded feature: 200,704 elements with the channels.
pub const SIDE: usize = 56;
/// Rows and columns of the calibration features; a profile codes maps of any size.
const CALIBRATION_SIDE: usize = 14;
/// Calibration features.
const SAMPLES: u64 = 24;
/// Relative squared error of the operating point.
const ERROR: f64 = 0.015;
/// Causes that the channels share.
const CAUSES: usize = 20;

/// SplitMix64: numbers that are equal on every machine.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Nearly normal, mean 0, deviation 1: a sum of twelve uniform numbers.
    fn normal(&mut self) -> f32 {
        let sum: u64 = (0..12).map(|_| self.next() >> 40).sum();
        sum as f32 / (1u64 << 24) as f32 - 6.0
    }
}

/// A plane of noise, averaged over `2 * radius + 1` rows and columns, deviation 1.
fn plane(numbers: &mut Numbers, side: usize, radius: usize) -> Vec<f32> {
    let padded = side + 2 * radius;
    let noise: Vec<f32> = (0..padded * padded).map(|_| numbers.normal()).collect();
    let window = 2 * radius + 1;
    let mut out = Vec::with_capacity(side * side);
    for row in 0..side {
        for column in 0..side {
            let rows = noise.chunks_exact(padded).skip(row).take(window);
            let sum: f32 = rows.map(|r| r[column..column + window].iter().sum::<f32>()).sum();
            out.push(sum / window as f32);
        }
    }
    out
}

/// A rectified feature `[1, 64, side, side]`; the mixture of causes is the same for all seeds.
#[must_use]
pub fn feature(seed: u64, side: usize) -> Vec<f32> {
    let mut numbers = Numbers(seed);
    let causes: Vec<Vec<f32>> = (0..CAUSES).map(|_| plane(&mut numbers, side, 2)).collect();
    let mut mixture = Numbers(0x5eed);
    let mut out = Vec::with_capacity(CHANNELS * side * side);
    for _ in 0..CHANNELS {
        let mut values = plane(&mut numbers, side, 1);
        for value in &mut values {
            *value *= 0.5;
        }
        for cause in &causes {
            // Few causes matter to a channel.
            let weight = mixture.normal().powi(3) * 0.15;
            for (value, cause) in values.iter_mut().zip(cause) {
                *value += weight * cause;
            }
        }
        let threshold = 0.5 + 0.25 * mixture.normal();
        out.extend(values.iter().map(|value| (value - threshold).max(0.0)));
    }
    out
}

/// The relative squared error of a reconstruction.
#[must_use]
pub fn relative_error(original: &[f32], decoded: &[f32]) -> f64 {
    let square = |value: f32| f64::from(value) * f64::from(value);
    let energy: f64 = original.iter().map(|&value| square(value)).sum();
    let error: f64 = original.iter().zip(decoded).map(|(a, b)| square(a - b)).sum();
    error / energy.max(f64::MIN_POSITIVE)
}

struct RelativeError<'a>(&'a [Vec<f32>]);

impl Task for RelativeError<'_> {
    fn loss(&self, sample: usize, feature: &[f32]) -> f64 {
        relative_error(&self.0[sample], feature)
    }

    fn outputs_of(&self, _: usize, _: &[f32]) -> Option<Vec<f32>> {
        None
    }

    fn outputs(&self, _: usize) -> &[f32] {
        &[]
    }
}

/// A learned profile, a feature, and the rate at which its error is 1.5 %.
#[derive(Debug)]
pub struct Setup {
    /// The profile: channels as they are, predicted from neighbours at high effort.
    pub profile: Arc<Profile>,
    /// Shape of the feature.
    pub dims: Dims,
    /// The feature.
    pub feature: Vec<f32>,
    /// Its version in 8 bits: zero to the largest value in 255 equal steps.
    pub int8: Vec<u8>,
    /// The value of one unit of it.
    pub unit: f32,
    /// The operating point.
    pub rate: RateIndex,
}

impl Setup {
    /// Learns the profile and finds the operating point.
    ///
    /// # Errors
    /// What the codec says about the synthetic features; none is expected.
    pub fn new() -> Result<Self, Box<dyn std::error::Error>> {
        let calibration: Vec<Vec<f32>> =
            (1..=SAMPLES).map(|seed| feature(seed, CALIBRATION_SIDE)).collect();
        let small = Dims::new(&[1, CHANNELS, CALIBRATION_SIDE, CALIBRATION_SIDE])?;
        let config = LearnConfig::default().with_target_loss(ERROR).without(Stage::Transform);
        let task = RelativeError(&calibration);
        let learned = learn(Layout::Map, &small, &calibration, &task, &config, &|_, _| {})?;
        let profile = Arc::new(learned.profile);
        let dims = Dims::new(&[1, CHANNELS, SIDE, SIDE])?;
        let feature = feature(0, SIDE);
        let largest = feature.iter().fold(0.0_f32, |m, &v| m.max(v));
        let int8 = feature.iter().map(|v| (v / largest * 255.0).round() as u8).collect();
        let unit = largest / 255.0;
        let mut setup = Self { profile, dims, feature, int8, unit, rate: RateIndex::MIN };
        setup.move_to_operating_point()?;
        Ok(setup)
    }

    /// Finds the coarsest rate at which the fast effort is within the error.
    fn move_to_operating_point(&mut self) -> Result<(), Box<dyn std::error::Error>> {
        let mut out = Vec::new();
        for index in (0..=RateIndex::MAX.get()).rev() {
            self.rate = RateIndex::clamped(index.into());
            let frame = self.frame(Effort::Fast)?;
            self.decoder(Restore::Off).decode(&frame, &mut out)?;
            if relative_error(&self.feature, &out) <= ERROR {
                break;
            }
        }
        Ok(())
    }

    /// An encoder of the profile.
    #[must_use]
    pub fn encoder(&self, effort: Effort) -> Encoder {
        let config = EncoderConfig::default().with_effort(effort);
        Encoder::new(Arc::clone(&self.profile), config)
    }

    /// A decoder of the profile.
    #[must_use]
    pub fn decoder(&self, restore: Restore) -> Decoder {
        Decoder::new(Arc::clone(&self.profile), DecodeLimits::default()).with_restore(restore)
    }

    /// Appends the feature's frame to `out`.
    ///
    /// # Errors
    /// As [`Encoder::encode`].
    pub fn encode(
        &self,
        encoder: &mut Encoder,
        out: &mut Vec<u8>,
    ) -> Result<(), Box<dyn std::error::Error>> {
        let tensor = TensorView::f32(&self.dims, &self.feature)?;
        encoder.encode(&tensor, RateTarget::Index(self.rate), out)?;
        Ok(())
    }

    /// The feature's frame.
    ///
    /// # Errors
    /// As [`Encoder::encode`].
    pub fn frame(&self, effort: Effort) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
        let mut out = Vec::new();
        self.encode(&mut self.encoder(effort), &mut out)?;
        Ok(out)
    }
}

/// Symbols and contexts for the entropy coder alone.
#[derive(Debug)]
pub struct Symbols {
    /// Sixty-four tables over 20 symbols.
    pub tables: CdfSet,
    /// The table of each symbol.
    pub contexts: Vec<u16>,
    /// As many symbols as the feature has elements.
    pub symbols: Vec<u8>,
}

impl Symbols {
    /// Draws symbols that follow their tables.
    ///
    /// # Errors
    /// What the tables say about their counts; none is expected.
    pub fn new() -> Result<Self, Box<dyn std::error::Error>> {
        let mut tables = Vec::new();
        for index in 0..64_u32 {
            let decay = 0.3 + 0.008 * f64::from(index);
            let counts: Vec<u32> =
                (0..20).map(|symbol| (1e6 * decay.powi(symbol)) as u32 + 1).collect();
            tables.push(CdfTable::from_counts(&counts)?);
        }
        let tables = CdfSet::new(tables)?;
        let mut numbers = Numbers(7);
        let mut draw = |_| {
            let context = (numbers.next() % 64) as u16;
            let slot = (numbers.next() >> 49) as u32;
            (context, tables.get(context).map_or(0, |table| table.lookup(slot).0))
        };
        let (contexts, symbols) = (0..CHANNELS * SIDE * SIDE).map(&mut draw).unzip();
        Ok(Self { tables, contexts, symbols })
    }
}
