//! Coding what crosses one place: all tensors and side inputs, as the bytes of one frame.
//!
//! The layout is that of `spec/answer.md` 5: the tensors' session frames of `codec.md`, each but the
//! last thing with its length before it, then the side inputs as they are. A cut with one tensor and
//! no side input is nothing but its session frame.

use std::sync::{Arc, Mutex, PoisonError};

use aiflow_codec::bitstream::{Frame, FrameForm, Reader, write_varint};
use aiflow_codec::error::DecodeErrorKind;
use aiflow_codec::lossless::{decode_lossless_f32, encode_lossless};
use aiflow_codec::{DecodeError, DecodeLimits, Dims, ElementType, Profile, TensorView};
use ndarray::{ArrayD, IxDyn};

use super::answer::{read_value, write_value};
use super::emulation::{Effort, Pace, TensorCodec, paced};
use super::error::PartError;
use super::layers::Layered;
use super::parts::Crossing;
use super::place::Place;
use crate::bundle::FeatureCoding;
use crate::coding::{CodingError, CutDecoder, CutEncoder};
use crate::cut::Cut;
use crate::value::{ElementKind, Tensor};

/// Codes what crosses one place. It may be used from several threads; encoders and decoders with
/// their buffers are kept for the next request.
#[derive(Debug)]
pub struct PartCoder {
    place: Place,
    dims: Vec<Vec<usize>>,
    sides: Vec<(String, ElementKind)>,
    limits: DecodeLimits,
    learned: Option<Learned>,
    /// Other codecs in place of our own, one per tensor.
    others: Option<Vec<Arc<dyn TensorCodec>>>,
    pace: Option<Arc<dyn Pace>>,
    layered: Option<Layered>,
}

#[derive(Debug)]
struct Learned {
    cut: Cut,
    profiles: Vec<Arc<Profile>>,
    encoders: Mutex<Vec<CutEncoder>>,
    decoders: Mutex<Vec<CutDecoder>>,
}

impl PartCoder {
    /// Makes a coder for tensors of the given shapes, and side inputs of the given kinds; without
    /// profiles everything is coded without loss.
    pub(super) fn new(
        place: Place,
        dims: Vec<Vec<usize>>,
        sides: Vec<(String, ElementKind)>,
        limits: DecodeLimits,
    ) -> Self {
        Self { place, dims, sides, limits, learned: None, others: None, pace: None, layered: None }
    }

    /// Adds what was learned for a cut.
    pub(super) fn with_profiles(mut self, cut: &Cut, profiles: Vec<Arc<Profile>>) -> Self {
        let (encoders, decoders) = (Mutex::default(), Mutex::default());
        if let ([only], true) = (profiles.as_slice(), self.sides.is_empty()) {
            self.layered = Some(Layered::new(self.place, Arc::clone(only), self.limits));
        }
        self.learned = Some(Learned { cut: cut.clone(), profiles, encoders, decoders });
        self
    }

    pub(super) fn set_pace(&mut self, pace: &Arc<dyn Pace>) {
        self.pace = Some(Arc::clone(pace));
    }

    pub(super) fn set_codecs(&mut self, codecs: Vec<Arc<dyn TensorCodec>>) {
        self.others = Some(codecs);
        self.layered = None;
    }

    pub(super) const fn place(&self) -> Place {
        self.place
    }

    pub(super) fn pace(&self) -> Option<&dyn Pace> {
        self.pace.as_deref()
    }

    pub(super) const fn layered(&self) -> Option<&Layered> {
        self.layered.as_ref()
    }

    /// Returns the shapes of the tensors.
    pub fn dims(&self) -> &[Vec<usize>] {
        &self.dims
    }

    /// Returns the side inputs: their names in the model, and what they hold.
    pub fn sides(&self) -> &[(String, ElementKind)] {
        &self.sides
    }

    /// Returns what was learned, one profile per tensor; nothing where it is coded without loss only.
    pub fn profiles(&self) -> &[Arc<Profile>] {
        self.learned.as_ref().map_or(&[], |learned| &learned.profiles)
    }

