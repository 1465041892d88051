//! Data sets of pictures: a source, a selection and the preprocessing of a model.

#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used)]

use std::path::Path;

use super::error::DataError;
use super::picture::Picture;
use super::preprocess::Preprocess;
use super::spec::{DataSpec, Part};
use super::{Dataset, Origin, Sample};

/// Pictures with labels, before any model is known.
pub(super) trait PictureSource: Send + Sync {
    /// Returns the number of pictures.
    fn len(&self) -> usize;

    /// Returns whether the pictures were read from files of the wanted part already.
    fn is_divided(&self) -> bool;

    /// Returns the names of the classes.
    fn class_names(&self) -> Vec<String>;

    /// Returns the label of a picture; called with indices below `len` only.
    fn label(&self, index: usize) -> Option<usize>;

    /// Returns which file or generator a picture comes from; called with indices below `len` only.
    fn origin(&self, index: usize) -> Origin<'_>;

    /// Reads a picture; called with indices below `len` only.
    fn picture(&self, index: usize) -> Result<Picture, DataError>;
}

/// A data set of pictures.
pub(super) struct Pictures<S> {
    name: String,
    class_names: Vec<String>,
    kept: Vec<usize>,
    preprocess: Preprocess,
    source: S,
}

impl<S: PictureSource> Pictures<S> {
    /// Selects pictures of a source.
    pub(super) fn new(
        spec: &DataSpec,
        preprocess: Preprocess,
        source: S,
    ) -> Result<Pictures<S>, DataError> {
        let part = if source.is_divided() { None } else { spec.part };
        let kept = spec.selection.keep(halves(source.len(), part), |index| source.label(index));
        if kept.is_empty() {
            return Err(DataError::Empty { name: spec.to_string() });
        }
        Ok(Pictures {
            name: spec.to_string(),
            class_names: source.class_names(),
            kept,
            preprocess,
            source,
        })
    }

    fn at(&self, index: usize) -> Result<usize, DataError> {
        number_in_source(&self.name, &self.kept, index)
    }
}

/// Returns the samples of a part of a source that has no parts of its own.
pub(super) fn halves(len: usize, part: Option<Part>) -> impl Iterator<Item = usize> {
    let (first, step) = match part {
        None | Some(Part::All) => (0, 1),
        Some(Part::Train) => (0, 2),
        Some(Part::Test) => (1, 2),
    };
    (first..len).step_by(step)
}

/// Returns the number in the source of a kept sample.
pub(super) fn number_in_source(
    name: &str,
    kept: &[usize],
    index: usize,
) -> Result<usize, DataError> {
    kept.get(index).copied().ok_or_else(|| DataError::NoSample {
        name: name.to_owned(),
        count: kept.len(),
        index,
    })
}

/// Sources joined end to end, each with the number of its first sample.
#[derive(Default)]
pub(super) struct Sources {
    starts: Vec<(usize, String)>,
}

impl Sources {
    /// Adds a file or folder whose samples start at `first`; one path has one name.
    pub(super) fn push(&mut self, first: usize, path: &Path) {
        let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        self.starts.push((first, path.display().to_string()));
    }

    /// Adds sources that start after these.
    pub(super) fn append(&mut self, later: Sources) {
        self.starts.extend(later.starts);
    }

    /// Returns the source of a sample and its number there.
    pub(super) fn origin(&self, index: usize) -> Origin<'_> {
        let source = self.starts.iter().rev().find(|(first, _)| *first <= index);
        match source {
            Some((first, source)) => Origin { source, index: index - first },
            None => Origin { source: "", index },
        }
    }
}

impl<S: PictureSource> Dataset for Pictures<S> {
    fn name(&self) -> &str {
        &self.name
    }

    fn len(&self) -> usize {
        self.kept.len()
    }

    fn class_names(&self) -> &[String] {
        &self.class_names
    }

    fn label(&self, index: usize) -> Result<Option<usize>, DataError> {
        let Some(own) = self.source.label(self.at(index)?) else { return Ok(None) };
        let label = self.preprocess.label(own);
        match self.preprocess.classes() {
            Some(classes) if label >= classes => Err(DataError::Label {
                name: self.name.clone(),
                index,
                label: label as u64,
                last: classes - 1,
            }),
            _ => Ok(Some(label)),
        }
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        let label = self.label(index)?;
        let picture = self.preprocess.fit(&self.source.picture(self.at(index)?)?)?;
        let input = self.preprocess.tensor(&picture)?;
        Ok(Sample { label, picture: Some(picture), input })
    }

    fn origin(&self, index: usize) -> Option<Origin<'_>> {
        self.kept.get(index).map(|&index| self.source.origin(index))
    }
}
