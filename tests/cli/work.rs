//! A folder for one test, and the program run in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// A folder that is removed after the test.
pub(crate) struct Work {
    folder: tempfile::TempDir,
}

/// What a run of the program gave.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) error: String,
}

impl Work {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder for the test") }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).expect("a file in the test's folder");
    }

    /// Runs the program in the folder; words are split at blanks.
    pub(crate) fn run(&self, words: &str) -> Ran {
        let output = Command::new(env!("CARGO_BIN_EXE_aiflow"))
            .args(words.split_whitespace())
            .current_dir(self.folder.path())
            .output();
        Ran::new(output.expect("the program starts"))
    }

    /// Runs the program, requires that it is done, and returns what it printed.
    pub(crate) fn done(&self, words: &str) -> String {
        let ran = self.run(words);
        assert_eq!(ran.code, Some(0), "aiflow {words}: {}", ran.error);
        // Long work says now and then how far it is, and nothing else.
        let other = ran.error.lines().find(|line| line.get(3..7) != Some(" %  "));
        assert_eq!(other, None, "aiflow {words}");
        ran.out
    }

    /// Runs the program with results as JSON.
    pub(crate) fn json(&self, words: &str) -> Value {
        let text = self.done(words);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("aiflow {words}: {error}"))
    }

    /// Names of all files and folders in the folder, also hidden ones.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).expect("the test's folder");
        let name = |entry: std::io::Result<std::fs::DirEntry>| {
            entry.expect("a readable entry").file_name().to_string_lossy().into_owned()
        };
        let mut names: Vec<String> = entries.map(name).collect();
        names.sort();
        names
    }
}

impl Ran {
    fn new(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8 text");
        Self { code: output.status.code(), out: text(output.stdout), error: text(output.stderr) }
    }
}

/// The model that ships with the project.
pub(crate) fn model() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/scenes-cnn/scenes-cnn.onnx");
    path.display().to_string()
}

/// Learns a small bundle once for all tests, and returns its folder.
pub(crate) fn bundle() -> &'static str {
    use std::sync::OnceLock;
    static BUNDLE: OnceLock<(Work, String)> = OnceLock::new();
    let (_, path) = BUNDLE.get_or_init(|| {
        let work = Work::new();
        work.done(&learn_words("small.bundle"));
        let path = work.path("small.bundle").display().to_string();
        (work, path)
    });
    path
}

/// How the bundle of [`bundle`] is learned.
pub(crate) fn learn_words(output: &str) -> String {
    format!("learn {} --data scenes:40@5 --cuts c06,c07 -o {output}", model())
}
