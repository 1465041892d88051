//! Writing a bundle: all of it, or nothing.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::manifest::Manifest;
use super::{Bundle, BundleError, path};

/// What to do about a bundle that is there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Existing {
    /// Leave it and fail.
    #[default]
    Keep,
    /// Put the new one in its place.
    Replace,
}

impl Bundle {
    /// Writes the bundle as a folder.
    ///
    /// Everything is written into a folder beside the target first, which then takes its place, so
    /// that neither an error nor a crash leaves half a bundle behind. Something else than a bundle
    /// is never replaced.
    ///
    /// # Errors
    /// When something is in the way or the system refuses.
    pub fn write(&self, target: impl AsRef<Path>, existing: Existing) -> Result<(), BundleError> {
        let target = target.as_ref();
        let replaces = check_target(target, existing)?;
        let parent = match target.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        fs::create_dir_all(&parent).map_err(io("make the folder", &parent))?;
        let scratch = tempfile::Builder::new()
            .prefix(".aiflow-bundle-")
            .tempdir_in(&parent)
            .map_err(io("make a folder in", &parent))?;
        let fresh = scratch.path().join("new");
        self.write_into(&fresh)?;
        if replaces {
            let old = scratch.path().join("old");
            fs::rename(target, &old).map_err(io("replace", target))?;
            if let Err(source) = fs::rename(&fresh, target) {
                // Put back what was there; the first error is the one to report.
                let _ = fs::rename(&old, target);
                return Err(io("write", target)(source));
            }
        } else {
            fs::rename(&fresh, target).map_err(io("write", target))?;
        }
        Ok(())
    }

    /// Returns the bytes of the manifest.
    pub fn manifest_bytes(&self) -> Vec<u8> {
        // Texts, numbers and lists: nothing in a manifest can fail to be written.
        let mut bytes = serde_json::to_vec_pretty(&self.manifest).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    fn write_into(&self, folder: &Path) -> Result<(), BundleError> {
        fs::create_dir(folder).map_err(io("make the folder", folder))?;
        for (name, bytes) in &self.files {
            let path = path::resolve(folder, name).ok_or_else(|| BundleError::Path {
                bundle: folder.to_owned(),
                path: name.clone(),
            })?;
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent).map_err(io("make the folder", parent))?;
            }
            write_file(&path, bytes)?;
        }
        write_file(&folder.join(Manifest::FILE), &self.manifest_bytes())
    }
}

/// Tells whether a bundle is to be replaced; refuses everything else that is in the way.
fn check_target(target: &Path, existing: Existing) -> Result<bool, BundleError> {
    let Ok(found) = fs::symlink_metadata(target) else { return Ok(false) };
    let in_the_way = || BundleError::InTheWay { path: target.to_owned() };
    if !found.is_dir() {
        return Err(in_the_way());
    }
    let is_empty = fs::read_dir(target).map_err(io("read", target))?.next().is_none();
    if is_empty {
        return Ok(true);
    }
    if !target.join(Manifest::FILE).is_file() {
        return Err(in_the_way());
    }
    match existing {
        Existing::Keep => Err(BundleError::Exists { path: target.to_owned() }),
        Existing::Replace => Ok(true),
    }
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<(), BundleError> {
    let mut file = File::create_new(path).map_err(io("write", path))?;
    file.write_all(bytes).map_err(io("write", path))?;
    file.sync_all().map_err(io("write", path))
}

fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> BundleError {
    let path = path.to_owned();
    move |source| BundleError::Io { doing, path, source }
}
