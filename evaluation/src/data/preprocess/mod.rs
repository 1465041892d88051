//! From a picture to the input tensor of a model.

mod description;
mod fit;
mod presets;
#[cfg(test)]
mod tests;

use std::path::Path;

use ndarray::{ArrayD, IxDyn};
use serde::{Deserialize, Serialize};

use super::error::DataError;
use super::picture::Picture;
use description::Description;

/// How a model wants its pictures, read from a small TOML file.
///
/// ```toml
/// input = "data"              # name of the model's input
/// size = [227, 227]           # height and width of the input
/// fit = "crop"                # exact (default), crop, stretch or letterbox
/// short-side = 256            # crop: the short side before the centre crop; default: the input's
/// channels = "bgr"            # rgb (default), bgr or grey
/// divide = 1.0                # default 255
/// mean = [104, 117, 123]      # for each channel of the tensor; default 0
/// std = [1, 1, 1]             # for each channel of the tensor; default 1
/// layout = "nchw"             # nchw (default) or nhwc
/// label-offset = 0            # what to add to a label of the data set; default 0
/// classes = 1000              # outputs of the model; labels beyond are refused; optional
/// ```
///
/// A value of the tensor is `(byte / divide - mean) / std`. `exact` refuses pictures of another size;
/// `crop` resizes the short side and cuts out the centre; `stretch` ignores the aspect ratio;
/// `letterbox` resizes the long side and fills below or to the right with `fill` (default 114), as
/// detectors want it. Resizing is bilinear with a filter that grows as the picture shrinks (Pillow's
/// way: no aliasing).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Description", into = "Description")]
pub struct Preprocess {
    description: Description,
    mean: Vec<f32>,
    std: Vec<f32>,
}

impl Preprocess {
    /// Reads a description from TOML text; `origin` names it in errors.
    ///
    /// # Errors
    /// [`DataError::Preprocess`] for unknown or missing fields and values out of range.
    pub fn from_toml(text: &str, origin: &str) -> Result<Preprocess, DataError> {
        toml::from_str(text).map_err(|error: toml::de::Error| {
            let before = error.span().and_then(|span| text.get(..span.start));
            let line = before.map_or(1, |before| before.matches('\n').count() + 1);
            let reason = error.message().replace('\n', ", ");
            DataError::Preprocess { origin: origin.to_owned(), line, reason }
        })
    }

    /// Reads a TOML file of at most 64 KiB.
    ///
    /// # Errors
    /// [`DataError::Io`] when it cannot be read, and those of [`Preprocess::from_toml`].
    pub fn read(path: &Path) -> Result<Preprocess, DataError> {
        let bytes = super::bytes::read_file(path, 1 << 16)?;
        Preprocess::from_toml(&String::from_utf8_lossy(&bytes), &path.display().to_string())
    }

    /// Returns the preprocessing of a model that is known by name, such as `resnet20-cifar10`.
    pub fn preset(name: &str) -> Option<Preprocess> {
        presets::find(name)
    }

