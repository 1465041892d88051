//! The states of a session.

use std::sync::LazyLock;

use super::{Lookup, Row, Side};
use crate::wire::MessageKind;

/// How far a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SessionState {
    /// The client asked for it and waits for the answer.
    Requested,
    /// The server was asked, and its application decides.
    Offered,
    /// Frames may flow.
    Active,
    /// This side proposed another operating point and waits for the answer; frames flow.
    Proposed,
    /// The peer proposed another operating point, and the application warms it up; frames flow.
    Asked,
    /// It is over.
    Ended,
}

impl SessionState {
    pub(super) const ALL: [Self; 6] =
        [Self::Requested, Self::Offered, Self::Active, Self::Proposed, Self::Asked, Self::Ended];

    /// Returns the name, in small letters.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Offered => "offered",
            Self::Active => "active",
            Self::Proposed => "proposed",
            Self::Asked => "asked",
            Self::Ended => "ended",
        }
    }
}

/// What a session reacts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    /// A message about the session.
    Message(MessageKind),
    /// REJECT with GLARE: the server's own proposal went first.
    RejectGlare,
    /// The header of a frame.
    Frame,
    /// The header of a result.
    Result,
    /// The stream of the request that opened the session ended or was reset.
    StreamEnd,
    /// The application accepts the session.
    Admit,
    /// The application refuses the session.
    Refuse,
    /// The application proposes another operating point.
    Propose,
    /// As before, but sooner than the rate of proposals allows.
    ProposeEarly,
    /// The application is ready for the point that the peer proposed.
    Confirm,
    /// The application does not want the point that the peer proposed.
    Decline,
    /// The application took too long to decide.
    DecisionTimeout,
    /// The application ends the session.
    End,
}

/// What a session does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Take what was agreed; frames may be sent.
    Begin,
    /// Tell the application that the peer refused, or is gone.
    Fail,
    /// Let the frame, result or message take its course.
    Apply,
    /// Keep it until the session is active.
    Hold,
    /// Send the answer to OPEN or RESUME.
    Admit,
    /// Send ERROR.
    Refuse,
    /// Send RECONF.
    Propose,
    /// Keep the proposal until its turn comes.
    Queue,
    /// Ask the application to get ready.
    Ask,
    /// Give up this side's proposal, keep it for later, and ask the application about the peer's.
    Yield,
    /// Answer REJECT with GLARE: this side's proposal goes first.
    Outrank,
    /// The new epoch is active.
    Switch,
    /// The old epoch stays.
    Keep,
    /// Send ACCEPT; the new epoch is active.
    Confirm,
    /// Send REJECT; the old epoch stays.
    Decline,
    /// Let the epoch end.
    Retire,
    /// End the session and tell the peer.
    End,
    /// Do nothing.
    Ignore,
    /// The application calls what is not possible now.
    Misuse,
    /// Close the connection with PROTOCOL_VIOLATION.
    Violation,
    /// Give the stream up with SESSION_UNKNOWN.
    Unknown,
}

use Action::{
    Apply, Ask, Begin, Confirm, Decline, Fail, Hold, Ignore, Keep, Misuse, Outrank, Propose, Queue,
    Retire, Switch, Unknown, Violation, Yield,
};
use MessageKind as Kind;
use SessionState::{Active, Asked, Ended, Offered, Proposed, Requested};

const LIVE: &[SessionState] = &[Active, Proposed, Asked];
const ANSWERS: &[Input] = &[Input::Message(Kind::OpenAnswer), Input::Message(Kind::ResumeAnswer)];
const REFUSAL: &[Input] = &[Input::Message(Kind::Refusal)];
const RECONF: &[Input] = &[Input::Message(Kind::Reconf)];
const ACCEPT: &[Input] = &[Input::Message(Kind::Accept)];
const REJECT: &[Input] = &[Input::Message(Kind::Reject)];
const VERDICTS: &[Input] = &[Input::Message(Kind::Accept), Input::Message(Kind::Reject)];
const GLARE: &[Input] = &[Input::RejectGlare];
const RETIRE: &[Input] = &[Input::Message(Kind::Retire)];
const CANCEL: &[Input] = &[Input::Message(Kind::Cancel)];
const TICKET: &[Input] = &[Input::Message(Kind::Ticket)];
const REPORT: &[Input] = &[Input::Message(Kind::FrameReport)];
const FRAME: &[Input] = &[Input::Frame];
const RESULT: &[Input] = &[Input::Result];
const STREAM_END: &[Input] = &[Input::StreamEnd];
const ADMISSION: &[Input] = &[Input::Admit, Input::Refuse];
const PROPOSALS: &[Input] = &[Input::Propose, Input::ProposeEarly];
const DECISIONS: &[Input] = &[Input::Confirm, Input::Decline];
const TIMEOUT: &[Input] = &[Input::DecisionTimeout];
const END: &[Input] = &[Input::End];

