//! Pictures as payloads: the codecs of the bench, and the preparation that the bundle names.

use std::sync::Arc;

use aiflow::evaluation::data::{Picture, Preprocess};
use aiflow::evaluation::rival::{PictureCodec, PictureShape, picture_codecs};
use aiflow::runtime::Value;
use aiflow::runtime::bundle::{PictureCoding, PictureFormat};
use aiflow::runtime::learning::NamedInputs;
use aiflow::runtime::tier::net::{PictureReader, PictureWriter, UnreadablePicture};

/// Reads and prepares pictures as the bundle says.
pub(crate) struct Reader {
    preprocess: Preprocess,
    shape: PictureShape,
    codecs: Vec<Box<dyn PictureCodec>>,
}

impl Reader {
    pub(crate) fn new(preprocess: Preprocess) -> Self {
        // What a codec of pictures sends is resized and cropped already.
        let [_, channels, height, width] = preprocess.dims();
        let shape = PictureShape { width, height, channels };
        Self { preprocess, shape, codecs: picture_codecs() }
    }
}

impl PictureReader for Reader {
    fn read(&self, format: PictureFormat, bytes: &[u8]) -> Result<NamedInputs, UnreadablePicture> {
        let codec = self.codecs.iter().find(|codec| codec.name() == name(format));
        let codec = codec.ok_or(UnreadablePicture)?;
        let picture = codec.decode(bytes, self.shape).map_err(|_| UnreadablePicture)?;
        let input = self.preprocess.tensor(&picture).map_err(|_| UnreadablePicture)?;
        Ok(vec![(self.preprocess.input().to_owned(), Value::F32(input))])
    }
}

/// Writes the picture of one sample.
pub(crate) struct Writer {
    pub(crate) picture: Picture,
    pub(crate) codecs: Arc<[Box<dyn PictureCodec>]>,
}

impl PictureWriter for Writer {
    fn write(&self, coding: PictureCoding) -> Option<Vec<u8>> {
        let own = self.codecs.iter().filter(|codec| codec.name() == name(coding.format));
        let wanted = i32::from(coding.quality.unwrap_or(100));
        // The codecs come in steps of quality: the nearest one.
        let quality = |codec: &dyn PictureCodec| {
            codec.setting().strip_prefix("quality=").and_then(|text| text.parse::<i32>().ok())
        };
        let codec = own.min_by_key(|codec| {
            quality(codec.as_ref()).map_or(i32::MAX, |quality| (quality - wanted).abs())
        })?;
        codec.encode(&self.picture).ok()
    }
}

const fn name(format: PictureFormat) -> &'static str {
    match format {
        PictureFormat::Png => "png-input",
        PictureFormat::Jpeg => "jpeg-input",
        PictureFormat::Webp => "webp-input",
    }
}
