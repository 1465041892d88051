//! `aiflow link`: frames with deadlines over an emulated link, by our policy and by others.

mod constant;
mod live;

use std::path::PathBuf;

use aiflow::evaluation::link::{Contestant, LinkRecord, LinkResult, Path, Traffic, contest};
use aiflow::evaluation::report::{self, LinkStudy};
use aiflow::units::{Bytes, Micros};
use anyhow::{Result, bail};
use clap::Args;

use crate::args::Format;
use crate::progress::Progress;
use crate::quantity::{count, parse_time};
use crate::{files, output};
use live::LiveView;

/// Send frames with deadlines over emulated links and compare what arrives in time
///
/// Two endpoints run in this process under virtual time: a drive of two minutes takes about a second for
/// each policy, and equal calls give equal results. The uplink follows the trace; the downlink only
/// delays.
///
/// Times are written as 40ms, 1.5s or 300us; a bare number is milliseconds.
#[derive(Debug, Args)]
pub(crate) struct Link {
    /// Traces: files (Mahimahi, or seconds and Mbit/s), const:10mbit, lte-like:SEED
    #[arg(long, value_name = "TRACE", required_unless_present = "constant", num_args = 1..)]
    trace: Vec<String>,
    /// Instead of traces, look at links of constant rate, and at one fall and rise, at full load
    #[arg(long, conflicts_with_all = ["trace", "policy", "rtt", "queue", "fps", "deadline", "base", "seconds", "html"])]
    constant: bool,
    /// Policies: all, or aiflow, moq-rate, static-best, static-PERCENT, quinn-stream, oracle
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "all")]
    policy: Vec<String>,
    /// Round trip of the empty path, such as 60ms, at most 10s
    #[arg(long, value_name = "TIME", default_value = "60ms", value_parser = parse_rtt)]
    rtt: Micros,
    /// Queue before the uplink in KiB
    #[arg(long, value_name = "KIB", default_value_t = 1024, value_parser = clap::value_parser!(u64).range(3..=1_048_576))]
    queue: u64,
    /// Frames per second
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1000))]
    fps: u64,
    /// Time from capture until a frame is of no use, such as 300ms, 1ms to 60s
    #[arg(long, value_name = "TIME", default_value = "300ms", value_parser = parse_deadline)]
    deadline: Micros,
    /// Largest share of a frame that is its base layer, in percent
    #[arg(long, value_name = "PERCENT", default_value_t = 25, value_parser = clap::value_parser!(u64).range(1..=100))]
    base: u64,
    /// Seconds to send for [default: the trace, at most 140; 60 at a constant rate]
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(2..=86_400))]
    seconds: Option<u64>,
    /// Write one page with tables and charts
    #[arg(long, value_name = "FILE.html")]
    html: Option<PathBuf>,
    #[command(flatten)]
    format: Format,
}

impl Link {
    pub(crate) fn run(self) -> Result<()> {
        files::check(&self.html)?;
        if self.constant {
            return constant::run(&self.format);
        }
        let contestants = self.contestants()?;
        let paths: Vec<Path> =
            self.trace.iter().map(|spec| self.path(spec)).collect::<Result<_>>()?;
        let bar = Progress::new("starting");
        let steps = paths.len() * contestants.len();
        let mut studies = Vec::new();
        let mut done = 0;
        for path in paths {
            let traffic = self.traffic(&path);
            let mut results = Vec::new();
            for &contestant in &contestants {
                let mut view = LiveView::new(&path, contestant);
                let result = contest(&path, &traffic, contestant, &mut |at, estimate| {
                    if let Some(words) = view.look(at, estimate) {
                        let part = view.share(at, &traffic);
                        bar.update(&words, (done as f32 + part) / steps as f32);
                    }
                })?;
                results.push(result);
                done += 1;
            }
            studies.push(LinkStudy { path, traffic, results });
        }
        drop(bar);
        self.finish(&studies)
    }

    fn contestants(&self) -> Result<Vec<Contestant>> {
        let mut chosen = Vec::new();
        for name in &self.policy {
            match Contestant::by_name(name) {
                Some(one) => chosen.push(one),
                None if name == "all" => chosen.extend(Contestant::ALL),
                None => {
                    let names = Contestant::ALL.map(Contestant::name).join(", ");
                    bail!("there is no policy `{name}`; there are all, {names} and static-PERCENT")
                }
            }
        }
        chosen.dedup();
        Ok(chosen)
    }

    fn path(&self, spec: &str) -> Result<Path> {
        let path = Path::open(spec)?;
        Ok(path.with_rtt(self.rtt).with_queue(Bytes::from_kib(self.queue)))
    }