    /// Returns the names that [`Preprocess::preset`] knows.
    pub fn preset_names() -> impl Iterator<Item = &'static str> {
        presets::names()
    }

    /// Finds the preprocessing of a model file: `MODEL.toml` beside `MODEL.onnx`, else a preset of
    /// that name; nothing where neither exists.
    ///
    /// # Errors
    /// Those of [`Preprocess::read`] when the file beside the model exists.
    pub fn for_model(model: &Path) -> Result<Option<Preprocess>, DataError> {
        let beside = model.with_extension("toml");
        if beside.is_file() {
            return Preprocess::read(&beside).map(Some);
        }
        let stem = model.file_stem().map(|stem| stem.to_string_lossy());
        Ok(stem.and_then(|stem| Preprocess::preset(&stem)))
    }

    /// Returns the name of the model's input.
    pub fn input(&self) -> &str {
        &self.description.input
    }

    /// Returns the shape of [`Preprocess::tensor`]: a batch of one.
    pub fn dims(&self) -> [usize; 4] {
        let [height, width] = self.description.size;
        let channels = self.description.channels.count();
        match self.description.layout {
            Layout::Nchw => [1, channels, height, width],
            Layout::Nhwc => [1, height, width, channels],
        }
    }

    /// Returns how many classes the model knows, where the description says it.
    pub fn classes(&self) -> Option<usize> {
        self.description.classes
    }

    /// Returns the model's label for a label of the data set.
    pub fn label(&self, label: usize) -> usize {
        label.saturating_add(self.description.label_offset)
    }

    /// Turns a picture into the input of the model: [`Preprocess::fit`], then
    /// [`Preprocess::tensor`].
    ///
    /// # Errors
    /// Those of the two.
    pub fn apply(&self, picture: &Picture) -> Result<ArrayD<f32>, DataError> {
        self.tensor(&self.fit(picture)?)
    }

    /// Resizes and crops a picture to what the model looks at: three channels, or one for a grey
    /// model. This is the picture that a codec of pictures would send.
    ///
    /// # Errors
    /// [`DataError::Size`] when `fit` is `exact` and the size differs; [`DataError::PictureBytes`]
    /// when the bytes do not fill the picture.
    pub fn fit(&self, picture: &Picture) -> Result<Picture, DataError> {
        picture.check()?;
        let picture = match self.description.channels {
            Channels::Grey => picture.to_grey(),
            Channels::Rgb | Channels::Bgr => picture.to_rgb(),
        };
        fit::fit(&picture, &self.description)
    }

    /// Returns what the mirror image of a picture would give (left and right exchanged), from what the picture gives.
    #[must_use]
    pub fn mirrored(&self, tensor: &ArrayD<f32>) -> ArrayD<f32> {
        let axis = match self.description.layout {
            Layout::Nchw => 3,
            Layout::Nhwc => 2,
        };
        let mut mirrored = tensor.clone();
        if axis < mirrored.ndim() {
            mirrored.invert_axis(ndarray::Axis(axis));
        }
        mirrored.as_standard_layout().into_owned()
    }

    /// Normalises a picture that already has the model's size.
    ///
    /// # Errors
    /// [`DataError::Size`] when it does not; [`DataError::PictureBytes`] when the bytes do not fill
    /// the picture or its channels are not those of the model.
    pub fn tensor(&self, picture: &Picture) -> Result<ArrayD<f32>, DataError> {
        picture.check()?;
        let [height, width] = self.description.size;
        let Picture { width: found_width, height: found_height, channels, ref pixels } = *picture;
        if (found_width, found_height) != (width, height) {
            return Err(DataError::Size { found_width, found_height, width, height });
        }
        if channels != self.description.channels.count() {
            return Err(DataError::PictureBytes { width, height, channels, bytes: pixels.len() });
        }
        let reversed = self.description.channels == Channels::Bgr;
        let value = |at: usize, channel: usize| {
            let source = if reversed { channels - 1 - channel } else { channel };
            let byte = f32::from(pixels[at * channels + source]);
            (byte / self.description.divide - self.mean[channel]) / self.std[channel]
        };
        let mut values = Vec::with_capacity(pixels.len());
        match self.description.layout {
            Layout::Nchw => {
                for channel in 0..channels {
                    values.extend((0..width * height).map(|at| value(at, channel)));
                }
            }
            Layout::Nhwc => {
                for at in 0..width * height {
                    values.extend((0..channels).map(|channel| value(at, channel)));
                }
            }
        }
        Ok(ArrayD::from_shape_vec(IxDyn(&self.dims()), values)
            .expect("one value for each byte of the checked picture"))
    }
}

/// Order of the channels in the tensor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Channels {
    #[default]
    Rgb,
    Bgr,
    Grey,
}

impl Channels {
    fn count(self) -> usize {
        if self == Channels::Grey { 1 } else { 3 }
    }
}

/// Order of the axes in the tensor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Layout {
    #[default]
    Nchw,
    Nhwc,
}

/// How a picture of another size is brought to the size of the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Fit {
    #[default]
    Exact,
    Crop,
    Stretch,
    Letterbox,
}
