//! Reading whole files with a limit on memory.

#![cfg_attr(not(test), deny(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used))]

use std::fs::File;
use std::io::Read;
use std::path::Path;

use flate2::read::MultiGzDecoder;

use super::error::{DataError, FileProblem};

/// The most bytes of one file that are kept in memory.
pub(super) const MOST_BYTES: u64 = 1 << 30;

/// Reads a file of at most `limit` bytes.
pub(super) fn read_file(path: &Path, limit: u64) -> Result<Vec<u8>, DataError> {
    let file = File::open(path).map_err(|error| DataError::io(path, error))?;
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| DataError::io(path, error))?;
    within(path, bytes, limit)
}

/// Reads and unpacks a gzip file; a plain file is read as it is.
pub(super) fn read_gzip(path: &Path, limit: u64) -> Result<Vec<u8>, DataError> {
    let packed = read_file(path, limit)?;
    if !packed.starts_with(&[0x1f, 0x8b]) {
        return Ok(packed);
    }
    let mut bytes = Vec::new();
    MultiGzDecoder::new(packed.as_slice())
        .take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|_| DataError::malformed(path, FileProblem::Gzip))?;
    within(path, bytes, limit)
}

fn within(path: &Path, bytes: Vec<u8>, limit: u64) -> Result<Vec<u8>, DataError> {
    if bytes.len() as u64 > limit {
        return Err(DataError::malformed(path, FileProblem::TooLarge { limit }));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    #[test]
    fn the_limit_holds_for_what_is_unpacked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("zeros.gz");
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&vec![0; 100_000]).unwrap();
        std::fs::write(&path, encoder.finish().unwrap()).unwrap();
        assert_eq!(read_gzip(&path, 100_000).unwrap().len(), 100_000);
        let error = read_gzip(&path, 99_999).unwrap_err().to_string();
        assert!(error.contains("limit of 99999 bytes"), "{error}");
        assert!(read_file(&path, 10).is_err());
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = read_file(Path::new("no/such/file.bin"), 1).unwrap_err().to_string();
        assert!(error.starts_with("cannot read no/such/file.bin: "), "{error}");
    }
}
