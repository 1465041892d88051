//! A bundle in memory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::manifest::{
    CutEntry, ExtraFile, FormatVersion, Manifest, ModelReference, ProfileEntry, Provenance,
    StoredFile,
};
use super::{BundleError, PlanSheet, path};
use crate::cut::{Cut, CutId};
use crate::digest::Digest;
use crate::onnx::{ModelFile, ModelId};

/// A bundle: the manifest and the content of every file, checked.
///
/// Cloning is cheap in its files.
#[derive(Clone, Debug, PartialEq)]
pub struct Bundle {
    pub(super) manifest: Manifest,
    pub(super) files: BTreeMap<String, Arc<[u8]>>,
    /// The folder that it was read from.
    pub(super) folder: Option<PathBuf>,
}

/// A cut of a bundle with its files.
#[derive(Clone, Copy, Debug)]
pub struct BundleCut<'a> {
    bundle: &'a Bundle,
    entry: &'a CutEntry,
}

impl Bundle {
    /// Returns the manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Returns the cuts, from the input towards the output.
    pub fn cuts(&self) -> impl ExactSizeIterator<Item = BundleCut<'_>> {
        self.manifest.cuts.iter().map(|entry| BundleCut { bundle: self, entry })
    }

    /// Returns what the ways to use the cuts cost; `None` when that was not measured.
    pub fn plan_sheet(&self) -> Option<&PlanSheet> {
        self.manifest.plan_sheet.as_ref()
    }

    /// Returns the same bundle with another plan sheet.
    ///
    /// # Errors
    /// When the sheet names a cut that the bundle does not have, a point twice, or has a number
    /// that is none.
    pub fn with_plan_sheet(mut self, sheet: PlanSheet) -> Result<Self, BundleError> {
        self.manifest.plan_sheet = Some(sheet);
        super::read::check_consistency(&self.manifest, "the new bundle")?;
        Ok(self)
    }

    /// Finds a cut by its name.
    pub fn cut(&self, id: CutId) -> Option<BundleCut<'_>> {
        self.cuts().find(|cut| cut.entry.cut.id == id)
    }

    /// Opens the model that the bundle was learned for.
    ///
    /// It is the file at `given`, when a path is given; else the model in the bundle; else the
    /// file of the right name in the bundle's folder, beside it, or in one of `folders`.
    ///
    /// # Errors
    /// When the model is not found, cannot be read, or is another one.
    pub fn model(
        &self,
        given: Option<&Path>,
        folders: &[PathBuf],
    ) -> Result<ModelFile, BundleError> {
        let reference = &self.manifest.model;
        if let Some(path) = given {
            return self.opened(path);
        }
        if let Some(stored) = &reference.stored
            && let Some(bytes) = self.files.get(&stored.path)
        {
            let model = ModelFile::from_bytes(bytes.to_vec())?;
            let path = self.folder.as_deref().unwrap_or(Path::new("")).join(&stored.path);
            return self.checked(model, &path);
        }
        let own = self.folder.iter().flat_map(|folder| [Some(folder.as_path()), folder.parent()]);
        let places = own.flatten().chain(folders.iter().map(PathBuf::as_path));
        let tried: Vec<PathBuf> = places.map(|folder| folder.join(&reference.file_name)).collect();
        match tried.iter().find(|path| path.is_file()) {
            Some(path) => self.opened(path),
            None => Err(BundleError::ModelNotFound {
                name: reference.name.clone(),
                expected: reference.id,
                tried,
            }),
        }
    }

    fn opened(&self, path: &Path) -> Result<ModelFile, BundleError> {
        self.checked(ModelFile::open(path)?, path)
    }

    fn checked(&self, model: ModelFile, path: &Path) -> Result<ModelFile, BundleError> {
        let (found, expected) = (model.id(), self.manifest.model.id);
        if found == expected {
            Ok(model)
        } else {
            Err(BundleError::WrongModel { path: path.to_owned(), found, expected })
        }
    }
}

impl<'a> BundleCut<'a> {
    /// Returns what the manifest says.
    pub fn entry(&self) -> &'a CutEntry {
        self.entry
    }

    /// Returns the cut.
    pub fn cut(&self) -> &'a Cut {
        &self.entry.cut
    }

    /// Returns the profiles, one per tensor in the order of [`Cut::tensors`]; none when nothing was
    /// learned.
    pub fn profiles(&self) -> impl Iterator<Item = &'a [u8]> {
        let bundle = self.bundle;
        self.entry.profiles.iter().filter_map(|p| Some(bundle.files.get(&p.file.path)?.as_ref()))
    }

    /// Returns a further file by its role.
    pub fn extra(&self, role: &str) -> Option<&'a [u8]> {
        let extra = self.entry.extras.iter().find(|extra| extra.role == role)?;
        Some(self.bundle.files.get(&extra.file.path)?.as_ref())
    }
}

