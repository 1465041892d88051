//! A seeded emulator of network links that reads no clock.
//!
//! What it is for: to run two endpoints over a mobile channel, a thousand times faster than in
//! real time, and to get the same result each time and on every machine. And, since it knows what
//! the channel could carry, to judge what the endpoints believed about it.
//!
//! What it does not do: it opens no socket, starts no thread, waits for nothing, and knows nothing
//! of any protocol; a packet is a payload of any type with a size. There is no cross traffic and no
//! active queue management: the queue is first in, first out, and drops what does not fit. The
//! one exception is the module `relay`, which is behind a feature.
//!
//! ```text
//!              queue limit       rate, outages       loss, damage     delay, jitter
//!   send ---> [ drop-tail ] ---> [  server   ] ---> [    wire    ] ---> [  ordered  ] ---> poll_delivery
//! ```
//!
//! * [`Trace`]: what a channel can carry over time; read from text, made of steps, or drawn.
//! * [`LinkConfig`]: rate, delay, jitter, loss, damage, queue, outages, seed.
//! * [`Link`]: one direction; [`Duplex`]: both.
//! * [`Scenario`]: paths that have names and need no file.
//! * `relay` (feature of that name): the same links between real UDP endpoints, in real time.
//!
//! # Example
//!
//! A sender offers 8 Mbit/s to a link that carries 20 Mbit/s and 5 Mbit/s in turn.
//!
//! ```
//! use std::sync::Arc;
//!
//! use aiflow_netsim::{Link, LinkConfig, Packet, Rate, Trace};
//! use aiflow_units::{BitRate, Bytes, Micros, Timestamp};
//!
//! let second = Micros::from_secs(1);
//! let mbit = BitRate::megabits_per_second;
//! let trace = Trace::steps(&[(second, mbit(20)), (second, mbit(5))])?;
//! let config = LinkConfig::new()
//!     .with_rate(Rate::Trace(Arc::new(trace)))
//!     .with_delay(Micros::from_millis(30));
//! let mut link = Link::new(config);
//!
//! let mut longest = Micros::ZERO;
//! for millisecond in 0..2000 {
//!     let now = Timestamp::from_origin(Micros::from_millis(millisecond));
//!     link.send(now, Packet::new("1,000 bytes", Bytes::new(1000)));
//!     while let Some(packet) = link.poll_delivery(now) {
//!         longest = longest.max(packet.at.since(packet.sent_at));
//!     }
//! }
//! // After the slow second 3 Mbit are left, which the fast one serves in 150 ms.
//! let end = Timestamp::from_origin(Micros::from_secs(2));
//! assert_eq!(link.queue_delay(end), Micros::from_millis(150));
//! assert!(longest > Micros::from_millis(300));
//! # Ok::<(), aiflow_netsim::TraceError>(())
//! ```
//!
//! # The rules of time
//!
//! All times are [`Timestamp`](aiflow_units::Timestamp)s of one clock, which the caller owns and
//! which never goes back. Trace and outages count from its origin. Resolution is a microsecond, but
//! service is counted in millionths of a bit: no rounding adds up, at no rate.
//!
//! # Determinism
//!
//! Everything random comes from the seed by SplitMix64, with one stream for each impairment, so
//! that to change one leaves the others where they were. No float decides anything. Equal
//! configuration and equal calls give equal results, in whatever rhythm the link is polled.
//!
//! # Cost
//!
//! A packet costs 20 ns at a constant rate and 150 ns on a trace (measured on one core of a
//! server). Memory is that of the packets on their way.
mod duplex;
mod link;
mod probability;
mod random;
#[cfg(feature = "relay")]
pub mod relay;
mod scenario;
mod trace;

pub use duplex::{Direction, Duplex};
pub use link::{
    BitFlip, BurstLoss, Corruption, Count, Delivered, Link, LinkConfig, LinkStats, Outage, Packet,
    Rate,
};
pub use probability::Probability;
pub use scenario::Scenario;
pub use trace::{Trace, TraceError};