    fn traffic(&self, path: &Path) -> Traffic {
        Traffic {
            period: Micros::new(1_000_000 / self.fps),
            deadline: self.deadline,
            base_percent: self.base,
            length: self.seconds.map_or(path.span(), Micros::from_secs),
        }
    }

    fn finish(&self, studies: &[LinkStudy]) -> Result<()> {
        // What was measured is shown first: it must not be lost with a file that cannot be written.
        let printed = self.print(studies);
        if let Some(file) = &self.html {
            report::write_link_html(file, studies)?;
        }
        printed?;
        match &self.html {
            Some(file) if !self.format.json => {
                output::text(&format!("written: {}", file.display()))
            }
            _ => Ok(()),
        }
    }

    fn print(&self, studies: &[LinkStudy]) -> Result<()> {
        let records: Vec<&LinkRecord> =
            studies.iter().flat_map(|study| &study.results).map(|result| &result.record).collect();
        if self.format.json {
            return output::json(&records);
        }
        for study in studies {
            output::heading(&study.path.name)?;
            output::table(&table(&study.results), &["aiflow"])?;
        }
        output::text(
            "on time: bases by their deadlines; in time: share of the capacity; error: of the \
             estimate against the next 500 ms; over: how often it was above 1.25 times that; changes: \
             of the rate, by 5 % or more",
        )?;
        let words = findings(studies);
        if !words.is_empty() {
            output::heading("In words")?;
        }
        for sentence in words {
            output::text(&format!("• {sentence}"))?;
        }
        Ok(())
    }
}

fn parse_rtt(text: &str) -> Result<Micros, String> {
    parse_within(text, Micros::ZERO, Micros::from_secs(10))
}

fn parse_deadline(text: &str) -> Result<Micros, String> {
    parse_within(text, Micros::from_millis(1), Micros::from_secs(60))
}

fn parse_within(text: &str, least: Micros, most: Micros) -> Result<Micros, String> {
    let time = parse_time(text)?;
    let fits = least <= time && time <= most;
    fits.then_some(time).ok_or_else(|| format!("write a time from {least} to {most}"))
}

fn table(results: &[LinkResult]) -> String {
    let heading =
        ["policy", "on time", "in time", "base p50/p95", "error p50/p90", "over", "changes"];
    let mut table = output::new_table(&heading, &[1, 2, 3, 4, 5, 6]);
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    for LinkResult { record, .. } in results {
        let (p50, p95) = (record.base_delay_ms_p50, record.base_delay_ms_p95);
        let (error, far) = (record.estimate_error_p50, record.estimate_error_p90);
        table.add_row([
            record.policy.clone(),
            percent(record.base_on_time),
            percent(record.used()),
            format!("{p50:.0} / {p95:.0} ms"),
            format!("{:.0} / {:.0} %", 100.0 * error, 100.0 * far),
            percent(record.over_estimate_share),
            record.switches.to_string(),
        ]);
    }
    table.to_string()
}

/// Compares our policy with each other one, over all traces.
fn findings(studies: &[LinkStudy]) -> Vec<String> {
    let of = |policy: &str| -> Option<Vec<&LinkRecord>> {
        let find = |results: &'_ [LinkResult]| {
            results.iter().position(|result| result.record.policy == policy)
        };
        studies
            .iter()
            .map(|study| Some(&study.results.get(find(&study.results)?)?.record))
            .collect()
    };
    let mean = |records: &[&LinkRecord], value: fn(&LinkRecord) -> f64| {
        records.iter().map(|record| value(record)).sum::<f64>() / records.len().max(1) as f64
    };
    let Some(own) = of("aiflow").filter(|own| !own.is_empty()) else { return Vec::new() };
    let (on_time, used) = (mean(&own, |record| record.base_on_time), mean(&own, LinkRecord::used));
    let mut words = vec![format!(
        "aiflow: {:.1} % of the bases on time, {:.1} % of the capacity used in time (mean over {}).",
        100.0 * on_time,
        100.0 * used,
        count(own.len(), "trace"),
    )];
    for name in ["oracle", "moq-rate", "static-best", "quinn-stream"] {
        let Some(other) = of(name) else { continue };
        words.push(format!(
            "{name}: {:.1} % of the bases on time, {:.1} % of the capacity; aiflow delivers {:.2}x its bytes \
             in time.",
            100.0 * mean(&other, |record| record.base_on_time),
            100.0 * mean(&other, LinkRecord::used),
            used / mean(&other, LinkRecord::used).max(1e-9),
        ));
    }
    words
}
