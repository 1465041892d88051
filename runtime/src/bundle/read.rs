//! Reading a bundle and believing nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;

use super::manifest::{FormatVersion, Manifest, StoredFile};
use super::{Bundle, BundleError, BundleLimits, path};
use crate::cut::CutId;
use crate::digest::Digest;

impl Bundle {
    /// Reads and checks the bundle in a folder, within the default limits.
    ///
    /// # Errors
    /// When it is no bundle, is of a version that is not known, is larger than the limits, or one
    /// of its files is missing or not the one that was written.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, BundleError> {
        Self::open_within(folder, BundleLimits::default())
    }

    /// Reads and checks the bundle in a folder, within given limits.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_within(
        folder: impl AsRef<Path>,
        limits: BundleLimits,
    ) -> Result<Self, BundleError> {
        let folder = folder.as_ref();
        let manifest = read_manifest(folder, limits)?;
        check_consistency(&manifest, &folder.display().to_string())?;
        let stored = stored_files(&manifest);
        let total = stored.iter().fold(0u64, |sum, file| sum.saturating_add(file.bytes));
        let too_large = |found, limit, unit| BundleError::TooLarge {
            path: folder.to_owned(),
            found,
            limit,
            unit,
        };
        if stored.len() > limits.files {
            return Err(too_large(stored.len() as u64, limits.files as u64, "files"));
        }
        if total > limits.total_bytes {
            return Err(too_large(total, limits.total_bytes, "bytes"));
        }
        let mut files = BTreeMap::new();
        for file in stored {
            let bytes = read_stored(folder, file, limits)?;
            files.insert(file.path.clone(), Arc::from(bytes));
        }
        Ok(Self { manifest, files, folder: Some(folder.to_owned()) })
    }
}

fn read_manifest(folder: &Path, limits: BundleLimits) -> Result<Manifest, BundleError> {
    let not_a_bundle = |reason| BundleError::NotABundle { path: folder.to_owned(), reason };
    match std::fs::metadata(folder) {
        Ok(found) if found.is_dir() => {}
        Ok(_) => return Err(not_a_bundle("a bundle is a folder")),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(BundleError::NotFound { path: folder.to_owned() });
        }
        Err(source) => return Err(io("open", folder, source)),
    }
    let path = folder.join(Manifest::FILE);
    if !path.is_file() {
        return Err(not_a_bundle("it has no file bundle.json"));
    }
    let bytes = read_bounded(&path, limits.manifest_bytes)?;
    let wrong = |error: &serde_json::Error| {
        let message = error.to_string();
        // The place stands in front already.
        let end = message.rfind(" at line ").unwrap_or(message.len());
        let message = message.get(..end).unwrap_or_default().to_owned();
        BundleError::Manifest { path: path.clone(), line: error.line(), message }
    };
    // Only the version first: nothing else is promised across major versions.
    let stamp: Stamp = serde_json::from_slice(&bytes).map_err(|error| wrong(&error))?;
    if stamp.format != Manifest::FORMAT {
        return Err(not_a_bundle("its bundle.json is that of something else"));
    }
    let known = FormatVersion::CURRENT.major;
    if stamp.version.major != known {
        let found = stamp.version.major;
        return Err(BundleError::Version { path: folder.to_owned(), found, known });
    }
    serde_json::from_slice(&bytes).map_err(|error| wrong(&error))
}

/// The part of a manifest that every version has.
#[derive(Deserialize)]
struct Stamp {
    format: String,
    version: FormatVersion,
}

fn read_stored(
    folder: &Path,
    file: &StoredFile,
    limits: BundleLimits,
) -> Result<Vec<u8>, BundleError> {
    let path = path::resolve(folder, &file.path)
        .ok_or_else(|| BundleError::Path { bundle: folder.to_owned(), path: file.path.clone() })?;
    // A link could lead anywhere, whatever its path looks like.
    let found = std::fs::symlink_metadata(&path)
        .map_err(|_| BundleError::Missing { path: path.clone() })?;
    if !found.is_file() || found.len() != file.bytes {
        return Err(BundleError::Changed { path });
    }
    let bytes = read_bounded(&path, limits.file_bytes)?;
    if bytes.len() as u64 != file.bytes || Digest::of(&bytes) != file.sha256 {
        return Err(BundleError::Changed { path });
    }
    Ok(bytes)
}

/// Reads a file that may have at most `limit` bytes.
fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, BundleError> {
    let file = File::open(path).map_err(|source| io("open", path, source))?;
    let length = file.metadata().map_err(|source| io("read", path, source))?.len();
    let too_large =
        |found| BundleError::TooLarge { path: path.to_owned(), found, limit, unit: "bytes" };
    if length > limit {
        return Err(too_large(length));
    }
    let mut bytes = Vec::new();
    // The file may have grown since.
    file.take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|source| io("read", path, source))?;
    if bytes.len() as u64 > limit { Err(too_large(bytes.len() as u64)) } else { Ok(bytes) }
}

/// Lists the files of a manifest.
fn stored_files(manifest: &Manifest) -> Vec<&StoredFile> {
    let of_cuts = manifest.cuts.iter().flat_map(|entry| {
        let profiles = entry.profiles.iter().map(|profile| &profile.file);
        profiles.chain(entry.extras.iter().map(|extra| &extra.file))
    });
    manifest.model.stored.iter().chain(of_cuts).collect()
}

/// Checks what serialisation cannot: that the parts of a manifest fit each other.
pub(super) fn check_consistency(manifest: &Manifest, bundle: &str) -> Result<(), BundleError> {
    let refuse =
        |problem: String| Err(BundleError::Inconsistent { bundle: bundle.to_owned(), problem });
    if !path::is_plain(&manifest.model.file_name) {
        return refuse(format!("`{}` is no name of a file", manifest.model.file_name));
    }
    let mut paths = BTreeSet::new();
    for file in stored_files(manifest) {
        if !paths.insert(file.path.as_str()) {
            return refuse(format!("two files have the path `{}`", file.path));
        }
    }
    let mut ids = BTreeSet::new();
    for entry in &manifest.cuts {
        let id = entry.cut.id;
        if !ids.insert(id) {
            return refuse(format!("cut {id} stands in it twice"));
        }
        let expected: Vec<&str> = entry.cut.tensor_names();
        let found: Vec<&str> = entry.profiles.iter().map(|p| p.tensor.as_str()).collect();
        if !found.is_empty() && found != expected {
            return refuse(format!("the profiles of cut {id} are not those of its tensors"));
        }
    }
    let cuts: Vec<CutId> = ids.into_iter().collect();
    match manifest.plan_sheet.as_ref().and_then(|sheet| sheet.problem(&cuts)) {
        Some(problem) => refuse(problem),
        None => Ok(()),
    }
}

fn io(doing: &'static str, path: &Path, source: std::io::Error) -> BundleError {
    BundleError::Io { doing, path: path.to_owned(), source }
}
