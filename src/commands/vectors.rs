//! `aiflow vectors`: does this program agree with the frozen vectors of the specification?

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde::Serialize;

use crate::args::Format;
use crate::{files, output, vectors};

/// Check the frozen vectors of the specification
#[derive(Debug, Args)]
pub(crate) struct Vectors {
    /// Folder with one folder for each area
    #[arg(default_value = "spec/vectors")]
    folder: PathBuf,
    #[command(flatten)]
    format: Format,
}

/// What was checked, as JSON.
#[derive(Debug, Default, Serialize)]
struct Report {
    cases: usize,
    areas: BTreeMap<String, usize>,
    failed: Vec<Failed>,
    /// Areas that this program has no check for.
    unknown: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Failed {
    file: String,
    case: String,
    reason: String,
}

impl Vectors {
    pub(crate) fn run(self) -> Result<()> {
        let mut report = Report::default();
        for area in sorted(&self.folder)?.iter().filter(|path| path.is_dir()) {
            report.area(&self.folder, area)?;
        }
        if report.cases == 0 {
            bail!("{} has no vectors; give the folder spec/vectors", self.folder.display());
        }
        if self.format.json {
            output::json(&report)?
        } else {
            report.print()?
        }
        match report.failed.len() {
            0 => Ok(()),
            count => bail!("{count} of {} cases do not hold", report.cases),
        }
    }
}

impl Report {
    fn area(&mut self, root: &Path, folder: &Path) -> Result<()> {
        let area = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        for file in
            sorted(folder)?.iter().filter(|path| path.extension().is_some_and(|e| e == "txt"))
        {
            let bytes = files::read(file, MOST_BYTES)?;
            let text = String::from_utf8_lossy(&bytes);
            let cases = vectors::parse(&text).with_context(|| file.display().to_string())?;
            for case in cases {
                let Some(result) = vectors::check(root, &area, &case) else {
                    self.unknown.push(area);
                    return Ok(());
                };
                self.cases += 1;
                *self.areas.entry(area.clone()).or_default() += 1;
                if let Err(error) = result {
                    let (file, reason) = (file.display().to_string(), format!("{error:#}"));
                    self.failed.push(Failed { file, case: case.name, reason });
                }
            }
        }
        Ok(())
    }

    fn print(&self) -> Result<()> {
        for (area, cases) in &self.areas {
            output::text(&format!("{area}: {cases} cases"))?;
        }
        for area in &self.unknown {
            output::text(&format!("{area}: not checked, this program does not know the area"))?;
        }
        for failed in &self.failed {
            output::text(&format!("{} [{}]: {}", failed.file, failed.case, failed.reason))?;
        }
        let held = self.cases - self.failed.len();
        output::text(&format!("{held} of {} cases hold", self.cases))
    }
}

fn sorted(folder: &Path) -> Result<Vec<PathBuf>> {
    let wrong = || format!("cannot read the folder {}", folder.display());
    let entries = std::fs::read_dir(folder).with_context(wrong)?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut paths = paths.collect::<Result<Vec<_>, _>>().with_context(wrong)?;
    paths.sort();
    Ok(paths)
}

/// The largest file of vectors.
const MOST_BYTES: u64 = 64 << 20;
