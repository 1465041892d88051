//! `aiflow doctor`: what this machine offers and what is missing.

use std::path::Path;

use aiflow::runtime::engine::{CpuFeature, EngineStatus, cpu_features, discover};
use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::args::Format;
use crate::output;

/// Say which engines and data were found, and how to get what is missing
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Doctor {
    #[command(flatten)]
    format: Format,
}

#[derive(Debug, Serialize)]
struct Report {
    version: &'static str,
    system: String,
    threads: usize,
    cpu_features: Vec<CpuFeature>,
    engines: Vec<EngineStatus>,
    data: DataState,
}

/// What `AIFLOW_DATA` points to: the real data of the tests.
#[derive(Debug, Serialize)]
struct DataState {
    variable: &'static str,
    path: Option<String>,
    present: Vec<&'static str>,
    missing: Vec<&'static str>,
}

impl Doctor {
    pub(crate) fn run(self) -> Result<()> {
        let report = Report::new();
        if self.format.json { output::json(&report) } else { output::text(&report.to_string()) }
    }
}

impl Report {
    fn new() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            cpu_features: cpu_features(),
            engines: discover(),
            data: DataState::new(std::env::var(VARIABLE).ok()),
        }
    }
}

impl DataState {
    fn new(path: Option<String>) -> Self {
        let root = path.as_deref().map(Path::new);
        let there = |part: &&&str| root.is_some_and(|root| root.join(part).exists());
        let (present, missing) = PARTS.iter().partition::<Vec<_>, _>(there);
        Self { variable: VARIABLE, path, present, missing }
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "aiflow {} on {}, {} threads", self.version, self.system, self.threads)?;
        let having = |present: bool| -> Vec<&str> {
            let chosen = self.cpu_features.iter().filter(|feature| feature.present == present);
            chosen.map(|feature| feature.name).collect()
        };
        writeln!(f, "\nprocessor")?;
        writeln!(f, "  has     {}", listed(&having(true)))?;
        writeln!(f, "  lacks   {}", listed(&having(false)))?;
        writeln!(f, "\nengines")?;
        for engine in &self.engines {
            let mark = if engine.available { "found  " } else { "missing" };
            writeln!(f, "  {mark} {}: {}", named(engine), engine.detail)?;
            if !engine.available {
                writeln!(f, "          to get it: {}", engine.how_to_get)?;
            }
        }
        writeln!(f, "\ndata of the tests")?;
        match &self.data.path {
            Some(path) => {
                writeln!(f, "  {} is {path}", self.data.variable)?;
                writeln!(f, "  has     {}", listed(&self.data.present))?;
                write!(f, "  lacks   {}", listed(&self.data.missing))
            }
            None => write!(
                f,
                "  {} is not set: tests on real data are skipped, everything else runs",
                self.data.variable
            ),
        }
    }
}

fn named(engine: &EngineStatus) -> String {
    let version = engine.version.as_deref();
    version.map_or_else(|| engine.name.to_owned(), |version| format!("{} {version}", engine.name))
}

fn listed(names: &[&str]) -> String {
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

/// The variable that points to real data.
const VARIABLE: &str = "AIFLOW_DATA";

/// What the tests look for there.
const PARTS: [&str; 4] = ["models", "cifar10", "fashion-mnist", "imagenet-samples"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_looked_for_part_by_part() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        std::fs::create_dir(folder.path().join("cifar10")).expect("a folder in it");
        let state = DataState::new(Some(folder.path().display().to_string()));
        assert_eq!(state.present, ["cifar10"]);
        assert_eq!(state.missing, ["models", "fashion-mnist", "imagenet-samples"]);
        assert_eq!(DataState::new(None).missing, PARTS);
    }

    #[test]
    fn what_is_missing_comes_with_advice() {
        let mut report = Report::new();
        report.engines = vec![EngineStatus {
            name: "ort",
            version: None,
            available: false,
            detail: "no library".to_owned(),
            how_to_get: "install it",
        }];
        assert!(
            report.to_string().contains("missing ort: no library\n          to get it: install it")
        );
    }
}
