//! The predictive entropy model: which table codes a level, from integers alone.
//!
//! Section 6 of `spec/codec.md`. Levels are coded position by position in raster order, components
//! innermost. For each one the model predicts its value from levels that both sides already hold and
//! estimates how far off that may be; the two together pick one of the profile's static tables.

mod model;
mod scan;
pub mod token;
mod walk;

pub(crate) use model::neighbours;
pub use model::{
    ContextModel, MAX_BIAS, MAX_SCALE_EDGES, MAX_WEIGHT_SUM, Prediction, SCALE_INPUTS,
    VALUE_CLASSES,
};
pub use scan::{Context, Scan};
pub(crate) use walk::walk;
