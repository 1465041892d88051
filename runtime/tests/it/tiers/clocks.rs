//! Clocks that jump: nobody asks for the time of day, so there is nothing to jump.

use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).expect("a folder of sources");
    for entry in entries {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}

/// Time on tiers is counted by clocks that only go forward, and peers tell each other spans. Tickets
/// alone have a date, since they may outlive a process; tiers use none.
#[test]
fn nothing_on_the_way_of_a_request_reads_the_time_of_day() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    sources(&own.join("src"), &mut found);
    sources(&own.join("../transport/src"), &mut found);
    assert!(found.len() > 100, "{}", found.len());
    let asks = |path: &&PathBuf| {
        let text = fs::read_to_string(path).expect("a source");
        text.contains("SystemTime") || text.contains("UNIX_EPOCH")
    };
    let names = |path: &PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let dated: Vec<_> = found.iter().filter(asks).filter_map(names).collect();
    assert_eq!(dated, ["ticket.rs"]);
    let tickets = |path: &&PathBuf| {
        let text = fs::read_to_string(path).expect("a source");
        path.starts_with(own.join("src")) && text.contains("Ticket")
    };
    assert_eq!(found.iter().find(tickets), None);
}
