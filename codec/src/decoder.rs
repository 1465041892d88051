//! The decoder: frame in, tensor out.

use std::sync::Arc;

use crate::bitstream::{Coder, Frame, FrameForm, FrameHeader, FrameMode};
use crate::coder::{fast, high, lanes_of, refine};
use crate::context::{Prediction, Scan};
use crate::encoder::FrameInfo;
use crate::error::{DecodeError, DecodeErrorKind};
use crate::layout::{Grid, Layout};
use crate::limits::{DecodeLimits, Limit};
use crate::lossless::decode_lossless_f32;
use crate::profile::{Anchor, Profile};
use crate::rans::RansDecoder;
use crate::rate::RateIndex;
use crate::reconstruct::{Centroids, LevelValues};
use crate::restore::Filter;
use crate::tensor::{Dims, ElementType};
use crate::transform::Prepared;

const SECTION_MODE: &str = "codec.md 4.1";
const SECTION_SHAPE: &str = "codec.md 4.3";
const SECTION_LAYERS: &str = "codec.md 7";

/// Whether the receiver filters what it decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Restore {
    /// Apply the profile's restoration. The default: it costs no bit.
    #[default]
    On,
    /// Plain reconstruction, for receivers with no time for the filter.
    Off,
}

/// Turns frames into tensors with one profile. Keeps its buffers between frames.
///
/// Decoding never panics and never allocates more than its limits allow, whatever the bytes.
#[derive(Debug)]
pub struct Decoder {
    profile: Arc<Profile>,
    limits: DecodeLimits,
    restore: Restore,
    session: Option<(Dims, ElementType)>,
    transform: Prepared,
    scan: Scan,
    fast: fast::DecodeState,
    filter: Option<(u8, Filter)>,
    coded: Vec<i32>,
    base: Vec<i32>,
    components: Vec<f32>,
    values: Vec<f32>,
}

/// What the entropy decoder found.
struct Coded<'a> {
    anchor: &'a Anchor,
    rate: RateIndex,
    prediction: Prediction,
    centroids: &'a Centroids,
    layers: u8,
}

impl Decoder {
    /// Makes a decoder of self-contained frames.
    #[must_use]
    pub fn new(profile: Arc<Profile>, limits: DecodeLimits) -> Self {
        let transform = profile.transform.prepare();
        Self {
            profile,
            limits,
            restore: Restore::On,
            session: None,
            transform,
            scan: Scan::default(),
            fast: fast::DecodeState::default(),
            filter: None,
            coded: Vec::new(),
            base: Vec::new(),
            components: Vec::new(),
            values: Vec::new(),
        }
    }

    /// Makes it a decoder of session frames of tensors of one agreed shape and element type.
    #[must_use]
    pub fn with_session(mut self, dims: Dims, element: ElementType) -> Self {
        self.session = Some((dims, element));
        self
    }

    /// Turns the restoration on or off.
    #[must_use]
    pub const fn with_restore(mut self, restore: Restore) -> Self {
        self.restore = restore;
        self
    }

    /// Decodes a whole frame; `out` receives the tensor's values in its own order.
    ///
    /// # Errors
    /// What is wrong with the frame, where, and by which section of `spec/codec.md`: damage, another
    /// profile, a shape that was not agreed, a limit. `out` is empty then.
    pub fn decode(&mut self, bytes: &[u8], out: &mut Vec<f32>) -> Result<FrameInfo, DecodeError> {
        let frame = Frame::parse(bytes, self.form(), &self.limits);
        let result = frame.and_then(|frame| self.decode_frame(&frame, bytes.len(), out));
        result.inspect_err(|_| out.clear())
    }

    /// Decodes the layers that are there and whole; at least the base layer must be.
    ///
    /// # Errors
    /// As [`Decoder::decode`], but for layers missing at the end.
    pub fn decode_prefix(
        &mut self,
        bytes: &[u8],
        out: &mut Vec<f32>,
    ) -> Result<FrameInfo, DecodeError> {
        let prefix = Frame::parse_prefix(bytes, self.form(), &self.limits);
        let result = prefix.and_then(|prefix| self.decode_frame(&prefix.frame, bytes.len(), out));
        result.inspect_err(|_| out.clear())
    }

    /// Decodes only the integers of a frame: levels, or closed-loop values in sixteenths of a step.
    ///
    /// These are equal on every machine; conformance vectors pin them down.
    ///
    /// # Errors
    /// As [`Decoder::decode`].
    pub fn decode_integers(
        &mut self,
        bytes: &[u8],
        out: &mut Vec<i32>,
    ) -> Result<FrameInfo, DecodeError> {
        let frame = Frame::parse(bytes, self.form(), &self.limits);
        let result = frame.and_then(|frame| {
            let profile = Arc::clone(&self.profile);
            let (grid, _) = self.grid_of(&profile, frame.header())?;
            let coded = self.entropy_decode(&profile, &frame, grid)?;
            let (rate, layers) = (coded.rate, coded.layers);
            Ok(FrameInfo { mode: FrameMode::Lossy, rate, layers, bytes: bytes.len() })
        });
        match result {
            Ok(_) => std::mem::swap(out, &mut self.coded),
            Err(_) => out.clear(),
        }
        result
    }

