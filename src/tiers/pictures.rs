//! Pictures as payloads: the codecs of plan sheets, and the preparation that the bundle names.

use aiflow::evaluation::data::{Picture, Preprocess};
use aiflow::evaluation::rival::PictureShape;
use aiflow::evaluation::sheet::picture_codec;
use aiflow::runtime::Value;
use aiflow::runtime::bundle::{PictureCoding, PictureFormat};
use aiflow::runtime::learning::NamedInputs;
use aiflow::runtime::tier::net::{PictureReader, PictureWriter, UnreadablePicture};

/// Reads and prepares pictures as the bundle says.
pub(crate) struct Reader {
    preprocess: Preprocess,
    shape: PictureShape,
}

impl Reader {
    pub(crate) fn new(preprocess: Preprocess) -> Self {
        // What a codec of pictures sends is resized and cropped already.
        let [_, channels, height, width] = preprocess.dims();
        let shape = PictureShape { width, height, channels };
        Self { preprocess, shape }
    }
}

impl PictureReader for Reader {
    fn read(&self, format: PictureFormat, bytes: &[u8]) -> Result<NamedInputs, UnreadablePicture> {
        // How it was written makes no difference to how it is read.
        let codec = picture_codec(PictureCoding { format, quality: None, effort: None });
        let picture = codec.decode(bytes, self.shape).map_err(|_| UnreadablePicture)?;
        let input = self.preprocess.tensor(&picture).map_err(|_| UnreadablePicture)?;
        Ok(vec![(self.preprocess.input().to_owned(), Value::F32(input))])
    }
}

/// Writes the picture of one sample.
pub(crate) struct Writer {
    pub(crate) picture: Picture,
}

impl PictureWriter for Writer {
    fn write(&self, coding: PictureCoding) -> Option<Vec<u8>> {
        picture_codec(coding).encode(&self.picture).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_written_as_asked_and_read_again() {
        let pixels: Vec<u8> = (0..48 * 48 * 3).map(|i| (i * 7 % 251) as u8).collect();
        let writer = Writer { picture: Picture { width: 48, height: 48, channels: 3, pixels } };
        let preset = aiflow::evaluation::data::Preprocess::preset("scenes-cnn");
        let reader = Reader::new(preset.expect("a preset"));
        let mut sizes = Vec::new();
        for (format, quality, effort) in [
            (PictureFormat::Png, None, None),
            (PictureFormat::Jpeg, Some(90), None),
            (PictureFormat::Jpeg, Some(30), None),
            (PictureFormat::Webp, Some(60), Some(0)),
            (PictureFormat::Webp, Some(60), Some(6)),
        ] {
            let bytes = writer.write(PictureCoding { format, quality, effort }).expect("a file");
            let inputs = reader.read(format, &bytes).expect("a picture");
            assert_eq!(inputs[0].1.dims(), [1, 3, 48, 48]);
            assert_eq!(reader.read(format, &bytes[..bytes.len() / 2]), Err(UnreadablePicture));
            sizes.push(bytes.len());
        }
        // Quality and effort are heeded.
        assert!(sizes[2] < sizes[1] && sizes[4] < sizes[3], "{sizes:?}");
    }
}
