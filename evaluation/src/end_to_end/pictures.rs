//! Pictures as payloads, coded as the plan sheet says.

use std::sync::Arc;

use aiflow_runtime::Value;
use aiflow_runtime::bundle::{PictureCoding, PictureFormat};
use aiflow_runtime::learning::NamedInputs;
use aiflow_runtime::tier::net::{PictureReader, PictureWriter, UnreadablePicture};

use super::pace::SlowMachine;
use crate::data::{Picture, Preprocess};
use crate::rival::PictureShape;
use crate::sheet::picture_codec;

/// Reads and prepares pictures on a server.
pub(super) struct Reader {
    pub(super) preprocess: Preprocess,
    pub(super) machine: Arc<SlowMachine>,
}

impl PictureReader for Reader {
    fn read(&self, format: PictureFormat, bytes: &[u8]) -> Result<NamedInputs, UnreadablePicture> {
        let [_, channels, height, width] = self.preprocess.dims();
        let shape = PictureShape { width, height, channels };
        // Qualities are in the file; any codec of the format reads it.
        let codec = picture_codec(PictureCoding { format, quality: None, effort: None });
        let input = self.machine.other(|| {
            let picture = codec.decode(bytes, shape).map_err(|_| UnreadablePicture)?;
            self.preprocess.tensor(&picture).map_err(|_| UnreadablePicture)
        })?;
        Ok(vec![(self.preprocess.input().to_owned(), Value::F32(input))])
    }
}

/// Writes the picture of one sample on a device.
pub(super) struct Writer {
    pub(super) picture: Arc<Picture>,
    pub(super) machine: Arc<SlowMachine>,
}

impl PictureWriter for Writer {
    fn write(&self, coding: PictureCoding) -> Option<Vec<u8>> {
        self.machine.picture(coding, || picture_codec(coding).encode(&self.picture).ok())
    }
}
