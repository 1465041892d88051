//! Task-oriented feature codec: codes the intermediate activations of a split neural network.
//!
//! A [`Profile`] holds what was learned from calibration data for one feature of one cut: a
//! transform, task weights, predictors, entropy tables, a restoration filter. An [`Encoder`] and a
//! [`Decoder`] share it, and frames carry only what differs from tensor to tensor.
//!
//! ```text
//!            learn (forward passes only)
//! features ------------------------------> Profile ---------+-------------------+
//!                                                           |                   |
//! tensor -> transform -> levels (RDOQ) -> contexts -> rANS -> frame -> levels -> centroids
//!                                                                   -> synthesis -> restoration -> tensor
//! ```
//!
//! Levels are decoded with integers alone: equal bytes give equal levels on every machine. What
//! follows them is f32. The crate does no I/O, reads no clock and draws no random number.

pub mod bitstream;
pub mod coder;
pub mod confidence;
pub mod context;
mod decoder;
mod encoder;
pub mod error;
pub mod layout;
#[cfg(feature = "learn")]
pub mod learn;
pub mod limits;
pub mod lossless;
pub mod profile;
pub mod quantise;
pub mod rans;
mod rate;
pub mod reconstruct;
pub mod restore;
pub mod tensor;
pub mod transform;

pub use decoder::{Decoder, Restore};
pub use encoder::{Effort, Encoder, EncoderConfig, FrameInfo, RateTarget};
pub use error::{DecodeError, DecodeErrorKind, EncodeError, LearnError};
pub use layout::Layout;
pub use limits::DecodeLimits;
pub use profile::{Profile, ProfileId};
pub use rate::RateIndex;
pub use tensor::{Dims, ElementType, TensorView};
