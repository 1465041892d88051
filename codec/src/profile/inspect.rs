//! Explains a profile field by field.

use super::format::{MAGIC, VERSION};
use super::id_of;
use super::read::{ENVELOPE, check_envelope, read_content};
use crate::bitstream::FieldRow;
use crate::error::DecodeError;
use crate::limits::DecodeLimits;

/// The fields of a profile as far as it could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileInspection {
    /// The fields in the order of the bytes; a heading stands before the fields of each anchor and
    /// covers them all.
    pub rows: Vec<FieldRow>,
    /// What is wrong with the profile, if anything is.
    pub error: Option<DecodeError>,
}

/// Lists the fields of a profile, also of a damaged one.
///
/// The names are those of `spec/profile.md`; fields that are read together share a row. Bytes that
/// are no profile at all, or one of another version, give no fields beyond the version.
pub fn inspect(bytes: &[u8], limits: &DecodeLimits) -> ProfileInspection {
    let mut rows = Vec::new();
    let envelope = check_envelope(bytes, limits);
    let known = bytes.len() <= limits.max_profile_bytes() && bytes.starts_with(&MAGIC);
    let version = bytes.get(MAGIC.len()).copied().filter(|_| known);
    let Some(version) = version else {
        return ProfileInspection { rows, error: envelope.err() };
    };
    let row =
        |name, offset, length, value, meaning| FieldRow { name, offset, length, value, meaning };
    rows.push(row("magic", 0, MAGIC.len(), "AFPR".to_owned(), "a profile"));
    let number = format!("{}.{}", version >> 4, version & 0x0f);
    rows.push(row("version", MAGIC.len(), 1, number, "major and minor number of the format"));
    let end = bytes.len().saturating_sub(CHECKSUM).max(ENVELOPE);
    let (Some(content), true) = (bytes.get(ENVELOPE..end), version >> 4 == VERSION >> 4) else {
        return ProfileInspection { rows, error: envelope.err() };
    };
    let read = read_content(content, limits, Some(&mut rows));
    // The checksum only has a place when everything before it was read.
    if let (Ok(_), Some(&[a, b, c, d])) = (&read, bytes.get(end..)) {
        let value = format!("{:08x}", u32::from_le_bytes([a, b, c, d]));
        rows.push(row("checksum", end, CHECKSUM, value, "CRC32C of all bytes before it"));
        let id = id_of(bytes).to_string();
        rows.push(row("id", bytes.len(), 0, id, "SHA-256 of all bytes: not stored, the name"));
    }
    ProfileInspection { rows, error: envelope.err().or(read.err()) }
}

/// Bytes of the checksum.
const CHECKSUM: usize = 4;
