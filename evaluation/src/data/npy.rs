//! Arrays in NumPy's `.npy` format, row by row.
//!
//! Rows are read when they are asked for, so a file may be larger than memory and its header is
//! believed only as far as the length of the file bears it out.

#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used)]

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use half::f16;
use ndarray::{ArrayD, IxDyn};

use super::bytes::MOST_BYTES;
use super::error::{DataError, FileProblem};
use super::pictures::{Sources, halves, number_in_source};
use super::spec::DataSpec;
use super::{Dataset, Origin, Sample};

/// Rows of an array, each an input of a model.
pub(super) struct Rows {
    name: String,
    sources: Sources,
    array: Array,
    labels: Option<Vec<usize>>,
    kept: Vec<usize>,
}

/// Opens the array, and the array of labels where the name gives one.
pub(super) fn open(spec: &DataSpec, path: &Path) -> Result<Rows, DataError> {
    let array = Array::open(path)?;
    let labels =
        spec.labels.as_deref().map(|labels| read_labels(labels, array.rows)).transpose()?;
    let label = |index: usize| labels.as_ref().and_then(|labels| labels.get(index).copied());
    let kept = spec.selection.keep(halves(array.rows, spec.part), label);
    if kept.is_empty() {
        return Err(DataError::Empty { name: spec.to_string() });
    }
    let mut sources = Sources::default();
    sources.push(0, path);
    Ok(Rows { name: spec.to_string(), sources, array, labels, kept })
}

fn read_labels(path: &Path, rows: usize) -> Result<Vec<usize>, DataError> {
    let array = Array::open(path)?;
    let unsupported = |what| DataError::malformed(path, FileProblem::Unsupported { what });
    if array.rows != rows {
        let counts = FileProblem::Counts { labels: array.rows, pictures: rows };
        return Err(DataError::malformed(path, counts));
    }
    if array.row_elements() != 1 || !array.element.is_integer() {
        return Err(unsupported("anything but one whole number as a label"));
    }
    let bytes = array.read(0, rows)?;
    array
        .element
        .integers(&bytes)
        .map(|label| usize::try_from(label).map_err(|_| unsupported("a negative label")))
        .collect()
}

impl Dataset for Rows {
    fn name(&self) -> &str {
        &self.name
    }

    fn len(&self) -> usize {
        self.kept.len()
    }

    fn label(&self, index: usize) -> Result<Option<usize>, DataError> {
        let index = number_in_source(&self.name, &self.kept, index)?;
        Ok(self.labels.as_ref().and_then(|labels| labels.get(index).copied()))
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        let label = self.label(index)?;
        let row = number_in_source(&self.name, &self.kept, index)?;
        let values = self.array.element.floats(&self.array.read(row, 1)?);
        let dims: Vec<usize> = [1].iter().chain(&self.array.row).copied().collect();
        let expected = (self.array.row_elements() * self.array.element.bytes()) as u64;
        let found = (values.len() * self.array.element.bytes()) as u64;
        let input = ArrayD::from_shape_vec(IxDyn(&dims), values).map_err(|_| {
            DataError::malformed(&self.array.path, FileProblem::Truncated { found, expected })
        })?;
        Ok(Sample { label, picture: None, input })
    }

    fn origin(&self, index: usize) -> Option<Origin<'_>> {
        self.kept.get(index).map(|&index| self.sources.origin(index))
    }
}

/// An array in a file: its header, checked against the length of the file.
struct Array {
    path: PathBuf,
    element: Element,
    rows: usize,
    row: Vec<usize>,
    start: u64,
}

impl Array {
    fn open(path: &Path) -> Result<Array, DataError> {
        let failed = |error| DataError::io(path, error);
        let problem = |problem| DataError::malformed(path, problem);
        let mut file = File::open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let mut head = Vec::new();
        file.by_ref().take(MOST_HEADER_BYTES).read_to_end(&mut head).map_err(failed)?;
        let header = Header::parse(&head).map_err(problem)?;
        let (&rows, row) = header
            .shape
            .split_first()
            .ok_or_else(|| problem(FileProblem::Unsupported { what: "an array without axes" }))?;
        let elements = row.iter().try_fold(1u64, |product, &dim| product.checked_mul(dim as u64));
        let row_bytes = elements
            .and_then(|elements| elements.checked_mul(header.element.bytes() as u64))
            .filter(|&bytes| bytes <= MOST_BYTES)
            .ok_or_else(|| problem(FileProblem::TooLarge { limit: MOST_BYTES }))?;
        if row_bytes == 0 {
            return Err(problem(FileProblem::Unsupported { what: "a row without elements" }));
        }
        let expected = row_bytes.saturating_mul(rows as u64);
        let found = length.saturating_sub(header.length);
        if found < expected {
            return Err(problem(FileProblem::Truncated { found, expected }));
        }
        if found > expected {
            return Err(problem(FileProblem::Trailing { expected }));
        }
        let (element, row, start) = (header.element, row.to_vec(), header.length);
        Ok(Array { path: path.to_owned(), element, rows, row, start })
    }

    fn row_elements(&self) -> usize {
        self.row.iter().product()
    }

