//! The fields of a description, as written, and their checks.

use serde::{Deserialize, Serialize};

use super::{Channels, Fit, Layout, Preprocess};

/// What a TOML file says; see [`Preprocess`] for the meaning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Description {
    pub(super) input: String,
    pub(super) size: [usize; 2],
    #[serde(default)]
    pub(super) fit: Fit,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) short_side: Option<usize>,
    #[serde(default = "default_fill")]
    pub(super) fill: u8,
    #[serde(default)]
    pub(super) channels: Channels,
    #[serde(default = "default_divide")]
    pub(super) divide: f32,
    #[serde(default)]
    pub(super) mean: Vec<f32>,
    #[serde(default)]
    pub(super) std: Vec<f32>,
    #[serde(default)]
    pub(super) layout: Layout,
    #[serde(default)]
    pub(super) label_offset: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) classes: Option<usize>,
}

fn default_fill() -> u8 {
    114
}

fn default_divide() -> f32 {
    255.0
}

/// The longest side a model may ask for, so that a description cannot ask for any memory it likes.
const LONGEST_SIDE: usize = 4096;

/// Why a description is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum DescriptionError {
    #[error("`size` and `short-side` must be 1 to {LONGEST_SIDE}")]
    Side,
    #[error("`short-side` must be at least both sides of `size`")]
    ShortSide,
    #[error("`short-side` has a meaning only with fit = \"crop\"")]
    ShortSideAlone,
    #[error("`divide` and `std` must be finite and not zero, `mean` finite")]
    Scale,
    #[error("`mean` and `std` need one number for each channel")]
    Count,
    #[error("`input` must not be empty")]
    Input,
    #[error("`classes` must be at least 1")]
    Classes,
}

impl TryFrom<Description> for Preprocess {
    type Error = DescriptionError;

    fn try_from(description: Description) -> Result<Preprocess, DescriptionError> {
        let [height, width] = description.size;
        let allowed = |side: usize| (1..=LONGEST_SIDE).contains(&side);
        if !(allowed(height) && allowed(width) && description.short_side.is_none_or(allowed)) {
            return Err(DescriptionError::Side);
        }
        if let Some(short_side) = description.short_side {
            if description.fit != Fit::Crop {
                return Err(DescriptionError::ShortSideAlone);
            }
            if short_side < height.max(width) {
                return Err(DescriptionError::ShortSide);
            }
        }
        let usable = |value: f32| value.is_finite() && value != 0.0;
        let means = description.mean.iter().all(|value| value.is_finite());
        if !(usable(description.divide) && description.std.iter().copied().all(usable) && means) {
            return Err(DescriptionError::Scale);
        }
        let channels = description.channels.count();
        let fill = |values: &[f32], default: f32| match values.len() {
            0 => Ok(vec![default; channels]),
            length if length == channels => Ok(values.to_vec()),
            _ => Err(DescriptionError::Count),
        };
        if description.input.is_empty() {
            return Err(DescriptionError::Input);
        }
        if description.classes == Some(0) {
            return Err(DescriptionError::Classes);
        }
        let (mean, std) = (fill(&description.mean, 0.0)?, fill(&description.std, 1.0)?);
        Ok(Preprocess { description, mean, std })
    }
}

impl From<Preprocess> for Description {
    fn from(preprocess: Preprocess) -> Description {
        preprocess.description
    }
}
