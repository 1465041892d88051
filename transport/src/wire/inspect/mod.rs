//! What bytes mean, field by field: for vectors, event logs and people.
//!
//! Names are those of `spec/protocol.md`, with the unit of the wire at their end. Tokens and
//! tickets are secrets: only their lengths are told.

mod control;
mod exchange;
mod header;

use core::fmt::{self, Display};

use super::{
    Answer, ControlMessage, Envelope, FrameHeader, Framer, Limits, Prefix, Probe, Received,
    Request, ResultHeader, StreamType, decode_prefix,
};
use crate::error::{ErrorKind, ProtocolError};

/// What a piece of bytes is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Input {
    /// One message of a control stream.
    Control,
    /// One message of the side that opened a request stream.
    Request,
    /// One message of the other side of a request stream.
    Answer,
    /// One message at the start of a probe stream.
    Probe,
    /// The start of a FRAME or RESULT stream, the type of the stream included; for other types
    /// that type alone.
    Stream,
}

impl Input {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Control, Self::Request, Self::Answer, Self::Probe, Self::Stream];

    /// Returns the name that vectors use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Request => "request",
            Self::Answer => "answer",
            Self::Probe => "probe",
            Self::Stream => "stream",
        }
    }
}

/// Names and values in the order of the wire.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fields {
    rows: Vec<(String, String)>,
}

impl Fields {
    /// Returns the rows: name and value.
    pub fn rows(&self) -> &[(String, String)] {
        &self.rows
    }

    pub(crate) fn add(&mut self, name: impl Display, value: impl Display) {
        self.rows.push((name.to_string(), value.to_string()));
    }

    pub(crate) fn add_list<T: Display>(
        &mut self,
        name: impl Display,
        values: impl Iterator<Item = T>,
    ) {
        let values: Vec<String> = values.map(|value| value.to_string()).collect();
        let text = if values.is_empty() { "-".to_owned() } else { values.join(" ") };
        self.add(name, text);
    }
}

impl Display for Fields {
    /// Writes a line `name = value` for each field.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rows.iter().try_for_each(|(name, value)| writeln!(f, "{name} = {value}"))
    }
}

/// Tells what bytes mean; they have to be one whole message, or the start of one stream.
///
/// # Errors
/// What a receiver with these limits reports, at offsets from the start of `bytes`.
pub fn inspect(input: Input, bytes: &[u8], limits: &Limits) -> Result<Fields, ProtocolError> {
    let mut out = Fields::default();
    if input == Input::Stream {
        stream(bytes, limits, &mut out)?;
        return Ok(out);
    }
    let envelope = whole(bytes, limits)?;
    let ignored = match input {
        Input::Control => {
            take(ControlMessage::decode(&envelope, limits)?, |m| m.describe(&mut out))
        }
        Input::Request => take(Request::decode(&envelope, limits)?, |m| m.describe(&mut out)),
        Input::Answer => take(Answer::decode(&envelope, limits)?, |m| m.describe(&mut out)),
        _ => take(Probe::decode(&envelope, limits)?, |m| m.describe(&mut out)),
    };
    if let Some(number) = ignored {
        out.add("ignored", number);
    }
    Ok(out)
}

/// Hands a message on; returns the number of one that is ignored.
fn take<T>(received: Received<T>, describe: impl FnOnce(T)) -> Option<u64> {
    match received {
        Received::Message(message) => {
            describe(message);
            None
        }
        Received::Ignored(number) => Some(number),
    }
}

/// Takes one message, which has to be all there is.
fn whole(bytes: &[u8], limits: &Limits) -> Result<Envelope, ProtocolError> {
    let mut framer = Framer::new(limits);
    framer.push(bytes);
    let Some(envelope) = framer.next_message()? else {
        framer.finish()?;
        return Err(ProtocolError::new(ErrorKind::Truncated, 0, "protocol.md 4.1"));
    };
    if framer.buffered() > 0 {
        let end = envelope.offset.saturating_add(envelope.payload.len() as u64);
        return Err(ProtocolError::new(ErrorKind::TrailingBytes, end, "protocol.md 4.1"));
    }
    Ok(envelope)
}

fn stream(bytes: &[u8], limits: &Limits, out: &mut Fields) -> Result<(), ProtocolError> {
    let end = ProtocolError::new(ErrorKind::Truncated, bytes.len() as u64, "protocol.md 3.3");
    let Prefix::Whole(kind, taken) = decode_prefix::<StreamType>(bytes, limits)? else {
        return Err(end);
    };
    out.add("type", kind.name());
    let rest = bytes.get(taken..).unwrap_or_default();
    let moved = |error: ProtocolError| error.shifted(taken as u64);
    match kind {
        StreamType::Frame => match decode_prefix::<FrameHeader>(rest, limits).map_err(moved)? {
            Prefix::Whole(header, _) => header.describe(out),
            Prefix::Partial => return Err(end),
        },
        StreamType::Result => match decode_prefix::<ResultHeader>(rest, limits).map_err(moved)? {
            Prefix::Whole(header, _) => header.describe(out),
            Prefix::Partial => return Err(end),
        },
        _ => {}
    }
    Ok(())
}
