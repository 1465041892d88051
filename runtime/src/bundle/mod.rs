//! Bundles: what `learn` writes, and what benches and peers load.
//!
//! A bundle is a folder:
//!
//! ```text
//! NAME/
//!   bundle.json        the manifest: model, preprocessing, cuts, plan sheet
//!   profiles/c03.0.afp the profile of tensor 0 of cut c03
//!   extra/...          further files of a cut, such as a confidence head
//!   model/NAME.onnx    the model itself, where it was put in
//! ```
//!
//! The manifest names every file with its length and its SHA-256, and [`Bundle::open`] believes no
//! file that differs. Profiles are bytes here: the codec reads them. Writing is all or nothing
//! (a folder beside the target that is renamed when it is complete) and deterministic: equal
//! content gives equal bytes, without times, paths or names of machines.
//!
//! Versions: a reader refuses a bundle whose major version it does not know, and ignores fields
//! that it does not know in one whose minor version is newer.

mod content;
mod error;
mod limits;
mod manifest;
mod path;
mod read;
mod sheet;
mod write;

pub use self::content::{Bundle, BundleBuilder, BundleCut, CutFiles};
pub use self::error::BundleError;
pub use self::limits::BundleLimits;
pub use self::manifest::{
    CutEntry, ExtraFile, FormatVersion, Manifest, ModelReference, ProfileEntry, Provenance,
    StoredFile,
};
pub use self::sheet::{
    CodingEffort, FeatureCoding, FrameRate, OperatingPoint, Payload, PictureCoding, PictureFormat,
    PlanSheet, TaskLoss,
};
pub use self::write::Existing;

#[cfg(test)]
mod tests;
