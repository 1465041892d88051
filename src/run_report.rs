//! What a run of a device came to.

use std::fmt;

use aiflow::evaluation::report::{RunReport, RunRequest};
use aiflow::evaluation::statistics::quantile;
use aiflow::runtime::tier::net::{Choice, Course, Handover, Outcome};
use aiflow::runtime::tier::{Answer, Class, Part, Trace};
use aiflow::transport::channel::{Estimate, Flags};
use aiflow::units::{BitRate, Micros, Timestamp};
use serde::Serialize;

use crate::quantity::count;
use crate::tiers::live::recent;

/// One request, as JSON.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Record {
    index: usize,
    at_us: u64,
    /// Where it was handed over; `device` for nowhere.
    place: String,
    /// How what was handed over was coded.
    coding: String,
    /// Why the device answered all the same, a name of `Fallback`: `disconnected`, `outage`,
    /// `going away`, `busy`, `switching`, `not offered`, `deadline`, `failed: CODE` or `bad answer`.
    fallback: Option<String>,
    bytes: u64,
    total_us: u64,
    /// Sum of the parts of the trace.
    parts_us: u64,
    expected_us: Option<u64>,
    late: bool,
    label: Option<usize>,
    class: Option<u32>,
    /// Where the time went.
    trace: Vec<PartRecord>,
    channel: Option<ChannelRecord>,
    /// Why the placement changed, a name of `Change`: `first`, `gain`, `trivial`, `unusable` or
    /// `repaired`.
    change: Option<String>,
    /// SHA-256 of all outputs; nothing where only classes were asked for.
    outputs_sha256: Option<String>,
    classes: Vec<(u32, f32)>,
    #[serde(skip)]
    parts: Trace,
}

#[derive(Clone, Debug, Serialize)]
struct PartRecord {
    tier: u8,
    part: &'static str,
    us: u64,
}

/// What was known of the channel when the answer was there.
#[derive(Clone, Debug, Serialize)]
struct ChannelRecord {
    rate_p50_bps: u64,
    rate_p10_bps: u64,
    min_rtt_us: u64,
    queue_us: u64,
    loss_ppm: u32,
    /// How long ago the path was last seen at its limit.
    age_us: u64,
    /// What to keep in mind: `app-limited` (it may carry more), `probing`, `stale` (too little was
    /// seen of it).
    flags: Vec<&'static str>,
}

impl ChannelRecord {
    fn new(estimate: &Estimate) -> Self {
        let named =
            [(Flags::APP_LIMITED, APP_LIMITED), (Flags::PROBING, "probing"), (Flags::STALE, STALE)];
        let set = named.into_iter().filter(|(flag, _)| estimate.flags.contains(*flag));
        Self {
            rate_p50_bps: estimate.p50.get(),
            rate_p10_bps: estimate.p10.get(),
            min_rtt_us: estimate.min_rtt.get(),
            queue_us: estimate.queue_delay.get(),
            loss_ppm: estimate.loss.get(),
            age_us: estimate.age.get(),
            flags: set.map(|(_, name)| name).collect(),
        }
    }

    /// Says what is known of the rate: what nobody has tried out is no measurement.
    fn rate(&self) -> String {
        let megabits = |bits: u64| bits as f64 / 1e6;
        let middle = megabits(self.rate_p50_bps);
        if self.flags.contains(&STALE) {
            format!("{middle:.1} Mbit/s assumed")
        } else if self.flags.contains(&APP_LIMITED) {
            format!("at least {middle:.1} Mbit/s")
        } else {
            format!("{middle:.1} Mbit/s (≥ {:.1})", megabits(self.rate_p10_bps))
        }
    }
}

/// Names of flags in records.
const APP_LIMITED: &str = "app-limited";
const STALE: &str = "stale";

