//! What can go wrong between the name of a data set and the input of a model.

use std::path::PathBuf;

/// Explains why a data set, one of its samples or a preprocessing could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The name of a data set has no `kind:` that is known.
    #[error(
        "unknown data set `{spec}`; write cifar10:DIR, fashion-mnist:DIR, imagefolder:DIR, \
         npy:FILE or scenes:COUNT@SEED"
    )]
    UnknownKind {
        /// The name that was given.
        spec: String,
    },
    /// The name of a data set is incomplete or has an option that does not exist.
    #[error("data set `{spec}`: {problem}")]
    Spec {
        /// The name that was given.
        spec: String,
        /// What is wrong with it, and what to write instead.
        problem: SpecProblem,
    },
    /// A file or folder could not be read.
    #[error("cannot read {}: {source}; check the path of the data set", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The reason the system gave.
        source: std::io::Error,
    },
    /// A file is not what its place in the data set promises.
    #[error("{}: {problem}; {}", path.display(), problem.advice())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: FileProblem,
    },
    /// A picture could not be decoded.
    #[error("{}: {source}; convert the file to JPEG or PNG, or remove it", path.display())]
    Picture {
        /// The file.
        path: PathBuf,
        /// What the decoder said.
        source: image::ImageError,
    },
    /// No sample is left.
    #[error("data set `{name}` has no sample; check its path and its options")]
    Empty {
        /// The name of the data set.
        name: String,
    },
    /// A sample was asked for that does not exist.
    #[error("data set `{name}` has {count} samples, there is no sample {index}")]
    NoSample {
        /// The name of the data set.
        name: String,
        /// How many samples there are.
        count: usize,
        /// The sample that was asked for, counted from 0.
        index: usize,
    },
    /// A label is larger than the data set or the model allows.
    #[error(
        "data set `{name}`: sample {index} has label {label}, the classes end at {last}; \
         check `label-offset` and `classes` of the preprocessing"
    )]
    Label {
        /// The name of the data set.
        name: String,
        /// The sample, counted from 0.
        index: usize,
        /// Its label.
        label: u64,
        /// The largest label that is allowed.
        last: usize,
    },
    /// A picture does not have the size that the preprocessing wants and may not be resized.
    #[error(
        "a picture has {found_width}x{found_height} pixels where the model wants {width}x{height}; \
         set `fit` of the preprocessing to \"crop\", \"stretch\" or \"letterbox\""
    )]
    Size {
        /// Width of the picture.
        found_width: usize,
        /// Height of the picture.
        found_height: usize,
        /// Width that the model wants.
        width: usize,
        /// Height that the model wants.
        height: usize,
    },
    /// A picture is so long and narrow that resizing it would take too much memory.
    #[error("a picture of {width}x{height} pixels is too long and narrow to resize; crop the file")]
    Aspect {
        /// Width of the picture.
        width: usize,
        /// Height of the picture.
        height: usize,
    },
    /// A picture's bytes do not fill its size.
    #[error("a picture of {width}x{height} pixels and {channels} channels has {bytes} bytes")]
    PictureBytes {
        /// Width of the picture.
        width: usize,
        /// Height of the picture.
        height: usize,
        /// Channels of the picture.
        channels: usize,
        /// Bytes it has.
        bytes: usize,
    },
    /// A data set of pictures was opened without saying how the model wants them.
    #[error(
        "data set `{name}` has pictures, and how the model wants them is unknown; put a file \
         MODEL.toml beside MODEL.onnx that says it (see models/README.md)"
    )]
    NoPreprocess {
        /// The name of the data set.
        name: String,
    },
    /// A description of a preprocessing could not be understood.
    #[error("preprocessing {origin}, line {line}: {reason}")]
    Preprocess {
        /// The file or preset.
        origin: String,
        /// The line where the fault was found, counted from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
}

/// What is wrong with the name of a data set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpecProblem {
    /// The part after the kind is missing.
    #[error("the path after the colon is missing")]
    NoPath,
    /// A `scenes:` set does not say how many pictures of which seed.
    #[error("write scenes:COUNT@SEED with two whole numbers, at most {most} pictures")]
    Scenes {
        /// The largest count that is accepted.
        most: usize,
    },
    /// The part after `#` is none of the known ones.
    #[error("unknown part `{part}`; write #train, #test or #all")]
    Part {
        /// The part that was given.
        part: String,
    },
    /// This kind of data set has no parts.
    #[error("`scenes:` has no parts; choose another seed instead")]
    NoParts,
    /// An option after `?` is not known to this kind of data set.
    #[error(
        "unknown option `{option}`; the options are every, offset, limit, shuffle, class-every \
         and class-offset, each with =NUMBER, and labels=FILE for npy"
    )]
    Option {
        /// The option that was given.
        option: String,
    },
    /// The value of an option is not a number it can have.
    #[error("option `{option}` needs a whole number, at least 1 for every and limit")]
    Value {
        /// The option with its value.
        option: String,
    },
}

/// What is wrong with the content of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FileProblem {
    /// The length is not that of whole records.
    #[error("{bytes} bytes are no whole number of records of {record} bytes")]
    Records {
        /// Bytes found.
        bytes: u64,
        /// Bytes of one record.
        record: u64,
    },
    /// The content is shorter than its header says.
    #[error("the content ends after {found} bytes where its header promises {expected}")]
    Truncated {
        /// Bytes found.
        found: u64,
        /// Bytes promised.
        expected: u64,
    },
    /// The content is longer than its header says.
    #[error("bytes are left over after the {expected} that its header promises")]
    Trailing {
        /// Bytes promised.
        expected: u64,
    },
    /// The content is larger than a data set may be.
    #[error("the content is larger than the limit of {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// The compressed stream is damaged.
    #[error("the gzip stream is damaged")]
    Gzip,
    /// The file does not start as its format does.
    #[error("this is not a file in {format} format")]
    Format {
        /// The expected format.
        format: &'static str,
    },
    /// The file is in a variant of its format that is not supported.
    #[error("{what} is not supported")]
    Unsupported {
        /// The variant.
        what: &'static str,
    },
    /// The pictures and the labels are not equally many.
    #[error("{labels} labels belong to {pictures} samples")]
    Counts {
        /// Number of labels.
        labels: usize,
        /// Number of samples.
        pictures: usize,
    },
    /// A line of a table is not understood.
    #[error("line {line} is not INDEX, ID, FILE and NAME with tabs between them")]
    Line {
        /// The line, counted from 1.
        line: usize,
    },
}

impl FileProblem {
    /// Returns what can be done about it.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Unsupported { .. } => "convert the file",
            Self::TooLarge { .. } => "divide the file",
            Self::Counts { .. } => "give files that belong together",
            Self::Line { .. } => "mend the line",
            Self::Format { .. } => "give a file of that format",
            Self::Records { .. } | Self::Truncated { .. } | Self::Trailing { .. } | Self::Gzip => {
                "fetch the file again"
            }
        }
    }
}

impl DataError {
    /// Adds the path to an error of the system.
    pub(super) fn io(path: impl Into<PathBuf>, source: std::io::Error) -> DataError {
        DataError::Io { path: path.into(), source }
    }

    /// Adds the path to a problem of a file's content.
    pub(super) fn malformed(path: impl Into<PathBuf>, problem: FileProblem) -> DataError {
        DataError::Malformed { path: path.into(), problem }
    }
}
