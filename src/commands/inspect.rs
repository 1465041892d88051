//! `aiflow inspect`: a frame, a profile or a bundle, field by field.

use std::path::{Path, PathBuf};

use aiflow::codec::bitstream::{self, FieldRow, FrameForm, inspect};
use aiflow::codec::{DecodeError, DecodeLimits, profile};
use aiflow::runtime::bundle::{Bundle, Manifest};
use anyhow::{Context as _, Result};
use clap::Args;
use serde::Serialize;

use crate::args::Format;
use crate::model::shape;
use crate::{files, output};

/// Explain a frame, a profile or a bundle, field by field with offsets
#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// Frame, profile or bundle
    file: PathBuf,
    #[command(flatten)]
    format: Format,
}

/// A field, as JSON.
#[derive(Debug, Serialize)]
struct Field {
    offset: usize,
    length: usize,
    name: &'static str,
    value: String,
    meaning: &'static str,
}

/// A frame or profile, as JSON.
#[derive(Debug, Serialize)]
struct Report {
    kind: &'static str,
    file: String,
    bytes: usize,
    fields: Vec<Field>,
    error: Option<String>,
}

impl Inspect {
    pub(crate) fn run(self) -> Result<()> {
        if self.file.is_dir() {
            return self.bundle(&self.file);
        }
        if self.file.file_name().is_some_and(|name| name == Manifest::FILE) {
            let folder = self.file.parent().filter(|folder| !folder.as_os_str().is_empty());
            return self.bundle(folder.unwrap_or(Path::new(".")));
        }
        let limits = DecodeLimits::default();
        let bytes = files::read(&self.file, limits.max_frame_bytes() as u64)?;
        if bytes.starts_with(&profile::MAGIC) {
            let found = profile::inspect(&bytes, &limits);
            return self.fields("profile", bytes.len(), found.rows, found.error);
        }
        let found = inspect(&bytes, &limits);
        let kind = match found.form {
            FrameForm::SelfContained => "self-contained frame",
            FrameForm::Session => SESSION,
        };
        self.fields(kind, bytes.len(), found.rows, found.error)
    }

    fn fields(
        &self,
        kind: &'static str,
        bytes: usize,
        rows: Vec<FieldRow>,
        error: Option<DecodeError>,
    ) -> Result<()> {
        let file = self.file.display().to_string();
        // Anything may be taken for the head of a session frame, which has no magic number: only a
        // layer whose checksum holds tells one from another file.
        if kind == SESSION
            && let Some(error) = error
            && !rows.iter().any(|row| row.name == LAYER)
        {
            return Err(error).with_context(|| {
                format!(
                    "{file} is no bundle, profile or self-contained frame, and no whole session frame; \
                     give a folder that `aiflow learn` wrote, an .afp file in it, or what `aiflow \
                     encode` wrote"
                )
            });
        }
        let error_text = error.map(|error| error.to_string());
        let fields = rows.into_iter().map(Field::from).collect();
        let report = Report { kind, file, bytes, fields, error: error_text };
        if self.format.json {
            output::json(&report)?
        } else {
            report.print()?
        }
        match error {
            None => Ok(()),
            Some(error) => Err(error).with_context(|| report.file),
        }
    }

    fn bundle(&self, folder: &Path) -> Result<()> {
        let bundle = Bundle::open(folder)?;
        if self.format.json {
            output::json(bundle.manifest())
        } else {
            print_bundle(folder, &bundle)
        }
    }
}

impl From<FieldRow> for Field {
    fn from(row: FieldRow) -> Self {
        let bitstream::FieldRow { name, offset, length, value, meaning } = row;
        Self { offset, length, name, value, meaning }
    }
}

impl Report {
    fn print(&self) -> Result<()> {
        output::text(&format!("{}: {}, {} bytes", self.file, self.kind, self.bytes))?;
        let heading = ["offset", "length", "field", "value", "meaning"];
        let mut table = output::new_table(&heading, &[0, 1]);
        for field in &self.fields {
            table.add_row([
                field.offset.to_string(),
                field.length.to_string(),
                field.name.to_owned(),
                field.value.clone(),
                field.meaning.to_owned(),
            ]);
        }
        output::table(&table.to_string(), &[])
    }
}

fn print_bundle(folder: &Path, bundle: &Bundle) -> Result<()> {
    let manifest = bundle.manifest();
    let version = manifest.version;
    output::text(&format!(
        "{}: bundle, format {}.{}\nmodel          {} ({})\nmodel id       {}\noperations     {:.1} MFLOP",
        folder.display(),
        version.major,
        version.minor,
        manifest.model.name,
        if manifest.model.stored.is_some() { "in the bundle" } else { "not in the bundle" },
        manifest.model.id,
        manifest.total_flops as f64 / 1e6
    ))?;
    if let Some(learned) = &manifest.provenance {
        output::text(&format!(
            "learned from   {} samples of {}\nengine         {}\nsettings       {}",
            learned.samples, learned.data, learned.engine, learned.settings
        ))?;
    }
    output::text(&format!("preprocessing  {}", manifest.preprocessing))?;
    let heading = ["cut", "tensor", "shape", "raw bytes", "file", "bytes", "profile id", "tools"];
    let mut table = output::new_table(&heading, &[3, 5]);
    for cut in bundle.cuts() {
        let entry = cut.entry();
        let rows = entry.cut.tensors.iter().zip(&entry.profiles).zip(cut.profiles());
        for ((tensor, stored), bytes) in rows {
            let profile = profile::Profile::from_bytes(bytes, &DecodeLimits::default());
            table.add_row([
                entry.cut.id.to_string(),
                tensor.name.clone(),
                shape(&tensor.dims),
                (4 * tensor.elements()).to_string(),
                stored.file.path.clone(),
                stored.file.bytes.to_string(),
                stored.file.sha256.to_string().chars().take(SHOWN_DIGITS).collect(),
                profile.map_or_else(|error| error.to_string(), |profile| profile.tools()),
            ]);
        }
    }
    output::table(&table.to_string(), &[])
}

/// The field that is there once the checksum of a layer holds.
const LAYER: &str = "layer";

/// What a frame of a session is called.
const SESSION: &str = "session frame";

/// Digits of a hash that a table shows: those that frames carry.
const SHOWN_DIGITS: usize = 16;