type SessionRow = Row<SessionState, Input, Action>;

pub(super) const ROWS: &[SessionRow] = &[
    // The answer to OPEN or RESUME, and the end of its stream.
    Row::new(&[Requested], ANSWERS, Some(Active), Begin),
    Row::new(&[Requested], REFUSAL, Some(Ended), Fail),
    Row::new(&[Offered, Active, Proposed, Asked], ANSWERS, None, Violation),
    Row::new(&[Offered, Active, Proposed, Asked], REFUSAL, None, Violation),
    Row::new(&[Requested, Offered, Active, Proposed, Asked], STREAM_END, Some(Ended), Fail),
    Row::new(&[Offered], &[Input::Admit], Some(Active), Action::Admit),
    Row::new(&[Offered], &[Input::Refuse], Some(Ended), Action::Refuse),
    Row::new(&[Requested, Active, Proposed, Asked, Ended], ADMISSION, None, Misuse),
    // Changes of the operating point. Messages of the control stream may overtake the answer.
    Row::new(&[Requested], RECONF, None, Hold),
    Row::new(&[Offered], RECONF, None, Violation),
    Row::new(&[Active], RECONF, Some(Asked), Ask),
    Row::new(&[Proposed], RECONF, Some(Asked), Yield).only(Side::Client),
    Row::new(&[Proposed], RECONF, None, Outrank).only(Side::Server),
    Row::new(&[Asked], RECONF, None, Violation),
    Row::new(&[Proposed], ACCEPT, Some(Active), Switch),
    Row::new(&[Proposed], REJECT, Some(Active), Keep),
    Row::new(&[Requested, Offered, Active, Asked], VERDICTS, None, Violation),
    // The client learns of glare from the server's RECONF, which comes before this answer.
    Row::new(&[Requested, Offered, Active, Proposed, Asked], GLARE, None, Ignore)
        .only(Side::Client),
    Row::new(&[Requested, Offered, Active, Proposed, Asked], GLARE, None, Violation)
        .only(Side::Server),
    Row::new(&[Active], &[Input::Propose], Some(Proposed), Propose),
    Row::new(&[Active], &[Input::ProposeEarly], None, Queue),
    Row::new(&[Proposed, Asked], PROPOSALS, None, Queue),
    Row::new(&[Requested, Offered, Ended], PROPOSALS, None, Misuse),
    Row::new(&[Asked], &[Input::Confirm], Some(Active), Confirm),
    Row::new(&[Asked], &[Input::Decline], Some(Active), Decline),
    Row::new(&[Asked], TIMEOUT, Some(Active), Decline),
    Row::new(&[Requested, Offered, Active, Proposed, Ended], TIMEOUT, None, Ignore),
    Row::new(&[Requested, Offered, Active, Proposed, Ended], DECISIONS, None, Misuse),
    Row::new(LIVE, RETIRE, None, Retire).only(Side::Server),
    Row::new(&[Offered, Requested], RETIRE, None, Violation).only(Side::Server),
    Row::new(&[Requested, Offered, Active, Proposed, Asked], RETIRE, None, Violation)
        .only(Side::Client),
    // Frames, and what is said about them.
    Row::new(&[Offered], FRAME, None, Hold),
    Row::new(LIVE, FRAME, None, Apply),
    Row::new(&[Requested], FRAME, None, Violation),
    Row::new(&[Requested, Active, Proposed, Asked], RESULT, None, Apply),
    Row::new(&[Offered], RESULT, None, Violation),
    Row::new(&[Requested, Offered, Active, Proposed, Asked], CANCEL, None, Apply),
    Row::new(&[Requested, Offered, Active, Proposed, Asked], REPORT, None, Apply),
    Row::new(&[Requested], TICKET, None, Hold).only(Side::Client),
    Row::new(LIVE, TICKET, None, Apply).only(Side::Client),
    Row::new(&[Offered], TICKET, None, Violation).only(Side::Client),
    Row::new(&[Requested, Offered, Active, Proposed, Asked], TICKET, None, Violation)
        .only(Side::Server),
    // The end. What was under way when a session ended still arrives.
    Row::new(&[Requested, Offered, Active, Proposed, Asked], END, Some(Ended), Action::End),
    Row::new(&[Ended], END, None, Misuse),
    Row::new(&[Ended], ANSWERS, None, Ignore),
    Row::new(&[Ended], REFUSAL, None, Ignore),
    Row::new(&[Ended], RECONF, None, Ignore),
    Row::new(&[Ended], VERDICTS, None, Ignore),
    Row::new(&[Ended], GLARE, None, Ignore),
    Row::new(&[Ended], RETIRE, None, Ignore),
    Row::new(&[Ended], CANCEL, None, Ignore),
    Row::new(&[Ended], TICKET, None, Ignore),
    Row::new(&[Ended], REPORT, None, Ignore),
    Row::new(&[Ended], FRAME, None, Unknown),
    Row::new(&[Ended], RESULT, None, Unknown),
    Row::new(&[Ended], STREAM_END, None, Ignore),
];

