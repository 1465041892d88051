//! Types of messages (`protocol.md` 4.1).

use super::{
    Accept, Auth, Cancel, ChannelReport, FrameReport, Goaway, Health, HealthAnswer, Metadata,
    MetadataAnswer, Open, OpenAnswer, Probe, Reconf, Refusal, Reject, Resume, ResumeAnswer, Retire,
    Setup, Stats, StatsAnswer, Ticket, Wire,
};

/// Where a message is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// On a control stream.
    Control,
    /// First and only message on a request stream, from the side that opened it.
    Request,
    /// The answer on a request stream.
    Answer,
    /// First and only message on a probe stream, from the side that opened it.
    Probe,
}

impl Place {
    /// Returns the name that the registry uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Request => "request",
            Self::Answer => "answer",
            Self::Probe => "probe",
        }
    }
}

/// A type of message; `spec/registry/messages.toml` holds the same table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
#[allow(missing_docs, reason = "each is the name of the structure with the documentation")]
pub enum MessageKind {
    Setup,
    Reconf,
    Accept,
    Reject,
    Retire,
    Goaway,
    Cancel,
    ChannelReport,
    Ticket,
    FrameReport,
    Auth,
    Health,
    Metadata,
    Open,
    Resume,
    Stats,
    Probe,
    HealthAnswer,
    MetadataAnswer,
    OpenAnswer,
    ResumeAnswer,
    StatsAnswer,
    Refusal,
}

impl MessageKind {
    /// All types, in the order of their numbers.
    pub const ALL: [Self; 23] = [
        Self::Setup,
        Self::Reconf,
        Self::Accept,
        Self::Reject,
        Self::Retire,
        Self::Goaway,
        Self::Cancel,
        Self::ChannelReport,
        Self::Ticket,
        Self::FrameReport,
        Self::Auth,
        Self::Health,
        Self::Metadata,
        Self::Open,
        Self::Resume,
        Self::Stats,
        Self::Probe,
        Self::HealthAnswer,
        Self::MetadataAnswer,
        Self::OpenAnswer,
        Self::ResumeAnswer,
        Self::StatsAnswer,
        Self::Refusal,
    ];

    const fn row(self) -> (u64, &'static str, Place) {
        match self {
            Self::Setup => (0x00, "SETUP", Place::Control),
            Self::Reconf => (0x02, "RECONF", Place::Control),
            Self::Accept => (0x04, "ACCEPT", Place::Control),
            Self::Reject => (0x06, "REJECT", Place::Control),
            Self::Retire => (0x08, "RETIRE", Place::Control),
            Self::Goaway => (0x0a, "GOAWAY", Place::Control),
            Self::Cancel => (0x0c, "CANCEL", Place::Control),
            Self::ChannelReport => (0x0d, "CHANNEL_REPORT", Place::Control),
            Self::Ticket => (0x0e, "TICKET", Place::Control),
            Self::FrameReport => (0x0f, "FRAME_REPORT", Place::Control),
            Self::Auth => (0x10, "AUTH", Place::Control),
            Self::Health => (0x20, "HEALTH", Place::Request),
            Self::Metadata => (0x22, "METADATA", Place::Request),
            Self::Open => (0x24, "OPEN", Place::Request),
            Self::Resume => (0x26, "RESUME", Place::Request),
            Self::Stats => (0x28, "STATS", Place::Request),
            Self::Probe => (0x2a, "PROBE", Place::Probe),
            Self::HealthAnswer => (0x30, "HEALTH_OK", Place::Answer),
            Self::MetadataAnswer => (0x32, "METADATA_OK", Place::Answer),
            Self::OpenAnswer => (0x34, "OPEN_OK", Place::Answer),
            Self::ResumeAnswer => (0x36, "RESUME_OK", Place::Answer),
            Self::StatsAnswer => (0x38, "STATS_OK", Place::Answer),
            Self::Refusal => (0x3a, "ERROR", Place::Answer),
        }
    }

    /// Returns the number on the wire; even numbers are critical, odd ones may be ignored.
    pub const fn number(self) -> u64 {
        self.row().0
    }

    /// Returns the name in the specification, in capitals.
    pub const fn name(self) -> &'static str {
        self.row().1
    }

    /// Returns where the message is allowed.
    pub const fn place(self) -> Place {
        self.row().2
    }

    /// Returns the document and section that describe the message.
    pub const fn section(self) -> &'static str {
        match self {
            Self::Setup => Setup::SECTION,
            Self::Reconf => Reconf::SECTION,
            Self::Accept => Accept::SECTION,
            Self::Reject => Reject::SECTION,
            Self::Retire => Retire::SECTION,
            Self::Goaway => Goaway::SECTION,
            Self::Cancel => Cancel::SECTION,
            Self::ChannelReport => ChannelReport::SECTION,
            Self::Ticket => Ticket::SECTION,
            Self::FrameReport => FrameReport::SECTION,
            Self::Auth => Auth::SECTION,
            Self::Health => Health::SECTION,
            Self::Metadata => Metadata::SECTION,
            Self::Open => Open::SECTION,
            Self::Resume => Resume::SECTION,
            Self::Stats => Stats::SECTION,
            Self::Probe => Probe::SECTION,
            Self::HealthAnswer => HealthAnswer::SECTION,
            Self::MetadataAnswer => MetadataAnswer::SECTION,
            Self::OpenAnswer => OpenAnswer::SECTION,
            Self::ResumeAnswer => ResumeAnswer::SECTION,
            Self::StatsAnswer => StatsAnswer::SECTION,
            Self::Refusal => Refusal::SECTION,
        }
    }

    /// Finds the type of a number.
    pub fn from_number(number: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }
}
