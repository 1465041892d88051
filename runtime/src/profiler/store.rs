//! Profiles of machines as files.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::MachineProfile;
use crate::bundle::FormatVersion;
use crate::onnx::ModelId;
use crate::whole_file;

/// Why the profile of a machine cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// There is none at the path.
    #[error("no machine profile at {path}: measure one with `aiflow profile`")]
    NotFound {
        /// The path.
        path: PathBuf,
    },
    /// The file is something else.
    #[error("{path} is no machine profile: measure one with `aiflow profile`")]
    NotAProfile {
        /// The path.
        path: PathBuf,
    },
    /// The file cannot be understood.
    #[error("the machine profile {path} cannot be read (line {line}): {message}; measure it again")]
    Broken {
        /// The path.
        path: PathBuf,
        /// Line of the first thing that is wrong, from 1; 0 when no line is.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// The profile is of a version that this program does not know.
    #[error("the machine profile {path} has format version {found}, this program reads {known}")]
    Version {
        /// The path.
        path: PathBuf,
        /// Major version of the file.
        found: u16,
        /// Major version that can be read.
        known: u16,
    },
    /// The file is larger than any profile.
    #[error("the machine profile {path} has {found} {unit}, at most {limit} are read")]
    TooLarge {
        /// The path.
        path: PathBuf,
        /// How many there are.
        found: u64,
        /// How many there may be.
        limit: u64,
        /// What is counted.
        unit: &'static str,
    },
    /// The profile is of another model.
    #[error(
        "the machine profile {path} is of model {found:#}, the bundle is for {expected:#}; \
         measure it again"
    )]
    WrongModel {
        /// The path.
        path: PathBuf,
        /// Model of the profile.
        found: ModelId,
        /// Model that was expected.
        expected: ModelId,
    },
    /// The system refused.
    #[error("cannot {doing} {path}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// The path.
        path: PathBuf,
        /// What went wrong.
        source: std::io::Error,
    },
}

impl MachineProfile {
    /// Returns the path beside a bundle where its profile of this machine is kept.
    pub fn beside(bundle: &Path) -> PathBuf {
        let mut name = bundle.file_name().unwrap_or_default().to_owned();
        name.push(".profile.json");
        bundle.with_file_name(name)
    }

    /// Reads a profile of a model.
    ///
    /// # Errors
    /// When there is none, it is something else, of another version or model, or too large.
    pub fn read(path: &Path, model: ModelId) -> Result<Self, ProfileError> {
        let bytes = read_bounded(path)?;
        let profile = Self::parse(&bytes, path)?;
        if profile.model == model {
            return Ok(profile);
        }
        let (path, found) = (path.to_owned(), profile.model);
        Err(ProfileError::WrongModel { path, found, expected: model })
    }

    /// Reads a profile from the bytes of a file; `path` names it in errors.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Self, ProfileError> {
        let wrong = |error: &serde_json::Error| {
            let message = error.to_string();
            // The place stands in front already.
            let end = message.rfind(" at line ").unwrap_or(message.len());
            let message = message.get(..end).unwrap_or_default().to_owned();
            ProfileError::Broken { path: path.to_owned(), line: error.line(), message }
        };
        // Only the version first: nothing else is promised across major versions.
        let stamp: Stamp = serde_json::from_slice(bytes).map_err(|error| wrong(&error))?;
        if stamp.format != Self::FORMAT {
            return Err(ProfileError::NotAProfile { path: path.to_owned() });
        }
        let (found, known) = (stamp.version.major, Self::VERSION.major);
        if found != known {
            return Err(ProfileError::Version { path: path.to_owned(), found, known });
        }
        let profile: Self = serde_json::from_slice(bytes).map_err(|error| wrong(&error))?;
        let lists = [
            (profile.cuts.len(), "cuts"),
            (profile.segments.len(), "segments"),
            (profile.codings.len(), "codings"),
            (profile.warnings.len(), "warnings"),
        ];
        for (length, unit) in lists {
            let (found, limit) = (length as u64, MOST_ENTRIES);
            if found > limit {
                return Err(ProfileError::TooLarge { path: path.to_owned(), found, limit, unit });
            }
        }
        Ok(profile)
    }

    /// Returns the bytes of the file.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Texts, numbers and lists: nothing in a profile can fail to be written.
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// Writes the profile beside its place and renames it, so that it is there whole or not at all.
    ///
    /// # Errors
    /// When the folder is missing or the system refuses; what was there before stays then.
    pub fn write(&self, path: &Path) -> Result<(), ProfileError> {
        let refused = |source| ProfileError::Io { doing: "write", path: path.to_owned(), source };
        whole_file::write(path, &self.to_bytes()).map_err(refused)
    }
}

/// The part of a profile that every version has.
#[derive(Deserialize)]
struct Stamp {
    format: String,
    version: FormatVersion,
}

fn read_bounded(path: &Path) -> Result<Vec<u8>, ProfileError> {
    let refused = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::NotFound => ProfileError::NotFound { path: path.to_owned() },
        _ => ProfileError::Io { doing: "read", path: path.to_owned(), source },
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(refused)?;
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(refused)?;
    let found = bytes.len() as u64;
    if found > MOST_BYTES {
        let (path, limit, unit) = (path.to_owned(), MOST_BYTES, "bytes");
        return Err(ProfileError::TooLarge { path, found, limit, unit });
    }
    Ok(bytes)
}

/// A profile of fifty cuts with twenty codings each has about a megabyte.
const MOST_BYTES: u64 = 8 << 20;
/// Entries of one list.
const MOST_ENTRIES: u64 = 16_384;
