//! The states of a connection.

use std::sync::LazyLock;

use super::{Lookup, Row, Side};
use crate::wire::MessageKind;

/// How far a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum State {
    /// The carrier is not connected.
    Idle,
    /// SETUP is on its way; that of the peer has not come.
    Greeting,
    /// The peer's SETUP has come; the application verifies its token.
    Verifying,
    /// Everything is possible.
    Ready,
    /// One side goes away: what is open may end, nothing new begins.
    Draining,
    /// It is over.
    Closed,
}

impl State {
    pub(super) const ALL: [Self; 6] =
        [Self::Idle, Self::Greeting, Self::Verifying, Self::Ready, Self::Draining, Self::Closed];

    /// Returns the name, in small letters.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Greeting => "greeting",
            Self::Verifying => "verifying",
            Self::Ready => "ready",
            Self::Draining => "draining",
            Self::Closed => "closed",
        }
    }
}

/// What a connection reacts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    /// The carrier is connected.
    Connected,
    /// The carrier lost the connection, or the peer closed it.
    Lost,
    /// SETUP with a token that the application wants to see.
    SetupToVerify,
    /// A control message, or the first message of a request or probe stream.
    Message(MessageKind),
    /// The header of a frame.
    Frame,
    /// The header of a result.
    Result,
    /// Padding.
    Padding,
    /// The application accepts the token.
    Authorize,
    /// The application does not accept the token.
    Deny,
    /// The application wants to go away.
    Leave,
    /// The application wants to stop at once.
    Close,
    /// The peer took too long to say SETUP, or the application to verify.
    SetupTimeout,
    /// The time to drain is over, or nothing is left to wait for.
    Drained,
}

/// What a connection does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Open the control stream and say SETUP.
    Greet,
    /// Take note that the handshake is complete.
    Confirm,
    /// Take the peer's SETUP, and go on with what was held back.
    Agree,
    /// Take the peer's SETUP, and ask the application about the token.
    Verify,
    /// Go on with what was held back.
    Release,
    /// Let the session, request or report take its course.
    Apply,
    /// Keep it until the peer's SETUP is accepted.
    Hold,
    /// Answer that this side goes away.
    Refuse,
    /// Say GOAWAY.
    Announce,
    /// Tell the application that the peer goes away.
    Heed,
    /// Do nothing.
    Ignore,
    /// Close with PROTOCOL_VIOLATION.
    Violation,
    /// Close with the code that the input carries.
    Close,
    /// End everything without telling the peer.
    Finish,
}

use Action::{
    Agree, Announce, Apply, Close, Confirm, Finish, Greet, Heed, Hold, Ignore, Refuse, Release,
    Verify, Violation,
};
use MessageKind as Kind;
use State::{Closed, Draining, Greeting, Idle, Ready, Verifying};

/// Control messages that need no more than an agreed connection.
const LATER: &[Input] = &[
    Input::Message(Kind::Reconf),
    Input::Message(Kind::Accept),
    Input::Message(Kind::Reject),
    Input::Message(Kind::Retire),
    Input::Message(Kind::Cancel),
    Input::Message(Kind::ChannelReport),
    Input::Message(Kind::Ticket),
    Input::Message(Kind::FrameReport),
    Input::Message(Kind::Auth),
];

const GOAWAY: &[Input] = &[Input::Message(Kind::Goaway)];

const SETUPS: &[Input] = &[Input::Message(Kind::Setup), Input::SetupToVerify];

/// Requests that begin a session.
const BEGINNINGS: &[Input] = &[Input::Message(Kind::Open), Input::Message(Kind::Resume)];

/// Requests that ask and change nothing.
const QUESTIONS: &[Input] =
    &[Input::Message(Kind::Health), Input::Message(Kind::Metadata), Input::Message(Kind::Stats)];

const PROBE: &[Input] = &[Input::Message(Kind::Probe)];

const FRAME: &[Input] = &[Input::Frame];

const RESULT: &[Input] = &[Input::Result];

const PADDING: &[Input] = &[Input::Padding];

/// Answers stand on the streams of requests, which know whether they wait for one.
const ANSWERS: &[Input] = &[
    Input::Message(Kind::HealthAnswer),
    Input::Message(Kind::MetadataAnswer),
    Input::Message(Kind::OpenAnswer),
    Input::Message(Kind::ResumeAnswer),
    Input::Message(Kind::StatsAnswer),
    Input::Message(Kind::Refusal),
];

