//! From model outputs and payload sizes to curves, summaries and ratios.
//!
//! A driver runs heads, codecs and tails; everything here is a pure function of what came out.
//! [`Reference`] holds the outputs of the uncompressed model, [`measure_point`] turns the outputs
//! behind one codec into a [`PointRecord`], [`summarise`] turns all points of a model into
//! [`Summaries`], and [`Study`] carries all of it to the writers of [`crate::report`].
//!
//! ```
//! use aiflow_evaluation::curve::{PointInput, Reference, measure_point, summarise};
//! use aiflow_evaluation::statistics::Resamples;
//!
//! # fn main() -> Result<(), aiflow_evaluation::error::MeasureError> {
//! let reference = Reference::new(vec![vec![4.0, 1.0], vec![0.0, 3.0]], &[Some(0), Some(0)])?;
//! let resamples = Resamples::new(2, 200, 1);
//! let compressed = [vec![3.5, 1.5], vec![0.5, 2.0]];
//! let point = PointInput {
//!     model: "tiny",
//!     cut: "c01",
//!     method: "learned",
//!     setting: "q=8",
//!     features: 64,
//!     outputs: &compressed,
//!     sizes: &[12, 14],
//!     encode_us: 3.0,
//!     decode_us: 4.0,
//!     profile_bytes: 1_000,
//! };
//! let measured = measure_point(&reference, &resamples, &point)?;
//! assert_eq!(measured.record.agreement, 1.0);
//! assert_eq!(measured.record.bytes_mean, 13.0);
//! let summaries = summarise(&[measured], &reference, &resamples);
//! assert_eq!(summaries.summaries.len(), 1);
//! # Ok(())
//! # }
//! ```

mod ablation;
mod measure;
mod outcome;
mod record;
mod series;
mod summary;
mod target;

#[cfg(test)]
mod tests;

pub use ablation::ablation;
pub use measure::{Draws, Measured, PointInput, measure_point};
pub use outcome::{MAX_KL, OutputKind, Reference};
pub use record::{
    AblationRecord, Bound, CutRecord, PointRecord, RatioRecord, Study, SummaryRecord,
};
pub use series::{INT_K, INT_K_MSE};
pub use summary::{Summaries, summarise};
pub use target::{Axis, Target};
