//! SETUP: what a side is and can do; its first message (`protocol.md` 5.1).

use aiflow_units::Micros;
use bytes::Bytes as Buffer;

use super::parameter::{Known, ParameterId, read_parameters, write_parameter};
use super::{CodecId, Limits, Reader, Token, Values, Wire, Writer};
use crate::error::{ErrorKind, ProtocolError};

/// The most codecs in a SETUP.
pub const MAX_CODECS: usize = 64;
/// The most bytes of the name of an implementation.
pub const MAX_IMPLEMENTATION: usize = 128;
/// The shortest time between two channel reports.
pub const LEAST_REPORT_INTERVAL: Micros = Micros::from_millis(50);
/// The longest time between two channel reports.
pub const MOST_REPORT_INTERVAL: Micros = Micros::from_secs(1);

/// What a side does with frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Role {
    /// It runs what stands before a cut, and sends frames.
    Head,
    /// It runs what stands after a cut, and answers frames with results.
    Tail,
    /// Either, by session.
    #[default]
    Both,
}

/// How far channel reports and probes go; each level includes the lower ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[non_exhaustive]
pub enum ChannelLevel {
    /// No channel reports.
    #[default]
    None,
    /// Channel reports.
    Report,
    /// Channel reports, and padding on request.
    Probe,
}

impl ChannelLevel {
    /// Returns the name in the specification.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Report => "report",
            Self::Probe => "probe",
        }
    }
}

/// Whether a side reads advice on throughput that the network puts into QUIC packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SconeSupport {
    /// It does not.
    #[default]
    Absent,
    /// It does, and passes the advice on in channel reports.
    Read,
}

/// What a side is able to do at present.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DynamicCapabilities {
    /// How long the values may be believed; sent in whole milliseconds.
    pub validity: Micros,
    /// The values, by the numbers of [`load`](super::load).
    pub values: Values,
}

/// What a side is and can do.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Setup {
    /// What it does with frames; by default both.
    pub role: Role,
    /// What it may be made to spend.
    pub limits: Limits,
    /// The codecs that it knows, best first; by default [`CodecId::RAW`].
    pub codecs: Vec<CodecId>,
    /// How far channel reports and probes go; by default there are none.
    pub channel_level: ChannelLevel,
    /// The shortest time between two channel reports that it wants to get: 50 ms to 1 s, 100 ms
    /// by default, which is one per frame at common frame rates. Sent in whole milliseconds.
    pub report_interval: Micros,
    /// What it is able to do, by the numbers of [`capability`](super::capability).
    pub static_capabilities: Values,
    /// What it is able to do at present.
    pub dynamic_capabilities: Option<DynamicCapabilities>,
    /// Who it is, beside its certificate.
    pub token: Option<Token>,
    /// Name and version of the implementation; empty to hide it. At most 128 bytes.
    pub implementation: String,
    /// Whether it reads advice on throughput from the network.
    pub scone: SconeSupport,
    /// A parameter of a reserved number, which the peer skips. Not kept by decoders.
    pub grease: Option<(u64, Buffer)>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            role: Role::default(),
            limits: Limits::default(),
            codecs: vec![CodecId::RAW],
            channel_level: ChannelLevel::default(),
            report_interval: DEFAULT_REPORT_INTERVAL,
            static_capabilities: Values::default(),
            dynamic_capabilities: None,
            token: None,
            implementation: String::new(),
            scone: SconeSupport::default(),
            grease: None,
        }
    }
}

const DEFAULT_REPORT_INTERVAL: Micros = Micros::from_millis(100);

impl Wire for Setup {
    const SECTION: &'static str = "protocol.md 5.1";

    fn read(reader: &mut Reader<'_>, limits: &Limits) -> Result<Self, ProtocolError> {
        let mut setup = Self::default();
        read_parameters(reader, |number, value| match ParameterId::from_number(number) {
            Some(id) => setup.read_parameter(id, value, limits).map(|()| Known::Yes),
            None => Ok(Known::No),
        })?;
        Ok(setup)
    }

    /// Writes parameters in ascending order; those that state a default are left out.
    fn write(&self, writer: &mut Writer) {
        let plain = Self::default();
        if self.role != plain.role {
            write_parameter(writer, ParameterId::Role.number(), |w| self.role.write(w));
        }
        if self.limits != plain.limits {
            write_parameter(writer, ParameterId::Limits.number(), |w| self.limits.write(w));
        }
        if self.codecs != plain.codecs {
            write_parameter(writer, ParameterId::Codecs.number(), |w| self.write_codecs(w));
        }
        if self.channel_level != plain.channel_level {
            let level = self.channel_level as u64;
            write_parameter(writer, ParameterId::ChannelLevel.number(), |w| {
                w.varint("CHANNEL_LEVEL", level);
            });
        }
        if self.report_interval != plain.report_interval {
            let range = LEAST_REPORT_INTERVAL..=MOST_REPORT_INTERVAL;
            if !range.contains(&self.report_interval) {
                writer.invalid("REPORT_INTERVAL", "it is 50 ms to 1 s");
            }
            write_parameter(writer, ParameterId::ReportInterval.number(), |w| {
                w.millis(self.report_interval);
            });
        }
        self.write_capabilities(writer);
        if let Some(token) = &self.token {
            write_parameter(writer, ParameterId::AuthToken.number(), |w| token.write(w));
        }
        if !self.implementation.is_empty() {
            if self.implementation.len() > MAX_IMPLEMENTATION {
                writer.invalid("IMPLEMENTATION", "it has at most 128 bytes");
            }
            write_parameter(writer, ParameterId::Implementation.number(), |w| {
                w.raw(self.implementation.as_bytes());
            });
        }
        if self.scone == SconeSupport::Read {
            write_parameter(writer, ParameterId::Scone.number(), |_| ());
        }
        if let Some((number, value)) = &self.grease {
            if !super::Grease::is_reserved(*number) {
                writer.invalid("grease", "its number is 0x1f * N + 0x21");
            }
            write_parameter(writer, *number, |w| w.raw(value));
        }
    }
}

