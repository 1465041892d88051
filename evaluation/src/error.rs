//! Errors of rivals, measurements and reports.

use std::path::PathBuf;

/// Explains why a rival codec could not be calibrated, or could not encode or decode.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RivalError {
    /// The values handed in do not fill the agreed shape.
    #[error(
        "{method}: got {found} values where the shape has {expected}; pass the shape of this feature"
    )]
    Shape {
        /// Method that refused.
        method: &'static str,
        /// Number of values (or components) that the shape or the calibration has.
        expected: usize,
        /// Number that was handed in.
        found: usize,
    },
    /// There is nothing to learn from.
    #[error("no calibration feature with at least one finite value; pass at least one sample")]
    EmptyCalibration,
    /// The payload is not one that this method writes.
    #[error("{method}: the payload {problem}; it is damaged or belongs to another setting")]
    Payload {
        /// Method that refused.
        method: &'static str,
        /// What is wrong with it.
        problem: PayloadProblem,
    },
    /// A picture has sizes that the method cannot carry.
    #[error(
        "{method}: cannot carry a picture of {width}x{height} with {channels} channels; use 1 or 3 channels and sides of 1 to 16383"
    )]
    Picture {
        /// Method that refused.
        method: &'static str,
        /// Width in pixels.
        width: usize,
        /// Height in pixels.
        height: usize,
        /// Number of channels.
        channels: usize,
    },
    /// No method has this name.
    #[error("no rival is called `{name}`; see `rival::methods()` for the list")]
    UnknownMethod {
        /// Name that was asked for.
        name: String,
    },
    /// A codec that is not one of the rivals failed.
    #[error(transparent)]
    Codec(Box<dyn std::error::Error + Send + Sync>),
}

impl RivalError {
    /// Wraps the error of a codec from elsewhere that implements [`crate::rival::FeatureCodec`].
    pub fn codec(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Codec(Box::new(error))
    }

    pub(crate) const fn payload(method: &'static str, problem: PayloadProblem) -> Self {
        Self::Payload { method, problem }
    }
}

/// Says what is wrong with a rival's payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PayloadProblem {
    /// Shorter or longer than the values need.
    Length,
    /// The first byte names no known form.
    Form,
    /// The general-purpose compressor inside refused its bytes.
    Compressed,
    /// A level lies outside the quantiser's range.
    Level,
    /// The picture inside has other sizes than agreed.
    Size,
}

impl std::fmt::Display for PayloadProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Length => "has the wrong length",
            Self::Form => "starts with an unknown form byte",
            Self::Compressed => "does not decompress",
            Self::Level => "holds a level outside the quantiser",
            Self::Size => "holds a picture of another size",
        })
    }
}

/// Explains why outputs could not be turned into a measured point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MeasureError {
    /// There is no sample to measure.
    #[error("no samples to measure; pass at least one output")]
    Empty,
    /// Two lists that belong together have different lengths.
    #[error("{what}: {found} entries for {expected} samples; pass one per sample")]
    Count {
        /// Which list.
        what: &'static str,
        /// Number of samples of the reference.
        expected: usize,
        /// Length of the list.
        found: usize,
    },
    /// An output has another number of classes than the reference.
    #[error("sample {sample}: {found} outputs where the reference has {expected}")]
    Classes {
        /// Index of the sample.
        sample: usize,
        /// Classes of the reference.
        expected: usize,
        /// Classes found.
        found: usize,
    },
    /// A label names a class that the model does not have.
    #[error(
        "sample {sample}: label {label} where the model has {classes} classes; check the label offset"
    )]
    Label {
        /// Index of the sample.
        sample: usize,
        /// Label found.
        label: usize,
        /// Number of classes.
        classes: usize,
    },
}

/// Explains why a report could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The file or its folder cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// Path of the report.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A record cannot be expressed in the format.
    #[error("cannot express the records as {format}")]
    Format {
        /// Name of the format.
        format: &'static str,
        /// What the serialiser said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
