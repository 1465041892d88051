//! What goes over the wire: one file for each structure, each citing its section of
//! `spec/protocol.md`.
//!
//! Decoders read bytes of a hostile peer: they never panic, check every count and length before
//! anything is allocated, and say at which byte they stopped and by which rule. Encoders write the
//! only form that decoders accept, so that equal values have equal bytes.
//!
//! ```
//! use aiflow_transport::wire::{ControlMessage, Framer, Limits, Received, Retire};
//! use aiflow_transport::wire::{Epoch, Sequence, SessionId};
//!
//! let retire = Retire { session: SessionId(1), epoch: Epoch(0), last: Sequence(41) };
//! let bytes = ControlMessage::Retire(retire).encode()?;
//!
//! let limits = Limits::default();
//! let mut framer = Framer::new(&limits);
//! framer.push(&bytes);
//! let mut received = Vec::new();
//! while let Some(envelope) = framer.next_message()? {
//!     received.push(ControlMessage::decode(&envelope, &limits)?);
//! }
//! assert_eq!(received, [Received::Message(ControlMessage::Retire(retire))]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::panic
    )
)]

mod accept;
mod auth;
mod cancel;
mod channel_report;
mod frame;
mod frame_report;
mod framing;
mod goaway;
mod grease;
mod health;
mod id;
mod inspect;
mod kind;
mod limits;
mod message;
mod metadata;
mod open;
mod open_answer;
mod parameter;
mod point;
mod probe;
mod reader;
mod reconf;
mod refusal;
mod reject;
mod request;
mod result;
mod resume;
mod retire;
mod setup;
mod stats;
mod stream;
mod tensor;
mod ticket;
mod token;
mod values;
mod varint;
mod writer;

pub use accept::Accept;
pub use auth::Auth;
pub use cancel::{Cancel, MAX_RANGES, SequenceRange};
pub use channel_report::{ChannelReport, Permyriad, ReportFlags};
pub use frame::{FrameFlags, FrameHeader};
pub use frame_report::FrameReport;
pub use framing::{Envelope, Framer};
pub use goaway::{Goaway, MAX_REDIRECT};
pub use grease::Grease;
pub use health::{Health, HealthAnswer};
pub use id::{
    CodecId, CutId, Epoch, LayerIndex, ModelId, PointId, ProfileHash, RateIndex, Sequence,
    SessionId,
};
pub use inspect::{Fields, Input, inspect};
pub use kind::{MessageKind, Place};
pub use limits::{Limit, Limits};
pub use message::{ControlMessage, Received};
pub use metadata::{
    MAX_NAME, MAX_NAMES, MAX_TENSOR_INFOS, Metadata, MetadataAnswer, ModelMetadata, ServerMetadata,
    TensorInfo,
};
pub use open::{MAX_TENANT, Open, Replay};
pub use open_answer::{AcceptedPoint, OpenAnswer};
pub use parameter::{MAX_PARAMETERS, ParameterId};
pub use point::{Fallback, MAX_RATES, Point, RateEntry};
pub use probe::Probe;
pub use reader::Reader;
pub use reconf::{Reason, Reconf};
pub use refusal::{MAX_REASON, Refusal};
pub use reject::Reject;
pub use request::{Answer, Request};
pub use result::{ResultFlags, ResultHeader};
pub use resume::{MAX_TICKET, Resume, ResumeAnswer};
pub use retire::Retire;
pub use setup::{
    ChannelLevel, DynamicCapabilities, LEAST_REPORT_INTERVAL, MAX_CODECS, MAX_IMPLEMENTATION,
    MOST_REPORT_INTERVAL, Role, SconeSupport, Setup,
};
pub use stats::{Stats, StatsAnswer};
pub use stream::{PADDING_BYTE, Prefix, StreamType, decode_prefix, encode_start};
pub use tensor::{ElementType, MAX_DIMENSIONS, MAX_TENSORS, TensorSchema};
pub use ticket::{EarlyFrames, Ticket};
pub use token::{MAX_TOKEN, Token, TokenKind};
pub use values::{MAX_VALUES, Values, capability, load, statistic};
pub use varint::{MAX_VARINT, varint_len};
pub(crate) use writer::Notepad;
pub use writer::Writer;

use crate::error::{EncodeError, ProtocolError};

/// A structure with one form on the wire.
pub trait Wire: Sized {
    /// The section of the specification that describes it.
    const SECTION: &'static str;

    /// Reads the structure from where the reader stands.
    ///
    /// # Errors
    /// The first rule that the bytes break; `limits` are those that this side advertised.
    fn read(reader: &mut Reader<'_>, limits: &Limits) -> Result<Self, ProtocolError>;

    /// Writes the structure; a field that no peer would accept is remembered by the writer and
    /// reported by [`Writer::finish`].
    fn write(&self, writer: &mut Writer);
}

/// Reads a structure that fills its input.
///
/// # Errors
/// As [`Wire::read`], and bytes that are left over. Offsets count from the start of `payload`.
pub fn decode<T: Wire>(payload: &[u8], limits: &Limits) -> Result<T, ProtocolError> {
    let mut reader = Reader::new(payload, T::SECTION);
    let value = T::read(&mut reader, limits)?;
    reader.section(T::SECTION);
    reader.expect_end()?;
    Ok(value)
}

/// Writes a structure alone, without type and length.
///
/// # Errors
/// A field that no peer would accept.
pub fn encode<T: Wire>(value: &T) -> Result<bytes::Bytes, EncodeError> {
    let mut writer = Writer::new();
    value.write(&mut writer);
    writer.finish()
}
