//! The rival that sends the input picture: WebP and JPEG at several qualities.

use crate::data::Picture;
use crate::error::{PayloadProblem, RivalError};

/// Size of a picture that both sides agreed on beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureShape {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// 1 (grey) or 3 (RGB).
    pub channels: usize,
}

impl PictureShape {
    /// Returns the shape of a picture.
    #[must_use]
    pub const fn of(picture: &Picture) -> Self {
        Self { width: picture.width, height: picture.height, channels: picture.channels }
    }
}

/// Codes input pictures at one quality.
pub trait PictureCodec: Send + Sync {
    /// Returns the method, the name that records carry, such as `webp-input`.
    fn name(&self) -> &str;

    /// Returns the setting within the method, such as `quality=80`.
    fn setting(&self) -> &str;

    /// Encodes a picture into a complete file of the format.
    ///
    /// # Errors
    /// Refuses pictures that the format cannot carry or whose pixels do not fill their sizes.
    fn encode(&self, picture: &Picture) -> Result<Vec<u8>, RivalError>;

    /// Decodes a file into a picture of the agreed shape.
    ///
    /// # Errors
    /// Refuses files that do not decode or hold another size.
    fn decode(&self, payload: &[u8], shape: PictureShape) -> Result<Picture, RivalError>;
}

/// Lossy WebP by libwebp.
#[derive(Debug, Clone)]
pub(crate) struct WebpInput {
    quality: u8,
    method: u8,
    setting: String,
}

/// Baseline JPEG, chroma at half resolution, Huffman tables fitted to the picture: on pictures as
/// small as these the standard tables alone would double the file. The encoder writes fitted
/// tables in one scan per component, which not every decoder handles; `jpeg-decoder` does.
#[derive(Debug, Clone)]
pub(crate) struct JpegInput {
    quality: u8,
    setting: String,
}

impl WebpInput {
    pub(crate) fn new(quality: u8) -> Self {
        Self::with_method(quality, SLOWEST)
    }

    /// Takes libwebp's method, from 0 (fastest) to 6 (smallest).
    pub(crate) fn with_method(quality: u8, method: u8) -> Self {
        Self { quality, method: method.min(SLOWEST), setting: format!("quality={quality}") }
    }
}

impl JpegInput {
    pub(crate) fn new(quality: u8) -> Self {
        Self { quality, setting: format!("quality={quality}") }
    }
}

/// The method of libwebp that writes the smallest files.
const SLOWEST: u8 = 6;
const WEBP: &str = "webp-input";
const JPEG: &str = "jpeg-input";
const MAX_SIDE: usize = 16_383;

impl PictureCodec for WebpInput {
    fn name(&self) -> &str {
        WEBP
    }

    fn setting(&self) -> &str {
        &self.setting
    }

    fn encode(&self, picture: &Picture) -> Result<Vec<u8>, RivalError> {
        let (width, height) = checked_sides(WEBP, picture)?;
        let refused = || refusal(WEBP, PictureShape::of(picture));
        let rgb: Vec<u8> = match picture.channels {
            1 => picture.pixels.iter().flat_map(|grey| [*grey; 3]).collect(),
            _ => picture.pixels.clone(),
        };
        let mut config = webp::WebPConfig::new().map_err(|()| refused())?;
        config.quality = f32::from(self.quality);
        config.method = self.method.into();
        let encoder = webp::Encoder::from_rgb(&rgb, u32::from(width), u32::from(height));
        encoder.encode_advanced(&config).map(|bytes| bytes.to_vec()).map_err(|_| refused())
    }

    fn decode(&self, payload: &[u8], shape: PictureShape) -> Result<Picture, RivalError> {
        let broken = || RivalError::payload(WEBP, PayloadProblem::Compressed);
        let features = webp::BitstreamFeatures::new(payload).ok_or_else(broken)?;
        let sides = (features.width() as usize, features.height() as usize);
        if sides != (shape.width, shape.height) || features.has_alpha() {
            return Err(RivalError::payload(WEBP, PayloadProblem::Size));
        }
        let rgb = webp::Decoder::new(payload).decode().ok_or_else(broken)?;
        let pixels = match shape.channels {
            1 => rgb.as_chunks::<3>().0.iter().map(|pixel| pixel[1]).collect(),
            _ => rgb.to_vec(),
        };
        finished(WEBP, pixels, shape)
    }
}

impl PictureCodec for JpegInput {
    fn name(&self) -> &str {
        JPEG
    }

    fn setting(&self) -> &str {
        &self.setting
    }

    fn encode(&self, picture: &Picture) -> Result<Vec<u8>, RivalError> {
        let (width, height) = checked_sides(JPEG, picture)?;
        let mut bytes = Vec::new();
        let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, self.quality);
        encoder.set_optimized_huffman_tables(true);
        encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_2_2);
        let colour = match picture.channels {
            1 => jpeg_encoder::ColorType::Luma,
            _ => jpeg_encoder::ColorType::Rgb,
        };
        encoder.encode(&picture.pixels, width, height, colour).map_err(RivalError::codec)?;
        Ok(bytes)
    }

    fn decode(&self, payload: &[u8], shape: PictureShape) -> Result<Picture, RivalError> {
        let broken = |_| RivalError::payload(JPEG, PayloadProblem::Compressed);
        let foreign = RivalError::payload(JPEG, PayloadProblem::Size);
        let mut decoder = jpeg_decoder::Decoder::new(payload);
        decoder.read_info().map_err(broken)?;
        let Some(info) = decoder.info() else { return Err(foreign) };
        let sides = (usize::from(info.width), usize::from(info.height));
        let channels = info.pixel_format.pixel_bytes();
        if (sides, channels) != ((shape.width, shape.height), shape.channels) {
            return Err(foreign);
        }
        let pixels = decoder.decode().map_err(broken)?;
        finished(JPEG, pixels, shape)
    }
}

fn checked_sides(method: &'static str, picture: &Picture) -> Result<(u16, u16), RivalError> {
    let shape = PictureShape::of(picture);
    let in_range = |side: usize| (1..=MAX_SIDE).contains(&side);
    let fits = in_range(shape.width) && in_range(shape.height) && matches!(shape.channels, 1 | 3);
    if fits && picture.pixels.len() == shape.width * shape.height * shape.channels {
        Ok((shape.width as u16, shape.height as u16))
    } else {
        Err(refusal(method, shape))
    }
}

const fn refusal(method: &'static str, shape: PictureShape) -> RivalError {
    let PictureShape { width, height, channels } = shape;
    RivalError::Picture { method, width, height, channels }
}

fn finished(
    method: &'static str,
    pixels: Vec<u8>,
    shape: PictureShape,
) -> Result<Picture, RivalError> {
    let PictureShape { width, height, channels } = shape;
    if pixels.len() == width * height * channels {
        Ok(Picture { width, height, channels, pixels })
    } else {
        Err(RivalError::payload(method, PayloadProblem::Size))
    }
}
