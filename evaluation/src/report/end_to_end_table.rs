//! What was measured end to end, for terminals, as sentences and as rows.

use std::path::Path;

use serde::Serialize;

use super::atomic::write_atomically;
use super::number;
use super::table::{align_right, new_table};
use crate::end_to_end::{Policy, PolicyRecord, RequestRecord, ScenarioRun};
use crate::error::ReportError;

/// Lists the policies of one scenario.
#[must_use]
pub fn end_to_end_table(run: &ScenarioRun, width: Option<u16>) -> String {
    let narrow = width.is_some_and(|width| width < WIDE);
    let mut heading = vec!["policy", "mean ms", "p95 ms", "right", "as whole", "bytes"];
    if !narrow {
        heading.extend(["device ms", "server ms", "late", "regret", "p95", "switches", "where"]);
    }
    let figures: Vec<usize> = (1..heading.len().min(12)).collect();
    let mut table = new_table(&heading, width);
    align_right(&mut table, &figures);
    let share = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), number::percent);
    for record in run.policies.iter().map(|run| &run.record) {
        let mut row = vec![
            record.policy.words().to_owned(),
            format!("{:.1}", record.latency_ms_mean),
            format!("{:.1}", record.latency_ms_p95),
            share(record.top1),
            share(record.agreement),
            format!("{:.0}", record.bytes_mean),
        ];
        if !narrow {
            row.extend([
                format!("{:.1}", record.device_ms_mean),
                format!("{:.1}", record.server_ms_mean),
                record.deadline_misses.to_string(),
                number::percent(record.regret_mean),
                number::percent(record.regret_p95),
                record.switches.to_string(),
                places(record),
            ]);
        }
        table.add_row(row);
    }
    table.to_string()
}

/// Says how aiflow compares with the policies that never divide the model.
#[must_use]
pub fn end_to_end_finding(run: &ScenarioRun) -> Option<String> {
    finding(run)
}

pub(super) fn finding(run: &ScenarioRun) -> Option<String> {
    let of = |policy: Policy| {
        let found = run.policies.iter().find(|other| other.record.policy == policy);
        found.map(|found| &found.record)
    };
    let own = of(Policy::Aiflow)?;
    let mut others: Vec<String> = Vec::new();
    for policy in Policy::ALL.into_iter().filter(|policy| *policy != Policy::Aiflow) {
        if let Some(other) = of(policy) {
            let ratio = own.latency_ms_mean / other.latency_ms_mean.max(1e-6);
            others.push(format!("{ratio:.2}x of {}", policy.words()));
        }
    }
    let others = if others.is_empty() { String::new() } else { format!(": {}", others.join(", ")) };
    Some(format!(
        "{}: aiflow answers in {:.1} ms on average{others}; regret {} (95 % of requests within {}), {:.1} \
         switches a minute.",
        run.scenario.name,
        own.latency_ms_mean,
        number::percent(own.regret_mean),
        number::percent(own.regret_p95),
        own.switches_per_minute,
    ))
}

/// Says where requests went, such as `c05 80 %, device 20 %`.
pub(super) fn places(record: &PolicyRecord) -> String {
    let shown = record.places.iter().take(3);
    let words = shown.map(|(place, share)| format!("{place} {:.0} %", 100.0 * share));
    words.collect::<Vec<_>>().join(", ")
}

/// Writes one JSON record for each scenario and policy.
///
/// # Errors
/// Reports the path when it cannot be written.
pub fn write_end_to_end_json(path: &Path, runs: &[ScenarioRun]) -> Result<(), ReportError> {
    let records: Vec<&PolicyRecord> = end_to_end_records(runs).collect();
    let mut bytes = serde_json::to_vec_pretty(&records)
        .map_err(|error| ReportError::Format { format: "JSON", source: Box::new(error) })?;
    bytes.push(b'\n');
    write_atomically(path, &bytes)
}

/// Lists one record for each scenario and policy.
pub fn end_to_end_records(runs: &[ScenarioRun]) -> impl Iterator<Item = &PolicyRecord> {
    runs.iter().flat_map(|run| &run.policies).map(|run| &run.record)
}

/// Writes one CSV row for each scenario and policy.
///
/// # Errors
/// Reports the path when it cannot be written.
pub fn write_end_to_end_csv(path: &Path, runs: &[ScenarioRun]) -> Result<(), ReportError> {
    let rows: Vec<Row<'_>> = end_to_end_records(runs).map(Row::from).collect();
    super::record_files::write_rows(path, &rows)
}

