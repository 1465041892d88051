//! The manifest: everything about a bundle that is not in its files.

use serde::{Deserialize, Serialize};

use super::sheet::PlanSheet;
use crate::cut::Cut;
use crate::digest::Digest;
use crate::onnx::ModelId;

/// Version of the bundle format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormatVersion {
    /// Changes when older readers would misread a bundle.
    pub major: u16,
    /// Changes when something is added that older readers may ignore.
    pub minor: u16,
}

impl FormatVersion {
    /// The version that this crate writes.
    pub const CURRENT: Self = Self { major: 1, minor: 1 };
}

/// What a bundle says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Always [`Manifest::FORMAT`].
    pub format: String,
    /// Version of the format.
    pub version: FormatVersion,
    /// The model.
    pub model: ModelReference,
    /// How pictures become inputs, in the words of whoever reads data sets; `null` when inputs are
    /// given as tensors.
    pub preprocessing: serde_json::Value,
    /// What was learned from; `None` when nothing was.
    pub provenance: Option<Provenance>,
    /// Floating-point operations of the whole model, two per multiply-add.
    pub total_flops: u64,
    /// Cuts, from the input towards the output.
    pub cuts: Vec<CutEntry>,
    /// What the ways to use the cuts cost; `None` when that was not measured.
    #[serde(default)]
    pub plan_sheet: Option<PlanSheet>,
}

impl Manifest {
    /// What [`Manifest::format`] says.
    pub const FORMAT: &'static str = "aiflow-bundle";

    /// Name of the manifest's file in the folder.
    pub const FILE: &'static str = "bundle.json";
}

/// Which model a bundle is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelReference {
    /// Name in reports: the file's, without its ending.
    pub name: String,
    /// Name of the content. A model with another one is refused.
    pub id: ModelId,
    /// Name of the file, without folders: what to look for beside the bundle.
    pub file_name: String,
    /// The model itself, when the bundle holds it.
    pub stored: Option<StoredFile>,
}

/// What a bundle was learned from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// The data set, as it is named on the command line.
    pub data: String,
    /// Samples that were used.
    pub samples: u64,
    /// First seed of everything that was drawn.
    pub seed: u64,
    /// Engine that ran the model.
    pub engine: String,
    /// Settings of the learner, in its own words.
    pub settings: serde_json::Value,
}

/// A file of the bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFile {
    /// Path in the folder, parts joined by `/`.
    pub path: String,
    /// Length.
    pub bytes: u64,
    /// SHA-256 of the content.
    pub sha256: Digest,
}

/// A cut with what was learned for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CutEntry {
    /// The cut.
    pub cut: Cut,
    /// One profile per tensor, in the order of [`Cut::tensors`]; none when nothing was learned.
    pub profiles: Vec<ProfileEntry>,
    /// Further files, by role.
    #[serde(default)]
    pub extras: Vec<ExtraFile>,
    /// What learning found, in its own words; for people and reports.
    #[serde(default)]
    pub report: serde_json::Value,
}

/// The profile of one tensor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileEntry {
    /// Name of the tensor in the model.
    pub tensor: String,
    /// The file; its SHA-256 is the name of the profile.
    pub file: StoredFile,
}

/// A further file of a cut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtraFile {
    /// What it is, such as `confidence`; letters, digits and `-`.
    pub role: String,
    /// The file.
    pub file: StoredFile,
}
