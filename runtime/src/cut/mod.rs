//! Cuts: where a model can be divided so that only a few tensors cross.
//!
//! # What a cut is
//! A cut is a set `S` of float tensors. The *head* computes `S` from the graph inputs, the *tail*
//! computes the graph outputs from `S`. A cut is listed only when it is proved, twice:
//!
//! * **by structure**: the plan of the tail, made from `S` alone, never reaches a graph input of
//!   the data path, nor a node that looks one up in a table of weights. A tail that quietly
//!   computes part of the head again (a cut through one branch of a residual block) is refused,
//!   and so is a tensor that the tail does not need.
//! * **by numbers**: `tail(head(x))` equals `whole(x)` on real inputs and on random ones.
//!
//! # What is computed on both sides
//! Values that depend on weights alone, on the dimensions of the inputs, or on integer inputs
//! without touching a trained float weight (masks, positions) are cheap. They are never sent:
//!
//! * the tail computes them from weights, from tensors it has, or from a *side input* (an integer
//!   or truth-value graph input that is sent as it is and counted in [`Cut::side_bytes`]);
//! * a shape value of something that only the head has depends on nothing but the dimensions of
//!   the graph inputs; [`SplitModel`] finds it by feeding zeros of those dimensions, once for each
//!   set of dimensions.
//!
//! # State
//! A decoder takes the keys and values of earlier tokens as inputs and gives the new ones as
//! outputs. Such a pair (input, output) of *state* lives on one side, with the layer that reads
//! it: if the head reads the content of the input, the head keeps the pair, otherwise the tail
//! does ([`Cut::tail_state`]). Neither crosses the cut. A cut is refused when a state input would
//! be read on both sides, or when the new state of one side would need a tensor of the other
//! side that is not in the cut. Then with `past` on the sides as stated, both sides' outputs
//! together are exactly the outputs of the whole model.
//!
//! # Which cuts are listed
//! Cut B is dominated by cut A when A has fewer elements (or as many in fewer tensors) and needs no
//! more head operations, or when A has no more elements and lies within 1 % of the model's
//! operations from B (of equals the later is kept: after the ReLU, not before). A head that
//! computes nothing (it only moves the network's input) and a tail without products (it only writes
//! the answer down) make no cut.
//!
//! Where the cuts that stay leave a quarter of the operations without any, the smallest dominated
//! cut in that gap is listed as well, marked as what it is: deep features often take fewer bits
//! than their elements suggest, so a detector's three-tensor cut is worth a measurement.

mod beam;
mod bits;
mod dominance;
mod error;
mod finder;
mod frontier;
mod middle;
mod options;
mod plan;
mod search;
mod split;
mod state;
mod trials;
mod types;
mod verify;

pub use self::error::{CutError, SplitError};
pub use self::middle::MiddleModel;
pub use self::options::CutOptions;
pub use self::search::{CutList, Inputs, RefusedCut, search};
pub use self::split::{HeadRun, InputDims, SplitModel};
pub use self::state::StatePairs;
pub use self::types::{Cut, CutId, CutTensor, ParseCutIdError, SideInput, Verified};

#[cfg(test)]
mod tests;
