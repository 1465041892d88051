//! Reading and writing ONNX files.
//!
//! [`ModelFile`] is one parsed file with its identity; [`proto`] has the message types.

mod error;
mod external;
mod model;
pub mod proto;
mod scan;
mod tensor;

pub use self::error::ModelError;
pub use self::model::{ModelFile, ModelId};
pub(crate) use self::tensor::{byte_length as external_bytes, small_integers, tensor_elements};

#[cfg(test)]
mod tests;
