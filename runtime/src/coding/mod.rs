//! Coding what crosses a cut: all its tensors, one session frame each.
//!
//! ```text
//! tensors -> CutEncoder(coding) -> frames ~~~ frames -> CutDecoder -> tensors
//! ```
//!
//! How a request is coded is the sender's choice for every request ([`FeatureCoding`]): frames say
//! themselves how they are to be decoded.

use std::sync::Arc;

use aiflow_codec::bitstream::{Coder, FrameForm, FrameHeader, FrameMode, write_frame};
use aiflow_codec::lossless::encode_lossless;
use aiflow_codec::tensor::ShapeError;
use aiflow_codec::{
    DecodeError, DecodeLimits, Decoder, Dims, Effort, ElementType, EncodeError, Encoder,
    EncoderConfig, Profile, RateIndex, RateTarget, TensorView,
};
use ndarray::{ArrayD, IxDyn};

use crate::bundle::{CodingEffort, FeatureCoding, FrameRate};
use crate::cut::Cut;
use crate::value::Tensor;

/// Why the tensors of a cut cannot be coded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CodingError {
    /// There is another number of profiles than tensors.
    #[error("the cut has {tensors} tensors but {profiles} profiles; learn the bundle again")]
    Profiles {
        /// Tensors of the cut.
        tensors: usize,
        /// Profiles given.
        profiles: usize,
    },
    /// There is another number of tensors or frames than the cut has.
    #[error("the cut has {expected} tensors, {given} were given")]
    Count {
        /// Tensors of the cut.
        expected: usize,
        /// Tensors or frames given.
        given: usize,
    },
    /// A tensor has a shape that no frame has.
    #[error("tensor {tensor} of the cut cannot be sent")]
    Shape {
        /// Place of the tensor in the cut.
        tensor: usize,
        /// What is wrong.
        source: ShapeError,
    },
    /// A tensor cannot be encoded.
    #[error("tensor {tensor} of the cut cannot be encoded")]
    Encode {
        /// Place of the tensor in the cut.
        tensor: usize,
        /// What is wrong.
        source: EncodeError,
    },
    /// A frame cannot be decoded.
    #[error("the frame of tensor {tensor} cannot be decoded")]
    Decode {
        /// Place of the tensor in the cut.
        tensor: usize,
        /// What is wrong.
        source: DecodeError,
    },
    /// A frame decoded to another number of values than the tensor has.
    #[error("the frame of tensor {tensor} has another number of values than the tensor")]
    Values {
        /// Place of the tensor in the cut.
        tensor: usize,
    },
}

/// Encodes the tensors of one cut. Keeps its buffers between requests.
#[derive(Debug)]
pub struct CutEncoder {
    tensors: Vec<TensorEncoder>,
}

#[derive(Debug)]
struct TensorEncoder {
    fast: Encoder,
    high: Encoder,
}

/// Decodes the tensors of one cut. Keeps its buffers between requests.
#[derive(Debug)]
pub struct CutDecoder {
    tensors: Vec<(Vec<usize>, Decoder)>,
}

impl CutEncoder {
    /// Makes an encoder for a cut with one profile per tensor.
    ///
    /// # Errors
    /// When the numbers of tensors and profiles differ.
    pub fn new(cut: &Cut, profiles: &[Arc<Profile>]) -> Result<Self, CodingError> {
        check_profiles(cut, profiles)?;
        let config = EncoderConfig::default().with_form(FrameForm::Session);
        let encoder = |profile: &Arc<Profile>, effort| {
            Encoder::new(Arc::clone(profile), config.with_effort(effort))
        };
        let both = |profile| TensorEncoder {
            fast: encoder(profile, Effort::Fast),
            high: encoder(profile, Effort::High),
        };
        Ok(Self { tensors: profiles.iter().map(both).collect() })
    }

    /// Encodes one request: a session frame for each tensor, in the order of the cut.
    ///
    /// # Errors
    /// When the number or the shape of the tensors is not that of the cut.
    pub fn encode(
        &mut self,
        features: &[Tensor],
        coding: FeatureCoding,
    ) -> Result<Vec<Vec<u8>>, CodingError> {
        check_count(self.tensors.len(), features.len())?;
        let all = self.tensors.iter_mut().zip(features).enumerate();
        all.map(|(index, (encoder, feature))| encoder.encode(index, feature, coding)).collect()
    }
}

