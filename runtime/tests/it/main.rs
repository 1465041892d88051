//! Tests on real networks and against a second engine.
//!
//! They need the data folder that `AIFLOW_DATA` names and the library of ONNX Runtime; what is not
//! there is skipped, with a line that says so.

mod agreement;
mod networks;
mod planner_text;
mod suite;
mod tiers;
