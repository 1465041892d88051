//! The encoder: tensor in, frame out.

use std::sync::Arc;

use crate::bitstream::{
    Coder, FrameForm, FrameHeader, FrameMode, MAX_LAYERS, TensorHeader, Version, write_frame,
};
use crate::coder::{fast, finish, high, refine};
use crate::context::token::MAX_LEVEL;
use crate::context::{Prediction, Scan};
use crate::error::EncodeError;
use crate::layout::{Grid, Layout};
use crate::lossless::encode_lossless;
use crate::profile::{Anchor, Profile};
use crate::quantise::Chooser;
use crate::rans::RansEncoder;
use crate::rate::RateIndex;
use crate::tensor::{ShapeError, TensorView};
use crate::transform::{Prepared, Rounding};

/// How much work the coder does per value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Effort {
    /// No prediction, no optimised rounding: hundreds of millions of values a second.
    Fast,
    /// Prediction and rate-distortion optimised rounding: the smallest frames. The default.
    #[default]
    High,
}

/// What decides the rate of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RateTarget {
    /// This rate index.
    Index(RateIndex),
    /// This rate index on average; the profile's confidence head moves each frame around it.
    /// Equal to [`RateTarget::Index`] where the profile has no head.
    Confidence(RateIndex),
    /// The finest rate whose frame, header included, has at most this many bytes.
    MaxBytes(usize),
}

/// How an [`Encoder`] codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncoderConfig {
    effort: Effort,
    layers: u8,
    form: FrameForm,
}

impl Default for EncoderConfig {
    /// High effort, one layer, self-contained frames: the smallest files that explain themselves.
    fn default() -> Self {
        Self { effort: Effort::High, layers: 1, form: FrameForm::SelfContained }
    }
}

impl EncoderConfig {
    /// Sets the effort.
    #[must_use]
    pub const fn with_effort(mut self, effort: Effort) -> Self {
        self.effort = effort;
        self
    }

    /// Sets the number of layers, clamped to 1..=8. Default 1.
    ///
    /// A sender may stop, or a receiver start, after any layer; each halves the step of the one
    /// before. The last one has the levels of a frame of one layer, unless the profile predicts in a closed
    /// loop. That is not free: 5 to 7 bytes of header per layer, and contexts that know less; some 11 % of a
    /// frame with four layers after the second block of stage 3 of ResNet-20 (`aiflow bench`, method
    /// `learned+layers`), and 37 % with the closed loop of MobileNet-V2 at 64x14x14. Frames
    /// whose base layer would be coarser than rate index 63 get fewer. The fast effort codes one.
    #[must_use]
    pub const fn with_layers(mut self, layers: u8) -> Self {
        self.layers = if layers < 1 {
            1
        } else if layers as usize > MAX_LAYERS {
            MAX_LAYERS as u8
        } else {
            layers
        };
        self
    }

    /// Sets the header form. Session frames save about 16 bytes and need the shape agreed.
    #[must_use]
    pub const fn with_form(mut self, form: FrameForm) -> Self {
        self.form = form;
        self
    }
}

/// What an encoder wrote or a decoder read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameInfo {
    /// How the tensor was coded.
    pub mode: FrameMode,
    /// Rate index of the last layer; meaningless unless lossy.
    pub rate: RateIndex,
    /// Layers written, or decoded.
    pub layers: u8,
    /// Bytes of the frame, header included.
    pub bytes: usize,
}

/// Turns tensors into frames with one profile. Keeps its buffers between frames.
#[derive(Debug)]
pub struct Encoder {
    profile: Arc<Profile>,
    config: EncoderConfig,
    transform: Prepared,
    scan: Scan,
    fast: fast::EncodeState,
    rans: RansEncoder,
    values: Vec<f32>,
    gathered: Vec<f32>,
    components: Vec<f32>,
    levels: Vec<i32>,
}

impl Encoder {
    /// Makes an encoder.
    #[must_use]
    pub fn new(profile: Arc<Profile>, config: EncoderConfig) -> Self {
        let transform = profile.transform.prepare();
        Self {
            profile,
            config,
            transform,
            scan: Scan::default(),
            fast: fast::EncodeState::default(),
            rans: RansEncoder::new(),
            values: Vec::new(),
            gathered: Vec::new(),
            components: Vec::new(),
            levels: Vec::new(),
        }
    }