impl Record {
    pub(crate) fn new(
        index: usize,
        at: Timestamp,
        label: Option<usize>,
        outcome: &Outcome,
        course: Option<&Course>,
        estimate: Option<Estimate>,
    ) -> Self {
        let (place, coding) = match outcome.choice {
            Choice::Local => ("device".to_owned(), String::new()),
            Choice::Remote(Handover::Tensors { at, coding })
            | Choice::Both(Handover::Tensors { at, coding }) => {
                (at.to_string(), coding.to_string())
            }
            Choice::Remote(Handover::Picture(coding)) | Choice::Both(Handover::Picture(coding)) => {
                ("picture".to_owned(), coding.to_string())
            }
        };
        let channel = estimate.as_ref().map(ChannelRecord::new);
        let (classes, tensors) = match &outcome.answer {
            Answer::Classes(classes) => (classes.as_slice(), false),
            _ => (&[] as &[Class], true),
        };
        let bytes = || outcome.answer.encode(&Trace::new());
        let digest = || aiflow::runtime::digest::Digest::of(&bytes()).to_string();
        Self {
            index,
            at_us: at.since_origin().get(),
            place,
            coding,
            fallback: outcome.fallback.map(|fallback| fallback.to_string()),
            bytes: outcome.bytes.get(),
            total_us: outcome.total.get(),
            parts_us: outcome.trace.total().get(),
            expected_us: course.map(|course| course.expected.get()),
            late: outcome.late,
            label,
            class: outcome.answer.class(),
            trace: part_records(outcome),
            channel,
            change: course.and_then(|c| c.change).map(|change| change.to_string()),
            outputs_sha256: tensors.then(digest),
            classes: classes.iter().map(|class| (class.class, class.score)).collect(),
            parts: outcome.trace.clone(),
        }
    }

    pub(crate) fn at_seconds(&self) -> f64 {
        self.at_us as f64 / 1e6
    }

    /// Says what was done, such as `c07 q24`.
    pub(crate) fn what(&self) -> String {
        let how = if self.coding.is_empty() { String::new() } else { format!(" {}", self.coding) };
        match &self.fallback {
            None => format!("{}{how}", self.place),
            Some(why) => format!("device, not {}{how} ({why})", self.place),
        }
    }

    /// Returns its place among all requests.
    pub(crate) const fn index(&self) -> usize {
        self.index
    }

    fn is_right(&self) -> Option<bool> {
        let (label, class) = (self.label?, self.class?);
        Some(usize::try_from(class).is_ok_and(|class| class == label))
    }
}

/// Names what was computed by where: the head on the device, the tail where the answer was made, and
/// what lies between.
fn part_records(outcome: &Outcome) -> Vec<PartRecord> {
    let parts = outcome.trace.parts();
    let last = parts.iter().rposition(|(_, part, _)| *part == Part::Compute);
    let handed_over = matches!(outcome.choice, Choice::Remote(Handover::Tensors { .. }));
    let name = |(place, &(tier, part, _)): (usize, &(u8, Part, Micros))| match part {
        Part::Compute if Some(place) == last => "tail",
        Part::Compute if tier == 0 && handed_over => "head",
        Part::Compute => "middle",
        other => other.name(),
    };
    let record = |(place, entry): (usize, &(u8, Part, Micros))| PartRecord {
        tier: entry.0,
        part: name((place, entry)),
        us: entry.2.get(),
    };
    parts.iter().enumerate().map(record).collect()
}

/// All requests until now.
#[derive(Clone, Debug, Default)]
pub(crate) struct Run {
    records: Vec<Record>,
}

impl Run {
    pub(crate) fn push(&mut self, record: Record) {
        self.records.push(record);
    }

    /// Puts requests that overtook each other into the order in which they began.
    pub(crate) fn sort(&mut self) {
        self.records.sort_by_key(Record::index);
    }

    pub(crate) fn records(&self) -> &[Record] {
        &self.records
    }

