//! ONNX graphs, verified cuts, and engines that run the parts of a model.
//!
//! ```text
//! model.onnx -> ModelFile -> Graph ------> cut::search -> Cut (proved)
//!                    |                          ^            |
//!                    +--> Engine::load -> Program +----------+--> SplitModel: head / tail
//! ```
//!
//! What it deliberately does not do: it knows no data sets, prints nothing, reads no flags, and
//! opens no network connection. Models are local files; a hostile one gives a typed error or an
//! honest failure of the engine, but how much time and memory a model may take is not limited.

pub mod bundle;
pub mod cut;
pub mod digest;
pub mod engine;
pub mod fixtures;
pub mod graph;
pub mod learning;
pub mod onnx;
mod parallel;
mod value;

pub use self::engine::{Engine, Program};
pub use self::onnx::{ModelFile, ModelId};
pub use self::parallel::parallel_map;
pub use self::value::{ElementKind, Tensor, Value};