impl Setup {
    fn read_parameter(
        &mut self,
        id: ParameterId,
        value: &mut Reader<'_>,
        limits: &Limits,
    ) -> Result<(), ProtocolError> {
        match id {
            ParameterId::Role => self.role = Role::read(value, limits)?,
            ParameterId::Limits => {
                value.section(Limits::SECTION);
                self.limits = Limits::read(value, limits)?;
            }
            ParameterId::Codecs => self.codecs = read_codecs(value)?,
            ParameterId::ChannelLevel => {
                value.section("protocol.md 5.1.4");
                self.channel_level = match value.varint_to(2)? {
                    0 => ChannelLevel::None,
                    1 => ChannelLevel::Report,
                    _ => ChannelLevel::Probe,
                };
            }
            ParameterId::ReportInterval => {
                value.section("protocol.md 5.1.5");
                self.report_interval = value.millis()?;
                if !(LEAST_REPORT_INTERVAL..=MOST_REPORT_INTERVAL).contains(&self.report_interval) {
                    return Err(value.error_at(ErrorKind::InvalidValue, 0));
                }
            }
            ParameterId::StaticCapabilities => {
                self.static_capabilities = Values::read(value, limits)?;
            }
            ParameterId::DynamicCapabilities => {
                value.section("protocol.md 5.1.7");
                let validity = value.millis()?;
                let values = Values::read(value, limits)?;
                self.dynamic_capabilities = Some(DynamicCapabilities { validity, values });
            }
            ParameterId::AuthToken => self.token = Some(Token::read(value, limits)?),
            ParameterId::Implementation => self.implementation = read_implementation(value)?,
            ParameterId::Scone => self.scone = SconeSupport::Read,
        }
        Ok(())
    }

    fn write_codecs(&self, writer: &mut Writer) {
        let twice = |(place, codec)| self.codecs.iter().take(place).any(|other| other == codec);
        if self.codecs.len() > MAX_CODECS || self.codecs.iter().enumerate().any(twice) {
            writer.invalid("CODECS", "there are at most 64, each of them once");
        }
        self.codecs.iter().for_each(|codec| writer.varint("codec", codec.0));
    }

    fn write_capabilities(&self, writer: &mut Writer) {
        if !self.static_capabilities.is_empty() {
            write_parameter(writer, ParameterId::StaticCapabilities.number(), |w| {
                self.static_capabilities.write(w);
            });
        }
        if let Some(dynamic) = &self.dynamic_capabilities {
            write_parameter(writer, ParameterId::DynamicCapabilities.number(), |w| {
                w.millis(dynamic.validity);
                dynamic.values.write(w);
            });
        }
    }
}

impl Wire for Role {
    const SECTION: &'static str = "protocol.md 5.1.1";

    fn read(reader: &mut Reader<'_>, _: &Limits) -> Result<Self, ProtocolError> {
        reader.section(Self::SECTION);
        Ok(match reader.varint_to(2)? {
            0 => Self::Head,
            1 => Self::Tail,
            _ => Self::Both,
        })
    }

    fn write(&self, writer: &mut Writer) {
        writer.varint("ROLE", *self as u64);
    }
}

fn read_codecs(reader: &mut Reader<'_>) -> Result<Vec<CodecId>, ProtocolError> {
    reader.section("protocol.md 5.1.3");
    let mut codecs = Vec::new();
    while !reader.is_empty() {
        let at = reader.offset();
        let codec = CodecId(reader.varint()?);
        if codecs.contains(&codec) {
            return Err(reader.error_at(ErrorKind::Duplicate, at));
        }
        if codecs.len() == MAX_CODECS {
            return Err(reader.error_at(ErrorKind::TooMany, at));
        }
        codecs.push(codec);
    }
    Ok(codecs)
}

fn read_implementation(reader: &mut Reader<'_>) -> Result<String, ProtocolError> {
    reader.section("protocol.md 5.1.9");
    let bytes = reader.rest();
    if bytes.len() > MAX_IMPLEMENTATION {
        return Err(reader.error(ErrorKind::TooMany));
    }
    let text = str::from_utf8(bytes).map_err(|_| reader.error(ErrorKind::InvalidText))?;
    reader.take(bytes.len())?;
    Ok(text.to_owned())
}
