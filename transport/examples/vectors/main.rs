//! Writes the vectors of the protocol that are missing; never touches one that exists.

mod accepted;
mod refused;
#[path = "../../tests/it/samples.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod samples;
#[path = "../../tests/it/vector_file.rs"]
#[allow(dead_code, reason = "shared with the tests, which also read")]
mod vector_file;

use std::io;

use vector_file::{folder, to_text};

fn main() -> io::Result<()> {
    let files = [
        ("integers", "protocol.md 1.3", accepted::integers()),
        ("messages", "protocol.md 4 to 7: messages and streams", accepted::messages()),
        ("unknown", "protocol.md 4: what a receiver does not know", accepted::unknown()),
        ("setups", "protocol.md 8.1: two SETUPs to one agreement", accepted::agreements()),
        ("integers_refused", "protocol.md 1.3: refused", refused::integers()),
        ("framing_refused", "protocol.md 3 and 4: refused", refused::framing()),
        ("setup_refused", "protocol.md 5.1: refused", refused::setup()),
        ("control_refused", "protocol.md 5: refused", refused::control()),
        ("requests_refused", "protocol.md 6: refused", refused::requests()),
        ("streams_refused", "protocol.md 7: refused", refused::streams()),
    ];
    let folder = folder().join("protocol");
    std::fs::create_dir_all(&folder)?;
    for (name, comment, cases) in files {
        let path = folder.join(format!("{VERSION}_{name}.txt"));
        if !path.exists() {
            std::fs::write(path, to_text(comment, &cases))?;
        }
    }
    Ok(())
}

/// The version of the protocol, as in its ALPN token.
const VERSION: &str = "1";
