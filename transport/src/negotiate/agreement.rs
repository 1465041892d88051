//! Two SETUPs to one agreement (`protocol.md` 8.1).

use aiflow_units::Micros;

use crate::error::Code;
use crate::wire::{ChannelLevel, CodecId, Fields, Limits, Role, SconeSupport, Setup};

/// What both sides of a connection keep to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Agreement {
    /// The smaller of each limit, the longer of each interval.
    pub limits: Limits,
    /// The codecs that both know, in the order of the client; at least one.
    pub codecs: Vec<CodecId>,
    /// How far channel reports and probes go: the lower of both levels.
    pub channel_level: ChannelLevel,
    /// The time between two channel reports: the longer of both.
    pub report_interval: Micros,
    /// Whether reports carry advice of the network: if both sides read it.
    pub scone: SconeSupport,
}

impl Agreement {
    /// Returns whether both sides know a codec.
    pub fn knows(&self, codec: CodecId) -> bool {
        self.codecs.contains(&codec)
    }

    /// Returns names and values for vectors, event logs and people.
    pub fn fields(&self) -> Fields {
        let mut out = Fields::default();
        self.limits.describe(&mut out);
        out.add_list("codecs", self.codecs.iter().map(|codec| codec.0));
        out.add("channel_level", self.channel_level.name());
        out.add("report_interval_ms", self.report_interval.get() / 1000);
        if self.scone == SconeSupport::Read {
            out.add("scone", "read");
        }
        out
    }
}

/// Derives what both sides keep to; the order of the arguments matters, not who computes it.
///
/// # Errors
/// [`Code::Unsupported`] when the client cannot send frames or the server cannot answer them;
/// [`Code::CodecUnknown`] without a codec in common.
pub fn agree(client: &Setup, server: &Setup) -> Result<Agreement, Code> {
    if client.role == Role::Tail || server.role == Role::Head {
        return Err(Code::Unsupported);
    }
    let common = client.codecs.iter().filter(|codec| server.codecs.contains(codec));
    let codecs: Vec<CodecId> = common.copied().collect();
    if codecs.is_empty() {
        return Err(Code::CodecUnknown);
    }
    let scone = match (client.scone, server.scone) {
        (SconeSupport::Read, SconeSupport::Read) => SconeSupport::Read,
        _ => SconeSupport::Absent,
    };
    Ok(Agreement {
        limits: client.limits.agreed_with(&server.limits),
        codecs,
        channel_level: client.channel_level.min(server.channel_level),
        report_interval: client.report_interval.max(server.report_interval),
        scone,
    })
}
