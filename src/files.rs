//! Reading and writing files with errors that name them; nothing half-written is left behind.

use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, bail};

/// Reads a whole file of at most `limit` bytes.
pub(crate) fn read(path: &Path, limit: u64) -> anyhow::Result<Vec<u8>> {
    let size =
        std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
    if size.is_dir() {
        bail!("{} is a folder where a file is needed", path.display());
    }
    if size.len() > limit {
        bail!("{} has {} bytes, at most {limit} are read", path.display(), size.len());
    }
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Writes a file beside its place and then renames it, so that it is there whole or not at all.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let wrong = || format!("cannot write {}: check that its folder exists", path.display());
    let mut file = tempfile::NamedTempFile::new_in(folder).with_context(wrong)?;
    file.write_all(bytes).with_context(wrong)?;
    readable_by_all(file.as_file()).with_context(wrong)?;
    file.persist(path).with_context(wrong)?;
    Ok(())
}

/// Temporary files are private; what a command was asked to write is an ordinary file.
#[cfg(unix)]
fn readable_by_all(file: &std::fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable_by_all(_: &std::fs::File) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_there_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let path = folder.path().join("a.bin");
        write(&path, b"one").expect("a folder that exists");
        write(&path, b"two").expect("the file is replaced");
        assert_eq!(read(&path, 3).expect("a small file"), b"two");
        assert_eq!(std::fs::read_dir(folder.path()).expect("the folder").count(), 1);
        assert!(read(&path, 2).expect_err("too large").to_string().contains("at most 2"));
        assert!(read(folder.path(), 9).expect_err("a folder").to_string().contains("is a folder"));
    }

    #[test]
    fn a_missing_folder_is_named() {
        let error = write(Path::new("no-such-folder/a.bin"), b"").expect_err("no folder");
        assert!(error.to_string().contains("cannot write no-such-folder/a.bin"));
    }
}