const VERDICTS: &[Input] = &[Input::Authorize, Input::Deny];

const TIMEOUTS: &[Input] = &[Input::SetupTimeout, Input::Drained];

const OPEN_STATES: &[State] = &[Greeting, Verifying, Ready, Draining];

type LinkRow = Row<State, Input, Action>;

pub(super) const ROWS: &[LinkRow] = &[
    Row::new(&[Idle], &[Input::Connected], Some(Greeting), Greet),
    Row::new(OPEN_STATES, &[Input::Connected], None, Confirm),
    Row::new(&[Idle, Greeting, Verifying, Ready, Draining], &[Input::Lost], Some(Closed), Finish),
    Row::new(&[Idle, Greeting, Verifying, Ready, Draining], &[Input::Close], Some(Closed), Close),
    Row::new(&[Greeting], &[Input::Message(Kind::Setup)], Some(Ready), Agree),
    Row::new(&[Greeting], &[Input::SetupToVerify], Some(Verifying), Verify),
    Row::new(&[Verifying, Ready, Draining], SETUPS, Some(Closed), Violation),
    Row::new(&[Greeting], LATER, Some(Closed), Violation),
    Row::new(&[Greeting], GOAWAY, Some(Closed), Violation),
    Row::new(&[Verifying, Ready, Draining], LATER, None, Apply),
    Row::new(&[Verifying, Ready, Draining], GOAWAY, Some(Draining), Heed),
    // Only the client asks and sends frames, only the server answers. Streams overtake each other,
    // so that a request may come before the SETUP.
    Row::new(&[Greeting, Verifying], BEGINNINGS, None, Hold).only(Side::Server),
    Row::new(&[Greeting, Verifying], QUESTIONS, None, Hold).only(Side::Server),
    Row::new(&[Ready], BEGINNINGS, None, Apply).only(Side::Server),
    Row::new(&[Draining], BEGINNINGS, None, Refuse).only(Side::Server),
    Row::new(&[Ready, Draining], QUESTIONS, None, Apply).only(Side::Server),
    Row::new(OPEN_STATES, FRAME, None, Apply).only(Side::Server),
    Row::new(OPEN_STATES, RESULT, Some(Closed), Violation).only(Side::Server),
    Row::new(OPEN_STATES, ANSWERS, Some(Closed), Violation).only(Side::Server),
    Row::new(OPEN_STATES, BEGINNINGS, Some(Closed), Violation).only(Side::Client),
    Row::new(OPEN_STATES, QUESTIONS, Some(Closed), Violation).only(Side::Client),
    Row::new(OPEN_STATES, FRAME, Some(Closed), Violation).only(Side::Client),
    Row::new(OPEN_STATES, RESULT, None, Apply).only(Side::Client),
    Row::new(OPEN_STATES, ANSWERS, None, Apply).only(Side::Client),
    Row::new(&[Greeting, Verifying], PROBE, None, Hold),
    Row::new(&[Ready, Draining], PROBE, None, Apply),
    Row::new(OPEN_STATES, PADDING, None, Apply),
    Row::new(&[Verifying], &[Input::Authorize], Some(Ready), Release),
    Row::new(&[Verifying, Ready, Draining], &[Input::Deny], Some(Closed), Close),
    Row::new(&[Idle, Greeting], VERDICTS, None, Ignore),
    Row::new(&[Ready, Draining], &[Input::Authorize], None, Ignore),
    Row::new(&[Ready], &[Input::Leave], Some(Draining), Announce),
    Row::new(&[Idle], &[Input::Leave], Some(Closed), Finish),
    Row::new(&[Greeting, Verifying], &[Input::Leave], Some(Closed), Close),
    Row::new(&[Draining], &[Input::Leave], None, Ignore),
    Row::new(&[Greeting, Verifying], &[Input::SetupTimeout], Some(Closed), Close),
    Row::new(&[Draining], &[Input::Drained], Some(Closed), Close),
    Row::new(&[Idle, Ready, Draining], &[Input::SetupTimeout], None, Ignore),
    Row::new(&[Idle, Greeting, Verifying, Ready], &[Input::Drained], None, Ignore),
    // A carrier that delivers before it is connected breaks its contract with this side.
    Row::new(&[Idle], SETUPS, Some(Closed), Violation),
    Row::new(&[Idle], LATER, Some(Closed), Violation),
    Row::new(&[Idle], GOAWAY, Some(Closed), Violation),
    Row::new(&[Idle], BEGINNINGS, Some(Closed), Violation),
    Row::new(&[Idle], QUESTIONS, Some(Closed), Violation),
    Row::new(&[Idle], PROBE, Some(Closed), Violation),
    Row::new(&[Idle], FRAME, Some(Closed), Violation),
    Row::new(&[Idle], RESULT, Some(Closed), Violation),
    Row::new(&[Idle], PADDING, Some(Closed), Violation),
    Row::new(&[Idle], ANSWERS, Some(Closed), Violation),
    Row::new(&[Closed], &[Input::Connected, Input::Lost, Input::Close, Input::Leave], None, Ignore),
    Row::new(&[Closed], SETUPS, None, Ignore),
    Row::new(&[Closed], LATER, None, Ignore),
    Row::new(&[Closed], GOAWAY, None, Ignore),
    Row::new(&[Closed], BEGINNINGS, None, Ignore),
    Row::new(&[Closed], QUESTIONS, None, Ignore),
    Row::new(&[Closed], PROBE, None, Ignore),
    Row::new(&[Closed], FRAME, None, Ignore),
    Row::new(&[Closed], RESULT, None, Ignore),
    Row::new(&[Closed], PADDING, None, Ignore),
    Row::new(&[Closed], ANSWERS, None, Ignore),
    Row::new(&[Closed], VERDICTS, None, Ignore),
    Row::new(&[Closed], TIMEOUTS, None, Ignore),
];

