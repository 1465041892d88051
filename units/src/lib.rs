//! Newtypes for the quantities that aiflow measures and plans with.
//!
//! Each type holds one integer in one fixed unit, says the unit in the names of its constructors,
//! and offers saturating arithmetic only: a plan must not panic or wrap because a channel estimate
//! was absurd. There are no conversions from plain integers, so that no number changes its unit
//! unnoticed.
//!
//! ```
//! use aiflow_units::{BitRate, Bytes, Micros};
//!
//! let frame = Bytes::new(1_250);
//! let link = BitRate::megabits_per_second(10);
//! assert_eq!(link.time_to_send(frame), Micros::from_millis(1));
//! ```
#![no_std]

mod cost;
mod rate;
mod size;
mod time;
mod timestamp;

pub use cost::Bits;
pub use rate::BitRate;
pub use size::Bytes;
pub use time::Micros;
pub use timestamp::Timestamp;