    /// Encodes what crosses.
    ///
    /// # Errors
    /// When tensors do not have the shapes of the bundle, or a lossy coding is asked for where
    /// nothing was learned.
    pub fn encode(&self, what: &Crossing, coding: FeatureCoding) -> Result<Vec<u8>, PartError> {
        let effort = Effort::Encode(self.place, coding);
        paced(self.pace.as_deref(), effort, || self.encode_now(what, coding))
    }

    fn encode_now(&self, what: &Crossing, coding: FeatureCoding) -> Result<Vec<u8>, PartError> {
        self.check(what)?;
        if let Some(others) = &self.others {
            let both = what.tensors.iter().zip(others);
            let frames: Option<Vec<Vec<u8>>> =
                both.map(|(tensor, codec)| codec.encode(tensor)).collect();
            let frames = frames.ok_or(PartError::NoProfile { place: self.place })?;
            return self.joined(&frames, what);
        }
        let frames = match (coding, &self.learned) {
            (FeatureCoding::Learned { .. }, None) => {
                return Err(PartError::NoProfile { place: self.place });
            }
            (FeatureCoding::Learned { .. }, Some(learned)) => {
                let mut encoder = learned.encoder().map_err(|source| self.coding(source))?;
                let frames = encoder.encode(&what.tensors, coding);
                keep(&learned.encoders, encoder);
                frames.map_err(|source| self.coding(source))?
            }
            (FeatureCoding::Raw | FeatureCoding::Lossless, _) => {
                what.tensors.iter().map(|tensor| self.lossless(tensor)).collect::<Result<_, _>>()?
            }
        };
        self.joined(&frames, what)
    }

    /// Puts the frames of all tensors and the side inputs together.
    fn joined(&self, frames: &[Vec<u8>], what: &Crossing) -> Result<Vec<u8>, PartError> {
        let mut out = Vec::with_capacity(frames.iter().map(|frame| frame.len() + 4).sum());
        let last = self.sides.is_empty().then(|| frames.len().saturating_sub(1));
        for (index, frame) in frames.iter().enumerate() {
            if Some(index) != last {
                write_varint(frame.len() as u64, &mut out);
            }
            out.extend_from_slice(frame);
        }
        for (name, _) in &self.sides {
            let side = what.sides.iter().find(|(other, _)| other == name);
            let (_, value) = side.ok_or_else(|| self.count(what.sides.len()))?;
            write_value(value, &mut out);
        }
        Ok(out)
    }

    /// Decodes what crossed.
    ///
    /// # Errors
    /// When the bytes are not those of the place: which tensor, where and why.
    pub fn decode(&self, bytes: &[u8]) -> Result<Crossing, PartError> {
        paced(self.pace.as_deref(), Effort::Decode(self.place), || self.decode_now(bytes))
    }

    fn decode_now(&self, bytes: &[u8]) -> Result<Crossing, PartError> {
        let payload = |source| PartError::Payload { place: self.place, source };
        let mut reader = Reader::new(bytes, SECTION);
        let mut frames: Vec<&[u8]> = Vec::with_capacity(self.dims.len());
        let last = self.sides.is_empty().then(|| self.dims.len().saturating_sub(1));
        for index in 0..self.dims.len() {
            let length = match Some(index) == last {
                true => reader.rest().len(),
                false => reader.varint_u32().map_err(payload)? as usize,
            };
            frames.push(reader.take(length).map_err(payload)?);
        }
        let mut sides = Vec::with_capacity(self.sides.len());
        for (name, kind) in &self.sides {
            let wrong = reader.error(DecodeErrorKind::ShapeMismatch);
            let value = read_value(&mut reader).map_err(payload)?;
            if value.kind() != *kind {
                return Err(payload(wrong));
            }
            sides.push((name.clone(), value));
        }
        reader.expect_end().map_err(payload)?;
        let tensors = match (&self.others, &self.learned) {
            (Some(others), _) => {
                let all = frames.iter().zip(&self.dims).zip(others);
                let decoded = all.map(|((frame, dims), codec)| codec.decode(frame, dims));
                let wrong = DecodeError::new(DecodeErrorKind::ShapeMismatch, 0, SECTION);
                decoded.collect::<Option<Vec<Tensor>>>().ok_or_else(|| payload(wrong))?
            }
            (None, Some(learned)) => {
                let mut decoder = learned.decoder(self.limits).map_err(|s| self.coding(s))?;
                let tensors = decoder.decode(&frames);
                keep(&learned.decoders, decoder);
                tensors.map_err(|source| self.coding(source))?
            }
            (None, None) => {
                let both = frames.iter().zip(&self.dims);
                let exact = both.map(|(frame, dims)| self.exact(frame, dims));
                exact.collect::<Result<_, _>>()?
            }
        };
        Ok(Crossing { tensors, sides, outputs: Vec::new() })
    }