/// Returns the next state and what to do.
pub(crate) fn step(side: Side, state: SessionState, input: Input) -> (SessionState, Action) {
    static LOOKUP: LazyLock<Lookup<SessionState, Action>> = LazyLock::new(|| {
        let inputs: Vec<_> =
            Kind::ALL.into_iter().map(Input::Message).chain(Input::OTHERS).collect();
        Lookup::new(ROWS, &SessionState::ALL, &inputs)
    });
    LOOKUP.get(side, state as usize, input.number()).unwrap_or((state, Violation))
}

impl Input {
    /// The messages that speak of a session.
    pub(super) const MESSAGES: [MessageKind; 10] = [
        Kind::OpenAnswer,
        Kind::ResumeAnswer,
        Kind::Refusal,
        Kind::Reconf,
        Kind::Accept,
        Kind::Reject,
        Kind::Retire,
        Kind::Cancel,
        Kind::Ticket,
        Kind::FrameReport,
    ];

    /// What is no message of its own.
    const OTHERS: [Self; 12] = [
        Self::RejectGlare,
        Self::Frame,
        Self::Result,
        Self::StreamEnd,
        Self::Admit,
        Self::Refuse,
        Self::Propose,
        Self::ProposeEarly,
        Self::Confirm,
        Self::Decline,
        Self::DecisionTimeout,
        Self::End,
    ];

    /// All inputs, messages by their kinds.
    pub(super) fn all() -> Vec<Self> {
        Self::MESSAGES.into_iter().map(Self::Message).chain(Self::OTHERS).collect()
    }

    /// Returns the place among all messages, followed by [`Input::OTHERS`].
    const fn number(self) -> usize {
        const AFTER: usize = Kind::ALL.len();
        match self {
            Self::Message(kind) => kind as usize,
            Self::RejectGlare => AFTER,
            Self::Frame => AFTER + 1,
            Self::Result => AFTER + 2,
            Self::StreamEnd => AFTER + 3,
            Self::Admit => AFTER + 4,
            Self::Refuse => AFTER + 5,
            Self::Propose => AFTER + 6,
            Self::ProposeEarly => AFTER + 7,
            Self::Confirm => AFTER + 8,
            Self::Decline => AFTER + 9,
            Self::DecisionTimeout => AFTER + 10,
            Self::End => AFTER + 11,
        }
    }

    /// Returns the name in the table; messages in capitals, what comes from this side in small
    /// letters.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Message(kind) => kind.name(),
            Self::RejectGlare => "REJECT with GLARE",
            Self::Frame => "FRAME",
            Self::Result => "RESULT",
            Self::StreamEnd => "end of the session's stream",
            Self::Admit => "admit",
            Self::Refuse => "refuse",
            Self::Propose => "propose",
            Self::ProposeEarly => "propose too soon",
            Self::Confirm => "accept",
            Self::Decline => "reject",
            Self::DecisionTimeout => "decision timeout",
            Self::End => "end",
        }
    }
}

impl Action {
    /// Returns the name in the table.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Begin => "take what was agreed",
            Fail => "tell the application",
            Apply => "apply",
            Hold => "hold",
            Self::Admit => "send OPEN_OK or RESUME_OK",
            Self::Refuse => "send ERROR",
            Propose => "send RECONF",
            Queue => "keep for later",
            Ask => "ask the application",
            Yield => "keep the own proposal for later, ask the application",
            Outrank => "send REJECT with GLARE",
            Switch => "switch to the new epoch",
            Keep => "keep the old epoch",
            Confirm => "send ACCEPT, switch to the new epoch",
            Decline => "send REJECT",
            Retire => "end the old epoch",
            Self::End => "tell the peer",
            Ignore => "ignore",
            Misuse => "refuse the call",
            Violation => "close with PROTOCOL_VIOLATION",
            Unknown => "give up the stream with SESSION_UNKNOWN",
        }
    }
}
