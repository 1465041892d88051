//! The protocol core: a state machine without I/O, clock and randomness.

mod arrival;
mod asking;
mod channel;
mod config;
mod control;
mod early;
mod ending;
mod epochs;
mod event;
mod flood;
mod frame;
mod getters;
mod handle;
mod ids;
mod inbound;
mod lifecycle;
mod losing;
mod peer;
mod pieces;
mod poll;
mod probing;
mod receiving;
mod reconf;
mod requests;
mod results;
mod sending;
mod session;
mod sessions;
mod snapshot;
mod states;
mod stats;
mod stream;
mod timers;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use aiflow_units::{Bytes, Timestamp};

pub use config::{Config, Verification};
pub use event::{ClosedBy, Event, Question};
pub use frame::{Frame, Layer, Older, Outcome, Reply, Timings};
pub use getters::SessionInfo;
pub use ids::{QueryId, RequestId};
pub use peer::{Early, PeerIdentity, Side};
pub use session::SessionCounters;
pub use snapshot::Snapshot;
pub use states::{SessionState, State, graphs, tables};
pub use stats::Statistics;
pub use stream::{Direction, End, Priority, Stream, Transmit};

use crate::channel::Estimator;
use crate::negotiate::Agreement;
use crate::rate::RateController;
use crate::schedule::Scheduler;
use crate::wire::{Limit, Limits, MessageKind, SessionId, Setup};
use crate::{Code, ConfigError};
use arrival::Arrival;
use channel::{PathTimes, Reporting, Silence};
use flood::{Bucket, Floods};
use inbound::Inbound;
use probing::Padding;
use requests::Held;
use sending::Pending;
use session::Session;
use timers::Timers;

/// One end of a connection.
#[derive(Debug)]
pub struct Connection {
    side: Side,
    config: Config,
    state: State,
    /// Why it is closed.
    closed: Option<Code>,
    closing: Option<(Code, &'static str)>,
    identity: Option<PeerIdentity>,
    /// What the peer said, and what follows from it for both.
    setup: Option<Setup>,
    agreement: Option<Agreement>,
    /// What this side may make the peer spend: little before its SETUP.
    allowed: Limits,
    scheduler: Scheduler,
    timers: Timers,
    events: VecDeque<Event>,
    /// The control stream of this side.
    control: Option<Stream>,
    /// Whether the peer opened its own.
    control_seen: bool,
    /// Whether the peer said GOAWAY.
    peer_left: bool,
    /// How many bidirectional streams the peer opened.
    requests_seen: u64,
    inbound: BTreeMap<Stream, Inbound>,
    sessions: BTreeMap<SessionId, Session>,
    ended: BTreeSet<SessionId>,
    next_session: u64,
    /// Frames of this side without a result, and the streams of their layers.
    pending: BTreeMap<RequestId, Pending>,
    streams: BTreeMap<Stream, (RequestId, u8)>,
    /// Frames of the peer without a result.
    arrivals: BTreeMap<RequestId, Arrival>,
    /// Payload bytes that are held of frames and results that are not whole.
    buffered: Bytes,
    /// Questions of this side and of the peer.
    queries: BTreeMap<QueryId, Stream>,
    questions: BTreeMap<QueryId, (Stream, MessageKind)>,
    held: Vec<Held>,
    next_query: u64,
    own_proposals: Bucket,
    floods: Floods,
    estimator: Estimator,
    rate: RateController,
    silence: Silence,
    path: PathTimes,
    reporting: Reporting,
    padding: Option<Padding>,
    last_padded: Option<Timestamp>,
    last_asked: Option<Timestamp>,
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
        let proposals = config.setup.limits.get(Limit::ReconfsPerSecond);
        let floods = Floods::new(&config.setup.limits, now);
        Ok(Self {
            side,
            state: State::Idle,
            closed: None,
            closing: None,
            identity: None,
            setup: None,
            agreement: None,
            allowed: Limits::floor(),
            scheduler: Scheduler::default(),
            timers: Timers::default(),
            events: VecDeque::new(),
            control: None,
            control_seen: false,
            peer_left: false,
            requests_seen: 0,
            inbound: BTreeMap::new(),
            sessions: BTreeMap::new(),
            ended: BTreeSet::new(),
            next_session: 0,
            pending: BTreeMap::new(),
            streams: BTreeMap::new(),
            arrivals: BTreeMap::new(),
            buffered: Bytes::ZERO,
            queries: BTreeMap::new(),
            questions: BTreeMap::new(),
            held: Vec::new(),
            next_query: 0,
            own_proposals: Bucket::new(1, proposals, now),
            floods,
            estimator: Estimator::new(config.estimator),
            rate: RateController::new(config.rate),
            silence: Silence::default(),
            path: PathTimes::default(),
            reporting: Reporting::default(),
            padding: None,
            last_padded: None,
            last_asked: None,
            stats: Statistics::default(),
            config,
        })
    }
}
