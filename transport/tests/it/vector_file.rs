//! The text format of vectors: cases of keys and values (`spec/vectors/README.md`).

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The folder of all vectors.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/vectors")
}

/// One case: its name and its fields in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) fields: Vec<(String, String)>,
}

impl Case {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.into(), fields: Vec::new() }
    }

    #[must_use]
    pub(crate) fn with(mut self, key: &str, value: impl ToString) -> Self {
        self.fields.push((key.into(), value.to_string()));
        self
    }

    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.fields.iter().find(|field| field.0 == key).map(|field| field.1.as_str())
    }

    pub(crate) fn text(&self, key: &str) -> &str {
        self.get(key).unwrap_or_else(|| panic!("case `{}` has no `{key}`", self.name))
    }

    pub(crate) fn bytes(&self, key: &str) -> Vec<u8> {
        from_hex(self.text(key))
    }
}

/// Writes a whole file.
pub(crate) fn to_text(comment: &str, cases: &[Case]) -> String {
    let mut out = String::new();
    comment.lines().for_each(|line| writeln!(out, "# {line}").expect("a string grows"));
    for case in cases {
        writeln!(out, "\n[{}]", case.name).expect("a string grows");
        for (key, value) in &case.fields {
            writeln!(out, "{}", format!("{key} = {value}").trim_end()).expect("a string grows");
        }
    }
    out
}

/// Reads a whole file.
pub(crate) fn from_text(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            cases.push(Case::new(name));
            continue;
        }
        let (key, value) = line.split_once('=').unwrap_or_else(|| panic!("no field: `{line}`"));
        let case = cases.last_mut().expect("a field stands before the first case");
        let (key, value) = (key.trim(), value.trim());
        assert!(case.get(key).is_none(), "`{key}` stands twice in `{}`", case.name);
        case.fields.push((key.into(), value.into()));
    }
    cases
}

pub(crate) fn to_hex(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "-".into();
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn from_hex(text: &str) -> Vec<u8> {
    if text == "-" {
        return Vec::new();
    }
    assert!(text.len().is_multiple_of(2) && text.is_ascii(), "half a byte in {text}");
    let byte = |place| u8::from_str_radix(&text[place..place + 2], 16).expect("two digits");
    (0..text.len()).step_by(2).map(byte).collect()
}