/// What was learned for one cut, before it is a part of a bundle.
#[derive(Clone, Debug, Default)]
pub struct CutFiles {
    /// One profile per tensor, in the order of [`Cut::tensors`]; none when nothing was learned.
    pub profiles: Vec<Vec<u8>>,
    /// Further files by role, such as `confidence`.
    pub extras: Vec<(String, Vec<u8>)>,
    /// What learning found, in its own words.
    pub report: serde_json::Value,
}

/// Puts a bundle together.
#[derive(Clone, Debug)]
pub struct BundleBuilder {
    manifest: Manifest,
    files: BTreeMap<String, Arc<[u8]>>,
}

impl BundleBuilder {
    /// Starts a bundle for a model that is stored elsewhere under `file_name`.
    pub fn new(name: &str, id: ModelId, file_name: &str, total_flops: u64) -> Self {
        let base = file_name.rsplit(['/', '\\']).next().unwrap_or_default();
        let manifest = Manifest {
            format: Manifest::FORMAT.to_owned(),
            version: FormatVersion::CURRENT,
            model: ModelReference {
                name: name.to_owned(),
                id,
                file_name: path::plain_name(base, "model.onnx"),
                stored: None,
            },
            preprocessing: serde_json::Value::Null,
            provenance: None,
            total_flops,
            cuts: Vec::new(),
            plan_sheet: None,
        };
        Self { manifest, files: BTreeMap::new() }
    }

    /// Says how pictures become inputs.
    #[must_use]
    pub fn with_preprocessing(mut self, preprocessing: serde_json::Value) -> Self {
        self.manifest.preprocessing = preprocessing;
        self
    }

    /// Says what was learned from.
    #[must_use]
    pub fn with_provenance(mut self, provenance: Provenance) -> Self {
        self.manifest.provenance = Some(provenance);
        self
    }

    /// Puts the model into the bundle, so that the bundle can be used alone. Only for models
    /// without weights in other files.
    #[must_use]
    pub fn with_model(mut self, model: &ModelFile) -> Self {
        let path = format!("model/{}", self.manifest.model.file_name);
        self.manifest.model.stored = Some(self.store(path, model.bytes().to_vec()));
        self
    }

    /// Adds a cut.
    pub fn add_cut(&mut self, cut: Cut, files: CutFiles) {
        let id = cut.id;
        let profiles = files.profiles.into_iter().enumerate().map(|(index, bytes)| {
            let tensor = cut.tensors.get(index).map(|t| t.name.clone()).unwrap_or_default();
            (tensor, format!("profiles/{id}.{index}.afp"), bytes)
        });
        let profiles: Vec<_> = profiles.collect();
        let profiles = profiles
            .into_iter()
            .map(|(tensor, path, bytes)| ProfileEntry { tensor, file: self.store(path, bytes) })
            .collect();
        let extras = files.extras.into_iter().map(|(role, bytes)| {
            let path = format!("extra/{id}.{}", path::plain_name(&role, "file"));
            ExtraFile { file: self.store(path, bytes), role }
        });
        let extras = extras.collect();
        let report = files.report;
        self.manifest.cuts.push(CutEntry { cut, profiles, extras, report });
    }

    fn store(&mut self, path: String, bytes: Vec<u8>) -> StoredFile {
        let sha256 = Digest::of(&bytes);
        let stored = StoredFile { path: path.clone(), bytes: bytes.len() as u64, sha256 };
        self.files.insert(path, bytes.into());
        stored
    }

    /// Finishes the bundle.
    ///
    /// # Errors
    /// When a cut was added twice, a cut has another number of profiles than tensors, a number is
    /// not finite, or two files have one path.
    pub fn build(self) -> Result<Bundle, BundleError> {
        let Self { mut manifest, files } = self;
        manifest.cuts.sort_by_key(|entry| (entry.cut.flops_head, entry.cut.id));
        super::read::check_consistency(&manifest, "the new bundle")?;
        Ok(Bundle { manifest, files, folder: None })
    }
}
