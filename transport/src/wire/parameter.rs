//! Parameters: numbered fields that an unknowing peer skips (`protocol.md` 4.3).

use super::{Reader, Writer};
use crate::error::{ErrorKind, ProtocolError};

/// The most parameters in one message, unknown ones included.
pub const MAX_PARAMETERS: usize = 64;

const SECTION: &str = "protocol.md 4.3";

/// A parameter of SETUP; `spec/registry/parameters.toml` holds the same table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ParameterId {
    /// What the side does with frames.
    Role,
    /// What the side may be made to spend.
    Limits,
    /// The codecs that the side knows.
    Codecs,
    /// How far channel reports and probes go.
    ChannelLevel,
    /// The time between two channel reports.
    ReportInterval,
    /// What the side is able to do.
    StaticCapabilities,
    /// What the side is able to do at present.
    DynamicCapabilities,
    /// Who the side is.
    AuthToken,
    /// The name of the implementation.
    Implementation,
    /// Whether the side reads advice on throughput from the network.
    Scone,
}

impl ParameterId {
    /// All parameters, in the order of their numbers.
    pub const ALL: [Self; 10] = [
        Self::Role,
        Self::Limits,
        Self::Codecs,
        Self::ChannelLevel,
        Self::ReportInterval,
        Self::StaticCapabilities,
        Self::DynamicCapabilities,
        Self::AuthToken,
        Self::Implementation,
        Self::Scone,
    ];

    /// Returns the number on the wire.
    pub const fn number(self) -> u64 {
        self as u64
    }

    /// Returns the name in the specification, in capitals.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Role => "ROLE",
            Self::Limits => "LIMITS",
            Self::Codecs => "CODECS",
            Self::ChannelLevel => "CHANNEL_LEVEL",
            Self::ReportInterval => "REPORT_INTERVAL",
            Self::StaticCapabilities => "CAPS_STATIC",
            Self::DynamicCapabilities => "CAPS_DYNAMIC",
            Self::AuthToken => "AUTH_TOKEN",
            Self::Implementation => "IMPLEMENTATION",
            Self::Scone => "SCONE",
        }
    }

    /// Finds the parameter of a number.
    pub fn from_number(number: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|id| id.number() == number)
    }
}

/// Reads parameters to the end of the input and hands each to `take`, with a reader over its
/// value; the value must be read to its end unless `take` says that it is unknown.
///
/// # Errors
/// A number that stands twice, too many parameters, and what `take` reports; offsets count from
/// the start of the outer input.
pub(super) fn read_parameters(
    reader: &mut Reader<'_>,
    mut take: impl FnMut(u64, &mut Reader<'_>) -> Result<Known, ProtocolError>,
) -> Result<(), ProtocolError> {
    let mut seen: Vec<u64> = Vec::new();
    while !reader.is_empty() {
        reader.section(SECTION);
        let at = reader.offset();
        let number = reader.varint()?;
        if seen.contains(&number) {
            return Err(reader.error_at(ErrorKind::Duplicate, at));
        }
        if seen.len() == MAX_PARAMETERS {
            return Err(reader.error_at(ErrorKind::TooMany, at));
        }
        seen.push(number);
        let value = reader.blob(usize::MAX)?;
        let start = reader.offset().saturating_sub(value.len() as u64);
        let mut inner = Reader::new(value, SECTION);
        let known = take(number, &mut inner)
            .and_then(|known| if known == Known::Yes { inner.expect_end() } else { Ok(()) });
        known.map_err(|error| error.shifted(start))?;
    }
    Ok(())
}

/// Whether a parameter is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// It is, and was read.
    Yes,
    /// It is not: it is skipped.
    No,
}

/// Writes one parameter.
pub(super) fn write_parameter(writer: &mut Writer, number: u64, content: impl FnOnce(&mut Writer)) {
    writer.varint("parameter", number);
    writer.sized("parameter length", content);
}

/// Skips parameters that stand at the end of a message, of which this version knows none.
pub(super) fn skip_parameters(reader: &mut Reader<'_>) -> Result<(), ProtocolError> {
    read_parameters(reader, |_, _| Ok(Known::No))
}
