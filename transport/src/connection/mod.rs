//! The protocol core: a state machine without I/O, clock and randomness.

mod config;
mod event;
mod flood;
mod frame;
mod getters;
mod handle;
mod ids;
mod lifecycle;
mod peer;
mod poll;
mod states;
mod stats;
mod stream;
mod timers;

use std::collections::VecDeque;

use aiflow_units::Timestamp;

pub use config::{Config, Verification};
pub use event::{ClosedBy, Event, Question};
pub use frame::{Frame, Layer, Older, Outcome, Reply, Timings};
pub use ids::{QueryId, RequestId};
pub use peer::{Early, PeerIdentity, Side};
pub use states::{SessionState, State, graphs, tables};
pub use stats::Statistics;
pub use stream::{Direction, End, Priority, Stream, Transmit};

use crate::channel::Estimator;
use crate::schedule::Scheduler;
use crate::wire::{Limits, Setup};
use crate::{Code, ConfigError};
use flood::Floods;
use timers::Timers;

/// One end of a connection.
#[derive(Debug)]
pub struct Connection {
    side: Side,
    config: Config,
    state: State,
    identity: Option<PeerIdentity>,
    setup: Option<Setup>,
    /// What the peer allows: little before its SETUP.
    allowed: Limits,
    scheduler: Scheduler,
    timers: Timers,
    events: VecDeque<Event>,
    closing: Option<(Code, &'static str)>,
    control: Option<Stream>,
    estimator: Estimator,
    floods: Floods,
    stats: Statistics,
}

impl Connection {
    /// The name of the protocol in the carrier's handshake (ALPN). It names the version: peers
    /// without a common one never exchange a byte of this protocol.
    pub const PROTOCOL: &'static [u8] = b"aiflow/1";

    /// Makes one end of a connection that the carrier is about to establish.
    ///
    /// # Errors
    /// A setting out of its range.
    pub fn new(config: Config, side: Side, now: Timestamp) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self {
            side,
            state: State::Idle,
            identity: None,
            setup: None,
            allowed: Limits::floor(),
            scheduler: Scheduler::default(),
            timers: Timers::default(),
            events: VecDeque::new(),
            closing: None,
            control: None,
            estimator: Estimator::new(config.estimator),
            floods: Floods::new(now),
            stats: Statistics::default(),
            config,
        })
    }
}
