//! The binary files of CIFAR-10.

#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use super::Origin;
use super::bytes::{MOST_BYTES, read_file};
use super::error::{DataError, FileProblem};
use super::picture::Picture;
use super::pictures::{PictureSource, Sources};
use super::spec::Part;

const SIDE: usize = 32;
const PIXELS: usize = SIDE * SIDE * 3;
/// A label and three planes.
const RECORD: usize = 1 + PIXELS;

const CLASSES: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/// Records of one or more files.
pub(super) struct Cifar {
    sources: Sources,
    records: Vec<u8>,
}

/// Reads the files of a part; every file may hold any number of whole records.
pub(super) fn open(folder: &Path, part: Option<Part>) -> Result<Cifar, DataError> {
    let mut records = Vec::new();
    let mut sources = Sources::default();
    for path in files(folder, part.unwrap_or(Part::All)) {
        let limit = MOST_BYTES.saturating_sub(records.len() as u64);
        let bytes = read_file(&path, limit)?;
        if bytes.is_empty() || bytes.len() % RECORD != 0 {
            let (bytes, record) = (bytes.len() as u64, RECORD as u64);
            return Err(DataError::malformed(path, FileProblem::Records { bytes, record }));
        }
        for (index, record) in bytes.chunks(RECORD).enumerate() {
            if let Some(&label) = record.first().filter(|&&label| label as usize >= CLASSES.len()) {
                return Err(DataError::Label {
                    name: path.display().to_string(),
                    index,
                    label: label.into(),
                    last: CLASSES.len() - 1,
                });
            }
        }
        sources.push(records.len() / RECORD, &path);
        records.extend(bytes);
    }
    Ok(Cifar { sources, records })
}

/// Batches 1 to 5 as far as they exist (at least the first), and the test batch.
fn files(folder: &Path, part: Part) -> Vec<PathBuf> {
    let batch = |number: usize| folder.join(format!("data_batch_{number}.bin"));
    let train = (1..=5).map(batch).enumerate();
    let train = train.filter(|(index, path)| *index == 0 || path.exists()).map(|(_, path)| path);
    let test = folder.join("test_batch.bin");
    match part {
        Part::Train => train.collect(),
        Part::Test => vec![test],
        Part::All => train.chain([test]).collect(),
    }
}

impl PictureSource for Cifar {
    fn len(&self) -> usize {
        self.records.len() / RECORD
    }

    fn is_divided(&self) -> bool {
        true
    }

    fn class_names(&self) -> Vec<String> {
        CLASSES.map(str::to_owned).to_vec()
    }

    fn label(&self, index: usize) -> Option<usize> {
        self.records.get(index * RECORD).map(|&label| label.into())
    }

    fn origin(&self, index: usize) -> Origin<'_> {
        self.sources.origin(index)
    }

    fn picture(&self, index: usize) -> Result<Picture, DataError> {
        let planes = self.records.chunks(RECORD).nth(index).and_then(|record| record.get(1..));
        Ok(Picture::from_planes(SIDE, SIDE, planes.unwrap_or_default()))
    }
}
