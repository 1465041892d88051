//! Requests of the peer, and what this side answers.

use aiflow_units::{Micros, Timestamp};
use bytes::Bytes as Buffer;

use super::inbound::Inbound;
use super::states::{LinkAction, LinkInput};
use super::{Connection, End, Event, Priority, QueryId, Question, Stream};
use crate::error::{ErrorKind, ProtocolError};
use crate::schedule::{Content, Outgoing, Rank};
use crate::wire::{Answer, Framer, MessageKind, Probe, Received, Refusal, Request, StreamType};
use crate::{CallError, Code};

/// A request that waits until the peer's SETUP is accepted.
#[derive(Debug)]
pub(super) enum Held {
    Request(Stream, Request),
    Probe(Stream, Probe),
}

impl Connection {
    /// Answers a question of the client.
    ///
    /// # Errors
    /// It was answered or given up, the answer is of another kind, or cannot be written.
    pub fn answer(&mut self, query: QueryId, answer: &Answer) -> Result<(), CallError> {
        let (_, kind) = self.questions.get(&query).ok_or(CallError::UnknownRequest)?;
        if !answer.answers(*kind) {
            return Err(CallError::WrongState { call: "answer", state: kind.name() });
        }
        let bytes = answer.encode()?;
        if let Some((stream, _)) = self.questions.remove(&query) {
            self.send_answer(stream, bytes, End::Fin);
        }
        Ok(())
    }

    /// Counts requests of the peer that wait for an answer.
    pub(super) fn unanswered(&self) -> usize {
        let offered = self.sessions.values();
        let offered = offered.filter(|session| session.state == super::SessionState::Offered);
        self.questions.len() + self.held.len() + offered.count()
    }

    /// Writes an answer to a request of the peer.
    pub(super) fn send_answer(&mut self, stream: Stream, bytes: Buffer, end: End) {
        let mut outgoing = Outgoing::answer(Rank::timeless(Priority::Request), Content::Other);
        outgoing.push(bytes);
        outgoing.end = end;
        self.scheduler.answer(stream, outgoing);
    }

    /// Refuses a request of the peer, and reads no more of it.
    pub(super) fn send_refusal(&mut self, stream: Stream, code: Code, retry_after: Micros) {
        let refusal = Refusal { code, retry_after, reason: String::new() };
        match Answer::Refusal(refusal).encode() {
            Ok(bytes) => self.send_answer(stream, bytes, End::Fin),
            Err(_) => self.scheduler.reset(stream, code),
        }
    }

    /// Takes bytes of a request or probe.
    pub(super) fn asking_data(
        &mut self,
        stream: Stream,
        kind: StreamType,
        mut framer: Framer,
        data: &Buffer,
        end: End,
        now: Timestamp,
    ) -> Result<(), ProtocolError> {
        framer.push(data);
        while let Some(envelope) = framer.next_message()? {
            let limits = self.limits();
            let asked = match kind {
                StreamType::Probe => {
                    known(Probe::decode(&envelope, limits)?).map(|it| Held::Probe(stream, it))
                }
                _ => known(Request::decode(&envelope, limits)?).map(|it| Held::Request(stream, it)),
            };
            let Some(asked) = asked else { continue };
            if framer.buffered() > 0 {
                return Err(unexpected());
            }
            if end == End::Open {
                self.inbound.insert(stream, Inbound::Asked);
            }
            return self.dispatch_any(asked, now);
        }
        if end == End::Open {
            self.inbound.insert(stream, Inbound::Asking { kind, framer });
            return Ok(());
        }
        framer.finish()?;
        self.forget_stream(stream);
        // Nothing was asked.
        self.scheduler.reset(stream, Code::Unsupported);
        Ok(())
    }

    fn dispatch_any(&mut self, asked: Held, now: Timestamp) -> Result<(), ProtocolError> {
        match asked {
            Held::Request(stream, request) => self.dispatch(stream, request, now),
            Held::Probe(stream, probe) => self.dispatch_probe(stream, probe, now),
        }
    }

    /// Answers, asks the application, or holds a request back.
    fn dispatch(
        &mut self,
        stream: Stream,
        request: Request,
        now: Timestamp,
    ) -> Result<(), ProtocolError> {
        match self.apply(LinkInput::Message(request.kind()))? {
            LinkAction::Hold => self.held.push(Held::Request(stream, request)),
            LinkAction::Refuse => self.send_refusal(stream, Code::GoingAway, Micros::ZERO),
            LinkAction::Apply => return self.take_request(stream, request, now),
            _ => {}
        }
        Ok(())
    }

    fn dispatch_probe(
        &mut self,
        stream: Stream,
        probe: Probe,
        now: Timestamp,
    ) -> Result<(), ProtocolError> {
        match self.apply(LinkInput::Message(MessageKind::Probe))? {
            LinkAction::Hold => self.held.push(Held::Probe(stream, probe)),
            LinkAction::Apply => self.peer_probes(stream, probe, now),
            _ => {}
        }
        Ok(())
    }

    /// Goes on with the requests that came before the peer's SETUP was accepted.
    pub(super) fn release_requests(&mut self, now: Timestamp) {
        for held in std::mem::take(&mut self.held) {
            let done = self.dispatch_any(held, now);
            if let Err(error) = done {
                self.violated(error);
                return;
            }
        }
    }

    fn take_request(
        &mut self,
        stream: Stream,
        request: Request,
        now: Timestamp,
    ) -> Result<(), ProtocolError> {
        let kind = request.kind();
        let question = match request {
            Request::Open(open) => return self.peer_opens(stream, open, now),
            Request::Resume(resume) => return self.peer_resumes(stream, resume, now),
            Request::Health(health) => Question::Health(health),
            Request::Metadata(metadata) => Question::Metadata(metadata),
            Request::Stats(stats) => Question::Stats(stats),
        };
        let query = QueryId(self.next_query);
        self.next_query += 1;
        self.questions.insert(query, (stream, kind));
        self.events.push_back(Event::Asked { query, question });
        Ok(())
    }

    /// The client gave a question up.
    pub(super) fn question_dropped(&mut self, stream: Stream) {
        self.questions.retain(|_, (asked, _)| *asked != stream);
        let is_stream = |held: &Held| match held {
            Held::Request(held, _) | Held::Probe(held, _) => *held == stream,
        };
        self.held.retain(|held| !is_stream(held));
    }
}

/// Returns a message of a known type.
fn known<T>(received: Received<T>) -> Option<T> {
    match received {
        Received::Message(message) => Some(message),
        Received::Ignored(_) => None,
    }
}

pub(super) fn unexpected() -> ProtocolError {
    ProtocolError::new(ErrorKind::Unexpected, 0, "protocol.md 6.1")
}
