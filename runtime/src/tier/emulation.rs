//! Seams for measurements: a slower machine, and other ways to code what crosses a cut.
//!
//! Neither is known to peers: both ends of a connection must be set up alike.

use std::fmt;

use super::place::{Place, Span};
use crate::bundle::FeatureCoding;
use crate::value::Tensor;

/// Something that takes a tier time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// Running a part of the model.
    Part(Span),
    /// Encoding what crosses a place.
    Encode(Place, FeatureCoding),
    /// Decoding what crossed a place.
    Decode(Place),
}

/// Makes efforts take as long as they would on another machine.
pub trait Pace: fmt::Debug + Send + Sync {
    /// Does the work, which it calls exactly once, and returns when the other machine would have done
    /// it.
    fn take(&self, effort: Effort, work: &mut dyn FnMut());
}

/// Codes the tensors of a cut in another way than the codec of this project, to be compared with.
pub trait TensorCodec: fmt::Debug + Send + Sync {
    /// Encodes one tensor; `None` where it cannot.
    fn encode(&self, tensor: &Tensor) -> Option<Vec<u8>>;

    /// Decodes a tensor of known shape; `None` for bytes that it never writes.
    fn decode(&self, bytes: &[u8], dims: &[usize]) -> Option<Tensor>;
}

/// Does work at a pace, or as fast as it goes without one.
pub(super) fn paced<T>(pace: Option<&dyn Pace>, effort: Effort, work: impl FnOnce() -> T) -> T {
    let Some(pace) = pace else { return work() };
    let (mut work, mut done) = (Some(work), None);
    pace.take(effort, &mut || {
        if let Some(work) = work.take() {
            done = Some(work());
        }
    });
    match (done, work) {
        (Some(done), _) => done,
        (None, Some(work)) => work(),
        // The closure fills one as it empties the other.
        (None, None) => unreachable!("work that was done left a result"),
    }
}
