//! Tiers over the network: a [`Server`] for edge and cloud, a [`Device`] for the other end.
//!
//! ```text
//! Device: head, encode -> Session ~~~ Server: WorkQueue -> worker: decode, tail -> Answer
//!    |                                             \-> worker: decode, middle, encode -> Uplink
//!    +-- answers itself when the link is down                                  ~~~ next Server
//! ```
//!
//! Connections live in tokio tasks; what computes runs on threads of its own ([`Server`]) or on
//! tokio's blocking threads ([`Device`]), so that no computation holds up the network.

mod clock;
mod compute;
mod counters;
mod device;
mod histogram;
mod menu;
mod options;
mod outcome;
mod pass;
mod passage;
mod picture;
mod pilot;
mod request;
mod sample;
mod server;
mod session;
mod trials;
mod trust;
mod uplink;
mod ways;
mod worker;

pub use self::counters::ServerCounters;
pub use self::device::Device;
pub use self::menu::{ANSWER_CLASSES, LOSSLESS_RATE, Menu};
pub use self::options::{Role, ServerOptions, Then};
pub use self::outcome::{Choice, Fallback, Handover, Outcome};
pub use self::picture::{PictureReader, PictureWriter, UnreadablePicture};
pub use self::pilot::{Course, Pilot};
pub use self::sample::{DeviceOptions, Layering, Sample};
pub use self::server::{Server, ServerError};
pub use self::uplink::{LinkStatus, Uplink, UplinkError};
