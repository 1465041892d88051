//! Streams on which the peer writes.

use aiflow_units::Timestamp;
use bytes::Bytes as Buffer;

use super::pieces::Pieces;
use super::states::LinkInput;
use super::timers::Timer;
use super::{Connection, Direction, End, QueryId, RequestId, Stream};
use crate::Code;
use crate::error::{ErrorKind, ProtocolError};
use crate::wire::{
    FrameHeader, Framer, Limit, MessageKind, Prefix, ResultHeader, SessionId, StreamType,
    decode_prefix,
};

/// What a question of this side is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Query(QueryId),
    Session(SessionId),
}

/// How far the reading of a stream is.
#[derive(Debug)]
pub(super) enum Inbound {
    /// The type has not arrived.
    Fresh { direction: Direction, head: Vec<u8> },
    /// The control stream.
    Control { framer: Framer },
    /// A layer of which the header has not arrived.
    FrameHead { head: Vec<u8> },
    /// A layer.
    Frame { request: RequestId, layer: u8 },
    /// A layer of a session that is not active yet.
    Early { header: FrameHeader, pieces: Pieces, end: End, arrived: Timestamp },
    /// A result of which the header has not arrived.
    ResultHead { head: Vec<u8> },
    /// A result.
    Result { header: ResultHeader, pieces: Pieces },
    /// Bytes that nobody reads.
    Padding,
    /// A request or probe of which the message is not whole.
    Asking { kind: StreamType, framer: Framer },
    /// A request whose message is whole: what follows ends it.
    Asked,
    /// The stream of a session.
    Session(SessionId),
    /// The answer to a question of this side.
    Answer { framer: Framer, kind: MessageKind, purpose: Purpose },
}

impl Inbound {
    /// Returns what it costs to hold this.
    pub(super) fn cost(&self) -> u64 {
        const FIXED: u64 = 256;
        FIXED
            + match self {
                Self::Fresh { head, .. } | Self::FrameHead { head } | Self::ResultHead { head } => {
                    head.capacity() as u64
                }
                Self::Control { framer }
                | Self::Asking { framer, .. }
                | Self::Answer { framer, .. } => framer.buffered() as u64,
                Self::Early { pieces, .. } | Self::Result { pieces, .. } => pieces.cost(),
                _ => 0,
            }
    }
}

impl Connection {
    pub(super) fn opened(&mut self, stream: Stream, direction: Direction, now: Timestamp) {
        if stream.is_local() || self.inbound.contains_key(&stream) {
            return;
        }
        if direction == Direction::Bi {
            self.requests_seen = self.requests_seen.saturating_add(1);
        }
        if self.inbound.len() as u64 >= self.limits().get(Limit::Streams) {
            self.refuse_stream(stream, direction, Code::ExcessiveLoad, now);
            return;
        }
        self.inbound.insert(stream, Inbound::Fresh { direction, head: Vec::new() });
        self.timers.set(Timer::Stall(stream), now.after(self.config.greeting));
    }

    /// Refuses a stream because of a limit; a peer that does not learn is closed.
    pub(super) fn refuse_stream(
        &mut self,
        stream: Stream,
        direction: Direction,
        code: Code,
        now: Timestamp,
    ) {
        self.scheduler.stop(stream, code);
        if direction == Direction::Bi {
            self.scheduler.reset(stream, code);
        }
        if code == Code::ExcessiveLoad {
            self.stats.refusals += 1;
            if !self.floods.refusals.take(now) {
                self.overload(Limit::Streams);
            }
        }
    }

    /// Takes bytes of any stream.
    ///
    /// # Errors
    /// A rule that the peer broke, which ends the connection.
    pub(super) fn data(
        &mut self,
        stream: Stream,
        data: Buffer,
        end: End,
        now: Timestamp,
    ) -> Result<(), ProtocolError> {
        let Some(inbound) = self.inbound.remove(&stream) else { return Ok(()) };
        match inbound {
            Inbound::Fresh { direction, head } => {
                self.fresh_data(stream, direction, head, &data, end, now)
            }
            Inbound::Control { framer } => self.control_data(stream, framer, &data, end, now),
            Inbound::FrameHead { head } => self.frame_head(stream, head, data, end, now),
            Inbound::Frame { request, layer } => {
                self.inbound.insert(stream, Inbound::Frame { request, layer });
                self.frame_data(stream, request, layer, data, end, now)
            }
            Inbound::Early { header, pieces, arrived, .. } => {
                self.early_data(stream, header, pieces, arrived, data, end)
            }
            Inbound::ResultHead { head } => self.result_head(stream, head, data, end, now),
            Inbound::Result { header, pieces } => {
                self.result_data(stream, header, pieces, data, end, now)
            }
            Inbound::Padding => {
                if end == End::Open {
                    self.inbound.insert(stream, Inbound::Padding);
                }
                Ok(())
            }
            Inbound::Asking { kind, framer } => {
                self.asking_data(stream, kind, framer, &data, end, now)
            }
            Inbound::Asked if data.is_empty() => Ok(()),
            Inbound::Session(session) if data.is_empty() => {
                if end == End::Fin {
                    self.session_stream_ended(session, Code::NoError, now);
                } else {
                    self.inbound.insert(stream, Inbound::Session(session));
                }
                Ok(())
            }
            Inbound::Asked | Inbound::Session(_) => {
                Err(ProtocolError::new(ErrorKind::Unexpected, 0, "protocol.md 6.1"))
            }
            Inbound::Answer { framer, kind, purpose } => {
                self.answer_data(stream, framer, kind, purpose, &data, end, now)
            }
        }
    }

