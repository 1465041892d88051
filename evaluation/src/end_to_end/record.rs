//! What was measured.

use aiflow_runtime::tier::Part;
use serde::Serialize;

use super::policy::Policy;
use crate::statistics::quantile;

/// One request.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RequestRecord {
    /// Number of the request; equal numbers have equal pictures and begin at the same time of the
    /// trace.
    pub request: usize,
    /// Seconds on the clock of the emulated link when it began.
    pub at_s: f64,
    /// Where it was handed over: `device` for nowhere, `picture`, or a cut.
    pub place: String,
    /// How what was handed over was coded.
    pub coding: String,
    /// Why the device answered although it was handed over, by the name of a
    /// [`Fallback`](aiflow_runtime::tier::net::Fallback), such as `switching` or `failed: TOO_LATE`.
    pub fallback: Option<String>,
    /// Payload bytes that were handed over.
    pub bytes: u64,
    /// From the beginning to the answer.
    pub latency_ms: f64,
    /// What the device computed, encoded and prepared.
    pub device_ms: f64,
    /// What the server decoded and computed.
    pub server_ms: f64,
    /// How long it waited at the server.
    pub wait_ms: f64,
    /// What the policy expected.
    pub expected_ms: Option<f64>,
    /// Rate that the policy believed in, in bit/s.
    pub estimate_bps: Option<u64>,
    /// Round trip that the policy believed in, and how long it thought that bytes wait.
    pub believed_ms: Option<(f64, f64)>,
    /// Rate of the channel over the next half second, in bit/s.
    pub channel_bps: u64,
    /// Why the policy changed who runs what with this request, by the name of a
    /// [`Change`](aiflow_runtime::planner::Change), such as `first` or `gain`.
    pub change: Option<String>,
    /// Whether the first class is that of the whole model.
    pub agrees: Option<bool>,
    /// Whether it is the label.
    pub right: Option<bool>,
    /// Whether it came after the deadline.
    pub late: bool,
    /// Where the time went: tier, what, milliseconds.
    pub trace: Vec<(u8, &'static str, f64)>,
    /// What the best plan would have taken, looking back.
    pub oracle_ms: f64,
    /// The best plan, looking back.
    pub oracle: String,
    /// What the chosen plan takes by the same reckoning.
    pub hindsight_ms: f64,
}

impl RequestRecord {
    /// Returns how much longer the chosen plan takes than the best one, as a share of that; both looking
    /// back.
    #[must_use]
    pub fn regret(&self) -> f64 {
        (self.hindsight_ms - self.oracle_ms).max(0.0) / self.oracle_ms.max(1e-6)
    }

    pub(super) fn spent(&self, tier: u8, parts: &[Part]) -> f64 {
        let own = self
            .trace
            .iter()
            .filter(|(t, ..)| *t == tier || (tier == SERVERS && *t > 0))
            .filter(|(_, name, _)| parts.iter().any(|part| part.name() == *name));
        // A sum of nothing would be a negative zero.
        own.fold(0.0, |sum, (.., time)| sum + time)
    }
}

/// Stands for all tiers but the device.
pub(super) const SERVERS: u8 = u8::MAX;

/// One scenario under one policy.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PolicyRecord {
    /// Name of the scenario.
    pub scenario: String,
    /// Who decided.
    pub policy: Policy,
    /// Name of the model.
    pub model: String,
    /// Name of the trace.
    pub trace: String,
    /// Mean rate of the trace over the requests, in bit/s.
    pub channel_bps_mean: f64,
    /// Round trip of the empty path.
    pub rtt_ms: f64,
    /// Speed of the device, of the server's.
    pub device_speed: f64,
    /// Speed of the server, of this machine's.
    pub server_speed: f64,
    /// Requests that were answered.
    pub requests: usize,
    /// Requests that fell out because the one before was not answered yet.
    pub skipped: usize,
    /// Mean time to the answer.
    pub latency_ms_mean: f64,
    /// Median.
    pub latency_ms_p50: f64,
    /// 95th percentile.
    pub latency_ms_p95: f64,
    /// Mean over that of the better of `device` and `webp` in this scenario.
    pub over_trivial: Option<f64>,
    /// Share of right answers.
    pub top1: Option<f64>,
    /// Share of right answers of the whole model on the same pictures.
    pub top1_whole: Option<f64>,
    /// Share of answers as those of the whole model.
    pub agreement: Option<f64>,
    /// Mean payload bytes.
    pub bytes_mean: f64,
    /// Mean computing and coding on the device.
    pub device_ms_mean: f64,
    /// Mean computing and decoding on the server.
    pub server_ms_mean: f64,
    /// Answers after the deadline.
    pub deadline_misses: usize,
    /// Requests that no plan would have answered in time.
    pub oracle_misses: usize,
    /// Mean time of the best plans, looking back.
    pub oracle_ms_mean: f64,
    /// Mean regret: how much longer the chosen plan takes than the best, looking back.
    pub regret_mean: f64,
    /// 95th percentile of the regret.
    pub regret_p95: f64,
    /// Mean of the measured times over the mean of the best plans, less one: regret with everything that
    /// the reckoning leaves out.
    pub measured_over_oracle: f64,
    /// Changes of where requests are handed over, which both ends agree on; that the device answers some
    /// in between is none.
    pub switches: usize,
    /// The same for each minute.
    pub switches_per_minute: f64,
    /// Requests that the device answered although they were handed over.
    pub fallbacks: usize,
    /// Where requests were handed over, the most frequent first, with shares.
    pub places: Vec<(String, f64)>,
}

