//! Writes the vectors of the specification that are missing; never touches one that exists.

mod coder;
mod container;
mod lossless;
mod text;
#[path = "../../tests/it/vector_file.rs"]
#[allow(dead_code, reason = "shared with the tests, which also read")]
mod vector_file;

use std::io;

use aiflow_codec::bitstream::Version;
use vector_file::{folder, to_text};

fn main() -> io::Result<()> {
    let version = Version::CURRENT;
    let files = [
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
