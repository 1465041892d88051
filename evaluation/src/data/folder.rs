//! Folders of JPEG and PNG files.

#![deny(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::{Component, Path, PathBuf};

use image::{DynamicImage, ImageReader, Limits};

use super::Origin;
use super::bytes::read_file;
use super::error::{DataError, FileProblem};
use super::picture::Picture;
use super::pictures::{PictureSource, Sources};

/// The largest file that is read.
const MOST_FILE_BYTES: u64 = 1 << 26;
/// The most memory that decoding a picture may take.
const MOST_PICTURE_BYTES: u64 = 1 << 28;
const LONGEST_SIDE: u32 = 1 << 14;
/// The largest table of labels that is read.
const MOST_TABLE_BYTES: u64 = 1 << 26;
/// The largest label, so that a table cannot ask for any number of class names it likes.
const LAST_LABEL: usize = 65_535;

/// Files, each with its class where that is known.
pub(super) struct Folder {
    sources: Sources,
    files: Vec<(PathBuf, Option<usize>)>,
    class_names: Vec<String>,
}

/// Lists the files of a folder.
///
/// With a file `labels.tsv` (index, identifier, file name, class name; tabs between them), the
/// samples are its lines in their order. Else the sub-folders in alphabetical order are the classes.
/// A folder with neither gives samples with no label.
pub(super) fn open(folder: &Path) -> Result<Folder, DataError> {
    let mut sources = Sources::default();
    sources.push(0, folder);
    let table = folder.join("labels.tsv");
    if table.exists() {
        let (files, class_names) = listed(folder, &table)?;
        return Ok(Folder { sources, files, class_names });
    }
    let (folders, own) = entries(folder)?;
    if folders.is_empty() {
        let files = own.into_iter().map(|file| (file, None)).collect();
        return Ok(Folder { sources, files, class_names: Vec::new() });
    }
    let mut files = Vec::new();
    let mut class_names = Vec::new();
    for (class, folder) in folders.iter().enumerate() {
        files.extend(entries(folder)?.1.into_iter().map(|file| (file, Some(class))));
        let name = folder.file_name().unwrap_or_default();
        class_names.push(name.to_string_lossy().into_owned());
    }
    Ok(Folder { sources, files, class_names })
}

/// Returns the sub-folders and the pictures of a folder, both sorted.
fn entries(folder: &Path) -> Result<(Vec<PathBuf>, Vec<PathBuf>), DataError> {
    let failed = |error| DataError::io(folder, error);
    let (mut folders, mut pictures) = (Vec::new(), Vec::new());
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            folders.push(path);
        } else if is_picture(&path) {
            pictures.push(path);
        }
    }
    folders.sort();
    pictures.sort();
    Ok((folders, pictures))
}

fn is_picture(path: &Path) -> bool {
    let extension = path.extension().map(|extension| extension.to_ascii_lowercase());
    extension
        .is_some_and(|extension| ["jpg", "jpeg", "png"].iter().any(|known| extension == *known))
}

type Listed = (Vec<(PathBuf, Option<usize>)>, Vec<String>);

fn listed(folder: &Path, table: &Path) -> Result<Listed, DataError> {
    let text = read_file(table, MOST_TABLE_BYTES)?;
    let text = String::from_utf8_lossy(&text);
    let mut files = Vec::new();
    let mut names = BTreeMap::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let wrong = || DataError::malformed(table, FileProblem::Line { line: number + 1 });
        let mut columns = line.split('\t');
        let (Some(label), Some(id), Some(file)) = (columns.next(), columns.next(), columns.next())
        else {
            return Err(wrong());
        };
        let label: usize = label.trim().parse().map_err(|_| wrong())?;
        if label > LAST_LABEL {
            return Err(DataError::Label {
                name: table.display().to_string(),
                index: files.len(),
                label: label as u64,
                last: LAST_LABEL,
            });
        }
        let inside = Path::new(file).components().all(|part| matches!(part, Component::Normal(_)));
        if file.is_empty() || !inside {
            return Err(wrong());
        }
        files.push((folder.join(file), Some(label)));
        names.entry(label).or_insert_with(|| columns.next().unwrap_or(id).to_owned());
    }
    let count = names.last_key_value().map_or(0, |(&label, _)| label + 1);
    let class_names = (0..count).map(|label| names.remove(&label).unwrap_or_default()).collect();
    Ok((files, class_names))
}

/// Decodes a JPEG or PNG file.
fn read_picture(path: &Path) -> Result<Picture, DataError> {
    let failed = |source| DataError::Picture { path: path.to_owned(), source };
    let bytes = read_file(path, MOST_FILE_BYTES)?;
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|error| DataError::io(path, error))?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(LONGEST_SIDE);
    limits.max_image_height = Some(LONGEST_SIDE);
    limits.max_alloc = Some(MOST_PICTURE_BYTES);
    reader.limits(limits);
    let decoded = reader.decode().map_err(failed)?;
    let (width, height) = (decoded.width() as usize, decoded.height() as usize);
    match decoded {
        DynamicImage::ImageLuma8(grey) => Picture::new(width, height, 1, grey.into_raw()),
        other => Picture::new(width, height, 3, other.into_rgb8().into_raw()),
    }
}

impl PictureSource for Folder {
    fn len(&self) -> usize {
        self.files.len()
    }

    fn is_divided(&self) -> bool {
        false
    }

    fn class_names(&self) -> Vec<String> {
        self.class_names.clone()
    }

    fn label(&self, index: usize) -> Option<usize> {
        self.files.get(index).and_then(|(_, label)| *label)
    }

    fn origin(&self, index: usize) -> Origin<'_> {
        self.sources.origin(index)
    }

    fn picture(&self, index: usize) -> Result<Picture, DataError> {
        let path = self.files.get(index).map(|(path, _)| path.as_path()).unwrap_or(Path::new(""));
        read_picture(path)
    }
}