/// What a record is about beside its requests.
#[derive(Clone, Debug)]
pub(super) struct About {
    pub(super) scenario: String,
    pub(super) policy: Policy,
    pub(super) model: String,
    pub(super) trace: String,
    pub(super) rtt_ms: f64,
    pub(super) device_speed: f64,
    pub(super) server_speed: f64,
    pub(super) deadline_ms: Option<f64>,
    pub(super) slots: usize,
    pub(super) whole_right: Vec<bool>,
}

impl PolicyRecord {
    /// Sums requests up.
    pub(super) fn new(about: About, requests: &[RequestRecord]) -> Self {
        let mean = |value: &dyn Fn(&RequestRecord) -> f64| {
            requests.iter().map(value).sum::<f64>() / requests.len().max(1) as f64
        };
        let list =
            |value: fn(&RequestRecord) -> f64| requests.iter().map(value).collect::<Vec<_>>();
        let latencies = list(|request| request.latency_ms);
        let at = |values: &[f64], share| quantile(values, share).unwrap_or(0.0);
        let share = |value: fn(&RequestRecord) -> Option<bool>| {
            let known: Vec<bool> = requests.iter().filter_map(value).collect();
            let right = known.iter().filter(|right| **right).count();
            (!known.is_empty()).then(|| right as f64 / known.len() as f64)
        };
        let sent = requests.iter().map(|request| &request.place).filter(|place| *place != "device");
        let switches = sent.clone().zip(sent.skip(1)).filter(|(one, next)| one != next).count();
        let minutes = requests
            .last()
            .zip(requests.first())
            .map_or(0.0, |(last, first)| (last.at_s - first.at_s + last.latency_ms / 1e3) / 60.0);
        let late = |time: f64| about.deadline_ms.is_some_and(|deadline| time > deadline);
        let (latency, oracle) = (mean(&|r| r.latency_ms), mean(&|r| r.oracle_ms));
        let whole = about.whole_right.iter().filter(|right| **right).count();
        Self {
            requests: requests.len(),
            skipped: about.slots.saturating_sub(requests.len()),
            channel_bps_mean: mean(&|r| r.channel_bps as f64),
            latency_ms_mean: latency,
            latency_ms_p50: at(&latencies, 0.5),
            latency_ms_p95: at(&latencies, 0.95),
            over_trivial: None,
            top1: share(|request| request.right),
            top1_whole: (!about.whole_right.is_empty())
                .then(|| whole as f64 / about.whole_right.len() as f64),
            agreement: share(|request| request.agrees),
            bytes_mean: mean(&|r| r.bytes as f64),
            device_ms_mean: mean(&|r| r.device_ms),
            server_ms_mean: mean(&|r| r.server_ms),
            deadline_misses: requests.iter().filter(|request| request.late).count(),
            oracle_misses: requests.iter().filter(|request| late(request.oracle_ms)).count(),
            oracle_ms_mean: oracle,
            regret_mean: mean(&RequestRecord::regret),
            regret_p95: at(&list(RequestRecord::regret), 0.95),
            measured_over_oracle: latency / oracle.max(1e-6) - 1.0,
            switches,
            switches_per_minute: switches as f64 / minutes.max(1.0 / 60.0),
            fallbacks: requests.iter().filter(|request| request.fallback.is_some()).count(),
            places: places(requests),
            scenario: about.scenario,
            policy: about.policy,
            model: about.model,
            trace: about.trace,
            rtt_ms: about.rtt_ms,
            device_speed: about.device_speed,
            server_speed: about.server_speed,
        }
    }
}

fn places(requests: &[RequestRecord]) -> Vec<(String, f64)> {
    // How it is coded is told where it is always the same.
    let mut codings = requests.iter().map(|request| (&request.place, &request.coding));
    let first = codings.next();
    let steady = codings.all(|other| Some(other) == first);
    let mut counts = std::collections::BTreeMap::<String, usize>::new();
    for request in requests {
        let place = match (&request.fallback, request.coding.as_str()) {
            (Some(_), _) => "device".to_owned(),
            (None, coding) if steady && !coding.is_empty() => format!("{} {coding}", request.place),
            (None, _) => request.place.clone(),
        };
        *counts.entry(place).or_default() += 1;
    }
    let all = requests.len().max(1) as f64;
    let mut shares: Vec<(String, f64)> =
        counts.into_iter().map(|(place, count)| (place, count as f64 / all)).collect();
    shares.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    shares
}
