//! The IDX files of Fashion-MNIST and its relatives, packed with gzip or not.

#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used)]

use std::path::Path;

use super::Origin;
use super::bytes::{MOST_BYTES, read_gzip};
use super::error::{DataError, FileProblem};
use super::picture::Picture;
use super::pictures::{PictureSource, Sources};
use super::spec::Part;

const CLASSES: [&str; 10] = [
    "t-shirt",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
];

/// Grey pictures and their labels.
pub(super) struct Idx {
    sources: Sources,
    width: usize,
    height: usize,
    pixels: Vec<u8>,
    labels: Vec<u8>,
}

/// Reads the pictures and labels of a part.
pub(super) fn open(folder: &Path, part: Option<Part>) -> Result<Idx, DataError> {
    match part.unwrap_or(Part::All) {
        Part::Train => pair(folder, "train", 0),
        Part::Test => pair(folder, "t10k", 0),
        Part::All => {
            let mut all = pair(folder, "train", 0)?;
            let test = pair(folder, "t10k", all.labels.len())?;
            if (all.width, all.height) != (test.width, test.height) {
                let what = "train and test pictures of different sizes";
                return Err(DataError::malformed(folder, FileProblem::Unsupported { what }));
            }
            all.pixels.extend(test.pixels);
            all.labels.extend(test.labels);
            all.sources.append(test.sources);
            Ok(all)
        }
    }
}

fn pair(folder: &Path, prefix: &str, first: usize) -> Result<Idx, DataError> {
    let pictures = folder.join(format!("{prefix}-images-idx3-ubyte.gz"));
    let ([count, height, width], pixels) = read(&pictures)?;
    let path = folder.join(format!("{prefix}-labels-idx1-ubyte.gz"));
    let ([labelled], labels) = read(&path)?;
    if labelled != count {
        let counts = FileProblem::Counts { labels: labelled, pictures: count };
        return Err(DataError::malformed(path, counts));
    }
    if count > 0 && (width == 0 || height == 0) {
        let what = "a picture with no pixels";
        return Err(DataError::malformed(pictures, FileProblem::Unsupported { what }));
    }
    let beyond = labels.iter().position(|&label| usize::from(label) >= CLASSES.len());
    if let Some((index, &label)) = beyond.and_then(|index| Some((index, labels.get(index)?))) {
        let last = CLASSES.len() - 1;
        let name = path.display().to_string();
        return Err(DataError::Label { name, index, label: label.into(), last });
    }
    let mut sources = Sources::default();
    sources.push(first, &pictures);
    Ok(Idx { sources, width, height, pixels, labels })
}

/// Reads an array of bytes with `N` axes: zero, zero, the type (8: byte), `N`, then big-endian sizes.
fn read<const N: usize>(path: &Path) -> Result<([usize; N], Vec<u8>), DataError> {
    let mut bytes = read_gzip(path, MOST_BYTES)?;
    let header = 4 + 4 * N;
    let not_idx = || DataError::malformed(path, FileProblem::Format { format: "IDX" });
    if bytes.get(..4) != Some(&[0, 0, 8, N as u8]) {
        return Err(not_idx());
    }
    let sizes = bytes.get(4..header).ok_or_else(not_idx)?;
    let mut dims = [0; N];
    for (dim, size) in dims.iter_mut().zip(sizes.chunks(4)) {
        *dim = size.iter().fold(0, |sum, &byte| sum << 8 | usize::from(byte));
    }
    let found = (bytes.len() - header) as u64;
    let wanted = dims.iter().try_fold(1u64, |product, &dim| product.checked_mul(dim as u64));
    let expected = wanted.unwrap_or(u64::MAX);
    if found < expected {
        return Err(DataError::malformed(path, FileProblem::Truncated { found, expected }));
    }
    if found > expected {
        return Err(DataError::malformed(path, FileProblem::Trailing { expected }));
    }
    bytes.drain(..header);
    Ok((dims, bytes))
}

impl PictureSource for Idx {
    fn len(&self) -> usize {
        self.labels.len()
    }

    fn is_divided(&self) -> bool {
        true
    }

    fn class_names(&self) -> Vec<String> {
        CLASSES.map(str::to_owned).to_vec()
    }

    fn label(&self, index: usize) -> Option<usize> {
        self.labels.get(index).map(|&label| label.into())
    }

    fn origin(&self, index: usize) -> Origin<'_> {
        self.sources.origin(index)
    }

    fn picture(&self, index: usize) -> Result<Picture, DataError> {
        let pixels = self.pixels.chunks(self.width * self.height).nth(index).unwrap_or_default();
        Picture::new(self.width, self.height, 1, pixels.to_vec())
    }
}
