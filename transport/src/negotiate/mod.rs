//! From two offers to one agreement, or to the code of a refusal (`protocol.md` 8).
//!
//! Pure functions: no state, no clock, equal inputs give equal outputs on both sides. The client
//! and the server each compute [`agree`] from both SETUPs and need no message to confirm it.
//!
//! ```
//! use aiflow_transport::error::Code;
//! use aiflow_transport::negotiate::agree;
//! use aiflow_transport::wire::{ChannelLevel, CodecId, Role, Setup};
//!
//! let codecs = vec![CodecId::AIFLOW, CodecId::RAW];
//! let level = ChannelLevel::Probe;
//! let client = Setup { role: Role::Head, codecs, channel_level: level, ..Setup::default() };
//! let server = Setup { role: Role::Tail, channel_level: ChannelLevel::Report, ..Setup::default() };
//! let agreement = agree(&client, &server)?;
//! assert_eq!(agreement.codecs, [CodecId::RAW]);
//! assert_eq!(agreement.channel_level, ChannelLevel::Report);
//! # Ok::<(), Code>(())
//! ```

mod agreement;
mod offer;

pub use agreement::{Agreement, agree};
pub use offer::{Policy, ServedCut, ServedModel, Tenants, choose, judge_reconf};

#[cfg(test)]
mod tests;
