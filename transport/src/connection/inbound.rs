//! Streams on which the peer writes.

use aiflow_units::{Bytes, Timestamp};
use bytes::Bytes as Buffer;

use super::head::Head;
use super::pieces::Pieces;
use super::states::LinkInput;
use super::timers::Timer;
use super::{Connection, Direction, End, QueryId, RequestId, Stream};
use crate::Code;
use crate::error::{ErrorKind, ProtocolError};
use crate::wire::{FrameHeader, Framer, Limit, MessageKind, ResultHeader, SessionId, StreamType};

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
    Fresh { direction: Direction, head: Head },
    /// The control stream.
    Control { framer: Framer },
    /// A layer of which the header has not arrived.
    FrameHead { head: Head },
    /// A layer.
    Frame { request: RequestId, layer: u8 },
    /// A layer of a session that is not active yet.
    Early { header: FrameHeader, pieces: Pieces, end: End, arrived: Timestamp },
    /// A result of which the header has not arrived.
    ResultHead { head: Head },
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
    /// Says whether the header or message that a stream begins with is not whole.
    fn is_young(&self) -> bool {
        matches!(
            self,
            Self::Fresh { .. }
                | Self::FrameHead { .. }
                | Self::ResultHead { .. }
                | Self::Asking { .. }
        )
    }

    /// Returns what it costs to hold this.
    pub(super) fn cost(&self) -> u64 {
        const FIXED: u64 = 256;
        FIXED
            + match self {
                Self::Fresh { head, .. } | Self::FrameHead { head } | Self::ResultHead { head } => {
                    head.cost()
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
        self.inbound.insert(stream, Inbound::Fresh { direction, head: Head::default() });
        self.watch(stream, now);
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
        // Nearly all bytes are of layers, whose streams keep their place.
        if let Some(&Inbound::Frame { request, layer }) = self.inbound.get(&stream) {
            return self.frame_data(stream, request, layer, &mut [data], end, now);
        }
        let Some(inbound) = self.inbound.remove(&stream) else { return Ok(()) };
        match inbound {
            Inbound::Frame { .. } => Ok(()),
            Inbound::Fresh { direction, head } => {
                self.fresh_data(stream, direction, head, data, end, now)
            }
            Inbound::Control { framer } => self.control_data(stream, framer, &data, end, now),
            Inbound::FrameHead { head } => self.frame_head(stream, head, data, end, now),
            Inbound::Early { header, pieces, arrived, .. } => {
                self.early_data(stream, header, pieces, arrived, data, end)
            }
            Inbound::ResultHead { head } => self.result_head(stream, head, data, end, now),
            Inbound::Result { header, pieces } => {
                self.result_data(stream, header, pieces, data, end, now)
            }
            Inbound::Padding => {
                let received = &mut self.stats.padding_received;
                *received = received.saturating_add(Bytes::of_len(data.len()));
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
                    self.session_stream_ended(session, Code::NoError);
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

    /// Takes several pieces of any stream.
    ///
    /// # Errors
    /// As [`Connection::data`].
    pub(super) fn pieces(
        &mut self,
        stream: Stream,
        chunks: &mut [Buffer],
        end: End,
        now: Timestamp,
    ) -> Result<(), ProtocolError> {
        let mut rest = chunks;
        loop {
            if let Some(&Inbound::Frame { request, layer }) = self.inbound.get(&stream) {
                return self.frame_data(stream, request, layer, rest, end, now);
            }
            match rest {
                [] => return self.data(stream, Buffer::new(), end, now),
                [last] => return self.data(stream, std::mem::take(last), end, now),
                [first, more @ ..] => {
                    self.data(stream, std::mem::take(first), End::Open, now)?;
                    rest = more;
                }
            }
        }
    }

    /// Reads the type of a stream.
    fn fresh_data(
        &mut self,
        stream: Stream,
        direction: Direction,
        mut head: Head,
        mut data: Buffer,
        end: End,
        now: Timestamp,
    ) -> Result<(), ProtocolError> {
        match head.push::<StreamType>(&mut data, self.limits()) {
            Ok(Some(kind)) => self.typed_data(stream, direction, kind, data, end, now),
            Ok(None) => {
                // An empty stream says nothing and does no harm.
                if end == End::Open {
                    self.inbound.insert(stream, Inbound::Fresh { direction, head });
                }
                Ok(())
            }
            Err(ProtocolError { kind: ErrorKind::UnknownStream, .. }) => {
                self.refuse_stream(stream, direction, Code::UnknownStream, now);
                Ok(())
            }
            Err(error) => Err(error),
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
                Inbound::Control { framer: Framer::at(1, self.limits()) }
            }
            StreamType::Frame => {
                self.apply(LinkInput::Frame)?;
                return self.frame_head(stream, Head::default(), rest, end, now);
            }
            StreamType::Result => {
                self.apply(LinkInput::Result)?;
                return self.result_head(stream, Head::default(), rest, end, now);
            }
            StreamType::Padding => {
                self.apply(LinkInput::Padding)?;
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
    }

    /// Notes a stream that has to get on within a time.
    fn watch(&mut self, stream: Stream, now: Timestamp) {
        // Most streams are past their header at once: what is noted of them is dropped again.
        if self.young.len() > 64 + 2 * self.inbound.len() {
            let inbound = &self.inbound;
            self.young.retain(|(_, stream)| inbound.get(stream).is_some_and(Inbound::is_young));
        }
        self.young.push_back((now, stream));
        if !self.timers.is_set(Timer::Stall) {
            self.timers.set(Timer::Stall, now.after(self.config.greeting));
        }
    }

    /// Refuses the streams that the peer opened and did not get on with.
    pub(super) fn stalled(&mut self, now: Timestamp) {
        while let Some((opened, stream)) = self.young.front().copied() {
            let young = self.inbound.get(&stream).is_some_and(Inbound::is_young);
            let due = opened.after(self.config.greeting);
            if young && due > now {
                self.timers.set(Timer::Stall, due);
                return;
            }
            self.young.pop_front();
            if young {
                let direction = match self.inbound.remove(&stream) {
                    Some(Inbound::Fresh { direction, .. }) => direction,
                    Some(Inbound::Asking { .. }) => Direction::Bi,
                    _ => Direction::Uni,
                };
                self.refuse_stream(stream, direction, Code::Timeout, now);
            }
        }
    }
}
