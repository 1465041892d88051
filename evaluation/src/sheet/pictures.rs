//! The input picture, sent instead of a feature.

use std::sync::Arc;

use aiflow_runtime::Value;
use aiflow_runtime::bundle::{OperatingPoint, Payload, PictureCoding, PictureFormat, TaskLoss};
use aiflow_runtime::cut::SplitModel;
use aiflow_runtime::learning::Outputs;
use aiflow_runtime::profiler::{CodingWork, MeasureError, Work};
use image::ImageEncoder as _;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};

use super::{SheetData, SheetError, Trip, Truth, all};
use crate::bench::Samples;
use crate::data::{Picture, Preprocess};
use crate::error::{PayloadProblem, RivalError};
use crate::rival::{JpegInput, PictureCodec, PictureShape, WebpInput};

const QUALITIES: [u8; 9] = [5, 20, 40, 60, 75, 85, 90, 95, 100];
/// libwebp's methods: the fastest, its default, the smallest files.
const WEBP_METHODS: [u8; 3] = [0, 4, 6];
/// Qualities that are timed; times at others lie between.
const TIMED: [u8; 3] = [20, 60, 95];

/// Pictures that tell roughly whether a coding is of use.
const SCOUTS: usize = 40;
/// Codings that change more of the answers than this are not measured on all pictures.
const HOPELESS: f64 = 0.2;

/// Lists the codings that a sheet has, the most faithful format first.
fn codings(qualities: &[u8]) -> Vec<PictureCoding> {
    let format = PictureFormat::Png;
    let mut codings = vec![PictureCoding { format, quality: None, effort: None }];
    for &quality in qualities {
        let quality = Some(quality);
        let jpeg = PictureFormat::Jpeg;
        codings.push(PictureCoding { format: jpeg, quality, effort: None });
        let webp = |method| {
            let format = PictureFormat::Webp;
            PictureCoding { format, quality, effort: Some(method) }
        };
        codings.extend(WEBP_METHODS.map(webp));
    }
    codings
}

/// Opens the codec of a coding: the same that plan sheets are measured with and profiles timed with.
#[must_use]
pub fn picture_codec(coding: PictureCoding) -> Box<dyn PictureCodec> {
    let quality = coding.quality.unwrap_or(100);
    match coding.format {
        PictureFormat::Png => Box::new(PngInput),
        PictureFormat::Jpeg => Box::new(JpegInput::new(quality)),
        PictureFormat::Webp => {
            Box::new(WebpInput::with_method(quality, coding.effort.unwrap_or(4)))
        }
    }
}

/// Measures every coding of the input picture; nothing where the data set has no pictures.
pub(super) fn measure(
    data: &SheetData<'_>,
    split: &SplitModel,
    truth: &Truth<'_>,
    threads: usize,
    progress: &dyn Fn(&str, f32),
) -> Result<Vec<OperatingPoint>, SheetError> {
    let Some(preprocess) = data.preprocess else { return Ok(Vec::new()) };
    let pictures: Option<Vec<&Picture>> =
        data.samples.pictures.iter().map(Option::as_ref).collect();
    let Some(pictures) = pictures else { return Ok(Vec::new()) };
    let codings = codings(&QUALITIES);
    let mut points = Vec::with_capacity(codings.len());
    for (index, coding) in codings.iter().enumerate() {
        progress(&coding.to_string(), index as f32 / codings.len() as f32);
        let codec = picture_codec(*coding);
        let trip = |sample: usize| -> Result<Trip, SheetError> {
            let Some(picture) = pictures.get(sample) else { return Err(SheetError::Nothing) };
            let payload = codec.encode(picture)?;
            let decoded = codec.decode(&payload, PictureShape::of(picture))?;
            let input = Value::F32(preprocess.tensor(&decoded)?);
            let outputs = split.whole_with(&[(preprocess.input(), input)])?;
            Ok(Trip { bytes: payload.len(), output: Outputs::of(&outputs) })
        };
        let scouts = all(pictures.len().min(SCOUTS), threads, trip)?;
        if is_hopeless(&truth.point(Payload::Picture(*coding), &scouts).loss) {
            continue;
        }
        let trips = all(pictures.len(), threads, trip)?;
        points.push(truth.point(Payload::Picture(*coding), &trips));
    }
    Ok(points)
}

/// Tells whether so many answers change that no one would send such pictures.
fn is_hopeless(loss: &TaskLoss) -> bool {
    loss.disagreement.is_some_and(|share| share > HOPELESS)
}

