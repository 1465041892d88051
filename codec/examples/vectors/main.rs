//! Writes the vectors of the specification that are missing; never touches one that exists.

mod coder;
mod container;
#[cfg(feature = "learn")]
mod levels;
mod lossless;
#[cfg(feature = "learn")]
#[path = "../../tests/it/sample.rs"]
#[allow(dead_code, reason = "shared with the tests, which also damage frames")]
mod sample;
mod text;
#[path = "../../tests/it/vector_file.rs"]
#[allow(dead_code, reason = "shared with the tests, which also read")]
mod vector_file;

use std::io;

use aiflow_codec::bitstream::Version;
use vector_file::{Case, folder, to_text};

fn main() -> io::Result<()> {
    let version = Version::CURRENT;
    let mut files = vec![
        ("varint", "values", "codec.md 3.2", coder::varints()),
        ("rans", "symbols", "codec.md 5.2 and 5.3", coder::symbols()),
        ("rans", "uniform", "codec.md 5.4", coder::uniform()),
        ("rans", "errors", "codec.md 5.2 and 5.3: damaged payloads", coder::rans_errors()),
        ("tables", "sets", "codec.md 5.6", coder::tables()),
        ("tables", "errors", "codec.md 5.6: sets that are refused", coder::table_errors()),
        ("frame", "forms", "codec.md 4.2 and 4.3", container::frames()),
        ("frame", "prefixes", "codec.md 4.5", container::prefixes()),
        ("frame", "errors", "codec.md 4: frames that are refused", container::frame_errors()),
        ("lossless", "tensors", "codec.md 6", lossless::lossless()),
        ("lossless", "errors", "codec.md 6: frames that are refused", lossless::lossless_errors()),
    ];
    add_levels(&mut files)?;
    for (area, name, comment, cases) in files {
        let folder = folder().join(area);
        std::fs::create_dir_all(&folder)?;
        let path = folder.join(format!("{version}_{name}.txt"));
        if !path.exists() {
            std::fs::write(path, to_text(comment, &cases))?;
        }
    }
    Ok(())
}

/// A file: its area, its name, what it is about, and its cases.
type File = (&'static str, &'static str, &'static str, Vec<Case>);

#[cfg(feature = "learn")]
fn add_levels(files: &mut Vec<File>) -> io::Result<()> {
    levels::write_profiles()?;
    files.push(("profile", "files", "profile.md", levels::profiles()));
    files.push(("levels", "frames", "codec.md 7 to 10", levels::levels()));
    files.push(("levels", "errors", "codec.md 7: frames that are refused", levels::level_errors()));
    files.push(("levels", "filled", "codec.md 7.1: payloads that are filled up", levels::filled()));
    Ok(())
}

/// Profiles are learned, so that their vectors need that feature.
#[cfg(not(feature = "learn"))]
fn add_levels(_: &mut Vec<File>) -> io::Result<()> {
    Ok(())
}
