//! Requests and their answers (`protocol.md` 6.1).

use bytes::Bytes as Buffer;

use super::message::encode_message;
use super::{
    Envelope, Health, HealthAnswer, Limits, MessageKind, Metadata, MetadataAnswer, Open,
    OpenAnswer, Place, Probe, Received, Refusal, Resume, ResumeAnswer, Stats, StatsAnswer,
};
use crate::error::{EncodeError, ProtocolError};

/// The message that a request or probe stream begins with.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[allow(missing_docs, reason = "each is named after the structure with the documentation")]
pub enum Request {
    Health(Health),
    Metadata(Metadata),
    Open(Open),
    Resume(Resume),
    Stats(Stats),
}

/// The message that answers a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[allow(missing_docs, reason = "each is named after the structure with the documentation")]
pub enum Answer {
    Health(HealthAnswer),
    Metadata(MetadataAnswer),
    Open(OpenAnswer),
    Resume(ResumeAnswer),
    Stats(StatsAnswer),
    Refusal(Refusal),
}

impl Request {
    /// Reads a message.
    ///
    /// # Errors
    /// As [`ControlMessage::decode`](super::ControlMessage::decode).
    pub fn decode(envelope: &Envelope, limits: &Limits) -> Result<Received<Self>, ProtocolError> {
        let Received::Message(kind) = envelope.kind(Place::Request)? else {
            return Ok(Received::Ignored(envelope.number));
        };
        let content = match kind {
            MessageKind::Health => envelope.content(limits).map(Self::Health),
            MessageKind::Metadata => envelope.content(limits).map(Self::Metadata),
            MessageKind::Open => envelope.content(limits).map(Self::Open),
            MessageKind::Resume => envelope.content(limits).map(Self::Resume),
            MessageKind::Stats => envelope.content(limits).map(Self::Stats),
            _ => Err(envelope.unexpected()),
        };
        content.map(Received::Message)
    }

    /// Writes type, length and content.
    ///
    /// # Errors
    /// A field that no peer would accept.
    pub fn encode(&self) -> Result<Buffer, EncodeError> {
        let kind = self.kind();
        match self {
            Self::Health(message) => encode_message(kind, message),
            Self::Metadata(message) => encode_message(kind, message),
            Self::Open(message) => encode_message(kind, message),
            Self::Resume(message) => encode_message(kind, message),
            Self::Stats(message) => encode_message(kind, message),
        }
    }

    /// Returns the type.
    pub const fn kind(&self) -> MessageKind {
        match self {
            Self::Health(_) => MessageKind::Health,
            Self::Metadata(_) => MessageKind::Metadata,
            Self::Open(_) => MessageKind::Open,
            Self::Resume(_) => MessageKind::Resume,
            Self::Stats(_) => MessageKind::Stats,
        }
    }
}

impl Answer {
    /// Reads a message. Whether it fits the request is for the caller to check with
    /// [`answers`](Self::answers).
    ///
    /// # Errors
    /// As [`ControlMessage::decode`](super::ControlMessage::decode).
    pub fn decode(envelope: &Envelope, limits: &Limits) -> Result<Received<Self>, ProtocolError> {
        let Received::Message(kind) = envelope.kind(Place::Answer)? else {
            return Ok(Received::Ignored(envelope.number));
        };
        let content = match kind {
            MessageKind::HealthAnswer => envelope.content(limits).map(Self::Health),
            MessageKind::MetadataAnswer => envelope.content(limits).map(Self::Metadata),
            MessageKind::OpenAnswer => envelope.content(limits).map(Self::Open),
            MessageKind::ResumeAnswer => envelope.content(limits).map(Self::Resume),
            MessageKind::StatsAnswer => envelope.content(limits).map(Self::Stats),
            MessageKind::Refusal => envelope.content(limits).map(Self::Refusal),
            _ => Err(envelope.unexpected()),
        };
        content.map(Received::Message)
    }

    /// Writes type, length and content.
    ///
    /// # Errors
    /// A field that no peer would accept.
    pub fn encode(&self) -> Result<Buffer, EncodeError> {
        let kind = self.kind();
        match self {
            Self::Health(message) => encode_message(kind, message),
            Self::Metadata(message) => encode_message(kind, message),
            Self::Open(message) => encode_message(kind, message),
            Self::Resume(message) => encode_message(kind, message),
            Self::Stats(message) => encode_message(kind, message),
            Self::Refusal(message) => encode_message(kind, message),
        }
    }

    /// Returns the type.
    pub const fn kind(&self) -> MessageKind {
        match self {
            Self::Health(_) => MessageKind::HealthAnswer,
            Self::Metadata(_) => MessageKind::MetadataAnswer,
            Self::Open(_) => MessageKind::OpenAnswer,
            Self::Resume(_) => MessageKind::ResumeAnswer,
            Self::Stats(_) => MessageKind::StatsAnswer,
            Self::Refusal(_) => MessageKind::Refusal,
        }
    }

    /// Returns whether this may answer a request of the given type.
    pub const fn answers(&self, request: MessageKind) -> bool {
        matches!(
            (self, request),
            (Self::Health(_), MessageKind::Health)
                | (Self::Metadata(_), MessageKind::Metadata)
                | (Self::Open(_), MessageKind::Open)
                | (Self::Resume(_), MessageKind::Resume)
                | (Self::Stats(_), MessageKind::Stats)
                | (Self::Refusal(_), _)
        )
    }
}

impl Probe {
    /// Reads the message that a probe stream begins with.
    ///
    /// # Errors
    /// As [`ControlMessage::decode`](super::ControlMessage::decode).
    pub fn decode(envelope: &Envelope, limits: &Limits) -> Result<Received<Self>, ProtocolError> {
        match envelope.kind(Place::Probe)? {
            Received::Message(_) => envelope.content(limits).map(Received::Message),
            Received::Ignored(number) => Ok(Received::Ignored(number)),
        }
    }

    /// Writes type, length and content.
    ///
    /// # Errors
    /// A field that no peer would accept.
    pub fn encode(&self) -> Result<Buffer, EncodeError> {
        encode_message(MessageKind::Probe, self)
    }
}