    /// Appends the frame of a tensor to `out`.
    ///
    /// A tensor with NaN or an infinity is coded losslessly: a lossy frame could not say so.
    ///
    /// # Errors
    /// A shape that the profile does not code, or a byte target that not even the coarsest rate
    /// meets; `out` is unchanged then.
    pub fn encode(
        &mut self,
        tensor: &TensorView<'_>,
        target: RateTarget,
        out: &mut Vec<u8>,
    ) -> Result<FrameInfo, EncodeError> {
        let dims = *tensor.dims();
        let grid = self
            .profile
            .channel_grid(dims.as_slice())
            .ok_or_else(|| self.wrong_shape(dims.elements()))?;
        tensor.to_f32(&mut self.values);
        // Whole chunks at a time: leaving at the first would look at one value after the other.
        let strange = |chunk: &[f32]| chunk.iter().fold(false, |any, v| any | !v.is_finite());
        if self.values.chunks(1024).any(strange) {
            let start = out.len();
            let mode = encode_lossless(tensor, self.config.form, out)?;
            let bytes = out.len() - start;
            return Ok(FrameInfo { mode, rate: RateIndex::MIN, layers: 1, bytes });
        }
        // Channels that are coded as they are stay where they are.
        let planar = self.planar() && !matches!(target, RateTarget::Confidence(_));
        if !planar {
            self.profile.layout.gather(grid, &self.values, &mut self.gathered);
        }
        match target {
            RateTarget::Index(rate) => self.encode_at(tensor, grid, rate, out),
            RateTarget::Confidence(base) => {
                let rate = match &self.profile.confidence {
                    Some(head) => head.adjust(base, head.uncertainty(grid, &self.gathered)),
                    None => base,
                };
                self.encode_at(tensor, grid, rate, out)
            }
            RateTarget::MaxBytes(most) => self.encode_within(tensor, grid, most, out),
        }
    }

    /// Whether the tensor's own order is that of the coder.
    fn planar(&self) -> bool {
        let map = self.profile.layout == Layout::Map;
        map && self.config.effort == Effort::Fast && self.transform.diagonal().is_some()
    }

    fn wrong_shape(&self, found: usize) -> EncodeError {
        let expected = self.profile.dims.elements();
        EncodeError::Shape(ShapeError::Profile { expected, found })
    }

    /// Bisects the rate index; sizes fall with it but for rounding, so the result is checked.
    fn encode_within(
        &mut self,
        tensor: &TensorView<'_>,
        grid: Grid,
        most: usize,
        out: &mut Vec<u8>,
    ) -> Result<FrameInfo, EncodeError> {
        let start = out.len();
        let (mut low, mut high) = (0u8, RateIndex::MAX.get());
        let mut best = None;
        while low <= high {
            let middle = low.midpoint(high);
            let mut frame = Vec::new();
            let info =
                self.encode_at(tensor, grid, RateIndex::clamped(middle.into()), &mut frame)?;
            if info.bytes <= most {
                best = Some((info, frame));
                let Some(next) = middle.checked_sub(1) else { break };
                high = next;
            } else {
                low = middle + 1;
            }
        }
        if let Some((info, frame)) = best {
            out.extend(frame);
            return Ok(info);
        }
        let mut frame = Vec::new();
        let needed = self.encode_at(tensor, grid, RateIndex::MAX, &mut frame)?.bytes;
        out.truncate(start);
        Err(EncodeError::TargetTooSmall { needed, allowed: most })
    }

    fn encode_at(
        &mut self,
        tensor: &TensorView<'_>,
        grid: Grid,
        rate: RateIndex,
        out: &mut Vec<u8>,
    ) -> Result<FrameInfo, EncodeError> {
        let profile = Arc::clone(&self.profile);
        let coded = Grid { components: self.transform.components(), ..grid };
        let payloads = match self.config.effort {
            Effort::Fast => self.fast_payload(&profile, coded, rate),
            Effort::High => self.high_payloads(&profile, coded, rate),
        };
        let header = FrameHeader {
            mode: FrameMode::Lossy,
            coder: match self.config.effort {
                Effort::Fast => Coder::Fast,
                Effort::High => Coder::High,
            },
            rate_index: rate.get(),
            tensor: (self.config.form == FrameForm::SelfContained).then(|| TensorHeader {
                version: Version::CURRENT,
                element: tensor.element(),
                dims: *tensor.dims(),
                profile: profile.id().tag(),
            }),
        };
        let layers: Vec<&[u8]> = payloads.iter().map(Vec::as_slice).collect();
        let start = out.len();
        write_frame(&header, &layers, out)?;
        let bytes = out.len() - start;
        Ok(FrameInfo { mode: FrameMode::Lossy, rate, layers: layers.len() as u8, bytes })
    }

