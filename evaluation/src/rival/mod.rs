//! Codecs to be compared with: real encoders and decoders of features and of input pictures.
//!
//! Each instance is one `(method, setting)`: one point of a curve. Instances come from
//! [`calibrate`], which learns clips, bases and tables from features the test never sees; what was
//! learned counts as profile and is reported by [`FeatureCodec::profile_bytes`], not as payload.
//! All sizes are lengths of byte strings that decode.
//!
//! ```
//! use aiflow_evaluation::rival::{Calibration, calibrate};
//!
//! # fn main() -> Result<(), aiflow_evaluation::error::RivalError> {
//! let feature: Vec<f32> = (0..64).map(|i| (i % 7) as f32).collect();
//! let dims = [1, 4, 4, 4];
//! let calibration = Calibration::new([feature.as_slice()], &dims)?;
//! for codec in calibrate("int4+zstd", &calibration)? {
//!     let bytes = codec.encode(&feature, &dims)?;
//!     let back = codec.decode(&bytes, &dims)?;
//!     assert_eq!(back.len(), feature.len());
//! }
//! # Ok(())
//! # }
//! ```

mod arithmetic;
mod bits;
mod bytes;
mod calibration;
mod catalogue;
mod ecsq;
mod float;
mod karhunen;
mod kvtc;
mod layout;
mod lloyd;
mod picture;
mod rotation;
mod turboquant;
mod uniform;

#[cfg(test)]
mod tests;

pub use calibration::Calibration;
pub use catalogue::{Family, calibrate, calibrate_all, family, methods, picture_codecs};
pub(crate) use picture::{JpegInput, WebpInput};
pub use picture::{PictureCodec, PictureShape};

use crate::error::RivalError;

/// Codes the feature of one cut at one setting.
///
/// The shape is agreed beforehand, as in a session, and never part of the payload. Values should
/// be finite: a lossy rival gives NaN and infinities no meaning, though it never panics on them.
pub trait FeatureCodec: Send + Sync {
    /// Returns the method, the name that records carry, such as `int4+zstd`.
    fn name(&self) -> &str;

    /// Returns the setting within the method, such as `bits=0.50`; empty when there is only one.
    fn setting(&self) -> &str;

    /// Encodes one feature, row-major, of shape `dims`.
    ///
    /// # Errors
    /// Refuses values that do not fill `dims`, and shapes other than the calibrated one where the
    /// method depends on it.
    fn encode(&self, feature: &[f32], dims: &[usize]) -> Result<Vec<u8>, RivalError>;

    /// Decodes what [`FeatureCodec::encode`] wrote for the same shape.
    ///
    /// # Errors
    /// Refuses payloads that this method and setting never write, as far as they can be told.
    fn decode(&self, payload: &[u8], dims: &[usize]) -> Result<Vec<f32>, RivalError>;

    /// Returns the bytes of learned state that both sides hold beforehand; 0 when none.
    fn profile_bytes(&self) -> usize {
        0
    }
}

/// Returns the number of values in `dims` after checking that there are `found` of them.
fn expect_values(method: &'static str, dims: &[usize], found: usize) -> Result<usize, RivalError> {
    let expected = layout::elements(dims);
    if expected == Some(found) {
        Ok(found)
    } else {
        Err(RivalError::Shape { method, expected: expected.unwrap_or(usize::MAX), found })
    }
}

/// Returns the number of values in `dims`, refusing shapes that overflow.
fn value_count(method: &'static str, dims: &[usize]) -> Result<usize, RivalError> {
    layout::elements(dims).ok_or(RivalError::Shape {
        method,
        expected: usize::MAX,
        found: usize::MAX,
    })
}
