//! Frames in layers: the base is enough for an answer, and what refines it may come too late.

use std::sync::{Arc, Mutex, PoisonError};

use aiflow_codec::bitstream::{Frame, FrameForm};
use aiflow_codec::{
    DecodeLimits, Decoder, Dims, Effort as CodecEffort, ElementType, Encoder, EncoderConfig,
    Profile, RateIndex, RateTarget, TensorView,
};
use ndarray::{ArrayD, IxDyn};

use super::coder::PartCoder;
use super::emulation::{Effort, paced};
use super::error::PartError;
use super::parts::Crossing;
use super::place::Place;
use crate::bundle::{CodingEffort, FeatureCoding, FrameRate};
use crate::coding::CodingError;
use crate::value::Tensor;

/// Layers of a frame that is sent in layers: more cost more bytes and are hardly ever cut apart.
pub(super) const LAYERS: u8 = 2;

/// Coders for the layers of one tensor; they are kept with their buffers for the next request.
#[derive(Debug)]
pub(super) struct Layered {
    place: Place,
    profile: Arc<Profile>,
    limits: DecodeLimits,
    encoders: Mutex<Vec<Encoder>>,
    decoders: Mutex<Vec<Decoder>>,
}

impl Layered {
    pub(super) fn new(place: Place, profile: Arc<Profile>, limits: DecodeLimits) -> Self {
        let (encoders, decoders) = (Mutex::default(), Mutex::default());
        Self { place, profile, limits, encoders, decoders }
    }

    /// Encodes in layers; returns the bytes of each. A rate that has no coarser base gives one.
    fn encode(&self, tensor: &Tensor, target: RateTarget) -> Result<Vec<Vec<u8>>, PartError> {
        let shape = |source| PartError::Shape { place: self.place, source };
        let dims = Dims::new(tensor.shape()).map_err(shape)?;
        let values = tensor.as_standard_layout();
        let view = TensorView::f32(&dims, values.as_slice().unwrap_or_default()).map_err(shape)?;
        let config = EncoderConfig::default()
            .with_form(FrameForm::Session)
            .with_effort(CodecEffort::High)
            .with_layers(LAYERS);
        let kept = self.encoders.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut encoder = kept.unwrap_or_else(|| Encoder::new(Arc::clone(&self.profile), config));
        let mut bytes = Vec::new();
        let done = encoder.encode(&view, target, &mut bytes);
        self.encoders.lock().unwrap_or_else(PoisonError::into_inner).push(encoder);
        done.map_err(|source| self.failed(CodingError::Encode { tensor: 0, source }))?;
        let frame = Frame::parse(&bytes, FrameForm::Session, &self.limits);
        let frame = frame.map_err(|source| PartError::Payload { place: self.place, source })?;
        let ends = (1..frame.announced_layers()).map(|layer| frame.layer_offset(layer));
        let ends: Vec<usize> = ends.chain([bytes.len()]).collect();
        let mut begin = 0;
        let cut = |end: usize| {
            let layer = bytes.get(begin..end).unwrap_or_default().to_vec();
            begin = end;
            layer
        };
        Ok(ends.into_iter().map(cut).collect())
    }

    /// Decodes the layers that are there.
    fn decode(&self, bytes: &[u8], shape: &[usize]) -> Result<Tensor, PartError> {
        let dims =
            Dims::new(shape).map_err(|source| PartError::Shape { place: self.place, source })?;
        let kept = self.decoders.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut decoder = kept.unwrap_or_else(|| {
            let decoder = Decoder::new(Arc::clone(&self.profile), self.limits);
            decoder.with_session(dims, ElementType::F32)
        });
        let mut values = Vec::new();
        let done = decoder.decode_prefix(bytes, &mut values);
        self.decoders.lock().unwrap_or_else(PoisonError::into_inner).push(decoder);
        done.map_err(|source| self.failed(CodingError::Decode { tensor: 0, source }))?;
        let array = ArrayD::from_shape_vec(IxDyn(shape), values);
        array.map_err(|_| self.failed(CodingError::Values { tensor: 0 }))
    }

    fn failed(&self, source: CodingError) -> PartError {
        PartError::Coding { place: self.place, source }
    }
}

impl PartCoder {
    /// Tells whether frames of the place can be sent in layers: one learned tensor, and nothing else.
    pub fn has_layers(&self) -> bool {
        self.layered().is_some()
    }

    /// Encodes what crosses in layers, the base first; a prefix of them decodes. Where the place or the
    /// coding has no layers, one layer holds everything.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn encode_layers(
        &self,
        what: &Crossing,
        coding: FeatureCoding,
    ) -> Result<Vec<Vec<u8>>, PartError> {
        let (layered, target) = match (self.layered(), target(coding)) {
            (Some(layered), Some(target)) => (layered, target),
            _ => return Ok(vec![self.encode(what, coding)?]),
        };
        self.check(what)?;
        let effort = Effort::Encode(self.place(), coding);
        let tensor = what.tensors.first().ok_or(PartError::Count {
            place: self.place(),
            expected: 1,
            given: 0,
        })?;
        paced(self.pace(), effort, || layered.encode(tensor, target))
    }

    /// Decodes the layers of a frame that are there; at least its base must be.
    ///
    /// # Errors
    /// As [`decode`](Self::decode), and where the place has no layers.
    pub fn decode_prefix(&self, bytes: &[u8]) -> Result<Crossing, PartError> {
        let (Some(layered), Some(dims)) = (self.layered(), self.dims().first()) else {
            return self.decode(bytes);
        };
        let run = || layered.decode(bytes, dims);
        let tensor = paced(self.pace(), Effort::Decode(self.place()), run)?;
        Ok(Crossing { tensors: vec![tensor], ..Crossing::default() })
    }
}

/// The rate of codings that have layers.
fn target(coding: FeatureCoding) -> Option<RateTarget> {
    match coding {
        FeatureCoding::Learned { rate_index, effort: CodingEffort::High, rate } => {
            let index = RateIndex::clamped(rate_index.into());
            Some(match rate {
                FrameRate::Fixed => RateTarget::Index(index),
                FrameRate::Confidence => RateTarget::Confidence(index),
            })
        }
        _ => None,
    }
}
