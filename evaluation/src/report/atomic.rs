//! Files that are there completely or not at all.

use std::path::Path;

use aiflow_runtime::whole_file;

use crate::error::ReportError;

/// Writes a file through a temporary one in the same folder, which is then renamed over it.
///
/// # Errors
/// Reports the path when the folder is missing or not writable; the target is untouched then.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), ReportError> {
    let failed = |source| ReportError::Write { path: path.to_owned(), source };
    whole_file::write(path, bytes).map_err(failed)
}
