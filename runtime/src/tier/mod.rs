//! Tiers: device, edge and cloud run one model together.
//!
//! ```text
//!  input -> ModelParts::run(Input, c02) -> PartCoder -> frame ~~~ frame -> PartCoder
//!        -> WorkQueue (admission, deadlines, batches) -> ModelParts::run(c02, Output) -> Answer ~~~
//! ```
//!
//! Every tier loads the same bundle and the same model; what crosses the network are features of
//! one cut, coded with the profile of that cut, and answers. Neither weights nor profiles travel:
//! peers name them by their hashes when they open a session, and refuse what differs.
//!
//! The modules here know no network, no clock and no thread: time comes in as an argument. Those of
//! [`net`] (feature `tiers`) put them on real connections.

mod answer;
mod classes;
mod coder;
mod emulation;
mod error;
mod layers;
#[cfg(feature = "tiers")]
pub mod net;
mod parts;
mod place;
mod queue;
mod stacking;
mod steps;
mod trace;

pub use self::answer::{Answer, AnswerForm};
pub use self::classes::Class;
pub use self::coder::PartCoder;
pub use self::emulation::{Effort, Pace, TensorCodec};
pub use self::error::{AnswerError, PartError, Refusal, RefusalReason};
pub use self::parts::{Crossing, ModelParts};
pub use self::place::{Place, Span};
pub use self::queue::{ClientId, QueueLimits, Taken, Work, WorkQueue};
pub use self::trace::{Part, Trace};

#[cfg(test)]
mod tests;