    const fn form(&self) -> FrameForm {
        if self.session.is_some() { FrameForm::Session } else { FrameForm::SelfContained }
    }

    /// Checks profile and shape of a lossy frame.
    fn grid_of(
        &self,
        profile: &Profile,
        header: &FrameHeader,
    ) -> Result<(Grid, Dims), DecodeError> {
        let dims = match (&header.tensor, self.session) {
            (Some(tensor), _) => {
                if tensor.profile != profile.id().tag() {
                    let kind = DecodeErrorKind::WrongProfile;
                    return Err(DecodeError::new(kind, 4, SECTION_SHAPE));
                }
                tensor.dims
            }
            (None, Some((dims, _))) => dims,
            (None, None) => {
                return Err(DecodeError::new(DecodeErrorKind::ShapeMismatch, 0, SECTION_SHAPE));
            }
        };
        self.limits.check(Limit::Elements, dims.elements(), 0, SECTION_SHAPE)?;
        let grid = profile.channel_grid(dims.as_slice());
        let mismatch = DecodeError::new(DecodeErrorKind::ShapeMismatch, 0, SECTION_SHAPE);
        Ok((grid.ok_or(mismatch)?, dims))
    }

    fn decode_frame(
        &mut self,
        frame: &Frame<'_>,
        bytes: usize,
        out: &mut Vec<f32>,
    ) -> Result<FrameInfo, DecodeError> {
        let header = frame.header();
        if header.mode != FrameMode::Lossy {
            let named = header.tensor.map(|tensor| (tensor.dims, tensor.element));
            let mismatch = DecodeError::new(DecodeErrorKind::ShapeMismatch, 0, SECTION_SHAPE);
            let (dims, element) = named.or(self.session).ok_or(mismatch)?;
            decode_lossless_f32(frame, element, &dims, &self.limits, out)?;
            let rate = RateIndex::MIN;
            return Ok(FrameInfo { mode: header.mode, rate, layers: 1, bytes });
        }
        let profile = Arc::clone(&self.profile);
        let (grid, _) = self.grid_of(&profile, header)?;
        if let Some(info) = self.decode_channels(&profile, frame, grid, out)? {
            return Ok(FrameInfo { bytes, ..info });
        }
        let coded = self.entropy_decode(&profile, frame, grid)?;
        self.reconstruct(&profile, &coded, grid, out);
        let (rate, layers) = (coded.rate, coded.layers);
        Ok(FrameInfo { mode: FrameMode::Lossy, rate, layers, bytes })
    }

    /// Decodes a frame of the fast coder straight to values where channels are coded as they are and
    /// nothing is restored.
    fn decode_channels(
        &mut self,
        profile: &Profile,
        frame: &Frame<'_>,
        grid: Grid,
        out: &mut Vec<f32>,
    ) -> Result<Option<FrameInfo>, DecodeError> {
        if frame.header().coder != Coder::Fast || profile.layout != Layout::Map {
            return Ok(None);
        }
        let layer = FastLayer::of(profile, frame)?;
        let Some(gains) = self.transform.diagonal().filter(|_| !self.restores(layer.anchor, true))
        else {
            return Ok(None);
        };
        let channels = fast::Channels {
            centroids: &layer.anchor.fast.centroids,
            step: profile.step(layer.rate),
            gains,
            mean: self.transform.mean(),
            range: profile.range,
        };
        let result = layer.job(profile, grid).channels(&mut self.fast, &channels, out);
        result.map_err(|error| error.shifted(layer.offset))?;
        let (rate, bytes) = (layer.rate, 0);
        Ok(Some(FrameInfo { mode: FrameMode::Lossy, rate, layers: 1, bytes }))
    }

