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
mod head;
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
mod replay;
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
use rustc_hash::FxHashMap;

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
pub use stream::{Chunk, Direction, End, Priority, Stream, Transmit};

use crate::channel::Estimator;
use crate::negotiate::Agreement;
use crate::rate::RateController;
use crate::schedule::Scheduler;
use crate::wire::{Limit, Limits, MessageKind, Notepad, SessionId, Setup};
use crate::{Code, ConfigError};
use arrival::Arrival;
use channel::{PathTimes, Reporting, Silence};
use flood::{Bucket, Floods};
use inbound::Inbound;
use probing::Padding;
use replay::EarlyItem;
use requests::Held;
use sending::Pending;
use session::Session;
use timers::Timers;

/// One end of a connection: a state machine that is driven from outside.
///
/// A carrier (QUIC, or whatever has streams) tells it what arrived and asks what to send; an
/// application calls it and asks what happened. It performs no I/O, reads no clock, draws no random
/// numbers and starts no tasks: equal calls have equal effects.
///
/// # Calls
///
/// | group | calls | by |
/// |---|---|---|
/// | **getters** | [`state`](Self::state), [`session`](Self::session), [`sessions`](Self::sessions), [`estimate`](Self::estimate), [`budget`](Self::budget), [`partial`](Self::partial), [`snapshot`](Self::snapshot), [`stats`](Self::stats), [`agreement`](Self::agreement), [`peer`](Self::peer), [`limits`](Self::limits), [`peer_limits`](Self::peer_limits) and the rest that starts with `is_` | anybody, at any time |
/// | **handle_\*** | [`handle_connected`](Self::handle_connected), [`handle_early_rejected`](Self::handle_early_rejected), [`handle_opened`](Self::handle_opened), [`handle_data`](Self::handle_data), [`handle_chunks`](Self::handle_chunks), [`handle_reset`](Self::handle_reset), [`handle_stop`](Self::handle_stop), [`handle_writable`](Self::handle_writable), [`handle_path`](Self::handle_path), [`handle_migrated`](Self::handle_migrated), [`handle_timeout`](Self::handle_timeout), [`handle_closed`](Self::handle_closed) | the carrier, when it saw something |
/// | **commands** of both | [`reconfigure`](Self::reconfigure), [`accept`](Self::accept), [`reject`](Self::reject), [`end`](Self::end), [`probe`](Self::probe), [`pad`](Self::pad), [`goaway`](Self::goaway), [`refresh_token`](Self::refresh_token), [`authorize`](Self::authorize), [`deny`](Self::deny), [`close`](Self::close) | the application |
/// | **commands** of the client | [`open`](Self::open), [`resume`](Self::resume), [`send`](Self::send), [`cancel`](Self::cancel), [`ask`](Self::ask), [`forget`](Self::forget) | the application |
/// | **commands** of the server | [`admit`](Self::admit), [`admit_resumed`](Self::admit_resumed), [`refuse`](Self::refuse), [`reply`](Self::reply), [`fail`](Self::fail), [`answer`](Self::answer), [`issue_ticket`](Self::issue_ticket) | the application |
/// | **poll_\*** | [`poll_transmit`](Self::poll_transmit) with [`written`](Self::written) and [`blocked`](Self::blocked), [`poll_event`](Self::poll_event), [`poll_timeout`](Self::poll_timeout) | the carrier, the application, the carrier |
///
/// # Order
///
/// After every handle or command, and before waiting for anything:
///
/// 1. `poll_transmit` until `None`. Each [`Transmit::Write`] is answered before the next call:
///    `written` with what was taken (all of it or less), `blocked` if the carrier takes no more of
///    this stream now, or both. A write without an answer counts as blocked. Bytes that were not
///    taken are offered again, after what is more urgent by then.
/// 2. `poll_event` until `None`. What the application does about an event may ask for step 1 again.
/// 3. `poll_timeout`, and a call of `handle_timeout` at that time. It changes with every call.
///
/// # Time
///
/// Every call that needs the time takes it. All times are of one clock, which never goes back; its
/// origin does not matter. A call with an earlier time than the one before does no harm beyond
/// timers that run late. The core never waits: a carrier may be slow, virtual or real.
///
/// # What a carrier has to keep
///
/// * Bytes of a stream come in order and once; streams may overtake each other.
/// * Streams of the peer are announced by `handle_opened` before anything else is said of them.
/// * Opening never fails: a carrier that has no stream to open yet answers writes with `blocked`, and
///   calls `handle_writable` when it has one. Resets of streams that never opened are ignored.
/// * QUIC should hold few bytes: what it holds can only be dropped by a reset, and no longer be
///   overtaken. About 1.25 times the product of rate and round trip is enough, and one base layer.
/// * What the path does is told with `handle_path`; without it there are no estimates, no outages,
///   and budgets stay at their floor.
///
/// # What can be relied on
///
/// * Each [`Frame`] that [`send`](Self::send) took ends once, with [`Event::Ended`], whatever the peer
///   and the network do; not later than its `answer_by`.
/// * No layer is delivered in an epoch, at a point or in an order that was not agreed on.
/// * What is held for the peer ([`Statistics::memory`]) stays within [`Connection::limits`] and 16 MiB.
/// * A peer that breaks a rule is told its code and costs nothing from then on.
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
    /// Whether the connection only waits until its last words have left.
    lingering: bool,
    /// How many bidirectional streams the peer opened.
    requests_seen: u64,
    inbound: FxHashMap<Stream, Inbound>,
    /// Streams of the peer in the order in which they were opened, until they got on.
    young: VecDeque<(Timestamp, Stream)>,
    sessions: BTreeMap<SessionId, Session>,
    ended: BTreeSet<SessionId>,
    /// What was counted in them.
    past: SessionCounters,
    next_session: u64,
    /// Frames of this side without a result.
    pending: FxHashMap<RequestId, Pending>,
    pending_bytes: Bytes,
    /// What left before the handshake was complete, in order.
    early_items: Vec<EarlyItem>,
    /// The layers of them, each of which has a stream.
    pending_layers: u64,
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
    notepad: Notepad,
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
            lingering: false,
            requests_seen: 0,
            inbound: FxHashMap::default(),
            young: VecDeque::new(),
            sessions: BTreeMap::new(),
            ended: BTreeSet::new(),
            past: SessionCounters::default(),
            next_session: 0,
            pending: FxHashMap::default(),
            pending_bytes: Bytes::ZERO,
            pending_layers: 0,
            early_items: Vec::new(),
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
            notepad: Notepad::default(),
            config,
        })
    }
}