    pub(super) fn check(&self, what: &Crossing) -> Result<(), PartError> {
        if what.tensors.len() != self.dims.len() {
            return Err(self.count(what.tensors.len()));
        }
        let mut both = what.tensors.iter().zip(&self.dims);
        match both.find(|(tensor, dims)| tensor.shape() != dims.as_slice()) {
            None => Ok(()),
            Some((tensor, dims)) => Err(PartError::Dims {
                place: self.place,
                expected: dims.clone(),
                found: tensor.shape().to_vec(),
            }),
        }
    }

    fn lossless(&self, tensor: &Tensor) -> Result<Vec<u8>, PartError> {
        let shape = |source| PartError::Shape { place: self.place, source };
        let dims = Dims::new(tensor.shape()).map_err(shape)?;
        let values = tensor.as_standard_layout();
        let view = TensorView::f32(&dims, values.as_slice().unwrap_or_default()).map_err(shape)?;
        let mut frame = Vec::new();
        match encode_lossless(&view, FrameForm::Session, &mut frame) {
            Ok(_) => Ok(frame),
            Err(source) => Err(self.coding(CodingError::Encode { tensor: 0, source })),
        }
    }

    fn exact(&self, frame: &[u8], dims: &[usize]) -> Result<Tensor, PartError> {
        let payload = |source| PartError::Payload { place: self.place, source };
        let shape = |source| PartError::Shape { place: self.place, source };
        let known = Dims::new(dims).map_err(shape)?;
        let frame = Frame::parse(frame, FrameForm::Session, &self.limits).map_err(payload)?;
        let mut values = Vec::new();
        decode_lossless_f32(&frame, ElementType::F32, &known, &self.limits, &mut values)
            .map_err(payload)?;
        ArrayD::from_shape_vec(IxDyn(dims), values)
            .map_err(|_| payload(DecodeError::new(DecodeErrorKind::ShapeMismatch, 0, SECTION)))
    }

    fn count(&self, given: usize) -> PartError {
        PartError::Count { place: self.place, expected: self.dims.len(), given }
    }

    fn coding(&self, source: CodingError) -> PartError {
        PartError::Coding { place: self.place, source }
    }
}

impl Learned {
    fn encoder(&self) -> Result<CutEncoder, CodingError> {
        let kept = self.encoders.lock().unwrap_or_else(PoisonError::into_inner).pop();
        kept.map_or_else(|| CutEncoder::new(&self.cut, &self.profiles), Ok)
    }

    fn decoder(&self, limits: DecodeLimits) -> Result<CutDecoder, CodingError> {
        let kept = self.decoders.lock().unwrap_or_else(PoisonError::into_inner).pop();
        kept.map_or_else(|| CutDecoder::new(&self.cut, &self.profiles, limits), Ok)
    }
}

/// Keeps a coder with its buffers for the next request.
fn keep<T>(kept: &Mutex<Vec<T>>, coder: T) {
    kept.lock().unwrap_or_else(PoisonError::into_inner).push(coder);
}

const SECTION: &str = "answer.md 5";
