//! How long the parts of a model, and the coding of what crosses its cuts, take on this machine.
//!
//! Parts are timed between neighbouring cuts, not node by node: nodes that an engine fuses take
//! less together than apart. Beside these *segments* all heads and tails and the whole model are
//! timed, so that it shows whether the sum of the segments is the time of the whole.
//!
//! ```text
//! bundle -> measure: works -> Schedule (rounds, warm-up, stop rule) -> Timing -> MachineProfile
//!                                                                                   |   ^ file
//! requests that really ran -> Corrector ------------------------------------------> planner
//! ```

mod clock;
mod codings;
mod corrector;
mod error;
mod machine;
mod parts;
mod profile;
mod schedule;
mod store;
mod timing;

pub use self::clock::{Clock, SystemClock};
pub use self::codings::{CodingWork, feature_codings, time_codings};
pub use self::corrector::{Corrector, CorrectorConfig};
pub use self::error::MeasureError;
pub use self::machine::Machine;
pub use self::parts::{Parts, Subject, time_parts};
pub use self::profile::{CodingTiming, CutTiming, Ended, MachineProfile, SegmentTiming};
pub use self::schedule::{Measured, Schedule, Work};
pub use self::store::ProfileError;
pub use self::timing::Timing;

#[cfg(test)]
mod tests;
