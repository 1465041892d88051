//! Paths inside a bundle.

use std::path::{Path, PathBuf};

/// Joins a path of the manifest to the folder, or refuses it.
///
/// Parts are separated by `/` and made of letters, digits, `.`, `-` and `_`; none is `.` or `..`,
/// starts with a dot, or is a device of some system. So no path leads out of the folder on any
/// system, and none means two different files on two systems.
pub(super) fn resolve(folder: &Path, path: &str) -> Option<PathBuf> {
    if path.len() > LONGEST {
        return None;
    }
    let mut joined = folder.to_owned();
    for part in path.split('/') {
        if !is_plain(part) {
            return None;
        }
        joined.push(part);
    }
    Some(joined)
}

/// Tells whether a text can be a part of a path.
pub(super) fn is_plain(part: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    let stem = part.split('.').next().unwrap_or_default().to_ascii_lowercase();
    !part.is_empty()
        && part.bytes().all(allowed)
        && !part.starts_with('.')
        && !part.ends_with('.')
        && !DEVICES.contains(&stem.as_str())
}

/// Makes a plain part out of any name.
pub(super) fn plain_name(name: &str, fallback: &str) -> String {
    let keep =
        |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '-' };
    let name: String = name.chars().map(keep).collect();
    let name = name.trim_matches('.');
    if is_plain(name) && name.len() <= 100 { name.to_owned() } else { fallback.to_owned() }
}

/// Names that are devices on one system, whatever their ending.
const DEVICES: [&str; 10] =
    ["con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "lpt1", "lpt2"];

const LONGEST: usize = 240;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_inside() {
        let folder = Path::new("b");
        assert_eq!(resolve(folder, "profiles/c01.0.afp"), Some(folder.join("profiles/c01.0.afp")));
        for path in [
            "",
            "/etc/passwd",
            "../x",
            "a/../x",
            "a//b",
            "./a",
            "a/.",
            "a/..",
            ".hidden",
            "a\\b",
            "C:/x",
            "C:x",
            "a b",
            "é",
            "nul",
            "profiles/NUL.afp",
            "a.",
            "a\0b",
            "~/x",
        ] {
            assert_eq!(resolve(folder, path), None, "{path:?}");
        }
        assert_eq!(resolve(folder, &"a/".repeat(200)), None);
    }

    #[test]
    fn any_name_becomes_a_plain_one() {
        assert_eq!(plain_name("resnet20.onnx", "m"), "resnet20.onnx");
        assert_eq!(plain_name("my model (1).onnx", "m"), "my-model--1-.onnx");
        assert_eq!(plain_name("..", "m"), "m");
        assert_eq!(plain_name("", "m"), "m");
    }
}