impl TensorEncoder {
    fn encode(
        &mut self,
        tensor: usize,
        feature: &Tensor,
        coding: FeatureCoding,
    ) -> Result<Vec<u8>, CodingError> {
        let shape = |source| CodingError::Shape { tensor, source };
        let dims = Dims::new(feature.shape()).map_err(shape)?;
        let owned;
        let values = match feature.as_slice() {
            Some(values) => values,
            None => {
                owned = feature.iter().copied().collect::<Vec<f32>>();
                &owned
            }
        };
        let view = TensorView::f32(&dims, values).map_err(shape)?;
        let mut frame = Vec::new();
        let done = match coding {
            FeatureCoding::Raw => raw_frame(values, &mut frame),
            FeatureCoding::Lossless => {
                encode_lossless(&view, FrameForm::Session, &mut frame).map(|_| ())
            }
            FeatureCoding::Learned { rate_index, effort, rate } => {
                let index = RateIndex::clamped(rate_index.into());
                let target = match rate {
                    FrameRate::Fixed => RateTarget::Index(index),
                    FrameRate::Confidence => RateTarget::Confidence(index),
                };
                let encoder = match effort {
                    CodingEffort::Fast => &mut self.fast,
                    CodingEffort::High => &mut self.high,
                };
                encoder.encode(&view, target, &mut frame).map(|_| ())
            }
        };
        done.map_err(|source| CodingError::Encode { tensor, source })?;
        Ok(frame)
    }
}

impl CutDecoder {
    /// Makes a decoder for a cut with one profile per tensor. The shapes are those of the sample that
    /// the cut was found with.
    ///
    /// # Errors
    /// When the numbers of tensors and profiles differ, or a shape is one that no frame has.
    pub fn new(
        cut: &Cut,
        profiles: &[Arc<Profile>],
        limits: DecodeLimits,
    ) -> Result<Self, CodingError> {
        check_profiles(cut, profiles)?;
        let decoder = |(tensor, profile): (usize, &Arc<Profile>)| {
            let shape = cut.tensors.get(tensor).map(|own| own.dims.clone()).unwrap_or_default();
            let dims = Dims::new(&shape).map_err(|source| CodingError::Shape { tensor, source })?;
            let decoder = Decoder::new(Arc::clone(profile), limits);
            Ok((shape, decoder.with_session(dims, ElementType::F32)))
        };
        let tensors = profiles.iter().enumerate().map(decoder).collect::<Result<_, _>>()?;
        Ok(Self { tensors })
    }

    /// Decodes one request: the frames of all tensors, in the order of the cut.
    ///
    /// # Errors
    /// When a frame is missing or damaged; which one, where and why.
    pub fn decode<F: AsRef<[u8]>>(&mut self, frames: &[F]) -> Result<Vec<Tensor>, CodingError> {
        check_count(self.tensors.len(), frames.len())?;
        let all = self.tensors.iter_mut().zip(frames).enumerate();
        all.map(|(tensor, ((shape, decoder), frame))| {
            let mut values = Vec::new();
            decoder
                .decode(frame.as_ref(), &mut values)
                .map_err(|source| CodingError::Decode { tensor, source })?;
            let array = ArrayD::from_shape_vec(IxDyn(shape), values);
            array.map_err(|_| CodingError::Values { tensor })
        })
        .collect()
    }
}

/// Writes the values as they are.
fn raw_frame(values: &[f32], frame: &mut Vec<u8>) -> Result<(), EncodeError> {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let mode = FrameMode::Raw;
    let header = FrameHeader { mode, coder: Coder::Fast, rate_index: 0, tensor: None };
    write_frame(&header, &[&bytes], frame)
}

fn check_profiles(cut: &Cut, profiles: &[Arc<Profile>]) -> Result<(), CodingError> {
    let (tensors, profiles) = (cut.tensors.len(), profiles.len());
    if tensors == profiles { Ok(()) } else { Err(CodingError::Profiles { tensors, profiles }) }
}

fn check_count(expected: usize, given: usize) -> Result<(), CodingError> {
    if expected == given { Ok(()) } else { Err(CodingError::Count { expected, given }) }
}

#[cfg(test)]
mod tests;