    /// Reads the type of a stream.
    fn fresh_data(
        &mut self,
        stream: Stream,
        direction: Direction,
        mut head: Vec<u8>,
        data: &Buffer,
        end: End,
        now: Timestamp,
    ) -> Result<(), ProtocolError> {
        let known = head.len();
        head.extend_from_slice(data.get(..data.len().min(MOST_TYPE)).unwrap_or_default());
        let kind = match decode_prefix::<StreamType>(&head, self.limits()) {
            Ok(Prefix::Whole(kind, used)) => {
                let rest = data.slice(used.saturating_sub(known)..);
                return self.typed_data(stream, direction, kind, rest, end, now);
            }
            Ok(Prefix::Partial) => None,
            Err(error) => Some(error),
        };
        match kind {
            None if end == End::Open => {
                self.inbound.insert(stream, Inbound::Fresh { direction, head });
                Ok(())
            }
            // An empty stream says nothing and does no harm.
            None => {
                self.forget_stream(stream);
                Ok(())
            }
            Some(ProtocolError { kind: ErrorKind::UnknownStream, .. }) => {
                self.forget_stream(stream);
                self.refuse_stream(stream, direction, Code::UnknownStream, now);
                Ok(())
            }
            Some(error) => Err(error),
        }
    }

    fn typed_data(
        &mut self,
        stream: Stream,
        direction: Direction,
        kind: StreamType,
        rest: Buffer,
        end: End,
        now: Timestamp,
    ) -> Result<(), ProtocolError> {
        let unexpected = Err(ProtocolError::new(ErrorKind::Unexpected, 0, "protocol.md 3.3"));
        if kind.is_bidirectional() != (direction == Direction::Bi) {
            return unexpected;
        }
        let inbound = match kind {
            StreamType::Control if self.control_seen => return unexpected,
            StreamType::Control => {
                self.control_seen = true;
                self.timers.clear(Timer::Stall(stream));
                Inbound::Control { framer: Framer::at(1, self.limits()) }
            }
            StreamType::Frame => {
                self.apply(LinkInput::Frame)?;
                Inbound::FrameHead { head: Vec::new() }
            }
            StreamType::Result => {
                self.apply(LinkInput::Result)?;
                Inbound::ResultHead { head: Vec::new() }
            }
            StreamType::Padding => {
                self.apply(LinkInput::Padding)?;
                self.timers.clear(Timer::Stall(stream));
                Inbound::Padding
            }
            StreamType::Request | StreamType::Probe => {
                let asking = |inbound: &&Inbound| matches!(inbound, Inbound::Asking { .. });
                let open = self.inbound.values().filter(asking).count() + self.unanswered();
                if open as u64 >= self.limits().get(Limit::Requests)
                    || !self.floods.requests.take(now)
                {
                    self.forget_stream(stream);
                    self.refuse_stream(stream, direction, Code::ExcessiveLoad, now);
                    return Ok(());
                }
                Inbound::Asking { kind, framer: Framer::at(1, self.limits()) }
            }
        };
        self.inbound.insert(stream, inbound);
        if rest.is_empty() && end == End::Open {
            return Ok(());
        }
        self.data(stream, rest, end, now)
    }

    /// Forgets a stream that has nothing more to say.
    pub(super) fn forget_stream(&mut self, stream: Stream) {
        self.inbound.remove(&stream);
        self.timers.clear(Timer::Stall(stream));
    }

    /// The peer opened a stream and did not get on with it.
    pub(super) fn stalled(&mut self, stream: Stream, now: Timestamp) {
        let direction = match self.inbound.remove(&stream) {
            Some(Inbound::Fresh { direction, .. }) => direction,
            Some(Inbound::Asking { .. }) => Direction::Bi,
            Some(Inbound::Early { pieces, .. }) => {
                self.buffered = self.buffered.saturating_sub(pieces.length());
                self.scheduler.stop(stream, Code::SessionUnknown);
                return;
            }
            Some(_) => Direction::Uni,
            None => return,
        };
        self.refuse_stream(stream, direction, Code::Timeout, now);
    }
}

/// The longest type of a stream.
const MOST_TYPE: usize = 8;