    /// Decodes the integers of a frame of the fast coder into `self.coded`.
    fn decode_fast<'p>(
        &mut self,
        profile: &'p Profile,
        frame: &Frame<'_>,
        grid: Grid,
    ) -> Result<Coded<'p>, DecodeError> {
        let layer = FastLayer::of(profile, frame)?;
        let place = |e: DecodeError| e.shifted(layer.offset);
        let banded = layer.job(profile, grid).levels(&mut self.fast).map_err(place)?;
        if !fast::from_bands(profile.layout, grid, banded, &mut self.coded) {
            let kind = DecodeErrorKind::InvalidSymbol;
            return Err(DecodeError::new(kind, layer.offset, SECTION_LAYERS));
        }
        Ok(Coded {
            anchor: layer.anchor,
            rate: layer.rate,
            prediction: Prediction::None,
            centroids: &layer.anchor.fast.centroids,
            layers: 1,
        })
    }

    /// Decodes the integers into `self.coded`.
    fn entropy_decode<'p>(
        &mut self,
        profile: &'p Profile,
        frame: &Frame<'_>,
        grid: Grid,
    ) -> Result<Coded<'p>, DecodeError> {
        let header = frame.header();
        let invalid = DecodeError::new(DecodeErrorKind::InvalidSymbol, 0, SECTION_MODE);
        let last = RateIndex::new(header.rate_index).ok_or(invalid)?;
        let grid = Grid { components: self.transform.components(), ..grid };
        if header.coder == Coder::Fast {
            return self.decode_fast(profile, frame, grid);
        }
        let announced = frame.announced_layers() as i32;
        let mut coded = None;
        for (index, payload) in frame.layers().iter().enumerate() {
            let finer = announced - 1 - index as i32;
            let rate =
                RateIndex::new((i32::from(last.get()) + 8 * finer).try_into().unwrap_or(255))
                    .ok_or(invalid)?;
            let anchor = profile.anchor(rate).ok_or(invalid)?;
            let at = frame.layer_offset(index);
            let place = |e: DecodeError| e.shifted(at);
            let mut rans = RansDecoder::new(payload, lanes_of(payload.len())).map_err(place)?;
            std::mem::swap(&mut self.base, &mut self.coded);
            if index == 0 {
                high::decode(&anchor.model, grid, &mut rans, &mut self.scan, &mut self.coded)
            } else {
                let base = refine::Base { prediction: anchor.model.prediction, values: &self.base };
                let layer = refine::Layer::of(anchor, grid);
                layer.decode(&base, &mut rans, &mut self.scan, &mut self.coded)
            }
            .map_err(place)?;
            crate::coder::end(rans, payload.len()).map_err(place)?;
            coded = Some(Coded {
                anchor,
                rate,
                prediction: anchor.model.prediction,
                centroids: &anchor.centroids,
                layers: index as u8 + 1,
            });
        }
        coded.ok_or(invalid)
    }

    /// Whether a frame of an anchor is restored.
    fn restores(&self, anchor: &Anchor, fast: bool) -> bool {
        // Fast levels of a closed-loop profile have other errors than its filter was fitted to.
        let suits = !fast || anchor.model.prediction != Prediction::ClosedLoop;
        self.restore == Restore::On && suits && anchor.restoration.is_some()
    }

    /// Integers to tensor values: centroids, synthesis, restoration, range.
    fn reconstruct(
        &mut self,
        profile: &Profile,
        coded: &Coded<'_>,
        grid: Grid,
        out: &mut Vec<f32>,
    ) {
        let step = profile.step(coded.rate);
        let fast = coded.prediction != coded.anchor.model.prediction;
        let restores = self.restores(coded.anchor, fast);
        if let (false, Some(gains)) = (restores, self.transform.diagonal())
            && profile.layout == Layout::Map
            && coded.prediction != Prediction::ClosedLoop
        {
            let values = LevelValues::new(coded.centroids, step, gains, self.transform.mean());
            return values.place(&self.coded, grid, profile.range, out);
        }
        coded.centroids.apply(coded.prediction, &self.coded, &mut self.components);
        self.values.clear();
        for _ in 0..grid.positions() {
            self.values.extend_from_slice(self.transform.mean());
        }
        self.transform.backward(&self.components, step, &mut self.values);
        if restores {
            let components = self.transform.components();
            for position in self.components.chunks_exact_mut(components.max(1)) {
                for (k, value) in position.iter_mut().enumerate() {
                    *value -= coded.centroids.zero(coded.prediction, k);
                }
            }
            let filter = match self.filter.take() {
                Some((rate, filter)) if rate == coded.rate.get() => Some(filter),
                _ => profile.filter(coded.rate),
            };
            if let Some(filter) = &filter {
                let layout = profile.layout;
                filter.apply(layout, grid, &self.components, step, &mut self.values);
            }
            self.filter = filter.map(|filter| (coded.rate.get(), filter));
        }
        let (low, high) = profile.range;
        for value in &mut self.values {
            *value = value.max(low).min(high);
        }
        profile.layout.scatter(grid, &self.values, out);
    }
}

/// The layer of a frame of the fast coder.
struct FastLayer<'p, 'f> {
    anchor: &'p Anchor,
    rate: RateIndex,
    payload: &'f [u8],
    /// Where the payload starts in the frame.
    offset: usize,
}

impl<'p, 'f> FastLayer<'p, 'f> {
    fn of(profile: &'p Profile, frame: &Frame<'f>) -> Result<Self, DecodeError> {
        let invalid = DecodeError::new(DecodeErrorKind::InvalidSymbol, 0, SECTION_MODE);
        let rate = RateIndex::new(frame.header().rate_index).ok_or(invalid)?;
        let anchor = profile.anchor(rate).ok_or(invalid)?;
        let offset = frame.layer_offset(0);
        match frame.layers() {
            [payload] if frame.announced_layers() == 1 => {
                Ok(Self { anchor, rate, payload, offset })
            }
            _ => {
                let kind = DecodeErrorKind::ReservedBits;
                Err(DecodeError::new(kind, offset, SECTION_LAYERS))
            }
        }
    }

    fn job(&self, profile: &Profile, grid: Grid) -> fast::Job<'p, 'f> {
        fast::Job {
            model: &self.anchor.fast,
            rate: self.anchor.rate.get(),
            signed: self.anchor.model.signed,
            bands: fast::Bands::new(profile.layout, grid),
            payload: self.payload,
        }
    }
}
