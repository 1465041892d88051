//! Reading and writing files with errors that name them; nothing half-written is left behind.

use std::path::{Path, PathBuf};

use aiflow::runtime::whole_file;
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
    whole_file::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

/// Refuses files that could not be written, before the work is done whose results they are to take;
/// `-` is standard output.
pub(crate) fn check<'a, P>(paths: impl IntoIterator<Item = &'a P>) -> anyhow::Result<()>
where
    P: AsRef<Path> + ?Sized + 'a,
{
    for path in paths.into_iter().map(AsRef::as_ref).filter(|path| *path != Path::new("-")) {
        whole_file::check(path).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// Refuses a folder that could not be made, or put in the place of the one that is there.
pub(crate) fn check_folder(path: &Path) -> anyhow::Result<()> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    whole_file::check_folder(parent).with_context(|| format!("cannot write {}", path.display()))
}

/// A file that was asked for, and what writes it.
pub(crate) type Job<'a> = (Option<&'a PathBuf>, &'a dyn Fn(&Path) -> anyhow::Result<()>);

/// Writes all files that were asked for, whatever becomes of the others, and names them.
///
/// Returns the paths of those that were written, and what went wrong with the rest.
pub(crate) fn write_all(jobs: &[Job<'_>]) -> (Vec<PathBuf>, anyhow::Result<()>) {
    let (mut written, mut failed) = (Vec::new(), Vec::new());
    for (path, job) in jobs {
        let Some(path) = path.filter(|path| path.as_os_str() != "-") else { continue };
        match job(path) {
            Ok(()) => written.push(path.clone()),
            Err(error) => failed.push(error),
        }
    }
    let first = match failed.len() {
        0 => return (written, Ok(())),
        1 => failed.remove(0),
        _ => {
            let words: Vec<String> = failed.iter().map(|error| format!("{error:#}")).collect();
            anyhow::anyhow!(words.join("; "))
        }
    };
    (written, Err(first))
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
        for error in [
            write(Path::new("no-such-folder/a.bin"), b"").expect_err("no folder"),
            check(["-", "a.bin", "no-such-folder/a.bin"]).expect_err("no folder"),
        ] {
            let words = format!("{error:#}");
            assert!(words.contains("cannot write no-such-folder/a.bin"), "{words}");
            assert!(words.contains("make it") && !words.contains(".aiflow"), "{words}");
        }
    }

    #[test]
    fn one_failure_keeps_no_other_file_from_being_written() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let (good, last) = (folder.path().join("good"), folder.path().join("last"));
        let bad = folder.path().join("none/bad");
        let job = |path: &Path| write(path, b"x");
        let jobs: [Job<'_>; 4] =
            [(Some(&good), &job), (Some(&bad), &job), (None, &job), (Some(&last), &job)];
        let (written, result) = write_all(&jobs);
        assert_eq!(written, [good.clone(), last.clone()]);
        assert!(result.expect_err("one cannot be written").to_string().contains("none/bad"));
        assert!(good.is_file() && last.is_file());
        let (_, result) = write_all(&[(Some(&bad), &job), (Some(&bad), &job)]);
        assert_eq!(result.expect_err("both").to_string().matches("cannot write").count(), 2);
    }
}
