//! The learned codec as one more method beside its rivals.

use std::sync::{Arc, Mutex, PoisonError};

use aiflow_codec::bitstream::FrameForm;
use aiflow_codec::{
    DecodeLimits, Decoder, Dims, Effort, ElementType, Encoder, EncoderConfig, Profile, RateIndex,
    RateTarget, TensorView,
};

use crate::error::RivalError;
use crate::rival::FeatureCodec;

/// How the learned codec is used; each use is a method of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// High effort, one rate for all frames.
    High,
    /// High effort, the profile's confidence head moves the rate of each frame.
    Confidence,
    /// High effort in four layers, all of them sent.
    Layered,
    /// Fast effort.
    Fast,
}

impl Use {
    /// All uses in the order of reports.
    pub const ALL: [Self; 4] = [Self::High, Self::Confidence, Self::Layered, Self::Fast];

    /// Returns the method name that records carry.
    #[must_use]
    pub const fn method(self) -> &'static str {
        match self {
            Self::High => "learned",
            Self::Confidence => "learned+confidence",
            Self::Layered => "learned+layers",
            Self::Fast => "learned-fast",
        }
    }
}

/// Rate indices between settings.
const RATE_SPACING: usize = 4;
/// Rate indices beyond the coarsest anchor that are measured as well.
const BEYOND: u8 = 4;

/// One profile at one rate index.
pub struct LearnedCodec {
    method: String,
    setting: String,
    rate: RateIndex,
    with: Use,
    profile: Arc<Profile>,
    profile_bytes: usize,
    /// Encoders and decoders not in use; as many as threads ever ran at once.
    idle: Mutex<Vec<(Encoder, Decoder)>>,
}

impl LearnedCodec {
    /// Makes one instance per measured rate of a profile, cheapest first.
    ///
    /// Uses that the profile has no means for give none.
    #[must_use]
    pub fn settings(profile: &Arc<Profile>, with: Use) -> Vec<Self> {
        if with == Use::Confidence && profile.confidence().is_none() {
            return Vec::new();
        }
        let (first, last) = (profile.rates().next(), profile.rates().last());
        let (Some(first), Some(last)) = (first, last) else { return Vec::new() };
        let top = last.shifted(i32::from(BEYOND)).get();
        let rates: Vec<u8> = (first.get()..=top).step_by(RATE_SPACING).collect();
        let profile_bytes = profile.to_bytes().len();
        let instance = |q: u8| Self {
            method: with.method().to_owned(),
            setting: format!("q={q}"),
            rate: RateIndex::clamped(q.into()),
            with,
            profile: Arc::clone(profile),
            profile_bytes,
            idle: Mutex::default(),
        };
        rates.into_iter().rev().map(instance).collect()
    }

    /// Gives the instance another method name, for ablations.
    #[must_use]
    pub fn named(mut self, method: &str) -> Self {
        method.clone_into(&mut self.method);
        self
    }

    fn pair(&self, dims: &Dims) -> (Encoder, Decoder) {
        if let Some(pair) = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop() {
            return pair;
        }
        let config = EncoderConfig::default().with_form(FrameForm::Session);
        let config = match self.with {
            Use::High | Use::Confidence => config,
            Use::Layered => config.with_layers(4),
            Use::Fast => config.with_effort(Effort::Fast),
        };
        let decoder = Decoder::new(Arc::clone(&self.profile), DecodeLimits::default())
            .with_session(*dims, ElementType::F32);
        (Encoder::new(Arc::clone(&self.profile), config), decoder)
    }

    fn put_back(&self, pair: (Encoder, Decoder)) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(pair);
    }
}

impl FeatureCodec for LearnedCodec {
    fn name(&self) -> &str {
        &self.method
    }

    fn setting(&self) -> &str {
        &self.setting
    }

    fn encode(&self, feature: &[f32], dims: &[usize]) -> Result<Vec<u8>, RivalError> {
        let dims = Dims::new(dims).map_err(RivalError::codec)?;
        let mut pair = self.pair(&dims);
        let view = TensorView::f32(&dims, feature).map_err(RivalError::codec)?;
        let target = match self.with {
            Use::Confidence => RateTarget::Confidence(self.rate),
            _ => RateTarget::Index(self.rate),
        };
        let mut frame = Vec::new();
        pair.0.encode(&view, target, &mut frame).map_err(RivalError::codec)?;
        self.put_back(pair);
        Ok(frame)
    }

    fn decode(&self, payload: &[u8], dims: &[usize]) -> Result<Vec<f32>, RivalError> {
        let dims = Dims::new(dims).map_err(RivalError::codec)?;
        let mut pair = self.pair(&dims);
        let mut out = Vec::new();
        pair.1.decode(payload, &mut out).map_err(RivalError::codec)?;
        self.put_back(pair);
        Ok(out)
    }

    fn profile_bytes(&self) -> usize {
        self.profile_bytes
    }
}
