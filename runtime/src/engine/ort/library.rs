//! Finding the shared library and loading it once.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use ::ort::environment::Environment;

use super::OrtEngine;
use crate::engine::LoadError;

/// The library that this process uses.
pub(super) struct Loaded {
    pub(super) environment: Environment,
    pub(super) path: PathBuf,
    pub(super) version: String,
}

/// A place where the library may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::engine) struct Found {
    pub(in crate::engine) path: PathBuf,
    pub(in crate::engine) because: &'static str,
}

/// Loads the library, or hands out the one that is loaded.
pub(super) fn load() -> Result<&'static Loaded, LoadError> {
    static LOADED: OnceLock<Loaded> = OnceLock::new();
    static LOADING: Mutex<()> = Mutex::new(());
    if let Some(loaded) = LOADED.get() {
        return Ok(loaded);
    }
    let guard = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(loaded) = LOADED.get() {
        return Ok(loaded);
    }
    let mut problems = Vec::new();
    for found in candidates() {
        match try_load(&found.path) {
            Ok(loaded) => {
                let loaded = LOADED.get_or_init(|| loaded);
                drop(guard);
                return Ok(loaded);
            }
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() {
        problems.push("no library of ONNX Runtime was found".to_owned());
    }
    Err(LoadError::Unavailable {
        engine: OrtEngine::NAME,
        detail: problems.join("; "),
        how_to_get: OrtEngine::HOW_TO_GET,
    })
}

fn try_load(path: &Path) -> Result<Loaded, String> {
    let builder = ::ort::init_from(path).map_err(|error| error.to_string())?;
    let environment = builder
        .with_name("aiflow")
        .with_telemetry(false)
        .build()
        .map_err(|error| error.to_string())?;
    environment.set_log_level(::ort::logging::LogLevel::Error);
    let version = version(path, ::ort::info());
    Ok(Loaded { environment, path: path.to_owned(), version })
}

/// Reads the version from the library's build information, else from its file name.
fn version(path: &Path, info: &str) -> String {
    let branch = info.split("git-branch=").nth(1).and_then(|rest| rest.split(',').next());
    let branch = branch.and_then(|branch| branch.strip_prefix("rel-"));
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let suffix = name.split(".so.").nth(1);
    branch.or(suffix).unwrap_or("unknown").to_owned()
}

/// Lists where the library may be, best first.
pub(in crate::engine) fn candidates() -> Vec<Found> {
    if let Some(path) = std::env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty()) {
        return vec![Found { path: path.into(), because: "ORT_DYLIB_PATH names it" }];
    }
    let mut found = Vec::new();
    let executable = std::env::current_exe().ok();
    if let Some(path) = executable.as_deref().and_then(Path::parent).and_then(library_in) {
        found.push(Found { path, because: "it lies beside the executable" });
    }
    let package = python_package().map(|package| package.join("capi"));
    if let Some(path) = package.as_deref().and_then(library_in) {
        found.push(Found { path, because: "the active Python has the package onnxruntime" });
    }
    found
}

/// Finds the library in a folder; of several versions the last by name.
fn library_in(folder: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter(|name| is_library(name)).max().map(|name| folder.join(name))
}

fn is_library(name: &str) -> bool {
    let unix = name.strip_prefix("libonnxruntime.");
    name == "onnxruntime.dll"
        || unix.is_some_and(|rest| {
            rest == "so" || rest.starts_with("so.") || rest == "dylib" || rest.ends_with(".dylib")
        })
}

/// Asks Python where its onnxruntime package is, without importing it.
fn python_package() -> Option<PathBuf> {
    ["python3", "python"].iter().find_map(|python| ask(python))
}

fn ask(python: &str) -> Option<PathBuf> {
    let mut child = Command::new(python)
        .args(["-c", QUESTION])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let started = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => break,
            Ok(None) if started.elapsed() < PATIENCE => thread::sleep(POLL),
            _ => {
                // Gone, failed or too slow: whichever it is, there is no answer to wait for.
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
        }
    }
    let mut answer = String::new();
    child.stdout?.take(MAX_ANSWER).read_to_string(&mut answer).ok()?;
    let path = PathBuf::from(answer.trim());
    path.is_absolute().then_some(path)
}

/// Prints the folder of the package, if there is one.
const QUESTION: &str = "import importlib.util as u
s = u.find_spec('onnxruntime')
print(next(iter(s.submodule_search_locations)) if s else '')";

/// How long Python may take; starting it takes a tenth of a second.
const PATIENCE: Duration = Duration::from_secs(5);

const POLL: Duration = Duration::from_millis(10);

/// Longest path that is believed, in bytes.
const MAX_ANSWER: u64 = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_told_by_name() {
        for name in ["libonnxruntime.so", "libonnxruntime.so.1.31.1", "libonnxruntime.1.31.1.dylib"]
        {
            assert!(is_library(name), "{name}");
        }
        for name in ["libonnxruntime_providers_shared.so", "onnxruntime.py", "libonnxruntime.txt"] {
            assert!(!is_library(name), "{name}");
        }
    }

    #[test]
    fn the_version_comes_from_the_build_or_the_name() {
        let info = "ORT Build Info: git-branch=rel-1.31.1, git-commit-id=abc, build type=Release";
        assert_eq!(version(Path::new("x"), info), "1.31.1");
        assert_eq!(version(Path::new("/a/libonnxruntime.so.1.30.0"), "built here"), "1.30.0");
        assert_eq!(version(Path::new("/a/onnxruntime.dll"), ""), "unknown");
    }

    #[test]
    fn a_program_that_does_not_answer_like_python_is_no_python() {
        assert_eq!(ask("aiflow-no-such-program"), None);
    }
}
