//! Messages of control streams, and what all messages have in common (`protocol.md` 4).

use bytes::Bytes as Buffer;

use super::{
    Accept, Auth, Cancel, ChannelReport, Envelope, FrameReport, Goaway, Limits, MessageKind, Place,
    Reconf, Reject, Retire, Setup, Ticket, Wire, Writer, decode,
};
use crate::error::{EncodeError, ErrorKind, ProtocolError};

/// What came out of an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received<T> {
    /// A message.
    Message(T),
    /// A message of an unknown type that may be ignored, with its number.
    Ignored(u64),
}

/// A message of a control stream.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[allow(missing_docs, reason = "each is named after the structure with the documentation")]
pub enum ControlMessage {
    Setup(Setup),
    Reconf(Reconf),
    Accept(Accept),
    Reject(Reject),
    Retire(Retire),
    Goaway(Goaway),
    Cancel(Cancel),
    ChannelReport(ChannelReport),
    Ticket(Ticket),
    FrameReport(FrameReport),
    Auth(Auth),
}

impl ControlMessage {
    /// Reads a message.
    ///
    /// # Errors
    /// A critical message of an unknown type, a message of another kind of stream, and whatever
    /// its content breaks. Offsets count as those of the envelope do.
    pub fn decode(envelope: &Envelope, limits: &Limits) -> Result<Received<Self>, ProtocolError> {
        let Received::Message(kind) = envelope.kind(Place::Control)? else {
            return Ok(Received::Ignored(envelope.number));
        };
        let content = match kind {
            MessageKind::Setup => envelope.content(limits).map(Self::Setup),
            MessageKind::Reconf => envelope.content(limits).map(Self::Reconf),
            MessageKind::Accept => envelope.content(limits).map(Self::Accept),
            MessageKind::Reject => envelope.content(limits).map(Self::Reject),
            MessageKind::Retire => envelope.content(limits).map(Self::Retire),
            MessageKind::Goaway => envelope.content(limits).map(Self::Goaway),
            MessageKind::Cancel => envelope.content(limits).map(Self::Cancel),
            MessageKind::ChannelReport => envelope.content(limits).map(Self::ChannelReport),
            MessageKind::Ticket => envelope.content(limits).map(Self::Ticket),
            MessageKind::FrameReport => envelope.content(limits).map(Self::FrameReport),
            MessageKind::Auth => envelope.content(limits).map(Self::Auth),
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
            Self::Setup(message) => encode_message(kind, message),
            Self::Reconf(message) => encode_message(kind, message),
            Self::Accept(message) => encode_message(kind, message),
            Self::Reject(message) => encode_message(kind, message),
            Self::Retire(message) => encode_message(kind, message),
            Self::Goaway(message) => encode_message(kind, message),
            Self::Cancel(message) => encode_message(kind, message),
            Self::ChannelReport(message) => encode_message(kind, message),
            Self::Ticket(message) => encode_message(kind, message),
            Self::FrameReport(message) => encode_message(kind, message),
            Self::Auth(message) => encode_message(kind, message),
        }
    }

    /// Returns the type.
    pub const fn kind(&self) -> MessageKind {
        match self {
            Self::Setup(_) => MessageKind::Setup,
            Self::Reconf(_) => MessageKind::Reconf,
            Self::Accept(_) => MessageKind::Accept,
            Self::Reject(_) => MessageKind::Reject,
            Self::Retire(_) => MessageKind::Retire,
            Self::Goaway(_) => MessageKind::Goaway,
            Self::Cancel(_) => MessageKind::Cancel,
            Self::ChannelReport(_) => MessageKind::ChannelReport,
            Self::Ticket(_) => MessageKind::Ticket,
            Self::FrameReport(_) => MessageKind::FrameReport,
            Self::Auth(_) => MessageKind::Auth,
        }
    }
}

impl Envelope {
    /// Finds the type, and checks that it is allowed in `place`.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownMessage`] for an unknown even number, [`ErrorKind::Unexpected`] for a
    /// type of another place; both at the first byte of the message.
    pub fn kind(&self, place: Place) -> Result<Received<MessageKind>, ProtocolError> {
        match MessageKind::from_number(self.number) {
            Some(kind) if kind.place() == place => Ok(Received::Message(kind)),
            Some(_) => Err(self.unexpected()),
            None if self.number.is_multiple_of(2) => {
                Err(ProtocolError::new(ErrorKind::UnknownMessage, self.start, "protocol.md 4.2"))
            }
            None => Ok(Received::Ignored(self.number)),
        }
    }

    /// Reads the content.
    ///
    /// # Errors
    /// As [`decode`], at offsets that count as those of the envelope do.
    pub fn content<T: Wire>(&self, limits: &Limits) -> Result<T, ProtocolError> {
        decode(&self.payload, limits).map_err(|error| error.shifted(self.offset))
    }

    pub(super) const fn unexpected(&self) -> ProtocolError {
        ProtocolError::new(ErrorKind::Unexpected, self.start, "protocol.md 4.2")
    }
}

/// Writes type, length and content.
pub(super) fn encode_message<T: Wire>(
    kind: MessageKind,
    message: &T,
) -> Result<Buffer, EncodeError> {
    let mut writer = Writer::new();
    writer.varint("type", kind.number());
    writer.sized("length", |inner| message.write(inner));
    writer.finish()
}