    /// One line: the channel, what was done, how long it took, how good it was.
    pub(crate) fn line(&self) -> String {
        let Some(last) = self.records.last() else { return String::new() };
        let channel = last.channel.as_ref().map_or_else(String::new, |channel| {
            format!("{}, {:.0} ms | ", channel.rate(), channel.min_rtt_us as f64 / 1e3)
        });
        let summary = Summary::new(self);
        let accuracy =
            summary.top1.map_or_else(String::new, |top1| format!(" | top-1 {:.1} %", 100.0 * top1));
        format!(
            "{:>9.3} s {:>5} | {channel}{} | {:.1} ms (mean {:.1}){accuracy}",
            last.at_seconds(),
            self.records.len(),
            last.what(),
            last.total_us as f64 / 1e3,
            summary.latency_ms_mean
        )
    }

    /// The same on several lines, with how it was before.
    pub(crate) fn panel(&self) -> String {
        let Some(last) = self.records.last() else { return String::new() };
        let summary = Summary::new(self);
        let rate =
            |record: &Record| record.channel.as_ref().map_or(0, |known| known.rate_p50_bps) as f64;
        let channel = last.channel.as_ref().map_or_else(
            || "no connection".to_owned(),
            |channel| {
                format!(
                    "{}, rtt {:.0} ms, queue {:.0} ms, loss {:.1} %",
                    channel.rate(),
                    channel.min_rtt_us as f64 / 1e3,
                    channel.queue_us as f64 / 1e3,
                    f64::from(channel.loss_ppm) / 1e4
                )
            },
        );
        let expected = last
            .expected_us
            .map_or_else(String::new, |us| format!(", expected {:.1} ms", us as f64 / 1e3));
        let top1 =
            summary.top1.map_or_else(String::new, |top1| format!(", top-1 {:.1} %", 100.0 * top1));
        format!(
            "channel  {} {channel}\nplan     {} {}{expected}, {}\nlatency  {} {:6.1} ms, mean \
             {:.1}, p95 {:.1}\nbytes    {} {:6}\nanswers  {} {:6}{top1}, {} by the device, {} late",
            recent(self.records.iter().map(rate), BARS),
            " ".repeat(BARS),
            last.what(),
            count(summary.switches, "change"),
            recent(self.records.iter().map(|record| record.total_us as f64), BARS),
            last.total_us as f64 / 1e3,
            summary.latency_ms_mean,
            summary.latency_ms_p95,
            recent(self.records.iter().map(|record| record.bytes as f64), BARS),
            last.bytes,
            " ".repeat(BARS),
            self.records.len(),
            summary.answered_by_the_device,
            summary.deadline_misses,
        )
    }

    /// The page that shows it.
    pub(crate) fn page(&self, title: String) -> RunReport {
        let summary = Summary::new(self);
        let millis = |value: f64| format!("{value:.1} ms");
        let mut tiles = vec![
            (millis(summary.latency_ms_mean), "from capture to answer on average".to_owned()),
            (millis(summary.latency_ms_p95), "for the slowest twentieth".to_owned()),
            (format!("{:.0} B", summary.bytes_mean), "handed over for each request".to_owned()),
        ];
        if let Some(top1) = summary.top1 {
            tiles.push((format!("{:.1} %", 100.0 * top1), "of the answers right".to_owned()));
        }
        let request = |record: &Record| RunRequest {
            at: Timestamp::from_origin(Micros::new(record.at_us)),
            total: Micros::new(record.total_us),
            trace: record.parts.clone(),
            what: if record.coding.is_empty() {
                record.place.clone()
            } else {
                format!("{} {}", record.place, record.coding)
            },
            estimate: record
                .channel
                .as_ref()
                .map(|channel| BitRate::bits_per_second(channel.rate_p50_bps)),
            fell_back: record.fallback.is_some(),
        };
        let requests = self.records.iter().map(request).collect();
        RunReport { title, summary: summary.to_string(), tiles, requests }
    }
}

/// Characters of a row of bars.
const BARS: usize = 24;

/// What a run came to.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Summary {
    requests: usize,
    latency_ms_mean: f64,
    latency_ms_p50: f64,
    latency_ms_p95: f64,
    top1: Option<f64>,
    bytes_mean: f64,
    answered_by_the_device: usize,
    fallbacks: usize,
    deadline_misses: usize,
    switches: usize,
}

