//! Semantic communication for split neural networks: cuts of ONNX models, features coded for what
//! the task needs of them, and the measurements that show what that brings.
//!
//! This crate only gathers the parts under one name; the command line of the same name is built on
//! them.
//!
//! | module | what it knows |
//! |---|---|
//! | [`units`] | bytes, bit rates, times |
//! | [`codec`] | profiles, frames, learning from tensors; no files, no models, no clock |
//! | [`transport`] | the protocol over QUIC; frames are bytes to it |
//! | [`runtime`] | ONNX graphs, proved cuts, engines, bundles |
//! | [`evaluation`] | data sets, rival codecs, curves, statistics, reports |
//!
//! ```
//! use std::sync::Arc;
//! use aiflow::codec::{DecodeLimits, Decoder, Dims, Encoder, EncoderConfig, Profile, TensorView};
//! use aiflow::codec::{RateIndex, RateTarget};
//!
//! /// What crosses the network, and what the other side makes of it.
//! fn send(profile: &[u8], feature: &[f32]) -> Result<Vec<f32>, Box<dyn std::error::Error>> {
//!     let limits = DecodeLimits::default();
//!     let profile = Arc::new(Profile::from_bytes(profile, &limits)?);
//!     let dims = Dims::new(&[1, 64, 8, 8])?;
//!     let mut encoder = Encoder::new(Arc::clone(&profile), EncoderConfig::default());
//!     let mut frame = Vec::new();
//!     let rate = RateTarget::Index(RateIndex::clamped(24));
//!     encoder.encode(&TensorView::f32(&dims, feature)?, rate, &mut frame)?;
//!     let mut received = Vec::new();
//!     Decoder::new(profile, limits).decode(&frame, &mut received)?;
//!     Ok(received)
//! }
//! ```

pub use aiflow_codec as codec;
pub use aiflow_evaluation as evaluation;
pub use aiflow_runtime as runtime;
pub use aiflow_transport as transport;
pub use aiflow_units as units;
