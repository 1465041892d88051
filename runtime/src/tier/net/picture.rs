//! Pictures as payloads: the seams at which whoever knows pictures comes in.

use crate::bundle::{PictureCoding, PictureFormat};
use crate::learning::NamedInputs;

/// A picture that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the picture cannot be read")]
pub struct UnreadablePicture;

/// Turns pictures into inputs of the model, as the bundle says.
pub trait PictureReader: Send + Sync {
    /// Reads and prepares a picture that a peer sent; a hostile one must give an error.
    ///
    /// # Errors
    /// When the bytes are no picture of the format, or too large a one.
    fn read(&self, format: PictureFormat, bytes: &[u8]) -> Result<NamedInputs, UnreadablePicture>;
}

/// The picture that an input was prepared from.
pub trait PictureWriter: Send + Sync {
    /// Encodes it; `None` when there is none, or the format is not known.
    fn write(&self, coding: PictureCoding) -> Option<Vec<u8>>;
}
