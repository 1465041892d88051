//! Fields of messages of control streams.

use super::Fields;
use crate::wire::{
    Cancel, ChannelReport, ControlMessage, EarlyFrames, FrameReport, Limit, Limits, Reconf,
    ReportFlags, Role, SconeSupport, Setup, Token, Values,
};

impl ControlMessage {
    pub(super) fn describe(&self, out: &mut Fields) {
        out.add("message", self.kind().name());
        match self {
            Self::Setup(setup) => setup.describe(out),
            Self::Reconf(reconf) => reconf.describe(out),
            Self::Accept(accept) => {
                out.add("session", accept.session.0);
                out.add("epoch", accept.epoch.0);
            }
            Self::Reject(reject) => {
                out.add("session", reject.session.0);
                out.add("epoch", reject.epoch.0);
                out.add("code", reject.code.name());
            }
            Self::Retire(retire) => {
                out.add("session", retire.session.0);
                out.add("epoch", retire.epoch.0);
                out.add("last", retire.last.0);
            }
            Self::Goaway(goaway) => {
                out.add("requests", goaway.requests);
                out.add("drain_ms", goaway.drain.get() / 1000);
                out.add("redirect", &goaway.redirect);
            }
            Self::Cancel(cancel) => cancel.describe(out),
            Self::ChannelReport(report) => report.describe(out),
            Self::Ticket(ticket) => {
                out.add("session", ticket.session.0);
                out.add("lifetime_ms", ticket.lifetime.get() / 1000);
                let early = match ticket.early {
                    EarlyFrames::Refused => "refused",
                    EarlyFrames::Allowed => "allowed",
                };
                out.add("early", early);
                out.add("ticket_bytes", ticket.ticket.len());
            }
            Self::FrameReport(report) => report.describe(out),
            Self::Auth(auth) => auth.token.describe(out),
        }
    }
}

impl Setup {
    /// Every parameter that is not at its default.
    fn describe(&self, out: &mut Fields) {
        let role = match self.role {
            Role::Head => "head",
            Role::Tail => "tail",
            Role::Both => "both",
        };
        out.add("role", role);
        self.limits.describe(out);
        out.add_list("codecs", self.codecs.iter().map(|codec| codec.0));
        out.add("channel_level", self.channel_level.name());
        out.add("report_interval_ms", self.report_interval.get() / 1000);
        describe_values("static", &self.static_capabilities, out);
        if let Some(dynamic) = &self.dynamic_capabilities {
            out.add("validity_ms", dynamic.validity.get() / 1000);
            describe_values("dynamic", &dynamic.values, out);
        }
        if let Some(token) = &self.token {
            token.describe(out);
        }
        if !self.implementation.is_empty() {
            out.add("implementation", &self.implementation);
        }
        if self.scone == SconeSupport::Read {
            out.add("scone", "read");
        }
    }
}

impl Limits {
    /// Every limit that is not at its default.
    pub(crate) fn describe(&self, out: &mut Fields) {
        for limit in Limit::ALL {
            let value = self.get(limit);
            if value != limit.default_value() {
                out.add(format_args!("limit.{limit}"), value);
            }
        }
    }
}

impl Token {
    fn describe(&self, out: &mut Fields) {
        out.add("token_kind", self.kind.number());
        out.add("token_bytes", self.bytes.len());
    }
}

impl Reconf {
    fn describe(&self, out: &mut Fields) {
        out.add("session", self.session.0);
        out.add("epoch", self.epoch.0);
        out.add("effective", self.effective.0);
        out.add("reason", self.reason.number());
        out.add("active", self.active.0);
        out.add_list("points", self.points.iter().map(|point| point.0));
    }
}

impl Cancel {
    fn describe(&self, out: &mut Fields) {
        out.add("session", self.session.0);
        out.add("code", self.code.name());
        let ranges = self.ranges.iter();
        out.add_list("ranges", ranges.map(|range| format!("{}-{}", range.first.0, range.last.0)));
    }
}

impl ChannelReport {
    fn describe(&self, out: &mut Fields) {
        out.add("sequence", self.sequence.0);
        out.add("interval_ms", self.interval.get() / 1000);
        out.add("rate_p50_kbps", self.rate_p50.get() / 1000);
        out.add("rate_p10_kbps", self.rate_p10.get() / 1000);
        out.add("delivery_rate_kbps", self.delivery_rate.get() / 1000);
        out.add("min_rtt_us", self.min_rtt.get());
        out.add("srtt_us", self.srtt.get());
        out.add("rttvar_us", self.rttvar.get());
        out.add("loss", self.loss.get());
        out.add("marked", self.marked.get());
        out.add("queue_delay_us", self.queue_delay.get());
        out.add("backlog_kib", self.backlog.get() / 1024);
        let names = [
            (ReportFlags::APP_LIMITED, "app-limited"),
            (ReportFlags::PROBING, "probing"),
            (ReportFlags::STALE, "stale"),
            (ReportFlags::PHY, "phy"),
        ];
        let set = names.iter().filter(|(flag, _)| self.flags.contains(*flag));
        out.add_list("flags", set.map(|(_, name)| name));
        out.add("advice_kbps", self.advice.get() / 1000);
        out.add("age_ms", self.age.get() / 1000);
    }
}

impl FrameReport {
    fn describe(&self, out: &mut Fields) {
        out.add("session", self.session.0);
        out.add("sequence", self.sequence.0);
        out.add("layers", self.layers);
        out.add("since_previous_us", self.since_previous.get());
        out.add("transfer_us", self.transfer.get());
        out.add("wait_us", self.wait.get());
        out.add("decode_us", self.decode.get());
        out.add("infer_us", self.infer.get());
        out.add("status", self.status.name());
    }
}

pub(super) fn describe_values(prefix: &str, values: &Values, out: &mut Fields) {
    for (number, value) in values.iter() {
        out.add(format_args!("{prefix}.{number}"), value);
    }
}
