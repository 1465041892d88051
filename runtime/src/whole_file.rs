//! Files that are there whole or not at all, and the question whether one could be written.

use std::fs::Metadata;
use std::io::{self, ErrorKind, Write as _};
use std::path::Path;

use tempfile::{Builder, NamedTempFile};

/// Writes a file beside its place, makes sure that the disk has it, and renames it.
///
/// # Errors
/// As [`check`], and when the disk is full. What was there before stays then, and nothing else is left;
/// the error does not name the path.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = beside(path)?;
    // Through the file itself: the errors of its wrapper name the temporary path.
    file.as_file_mut().write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Finds out whether [`write()`] could write a file, so that long work need not be done for nothing.
///
/// Leaves nothing behind and does not touch what is there.
///
/// # Errors
/// When the path is a folder or another thing than a file, when its folder does not exist, or when
/// nothing can be written there. The error says what to do and does not name the path.
pub fn check(path: &Path) -> io::Result<()> {
    beside(path).map(drop)
}

/// Finds out whether things can be made in a folder; leaves nothing behind.
///
/// # Errors
/// When the folder does not exist or nothing can be written there. The error says what to do.
pub fn check_folder(folder: &Path) -> io::Result<()> {
    temporary(folder).map(drop)
}

fn beside(path: &Path) -> io::Result<NamedTempFile> {
    if path.metadata().as_ref().is_ok_and(Metadata::is_dir) {
        return Err(io::Error::new(ErrorKind::IsADirectory, "it is a folder; name a file"));
    }
    if path.metadata().is_ok_and(|found| !found.is_file()) {
        let words = "it is no ordinary file; name another one";
        return Err(io::Error::new(ErrorKind::AlreadyExists, words));
    }
    temporary(match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    })
}

fn temporary(folder: &Path) -> io::Result<NamedTempFile> {
    if !folder.is_dir() {
        let words = format!("there is no folder {}; make it or name another", folder.display());
        return Err(io::Error::new(ErrorKind::NotFound, words));
    }
    let mut builder = Builder::new();
    builder.prefix(".aiflow-");
    // Temporary files are private; what a program was asked to write is an ordinary file.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder).map_err(|error| {
        let kind = error.kind();
        let words = format!(
            "nothing can be written into {} ({kind}); name another folder",
            folder.display()
        );
        io::Error::new(kind, words)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_there_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let names = || std::fs::read_dir(folder.path()).expect("the folder").count();
        let path = folder.path().join("a.bin");
        check(&path).expect("it could be written");
        assert_eq!(names(), 0);
        write(&path, b"one").expect("a folder that exists");
        write(&path, b"two").expect("the file is replaced");
        check(&path).expect("it could be replaced");
        assert_eq!(std::fs::read(&path).expect("the file"), b"two");
        assert_eq!(names(), 1);
    }

    #[test]
    fn what_cannot_be_written_is_told_from_what_can() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let missing = folder.path().join("none").join("a.bin");
        for tried in [check(&missing), write(&missing, b"one")] {
            let error = tried.expect_err("there is no such folder");
            assert_eq!(error.kind(), ErrorKind::NotFound);
            let words = error.to_string();
            assert!(words.contains("none") && !words.contains(".aiflow-"), "{words}");
        }
        for tried in [check(folder.path()), write(folder.path(), b"one")] {
            assert_eq!(tried.expect_err("a folder").kind(), ErrorKind::IsADirectory);
        }
        assert!(check_folder(folder.path()).is_ok() && check_folder(&missing).is_err());
        assert_eq!(std::fs::read_dir(folder.path()).expect("the folder").count(), 0);
    }
}