    fn fast_payload(&mut self, profile: &Profile, grid: Grid, rate: RateIndex) -> Vec<Vec<u8>> {
        let Some(anchor) = profile.anchor(rate) else { return vec![Vec::new()] };
        let gain = 1.0 / profile.step(rate);
        let lowest = if anchor.model.signed { -MAX_LEVEL } else { 0 };
        let round = Rounding { offset: FAST_ROUNDING, lowest, highest: MAX_LEVEL as f32 };
        let bands = fast::Bands::new(profile.layout, grid);
        if self.planar() {
            let levels = &mut self.fast.banded;
            self.transform.quantise_channels(&self.values, bands.elements, gain, round, levels);
        } else {
            let (scratch, levels) = (&mut self.components, &mut self.levels);
            self.transform.quantise(&self.gathered, gain, round, scratch, levels);
            fast::to_bands(profile.layout, grid, levels, &mut self.fast.banded);
        }
        let (rate, signed) = (anchor.rate.get(), anchor.model.signed);
        let mut payload = Vec::new();
        fast::encode(&anchor.fast, rate, signed, bands, &mut self.fast, &mut payload);
        vec![payload]
    }

    /// Layers whose cells lie in each other: the last one has the levels of a frame of one layer, and the
    /// ones before follow from it.
    fn nested_payloads(
        &mut self,
        profile: &Profile,
        grid: Grid,
        rate: RateIndex,
        layers: u8,
    ) -> Vec<Vec<u8>> {
        let Some(anchor) = profile.anchor(rate) else { return Vec::new() };
        self.transform.forward(&self.gathered, 1.0 / profile.step(rate), &mut self.components);
        let (scan, rans) = (&mut self.scan, &mut self.rans);
        let mut finest = Vec::new();
        high::encode(&chooser(anchor), grid, &self.components, scan, rans, &mut finest);
        rans.clear();
        let mut all = vec![finest];
        for _ in 1..layers {
            all.extend(all.last().map(|levels| refine::coarser(levels)));
        }
        let mut payloads = Vec::with_capacity(all.len());
        for layer in (0..all.len()).rev() {
            let Some(anchor) = profile.anchor(rate.shifted(8 * layer as i32)) else { break };
            match all.get(layer + 1) {
                None => high::encode_levels(&anchor.model, grid, &all[layer], scan, rans),
                Some(values) => {
                    let base = refine::Base { prediction: anchor.model.prediction, values };
                    refine::Layer::of(anchor, grid).encode_levels(&base, &all[layer], scan, rans);
                }
            }
            let mut payload = Vec::new();
            finish(rans, &mut payload);
            payloads.push(payload);
        }
        payloads
    }

    fn high_payloads(&mut self, profile: &Profile, grid: Grid, rate: RateIndex) -> Vec<Vec<u8>> {
        let layers = usable_layers(profile, rate, self.config.layers);
        let closed = |anchor: &Anchor| anchor.model.prediction == Prediction::ClosedLoop;
        if layers > 1 && !profile.anchor(rate).is_some_and(closed) {
            return self.nested_payloads(profile, grid, rate, layers);
        }
        let mut payloads = Vec::with_capacity(usize::from(layers));
        let mut values = Vec::new();
        let mut base = Vec::new();
        let mut before = Prediction::None;
        for layer in (0..i32::from(layers)).rev() {
            let rate = rate.shifted(8 * layer);
            let Some(anchor) = profile.anchor(rate) else { break };
            let gain = 1.0 / profile.step(rate);
            self.transform.forward(&self.gathered, gain, &mut self.components);
            if payloads.is_empty() {
                let chooser = chooser(anchor);
                let (scan, rans) = (&mut self.scan, &mut self.rans);
                high::encode(&chooser, grid, &self.components, scan, rans, &mut values);
            } else {
                let layer = refine::Layer::of(anchor, grid);
                let base = refine::Base { prediction: before, values: &base };
                let (scan, rans) = (&mut self.scan, &mut self.rans);
                layer.encode(&base, &self.components, scan, rans, &mut values);
            }
            before = anchor.model.prediction;
            std::mem::swap(&mut base, &mut values);
            let mut payload = Vec::new();
            finish(&mut self.rans, &mut payload);
            payloads.push(payload);
        }
        payloads
    }
}

/// Rounding offset of the fast effort: a mild dead zone, since no rate is traded there.
pub(crate) const FAST_ROUNDING: f32 = 0.42;

/// The encoder's choice of levels at an anchor.
pub(crate) fn chooser(anchor: &Anchor) -> Chooser<'_> {
    Chooser {
        model: &anchor.model,
        costs: &anchor.costs,
        centroids: &anchor.centroids,
        lambda: anchor.lambda,
    }
}

/// Layers that a frame at this rate can have: the base must have a rate index, and every finer layer
/// refinement tables.
fn usable_layers(profile: &Profile, rate: RateIndex, wanted: u8) -> u8 {
    let by_rate = (RateIndex::MAX.get() - rate.get()) / 8 + 1;
    let most = wanted.min(by_rate);
    let refines = |layer: u8| {
        let anchor = profile.anchor(rate.shifted(8 * i32::from(layer)));
        anchor.is_some_and(|anchor| !anchor.refinement.is_empty())
    };
    (1..most).take_while(|&layers| refines(layers - 1)).count() as u8 + 1
}