/// Writes one CSV row for each request.
///
/// # Errors
/// Reports the path when it cannot be written.
pub fn write_requests_csv(path: &Path, runs: &[ScenarioRun]) -> Result<(), ReportError> {
    let mut rows = Vec::new();
    for run in runs {
        for policy in &run.policies {
            let own = policy.requests.iter();
            rows.extend(own.map(|request| {
                RequestRow::new(&run.scenario.name, policy.record.policy.name(), request)
            }));
        }
    }
    super::record_files::write_rows(path, &rows)
}

#[derive(Serialize)]
struct Row<'a> {
    scenario: &'a str,
    policy: &'static str,
    model: &'a str,
    trace: &'a str,
    channel_bps_mean: f64,
    rtt_ms: f64,
    device_speed: f64,
    server_speed: f64,
    requests: usize,
    skipped: usize,
    latency_ms_mean: f64,
    latency_ms_p50: f64,
    latency_ms_p95: f64,
    over_trivial: Option<f64>,
    top1: Option<f64>,
    top1_whole: Option<f64>,
    agreement: Option<f64>,
    bytes_mean: f64,
    device_ms_mean: f64,
    server_ms_mean: f64,
    deadline_misses: usize,
    oracle_misses: usize,
    oracle_ms_mean: f64,
    regret_mean: f64,
    regret_p95: f64,
    measured_over_oracle: f64,
    switches: usize,
    switches_per_minute: f64,
    fallbacks: usize,
    places: String,
}

impl<'a> From<&'a PolicyRecord> for Row<'a> {
    fn from(record: &'a PolicyRecord) -> Self {
        Self {
            scenario: &record.scenario,
            policy: record.policy.name(),
            model: &record.model,
            trace: &record.trace,
            channel_bps_mean: record.channel_bps_mean,
            rtt_ms: record.rtt_ms,
            device_speed: record.device_speed,
            server_speed: record.server_speed,
            requests: record.requests,
            skipped: record.skipped,
            latency_ms_mean: record.latency_ms_mean,
            latency_ms_p50: record.latency_ms_p50,
            latency_ms_p95: record.latency_ms_p95,
            over_trivial: record.over_trivial,
            top1: record.top1,
            top1_whole: record.top1_whole,
            agreement: record.agreement,
            bytes_mean: record.bytes_mean,
            device_ms_mean: record.device_ms_mean,
            server_ms_mean: record.server_ms_mean,
            deadline_misses: record.deadline_misses,
            oracle_misses: record.oracle_misses,
            oracle_ms_mean: record.oracle_ms_mean,
            regret_mean: record.regret_mean,
            regret_p95: record.regret_p95,
            measured_over_oracle: record.measured_over_oracle,
            switches: record.switches,
            switches_per_minute: record.switches_per_minute,
            fallbacks: record.fallbacks,
            places: places(record),
        }
    }
}

#[derive(Serialize)]
struct RequestRow<'a> {
    scenario: &'a str,
    policy: &'static str,
    request: usize,
    at_s: f64,
    place: &'a str,
    coding: &'a str,
    fallback: Option<&'a str>,
    change: Option<&'a str>,
    bytes: u64,
    latency_ms: f64,
    device_ms: f64,
    server_ms: f64,
    wait_ms: f64,
    expected_ms: Option<f64>,
    hindsight_ms: f64,
    oracle_ms: f64,
    oracle: &'a str,
    channel_bps: u64,
    estimate_bps: Option<u64>,
    believed_rtt_ms: Option<f64>,
    believed_queue_ms: Option<f64>,
    agrees: Option<bool>,
    right: Option<bool>,
    late: bool,
}

impl<'a> RequestRow<'a> {
    fn new(scenario: &'a str, policy: &'static str, request: &'a RequestRecord) -> Self {
        Self {
            scenario,
            policy,
            request: request.request,
            at_s: request.at_s,
            place: &request.place,
            coding: &request.coding,
            fallback: request.fallback.as_deref(),
            change: request.change.as_deref(),
            bytes: request.bytes,
            latency_ms: request.latency_ms,
            device_ms: request.device_ms,
            server_ms: request.server_ms,
            wait_ms: request.wait_ms,
            expected_ms: request.expected_ms,
            hindsight_ms: request.hindsight_ms,
            oracle_ms: request.oracle_ms,
            oracle: &request.oracle,
            channel_bps: request.channel_bps,
            estimate_bps: request.estimate_bps,
            believed_rtt_ms: request.believed_ms.map(|believed| believed.0),
            believed_queue_ms: request.believed_ms.map(|believed| believed.1),
            agrees: request.agrees,
            right: request.right,
            late: request.late,
        }
    }
}

/// Columns that the whole table needs.
const WIDE: u16 = 120;
