//! What the application is told.

use aiflow_units::{Micros, Timestamp};
use bytes::Bytes as Buffer;

use super::{Layer, Outcome, QueryId, Reply, RequestId};
use crate::Code;
use crate::wire::{
    Answer, ChannelReport, Epoch, FrameReport, Goaway, Health, Metadata, Open, PointId, Reason,
    Resume, SessionId, Setup, Stats, Ticket, Token,
};

/// Something that happened, in the order in which it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The peer's SETUP was accepted: everything is possible now.
    Ready(Box<Setup>),
    /// The peer shows a token, at SETUP or in place of an older one, and nothing of what it asked
    /// for is done before [`Connection::authorize`](crate::Connection::authorize) or
    /// [`Connection::deny`](crate::Connection::deny). Only with
    /// [`Verification::Always`](crate::Verification::Always); `None` if it shows none.
    Token(Option<Token>),
    /// The peer goes away: sessions may finish, new ones are refused.
    GoingAway(Goaway),
    /// The last session ended while one of the sides goes away; the connection closes.
    Drained,
    /// The connection is over. Every request and session has been reported as ended before.
    Closed {
        /// Why.
        code: Code,
        /// Who closed it.
        by: ClosedBy,
    },

    /// The client asks for a session: answer with
    /// [`Connection::admit`](crate::Connection::admit) or
    /// [`Connection::refuse`](crate::Connection::refuse).
    SessionOffered(Box<Open>),
    /// The client wants to go on with a session of an earlier connection: answer with
    /// [`Connection::admit_resumed`](crate::Connection::admit_resumed) or
    /// [`Connection::refuse`](crate::Connection::refuse).
    ResumeOffered(Resume),
    /// A session is open: frames may flow.
    SessionOpened {
        /// Which session.
        session: SessionId,
        /// Its epoch; the first unless the session was resumed.
        epoch: Epoch,
        /// The operating point for its frames.
        active: PointId,
    },
    /// A session is over, was refused, or its peer is gone.
    SessionEnded {
        /// Which session.
        session: SessionId,
        /// Why; [`Code::NoError`] if one of the applications ended it.
        code: Code,
        /// When asking again may do better; zero for never.
        retry_after: Micros,
    },
    /// The peer gave a ticket with which the session can go on over another connection.
    Ticket(Ticket),

    /// The peer proposes another operating point. Get ready for it first (load the head or warm the
    /// tail), then answer with [`Connection::accept`](crate::Connection::accept), or with
    /// [`Connection::reject`](crate::Connection::reject). Frames flow on meanwhile.
    Proposed {
        /// Which session.
        session: SessionId,
        /// The epoch that would begin.
        epoch: Epoch,
        /// The point that frames would use.
        active: PointId,
        /// The points that frames could use.
        points: Vec<PointId>,
        /// Why.
        reason: Reason,
    },
    /// A new epoch is active: the sender of frames uses it from now on.
    Switched {
        /// Which session.
        session: SessionId,
        /// The epoch that is active.
        epoch: Epoch,
        /// The point for its frames.
        active: PointId,
        /// How long the change took, from the proposal on this side; zero on the other one.
        took: Micros,
    },
    /// The proposal of this side was turned down; the old epoch goes on.
    Rejected {
        /// Which session.
        session: SessionId,
        /// The epoch that was proposed.
        epoch: Epoch,
        /// Why.
        code: Code,
    },
    /// No frame of an epoch will arrive any more: what it needed can be unloaded.
    EpochEnded {
        /// Which session.
        session: SessionId,
        /// The epoch that ended.
        epoch: Epoch,
    },

    /// A layer of a frame arrived, after all layers below it.
    Layer(Layer),
    /// An enhancement of a frame will not arrive; use what is there.
    LayerLost {
        /// Which frame.
        request: RequestId,
        /// Which layer; those above it will not arrive either.
        layer: u8,
        /// Why.
        code: Code,
        /// What arrived of it.
        partial: Vec<Buffer>,
    },
    /// The base of a frame will not arrive, or the sender does not want the result any more. Nothing
    /// can be answered.
    FrameLost {
        /// Which frame.
        request: RequestId,
        /// Why.
        code: Code,
        /// What arrived of the base.
        partial: Vec<Buffer>,
    },

    /// A request of this side ended.
    Ended {
        /// Which request.
        request: RequestId,
        /// How.
        outcome: Outcome,
    },
    /// A result arrived, and a better one follows.
    Provisional {
        /// Which request.
        request: RequestId,
        /// The result for now.
        reply: Reply,
    },

    /// The peer asks: answer with [`Connection::answer`](crate::Connection::answer).
    Asked {
        /// Names the question in the answer.
        query: QueryId,
        /// What it asks.
        question: Question,
    },
    /// The peer answered a question of this side; `None` if the question was given up.
    Answered {
        /// Which question.
        query: QueryId,
        /// The answer.
        answer: Option<Box<Answer>>,
    },

    /// What the peer knows of the channel from it to this side.
    Report(ChannelReport),
    /// How a frame of this side arrived.
    FrameReport(FrameReport),
    /// The peer has acknowledged nothing for too long: fall back to what needs no network.
    OutageBegan {
        /// When the last acknowledgement came, or sending began.
        since: Timestamp,
    },
    /// The peer acknowledges again.
    OutageEnded {
        /// How long nothing came.
        lasted: Micros,
    },
}

/// Who closed a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClosedBy {
    /// The application of this side, or this side because the peer broke a rule.
    Local,
    /// The peer, or the carrier.
    Peer,
}

/// What a peer wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Question {
    /// Whether it is able to work.
    Health(Health),
    /// What it serves.
    Metadata(Metadata),
    /// What it counted.
    Stats(Stats),
}
