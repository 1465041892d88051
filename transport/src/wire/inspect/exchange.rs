//! Fields of requests, answers and probes.

use super::Fields;
use super::control::describe_values;
use crate::wire::{
    Answer, Fallback, Health, HealthAnswer, MessageKind, Metadata, MetadataAnswer, Open, Point,
    Probe, Replay, Request, Stats, TensorInfo,
};

impl Request {
    pub(super) fn describe(&self, out: &mut Fields) {
        out.add("message", self.kind().name());
        match self {
            Self::Health(Health::Live) => out.add("scope", "live"),
            Self::Health(Health::Ready) => out.add("scope", "ready"),
            Self::Health(Health::Model(model)) | Self::Metadata(Metadata::Model(model)) => {
                out.add("scope", "model");
                out.add("model", model);
            }
            Self::Metadata(Metadata::Server) | Self::Stats(Stats::Server) => {
                out.add("scope", "server");
            }
            Self::Open(open) => open.describe(out),
            Self::Resume(resume) => {
                out.add("session", resume.session.0);
                out.add("epoch", resume.epoch.0);
                out.add("next", resume.next.0);
                out.add("ticket_bytes", resume.ticket.len());
            }
            Self::Stats(Stats::Session(session)) => {
                out.add("scope", "session");
                out.add("session", session.0);
            }
        }
    }
}

impl Open {
    fn describe(&self, out: &mut Fields) {
        out.add("session", self.session.0);
        let replay = match self.replay {
            Replay::Refused => "refused",
            Replay::Harmless => "harmless",
        };
        out.add("replay", replay);
        out.add("model", self.model);
        out.add("tenant", &self.tenant);
        out.add("deadline_ms", self.deadline.get() / 1000);
        out.add("period_us", self.period.get());
        self.points.iter().for_each(|point| point.describe(out));
    }
}

impl Point {
    /// Rows `point.<id>.<field>`; a rate is `index:base:total`, a tensor `TYPE[dims]`.
    fn describe(&self, out: &mut Fields) {
        let id = self.id.0;
        let mut add = |name: &str, value: String| out.add(format_args!("point.{id}.{name}"), value);
        add("cut", self.cut.0.to_string());
        add("codec", self.codec.0.to_string());
        add("profile", self.profile.map_or("-".to_owned(), |profile| profile.to_string()));
        let fallback = match self.fallback {
            Fallback::No => "no",
            Fallback::Yes => "yes",
        };
        add("fallback", fallback.to_owned());
        add("layers", self.layers.to_string());
        let tensors: Vec<String> = self
            .tensors
            .iter()
            .map(|tensor| {
                let dims: Vec<String> = tensor.dims.iter().map(u32::to_string).collect();
                format!("{}[{}]", tensor.element.name(), dims.join(","))
            })
            .collect();
        add("tensors", tensors.join(" "));
        add("head_us", self.head.get().to_string());
        add("tail_us", self.tail.get().to_string());
        let rates: Vec<String> = self
            .rates
            .iter()
            .map(|entry| format!("{}:{}:{}", entry.rate.0, entry.base.get(), entry.total.get()))
            .collect();
        add("rates", rates.join(" "));
    }
}

impl Answer {
    pub(super) fn describe(&self, out: &mut Fields) {
        out.add("message", self.kind().name());
        match self {
            Self::Health(HealthAnswer::No) => out.add("healthy", "no"),
            Self::Health(HealthAnswer::Yes) => out.add("healthy", "yes"),
            Self::Metadata(metadata) => metadata.describe(out),
            Self::Open(open) => {
                out.add("session", open.session.0);
                let points = open.points.iter();
                out.add_list(
                    "points",
                    points.map(|accepted| format!("{}:{}", accepted.point.0, accepted.tail.get())),
                );
            }
            Self::Resume(resume) => {
                out.add("session", resume.session.0);
                out.add("epoch", resume.epoch.0);
                out.add("active", resume.active.0);
                out.add("answered", resume.answered.0);
            }
            Self::Stats(stats) => describe_values("statistic", &stats.values, out),
            Self::Refusal(refusal) => {
                out.add("code", refusal.code.name());
                out.add("retry_after_ms", refusal.retry_after.get() / 1000);
                out.add("reason", &refusal.reason);
            }
        }
    }
}

impl MetadataAnswer {
    fn describe(&self, out: &mut Fields) {
        match self {
            Self::Server(server) => {
                out.add("scope", "server");
                out.add("name", &server.name);
                out.add("version", &server.version);
                out.add_list("extensions", server.extensions.iter());
                out.add_list("models", server.models.iter());
            }
            Self::Model(model) => {
                out.add("scope", "model");
                out.add("model", model.model);
                out.add("name", &model.name);
                out.add_list("versions", model.versions.iter());
                out.add("platform", &model.platform);
                out.add_list("inputs", model.inputs.iter().map(info));
                out.add_list("outputs", model.outputs.iter().map(info));
            }
        }
    }
}

/// `name:TYPE[dims]`, where `-1` is a dimension that may vary.
fn info(tensor: &TensorInfo) -> String {
    let size = |size: &Option<u32>| size.map_or("-1".to_owned(), |size| size.to_string());
    let dims: Vec<String> = tensor.dims.iter().map(size).collect();
    format!("{}:{}[{}]", tensor.name, tensor.element.name(), dims.join(","))
}

impl Probe {
    pub(super) fn describe(&self, out: &mut Fields) {
        out.add("message", MessageKind::Probe.name());
        out.add("target_kbps", self.target.get() / 1000);
        out.add("cap_bytes", self.cap.get());
        out.add("duration_ms", self.duration.get() / 1000);
    }
}
