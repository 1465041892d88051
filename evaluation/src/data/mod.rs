//! Labelled pictures and tensors from files and generators.
//!
//! A data set is named `kind:path` ([`DataSpec`]) and opened with the preprocessing of a model:
//!
//! ```
//! use aiflow_evaluation::data::{self, Preprocess};
//!
//! # fn main() -> Result<(), data::DataError> {
//! let preprocess = Preprocess::preset("scenes-cnn");
//! let set = data::open(&"scenes:100@7?every=2".parse()?, preprocess.as_ref())?;
//! let sample = set.sample(0)?;
//! assert_eq!(set.len(), 50);
//! assert_eq!(sample.input.shape(), [1, 3, 48, 48]);
//! # Ok(())
//! # }
//! ```
//!
//! Files are read as if a stranger had written them: whatever they hold gives a sample or a
//! [`DataError`], and no more memory than the limits in this module.

mod bytes;
mod cifar;
mod error;
mod folder;
mod generated;
mod idx;
mod npy;
mod picture;
mod pictures;
mod preprocess;
mod selection;
mod spec;
#[cfg(test)]
mod tests;

use ndarray::ArrayD;

pub use error::{DataError, FileProblem, SpecProblem};
pub use picture::Picture;
pub use preprocess::Preprocess;
pub use spec::{DataSpec, Part};

use spec::Source;

/// One labelled input of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The class, as the model counts classes; nothing where the set has no labels.
    pub label: Option<usize>,
    /// What the model looks at, after resizing and cropping, before normalisation: what a codec of
    /// pictures would send. Nothing where the set has no pictures.
    pub picture: Option<Picture>,
    /// The input of the model, a batch of one, such as `[1, 3, 32, 32]`.
    pub input: ArrayD<f32>,
}

/// A set of samples in a fixed order.
pub trait Dataset: Send + Sync {
    /// Returns the name the set was opened by, with the part that was chosen.
    fn name(&self) -> &str;

    /// Returns the number of samples; never zero for a set from [`open`].
    fn len(&self) -> usize;

    /// Returns whether there is no sample.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the names of the classes in the order of the data set's own labels; nothing where it
    /// has none.
    fn class_names(&self) -> &[String] {
        &[]
    }

    /// Returns the label of a sample without reading its picture.
    ///
    /// # Errors
    /// [`DataError::NoSample`] beyond the end, [`DataError::Label`] when the model has no such class.
    fn label(&self, index: usize) -> Result<Option<usize>, DataError>;

    /// Reads a sample.
    ///
    /// # Errors
    /// Those of [`Dataset::label`], and what is wrong with the file or the size of the picture.
    fn sample(&self, index: usize) -> Result<Sample, DataError>;

    /// Returns where a sample comes from: two samples with one origin are the same sample. Nothing
    /// beyond the end.
    fn origin(&self, index: usize) -> Option<Origin<'_>>;
}

/// Where a sample comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin<'a> {
    /// The files or the generator, whatever part and options were chosen.
    pub source: &'a str,
    /// The number of the sample there.
    pub index: usize,
}

/// Counts the samples of `measured` that are also in `learned`; a measurement needs zero.
pub fn shared_samples(learned: &dyn Dataset, measured: &dyn Dataset) -> usize {
    let origins = |set: &'_ dyn Dataset| -> std::collections::BTreeSet<(String, usize)> {
        (0..set.len())
            .filter_map(|index| set.origin(index))
            .map(|origin| (origin.source.to_owned(), origin.index))
            .collect()
    };
    let learned = origins(learned);
    origins(measured).iter().filter(|origin| learned.contains(*origin)).count()
}

/// Opens a data set for a model.
///
/// `preprocess` says how the model wants its pictures; sets of tensors (`npy:`) need none. Labels
/// and files of fixed records are read now, pictures of folders when a sample is asked for.
///
/// # Errors
/// [`DataError`] says which file or option is at fault and what to do.
pub fn open(
    spec: &DataSpec,
    preprocess: Option<&Preprocess>,
) -> Result<Box<dyn Dataset>, DataError> {
    let name = spec.to_string();
    let need = || preprocess.cloned().ok_or(DataError::NoPreprocess { name: name.clone() });
    let part = spec.part;
    Ok(match &spec.source {
        Source::Cifar10(path) => {
            Box::new(pictures::Pictures::new(spec, need()?, cifar::open(path, part)?)?)
        }
        Source::FashionMnist(path) => {
            Box::new(pictures::Pictures::new(spec, need()?, idx::open(path, part)?)?)
        }
        Source::ImageFolder(path) => {
            Box::new(pictures::Pictures::new(spec, need()?, folder::open(path)?)?)
        }
        &Source::Scenes { count, seed } => Box::new(pictures::Pictures::new(
            spec,
            need()?,
            generated::Generated::new(count, seed),
        )?),
        Source::Npy(path) => Box::new(npy::open(spec, path)?),
    })
}