/// Returns the next state and what to do.
pub(crate) fn step(side: Side, state: State, input: Input) -> (State, Action) {
    static LOOKUP: LazyLock<Lookup<State, Action>> =
        LazyLock::new(|| Lookup::new(ROWS, &State::ALL, &Input::all()));
    LOOKUP.get(side, state as usize, input.number()).unwrap_or((Closed, Violation))
}

impl Input {
    /// All inputs, messages by their kinds.
    pub(super) fn all() -> Vec<Self> {
        let mut all = vec![Self::Connected, Self::Lost, Self::SetupToVerify];
        all.extend(Kind::ALL.map(Self::Message));
        all.extend([Self::Frame, Self::Result, Self::Padding, Self::Authorize, Self::Deny]);
        all.extend([Self::Leave, Self::Close, Self::SetupTimeout, Self::Drained]);
        all
    }

    /// Returns the place in [`Input::all`].
    pub(super) const fn number(self) -> usize {
        const AFTER: usize = 3 + Kind::ALL.len();
        match self {
            Self::Connected => 0,
            Self::Lost => 1,
            Self::SetupToVerify => 2,
            Self::Message(kind) => 3 + kind as usize,
            Self::Frame => AFTER,
            Self::Result => AFTER + 1,
            Self::Padding => AFTER + 2,
            Self::Authorize => AFTER + 3,
            Self::Deny => AFTER + 4,
            Self::Leave => AFTER + 5,
            Self::Close => AFTER + 6,
            Self::SetupTimeout => AFTER + 7,
            Self::Drained => AFTER + 8,
        }
    }

    /// Returns the name in the table; messages in capitals, what comes from this side in small
    /// letters.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Lost => "lost",
            Self::SetupToVerify => "SETUP with a token to verify",
            Self::Message(kind) => kind.name(),
            Self::Frame => "FRAME",
            Self::Result => "RESULT",
            Self::Padding => "PADDING",
            Self::Authorize => "authorize",
            Self::Deny => "deny",
            Self::Leave => "leave",
            Self::Close => "close",
            Self::SetupTimeout => "setup timeout",
            Self::Drained => "drained",
        }
    }
}

impl Action {
    /// Returns the name in the table.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Greet => "send SETUP",
            Confirm => "note that nothing can be replayed any more",
            Agree => "take the SETUP, release what was held",
            Verify => "take the SETUP, ask the application about the token",
            Release => "release what was held",
            Apply => "apply",
            Hold => "hold",
            Refuse => "answer GOING_AWAY",
            Announce => "send GOAWAY",
            Heed => "tell the application",
            Ignore => "ignore",
            Violation => "close with PROTOCOL_VIOLATION",
            Close => "close",
            Finish => "end everything",
        }
    }
}
