//! What the channel carries, estimated from what a carrier sees of it.
//!
//! ```text
//! packets sent, acknowledged, lost        samples                     quantiles
//! ───────────────────────────────▶ Sampler ──────▶ Estimator ────────────▶ Estimate
//! ```
//!
//! A [`Sampler`] sits where packets are seen and condenses them to [`PathSample`]s; an
//! [`Estimator`] turns those into an [`Estimate`]. Both are pure: they read no clock and decide
//! nothing about rates. What is done with an estimate is the caller's business.
//!
//! # What counts as evidence
//!
//! A rate at which bytes were delivered says what the channel *can* carry only if the channel was
//! the bottleneck. Two kinds of evidence are kept apart:
//!
//! * **Service**: a packet that still waited for the bottleneck when the packets before it came out
//!   of it. Between the two the bottleneck was never idle, so their bytes over that time are its
//!   rate, whatever the application does. Acknowledgements alone never prove that; a packet waited
//!   if it was sent more than a minimal round trip before the previous acknowledgement came.
//! * **Delivery**: what arrived over a round trip, sampled as in draft-ietf-ccwg-bbr. Without
//!   service it is a lower bound: it may raise the estimate and never lowers it.
//!
//! A bottleneck that is used now and then is measured for longer while it is slow than while it is
//! fast, because then what was sent takes longer. So the time between two uses counts as well, at
//! the rate seen last; without that, a sender that follows its estimate would talk itself down.
//!
//! Silence is evidence too: while packets are under way and nothing comes back, the bottleneck has
//! been serving nothing for at least that long.

mod calibration;
mod delay;
mod estimate;
mod estimator;
mod load;
mod loss;
mod sample;
mod sampler;
mod served;
mod service;
#[cfg(test)]
mod tests;

pub use estimate::{Estimate, Flags, QueueTrend, Share};
pub use estimator::{Estimator, EstimatorConfig};
pub use sample::{Acked, Delivery, Lost, PathSample, Sent, Supply};
pub use sampler::Sampler;