    /// Reads the bytes of `count` rows.
    fn read(&self, first: usize, count: usize) -> Result<Vec<u8>, DataError> {
        let failed = |error| DataError::io(&self.path, error);
        let row_bytes = (self.row_elements() * self.element.bytes()) as u64;
        let mut file = File::open(&self.path).map_err(failed)?;
        file.seek(SeekFrom::Start(self.start + first as u64 * row_bytes)).map_err(failed)?;
        let mut bytes = Vec::new();
        file.take(row_bytes * count as u64).read_to_end(&mut bytes).map_err(failed)?;
        Ok(bytes)
    }
}

const MOST_HEADER_BYTES: u64 = 1 << 16;

#[derive(Debug, PartialEq)]
struct Header {
    element: Element,
    shape: Vec<usize>,
    /// Bytes before the first element.
    length: u64,
}

impl Header {
    /// Reads the magic, the version, the length of the text, and the text: a dictionary of Python.
    fn parse(head: &[u8]) -> Result<Header, FileProblem> {
        const WRONG: FileProblem = FileProblem::Format { format: "NumPy .npy" };
        let rest = head.strip_prefix(b"\x93NUMPY").ok_or(WRONG)?;
        let (version, rest) = rest.split_first_chunk::<2>().ok_or(WRONG)?;
        let (length, rest, before) = match version[0] {
            1 => {
                let (length, rest) = rest.split_first_chunk::<2>().ok_or(WRONG)?;
                (u32::from(u16::from_le_bytes(*length)), rest, 10)
            }
            2 | 3 => {
                let (length, rest) = rest.split_first_chunk::<4>().ok_or(WRONG)?;
                (u32::from_le_bytes(*length), rest, 12)
            }
            _ => return Err(FileProblem::Unsupported { what: "this version of .npy" }),
        };
        let text = rest.get(..length as usize).ok_or(WRONG)?;
        let text = std::str::from_utf8(text).map_err(|_| WRONG)?;
        let after = |key: &str| {
            text.split_once(key).map(|(_, rest)| rest.trim_start_matches([' ', ':'])).ok_or(WRONG)
        };
        let descr = after("'descr'")?.strip_prefix('\'').and_then(|text| text.split_once('\''));
        let element = Element::named(descr.ok_or(WRONG)?.0)?;
        if !after("'fortran_order'")?.starts_with("False") {
            return Err(FileProblem::Unsupported { what: "Fortran order (save a C-ordered copy)" });
        }
        let shape = after("'shape'")?.strip_prefix('(').and_then(|text| text.split_once(')'));
        let sizes = shape.ok_or(WRONG)?.0.split(',').map(str::trim).filter(|size| !size.is_empty());
        let shape: Vec<usize> =
            sizes.map(|size| size.parse().map_err(|_| WRONG)).collect::<Result<_, _>>()?;
        if shape.len() > MOST_AXES {
            return Err(FileProblem::Unsupported { what: "an array with more than 8 axes" });
        }
        Ok(Header { element, shape, length: before + u64::from(length) })
    }
}

const MOST_AXES: usize = 8;

/// The types of elements that are read; all little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Element {
    F16,
    F32,
    F64,
    U8,
    I32,
    I64,
}

impl Element {
    fn named(descr: &str) -> Result<Element, FileProblem> {
        match descr {
            "<f2" => Ok(Element::F16),
            "<f4" => Ok(Element::F32),
            "<f8" => Ok(Element::F64),
            "|u1" => Ok(Element::U8),
            "<i4" => Ok(Element::I32),
            "<i8" => Ok(Element::I64),
            _ => Err(FileProblem::Unsupported {
                what: "an element type other than float16, float32, float64, uint8, int32 and int64 in little-endian order",
            }),
        }
    }

    fn bytes(self) -> usize {
        match self {
            Element::U8 => 1,
            Element::F16 => 2,
            Element::F32 | Element::I32 => 4,
            Element::F64 | Element::I64 => 8,
        }
    }

    fn is_integer(self) -> bool {
        matches!(self, Element::U8 | Element::I32 | Element::I64)
    }

    fn floats(self, bytes: &[u8]) -> Vec<f32> {
        match self {
            Element::F16 => chunks(bytes).map(|b| f16::from_le_bytes(b).to_f32()).collect(),
            Element::F32 => chunks(bytes).map(f32::from_le_bytes).collect(),
            Element::F64 => chunks(bytes).map(|b| f64::from_le_bytes(b) as f32).collect(),
            Element::U8 | Element::I32 | Element::I64 => {
                self.integers(bytes).map(|value| value as f32).collect()
            }
        }
    }

    /// Returns the elements of an integer array; truncated ones of the others.
    fn integers(self, bytes: &[u8]) -> Box<dyn Iterator<Item = i64> + '_> {
        match self {
            Element::U8 => Box::new(bytes.iter().map(|&byte| byte.into())),
            Element::I32 => Box::new(chunks(bytes).map(|b| i32::from_le_bytes(b).into())),
            Element::I64 => Box::new(chunks(bytes).map(i64::from_le_bytes)),
            _ => Box::new(self.floats(bytes).into_iter().map(|value| value as i64)),
        }
    }
}

fn chunks<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> + '_ {
    bytes.chunks_exact(N).filter_map(|chunk| chunk.try_into().ok())
}
