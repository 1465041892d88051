//! Task-oriented feature codec: codes the intermediate activations of a neural network.

pub mod bitstream;
pub mod error;
pub mod limits;
pub mod lossless;
pub mod rans;
pub mod tensor;
