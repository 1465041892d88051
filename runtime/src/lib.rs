//! ONNX graphs, verified cuts, and engines that run the parts of a model.
//!
//! ```text
//! model.onnx -> ModelFile -> Graph ------> cut::search -> Cut (proved)
//!                    |                          ^            |
//!                    +--> Engine::load -> Program +----------+--> SplitModel: head / tail
//! ```
//!
//! ```
//! use aiflow_runtime::cut::{CutOptions, SplitModel, search};
//! use aiflow_runtime::engine::{Engine, RtenEngine};
//! use aiflow_runtime::{ModelFile, fixtures, graph::Graph};
//! use ndarray::ArrayD;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let model = ModelFile::from_bytes(fixtures::small_cnn())?;
//! let graph = Graph::new(&model)?;
//! let program = RtenEngine::new().load(&model)?;
//! let list = search(&graph, &program, &[], &CutOptions::default())?;
//! let split = SplitModel::new(program, &graph, list.cuts[0].clone());
//! let picture = ArrayD::zeros(vec![1, 3, 16, 16]);
//! let features = split.head(&picture)?;
//! assert_eq!(split.tail(&features)?, split.whole(&picture)?);
//! # Ok(())
//! # }
//! ```
//!
//! What it deliberately does not do: it knows no data sets, prints nothing, reads no flags, and
//! opens no network connection. Models are local files; a hostile one gives a typed error or an
//! honest failure of the engine, but how much time and memory a model may take is not limited.

pub mod bundle;
pub mod coding;
pub mod cut;
pub mod digest;
pub mod engine;
pub mod fixtures;
pub mod graph;
pub mod learning;
pub mod onnx;
mod parallel;
pub mod planner;
pub mod profiler;
pub mod tier;
mod value;
pub mod whole_file;

pub use self::engine::{Engine, Program};
pub use self::onnx::{ModelFile, ModelId};
pub use self::parallel::parallel_map;
pub use self::value::{ElementKind, Tensor, Value};
