//! The text format of vectors: cases of keys and values.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The folder of all vectors.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/vectors")
}

/// One case: its name and its fields.
#[derive(Debug, Default)]
pub(crate) struct Case {
    pub(crate) name: String,
    fields: BTreeMap<String, String>,
}

impl Case {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.into(), fields: BTreeMap::new() }
    }

    #[must_use]
    pub(crate) fn with(mut self, key: &str, value: impl ToString) -> Self {
        self.fields.insert(key.into(), value.to_string());
        self
    }

    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.fields.get(key).map(String::as_str)
    }

    pub(crate) fn text(&self, key: &str) -> &str {
        self.get(key).unwrap_or_else(|| panic!("case `{}` has no `{key}`", self.name))
    }

    pub(crate) fn number(&self, key: &str) -> u64 {
        self.text(key).parse().unwrap_or_else(|_| panic!("`{key}` of `{}`", self.name))
    }

    pub(crate) fn numbers<T: std::str::FromStr>(&self, key: &str) -> Vec<T> {
        self.lists(key).into_iter().flatten().collect()
    }

    pub(crate) fn lists<T: std::str::FromStr>(&self, key: &str) -> Vec<Vec<T>> {
        let number = |word: &str| {
            word.parse().unwrap_or_else(|_| panic!("`{word}` in `{key}` of `{}`", self.name))
        };
        let text = self.text(key);
        if text == "-" {
            return Vec::new();
        }
        text.split(';').map(|list| list.split_whitespace().map(number).collect()).collect()
    }

    pub(crate) fn bytes(&self, key: &str) -> Vec<u8> {
        from_hex(self.text(key))
    }

    pub(crate) fn byte_strings(&self, key: &str) -> Vec<Vec<u8>> {
        self.text(key).split_whitespace().map(from_hex).collect()
    }

    fn write(&self, out: &mut String) {
        writeln!(out, "\n[{}]", self.name).unwrap();
        for (key, value) in &self.fields {
            writeln!(out, "{key} = {value}").unwrap();
        }
    }
}

/// Writes a whole file.
pub(crate) fn to_text(comment: &str, cases: &[Case]) -> String {
    let mut out = String::new();
    comment.lines().for_each(|line| writeln!(out, "# {line}").unwrap());
    cases.iter().for_each(|case| case.write(&mut out));
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
        let before = case.fields.insert(key.trim().into(), value.trim().into());
        assert!(before.is_none(), "`{key}` stands twice in `{}`", case.name);
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
    let digits: Vec<u8> =
        text.chars().map(|digit| digit.to_digit(16).expect("a hexadecimal digit") as u8).collect();
    assert!(digits.len().is_multiple_of(2), "half a byte in {text}");
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}
