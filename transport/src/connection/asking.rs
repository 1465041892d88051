//! Requests of this side on streams of their own, and what the peer answers.

use aiflow_units::Timestamp;
use bytes::Bytes as Buffer;

use super::inbound::{Inbound, Purpose};
use super::lifecycle::stream_type;
use super::replay::EarlyItem;
use super::requests::unexpected;
use super::states::LinkInput;
use super::{Connection, Direction, End, Event, Priority, QueryId, Question, Side, Stream};
use crate::error::ProtocolError;
use crate::schedule::{Content, Outgoing, Rank};
use crate::wire::{Answer, Framer, Limit, MessageKind, Received, Request, StreamType};
use crate::{CallError, Code};

impl Connection {
    /// Asks the server; its answer comes as [`Event::Answered`].
    ///
    /// # Errors
    /// This is the server, the connection is not established, or too many requests are unanswered.
    pub fn ask(&mut self, question: Question) -> Result<QueryId, CallError> {
        self.require_side(Side::Client, "ask")?;
        let request = match question {
            Question::Health(health) => Request::Health(health),
            Question::Metadata(metadata) => Request::Metadata(metadata),
            Question::Stats(stats) => Request::Stats(stats),
        };
        let query = QueryId(self.next_query);
        let stream = self.send_request(&request, Purpose::Query(query), End::Fin)?;
        self.next_query += 1;
        self.queries.insert(query, stream);
        let purpose = Purpose::Query(query);
        self.keep_early(|| EarlyItem::Request { request, purpose, end: End::Fin });
        Ok(query)
    }

    /// Gives a question up.
    ///
    /// # Errors
    /// It was answered.
    pub fn forget(&mut self, query: QueryId) -> Result<(), CallError> {
        let stream = self.queries.remove(&query).ok_or(CallError::UnknownRequest)?;
        self.inbound.remove(&stream);
        self.scheduler.stop(stream, Code::Cancelled);
        self.scheduler.cut(stream, Code::Cancelled);
        Ok(())
    }

    /// Opens a stream with a request.
    pub(super) fn send_request(
        &mut self,
        request: &Request,
        purpose: Purpose,
        end: End,
    ) -> Result<Stream, CallError> {
        self.require_open("request")?;
        let kind = request.kind();
        if self.is_early() && matches!(kind, MessageKind::Open | MessageKind::Stats) {
            return Err(CallError::WrongState { call: "request", state: "early data" });
        }
        let waiting = |inbound: &&Inbound| matches!(inbound, Inbound::Answer { .. });
        let waiting = self.inbound.values().filter(waiting).count() as u64;
        let allowed = self.allowed.get(Limit::Requests);
        if waiting >= allowed {
            let (limit, asked) = (Limit::Requests, waiting + 1);
            return Err(CallError::LimitReached { limit, asked, allowed });
        }
        let bytes = request.encode()?;
        let mut outgoing =
            Outgoing::new(Direction::Bi, Rank::timeless(Priority::Request), Content::Other)
                .with_chunk(stream_type(StreamType::Request))
                .with_chunk(bytes);
        outgoing.end = end;
        let stream = self.scheduler.open(outgoing);
        let framer = Framer::new(self.limits());
        self.inbound.insert(stream, Inbound::Answer { framer, kind, purpose });
        Ok(stream)
    }

    /// Takes bytes of the answer to a request of this side.
    #[allow(clippy::too_many_arguments, reason = "they are the parts of one stream")]
    pub(super) fn answer_data(
        &mut self,
        stream: Stream,
        mut framer: Framer,
        kind: MessageKind,
        purpose: Purpose,
        data: &Buffer,
        end: End,
        now: Timestamp,
    ) -> Result<(), ProtocolError> {
        framer.push(data);
        while let Some(envelope) = framer.next_message()? {
            let Received::Message(answer) = Answer::decode(&envelope, self.limits())? else {
                continue;
            };
            if !answer.answers(kind) || framer.buffered() > 0 {
                return Err(unexpected());
            }
            self.apply(LinkInput::Message(answer.kind()))?;
            if end == End::Open {
                let session = |session| Inbound::Session(session);
                let rest = match purpose {
                    Purpose::Query(_) => Inbound::Asked,
                    Purpose::Session(id) => session(id),
                };
                self.inbound.insert(stream, rest);
            }
            return self.take_answer(purpose, answer, end, now);
        }
        if end == End::Fin {
            framer.finish()?;
            self.answer_missing(purpose, Code::Internal);
        } else {
            self.inbound.insert(stream, Inbound::Answer { framer, kind, purpose });
        }
        Ok(())
    }

    fn take_answer(
        &mut self,
        purpose: Purpose,
        answer: Answer,
        end: End,
        now: Timestamp,
    ) -> Result<(), ProtocolError> {
        match purpose {
            Purpose::Query(query) => {
                if self.queries.remove(&query).is_some() {
                    let answer = Some(Box::new(answer));
                    self.events.push_back(Event::Answered { query, answer });
                }
                Ok(())
            }
            Purpose::Session(session) => {
                self.session_answered(session, answer, now)?;
                if end == End::Fin {
                    self.session_stream_ended(session, Code::NoError);
                }
                Ok(())
            }
        }
    }

    /// The stream of a request of this side ended without an answer.
    pub(super) fn answer_missing(&mut self, purpose: Purpose, code: Code) {
        match purpose {
            Purpose::Query(query) => {
                if self.queries.remove(&query).is_some() {
                    self.events.push_back(Event::Answered { query, answer: None });
                }
            }
            Purpose::Session(session) => self.session_stream_ended(session, code),
        }
    }
}
