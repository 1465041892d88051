//! The planner is a pure function: its text names nothing that it could look at beside its
//! arguments, and no other part of the crate that does.

use std::path::{Path, PathBuf};

/// All files of the planner but its tests, with their text without comments.
fn sources() -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/planner");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&folder).expect("the planner's folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).expect("a text file");
            let code = text.lines().map(|line| line.split("//").next().unwrap_or_default());
            // The lifetime is no variable.
            found.push((path, code.collect::<Vec<_>>().join("\n").replace("'static", "")));
        }
    }
    found
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty())
}

#[test]
fn it_reads_no_clock_no_file_and_no_chance() {
    let forbidden = [
        "Instant",
        "SystemTime",
        "fs",
        "net",
        "env",
        "process",
        "thread",
        "io",
        "File",
        "rand",
        "getrandom",
        "fastrand",
        "HashMap",
        "HashSet",
        "RandomState",
        "async",
        "await",
        "static",
        "Mutex",
        "RefCell",
        "Cell",
        "OnceLock",
        "unsafe",
        "println",
        "eprintln",
        "print",
        "tokio",
    ];
    let sources = sources();
    assert!(sources.len() > 8, "{} files", sources.len());
    for (path, code) in &sources {
        let found: Vec<&str> = words(code).filter(|word| forbidden.contains(word)).collect();
        assert!(found.is_empty(), "{} names {found:?}", path.display());
    }
}

#[test]
fn it_depends_on_plain_data_alone() {
    let allowed = ["bundle", "cut", "profiler"];
    for (path, code) in sources() {
        for rest in code.split("crate::").skip(1) {
            let part = words(rest).next().unwrap_or_default();
            assert!(allowed.contains(&part), "{} uses crate::{part}", path.display());
        }
        for rest in code.split("use ").skip(1) {
            let root = words(rest).next().unwrap_or_default();
            let known = ["super", "self", "crate", "std", "core", "aiflow_units"];
            assert!(known.contains(&root), "{} uses {root}", path.display());
        }
        // Of the standard library only what compares, prints and collects.
        for rest in code.split("std::").skip(1) {
            let part = words(rest).next().unwrap_or_default();
            assert!(
                ["cmp", "fmt", "collections"].contains(&part),
                "{} std::{part}",
                path.display()
            );
        }
    }
}
