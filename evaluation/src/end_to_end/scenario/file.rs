//! A scenario file as it is written.

use serde::Deserialize;

use super::super::policy::Policy;
use super::quantity::Scalar;

/// Everything that may stand in a file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct File {
    pub(super) bundle: Option<String>,
    pub(super) model: Option<String>,
    pub(super) profile: Option<String>,
    pub(super) data: Option<String>,
    pub(super) policies: Option<Vec<Policy>>,
    #[serde(default)]
    pub(super) defaults: Settings,
    #[serde(default)]
    pub(super) scenario: Vec<Named>,
}

/// A scenario: its name, and what it sets otherwise than the defaults.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Named {
    pub(super) name: String,
    trace: Option<Scalar>,
    rtt: Option<Scalar>,
    queue: Option<Scalar>,
    edge: Option<Scalar>,
    device_speed: Option<Scalar>,
    server_speed: Option<Scalar>,
    emulation: Option<Scalar>,
    deadline: Option<Scalar>,
    goal: Option<Scalar>,
    max_loss: Option<Scalar>,
    rate: Option<Scalar>,
    load: Option<Scalar>,
    seconds: Option<Scalar>,
    requests: Option<Scalar>,
    seed: Option<Scalar>,
    cut: Option<Scalar>,
}

/// What a scenario sets; everything has a default but the trace.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Settings {
    pub(super) trace: Option<Scalar>,
    pub(super) rtt: Option<Scalar>,
    pub(super) queue: Option<Scalar>,
    pub(super) edge: Option<Scalar>,
    pub(super) device_speed: Option<Scalar>,
    pub(super) server_speed: Option<Scalar>,
    pub(super) emulation: Option<Scalar>,
    pub(super) deadline: Option<Scalar>,
    pub(super) goal: Option<Scalar>,
    pub(super) max_loss: Option<Scalar>,
    pub(super) rate: Option<Scalar>,
    pub(super) load: Option<Scalar>,
    pub(super) seconds: Option<Scalar>,
    pub(super) requests: Option<Scalar>,
    pub(super) seed: Option<Scalar>,
    pub(super) cut: Option<Scalar>,
}

impl Named {
    /// Fills in what is not set.
    pub(super) fn over(self, defaults: &Settings) -> (String, Settings) {
        let settings = Settings {
            trace: self.trace.or_else(|| defaults.trace.clone()),
            rtt: self.rtt.or_else(|| defaults.rtt.clone()),
            queue: self.queue.or_else(|| defaults.queue.clone()),
            edge: self.edge.or_else(|| defaults.edge.clone()),
            device_speed: self.device_speed.or_else(|| defaults.device_speed.clone()),
            server_speed: self.server_speed.or_else(|| defaults.server_speed.clone()),
            emulation: self.emulation.or_else(|| defaults.emulation.clone()),
            deadline: self.deadline.or_else(|| defaults.deadline.clone()),
            goal: self.goal.or_else(|| defaults.goal.clone()),
            max_loss: self.max_loss.or_else(|| defaults.max_loss.clone()),
            rate: self.rate.or_else(|| defaults.rate.clone()),
            load: self.load.or_else(|| defaults.load.clone()),
            seconds: self.seconds.or_else(|| defaults.seconds.clone()),
            requests: self.requests.or_else(|| defaults.requests.clone()),
            seed: self.seed.or_else(|| defaults.seed.clone()),
            cut: self.cut.or_else(|| defaults.cut.clone()),
        };
        (self.name, settings)
    }
}