/// Returns the codings of pictures that are worth timing; nothing where there are no pictures.
#[must_use]
pub fn picture_codings(samples: &Samples) -> Vec<CodingWork<'static>> {
    let pictures: Option<Vec<Picture>> = samples.pictures.iter().cloned().collect();
    let Some(pictures) = pictures.filter(|pictures| !pictures.is_empty()) else {
        return Vec::new();
    };
    let pictures: Arc<[Picture]> = pictures.into();
    let work = |coding: PictureCoding| CodingWork {
        payload: Payload::Picture(coding),
        encode: Box::new(Encode {
            codec: picture_codec(coding),
            pictures: Arc::clone(&pictures),
            at: 0,
        }),
        decode: Box::new(Decode {
            codec: picture_codec(coding),
            pictures: Arc::clone(&pictures),
            shape: None,
            payload: Vec::new(),
        }),
    };
    codings(&TIMED).into_iter().map(work).collect()
}

/// Returns the work of turning a picture into the model's input.
#[must_use]
pub fn preparing(
    samples: &Samples,
    preprocess: &Preprocess,
) -> Option<Box<dyn Work<Error = MeasureError>>> {
    let pictures: Option<Vec<Picture>> = samples.pictures.iter().cloned().collect();
    let pictures = pictures.filter(|pictures| !pictures.is_empty())?;
    Some(Box::new(Prepare { pictures, preprocess: preprocess.clone(), at: 0 }))
}

struct Encode {
    codec: Box<dyn PictureCodec>,
    pictures: Arc<[Picture]>,
    at: usize,
}

impl Work for Encode {
    type Error = MeasureError;

    fn prepare(&mut self, sample: usize) -> Result<(), MeasureError> {
        self.at = sample % self.pictures.len();
        Ok(())
    }

    fn run(&mut self) -> Result<(), MeasureError> {
        let picture = self.pictures.get(self.at).ok_or(MeasureError::NoSamples)?;
        std::hint::black_box(self.codec.encode(picture).map_err(other)?);
        Ok(())
    }
}

struct Decode {
    codec: Box<dyn PictureCodec>,
    pictures: Arc<[Picture]>,
    shape: Option<PictureShape>,
    payload: Vec<u8>,
}

impl Work for Decode {
    type Error = MeasureError;

    fn prepare(&mut self, sample: usize) -> Result<(), MeasureError> {
        let at = sample % self.pictures.len();
        let picture = self.pictures.get(at).ok_or(MeasureError::NoSamples)?;
        self.payload = self.codec.encode(picture).map_err(other)?;
        self.shape = Some(PictureShape::of(picture));
        Ok(())
    }

    fn run(&mut self) -> Result<(), MeasureError> {
        let shape = self.shape.ok_or(MeasureError::NoSamples)?;
        std::hint::black_box(self.codec.decode(&self.payload, shape).map_err(other)?);
        Ok(())
    }
}

struct Prepare {
    pictures: Vec<Picture>,
    preprocess: Preprocess,
    at: usize,
}

impl Work for Prepare {
    type Error = MeasureError;

    fn prepare(&mut self, sample: usize) -> Result<(), MeasureError> {
        self.at = sample % self.pictures.len();
        Ok(())
    }

    fn run(&mut self) -> Result<(), MeasureError> {
        let picture = self.pictures.get(self.at).ok_or(MeasureError::NoSamples)?;
        std::hint::black_box(self.preprocess.tensor(picture).map_err(other)?);
        Ok(())
    }
}

fn other(error: impl std::error::Error + Send + Sync + 'static) -> MeasureError {
    MeasureError::Other(Box::new(error))
}

/// PNG with adaptive filters at the usual compression.
struct PngInput;

const PNG: &str = "png-input";

impl PictureCodec for PngInput {
    fn name(&self) -> &str {
        PNG
    }

    fn setting(&self) -> &str {
        ""
    }

    fn encode(&self, picture: &Picture) -> Result<Vec<u8>, RivalError> {
        let mut bytes = Vec::new();
        let encoder = PngEncoder::new_with_quality(
            &mut bytes,
            CompressionType::Default,
            FilterType::Adaptive,
        );
        let colour = match picture.channels {
            1 => image::ExtendedColorType::L8,
            _ => image::ExtendedColorType::Rgb8,
        };
        let side = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
        let (width, height) = (side(picture.width), side(picture.height));
        encoder.write_image(&picture.pixels, width, height, colour).map_err(RivalError::codec)?;
        Ok(bytes)
    }

    fn decode(&self, payload: &[u8], shape: PictureShape) -> Result<Picture, RivalError> {
        let wrong = |problem| RivalError::payload(PNG, problem);
        let decoded = image::load_from_memory_with_format(payload, image::ImageFormat::Png)
            .map_err(|_| wrong(PayloadProblem::Compressed))?;
        let (width, height) = (decoded.width() as usize, decoded.height() as usize);
        if (width, height) != (shape.width, shape.height) {
            return Err(wrong(PayloadProblem::Size));
        }
        let pixels = match shape.channels {
            1 => decoded.into_luma8().into_raw(),
            _ => decoded.into_rgb8().into_raw(),
        };
        let channels = shape.channels;
        Ok(Picture { width, height, channels, pixels })
    }
}