impl Summary {
    pub(crate) fn new(run: &Run) -> Self {
        let records = run.records();
        let all = records.len().max(1) as f64;
        let times: Vec<f64> = records.iter().map(|record| record.total_us as f64 / 1e3).collect();
        let quantile = |share: f64| quantile(&times, share).unwrap_or(0.0);
        let judged: Vec<bool> = records.iter().filter_map(Record::is_right).collect();
        let right = judged.iter().filter(|right| **right).count();
        let local = |record: &&Record| record.place == "device" || record.fallback.is_some();
        Self {
            requests: records.len(),
            latency_ms_mean: times.iter().sum::<f64>() / all,
            latency_ms_p50: quantile(0.5),
            latency_ms_p95: quantile(0.95),
            top1: (!judged.is_empty()).then(|| right as f64 / judged.len() as f64),
            bytes_mean: records.iter().map(|record| record.bytes).sum::<u64>() as f64 / all,
            answered_by_the_device: records.iter().filter(local).count(),
            fallbacks: records.iter().filter(|record| record.fallback.is_some()).count(),
            deadline_misses: records.iter().filter(|record| record.late).count(),
            switches: records.iter().filter(|record| record.change.is_some()).count(),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { requests, latency_ms_mean, latency_ms_p50, latency_ms_p95, .. } = self;
        write!(
            f,
            "{}: {latency_ms_mean:.1} ms on average (median {latency_ms_p50:.1}, 95 % \
             within {latency_ms_p95:.1}), {:.0} bytes each",
            count(*requests, "request"),
            self.bytes_mean
        )?;
        if let Some(top1) = self.top1 {
            write!(f, ", top-1 {:.1} %", 100.0 * top1)?;
        }
        write!(f, "; {} answered by the device", self.answered_by_the_device)?;
        if self.fallbacks > 0 {
            write!(f, " ({} because the server did not)", self.fallbacks)?;
        }
        if self.deadline_misses > 0 {
            write!(f, ", {} late", self.deadline_misses)?;
        }
        write!(f, ", {}", count(self.switches, "change"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(flags: Vec<&'static str>) -> ChannelRecord {
        ChannelRecord {
            rate_p50_bps: 4_200_000,
            rate_p10_bps: 1_000_000,
            min_rtt_us: 300,
            queue_us: 0,
            loss_ppm: 0,
            age_us: 0,
            flags,
        }
    }

    #[test]
    fn a_rate_that_nobody_tried_out_is_not_called_measured() {
        assert_eq!(channel(Vec::new()).rate(), "4.2 Mbit/s (≥ 1.0)");
        assert_eq!(channel(vec![APP_LIMITED]).rate(), "at least 4.2 Mbit/s");
        assert_eq!(channel(vec![APP_LIMITED, STALE]).rate(), "4.2 Mbit/s assumed");
    }

    #[test]
    fn a_run_of_two_has_its_median_between_them() {
        let outcome = |millis| Outcome {
            answer: Answer::Classes(Vec::new()),
            trace: Trace::new(),
            total: Micros::from_millis(millis),
            choice: Choice::Local,
            fallback: None,
            bytes: aiflow::units::Bytes::new(0),
            spare: Micros::ZERO,
            late: false,
        };
        let record = |index, millis| {
            Record::new(index, Timestamp::ORIGIN, None, &outcome(millis), None, None)
        };
        let mut run = Run::default();
        run.push(record(0, 2));
        assert!(Summary::new(&run).to_string().starts_with("1 request: 2.0 ms"));
        run.push(record(1, 4));
        let summary = Summary::new(&run);
        assert_eq!((summary.latency_ms_p50, summary.latency_ms_mean), (3.0, 3.0));
        assert!(summary.latency_ms_p95 > 3.8 && summary.latency_ms_p95 < 4.0);
        assert!(summary.to_string().ends_with("0 changes"));
    }
}
