//! What was found on emulated links, as one self-contained HTML page.

use std::path::Path as File;

use aiflow_units::{Micros, Timestamp};

use super::atomic::write_atomically;
use super::chart::{Guide, Join, Line, Plot, Point, Scale, Spread, escape, legend_line};
use super::page::markup::{Cell, section, table};
use super::series_style::{Mark, SeriesStyle};
use crate::error::ReportError;
use crate::link::{Accuracy, FrameOutcome, FrameRun, LinkRecord, LinkResult, Path, Traffic};

/// What was sent over one path.
#[derive(Debug, Clone)]
pub struct LinkStudy {
    /// The path.
    pub path: Path,
    /// The frames.
    pub traffic: Traffic,
    /// What each policy achieved.
    pub results: Vec<LinkResult>,
}

/// Returns the page: style, charts and tables inline, no script and no address outside itself.
#[must_use]
pub fn link_page(studies: &[LinkStudy]) -> String {
    let mut body = vec![
        "<header><p class=\"kicker\">aiflow link</p><h1>Frames with deadlines over emulated links</h1>\
         <p class=\"lead\">What each policy delivers in time over the same path, and how far the \
         estimate of the channel is from what came.</p></header>"
            .to_owned(),
    ];
    body.extend(studies.iter().map(study_section));
    body.push(reading());
    super::page::document("aiflow link", &body.join("\n"))
}

/// Writes the page.
///
/// # Errors
/// Reports the path when it cannot be written.
pub fn write_link_html(file: &File, studies: &[LinkStudy]) -> Result<(), ReportError> {
    write_atomically(file, link_page(studies).as_bytes())
}

fn study_section(study: &LinkStudy) -> String {
    let traffic = &study.traffic;
    let words = format!(
        "<p>{} of mean rate, {} round trip, a queue of {}. A frame every {}, with {} to arrive.</p>",
        traffic.mean_rate(&study.path),
        study.path.rtt,
        study.path.queue,
        traffic.period,
        traffic.deadline,
    );
    let figures =
        [estimate_figure(study), delivery_figure(study), worst_figure(study), delay_figure(study)];
    let figures = figures.into_iter().flatten().collect::<String>();
    let body = format!(
        "{words}{}<div class=\"legend\">{}</div><div class=\"charts\">{figures}</div>",
        records_table(study),
        legend(study),
    );
    section(&escape(&study.path.name), &escape(&study.path.name), &body)
}

fn records_table(study: &LinkStudy) -> String {
    let header = [
        "policy",
        "bases on time",
        "in time",
        "of capacity",
        "base p50",
        "p95",
        "error p50",
        "p90",
        "over",
        "switches",
    ];
    let percent = |share: f64| Cell::figure(format!("{:.1} %", 100.0 * share));
    let millis = |span: f64| Cell::figure(format!("{span:.0} ms"));
    let row = |record: &LinkRecord| {
        vec![
            Cell::text(escape(&record.policy)),
            percent(record.base_on_time),
            Cell::figure(format!("{:.2} MB", record.bytes_in_deadline as f64 / 1e6)),
            percent(record.used()),
            millis(record.base_delay_ms_p50),
            millis(record.base_delay_ms_p95),
            percent(record.estimate_error_p50),
            percent(record.estimate_error_p90),
            percent(record.over_estimate_share),
            Cell::figure(record.switches.to_string()),
        ]
    };
    let rows: Vec<_> = study.results.iter().map(|result| row(&result.record)).collect();
    table(&header, &rows)
}

fn legend(study: &LinkStudy) -> String {
    let entry = |name: &str, style| format!("<span>{}{}</span>", legend_line(style), escape(name));
    let policies = study.results.iter().map(|result| {
        let name = &result.record.policy;
        entry(name, style_of(name))
    });
    std::iter::once(entry("the channel", CHANNEL)).chain(policies).collect()
}

/// Draws the estimate of the first policy beside what came.
fn estimate_figure(study: &LinkStudy) -> Option<String> {
    let result = study.results.first()?;
    let run = &result.run;
    let step = (run.estimates.len() / POINTS).max(1);
    let shown = || run.estimates.iter().filter(|(at, _)| *at >= Accuracy::SETTLED).step_by(step);
    let megabits = |bits: u64| bits as f64 / 1e6;
    let came = shown().map(|(at, _)| {
        (seconds(*at), megabits(study.path.rate(*at, Accuracy::HORIZON).get()), None)
    });
    let said = shown().map(|(at, estimate)| {
        let band = (megabits(estimate.p10.get()), megabits(estimate.p50.get()));
        (seconds(*at), megabits(estimate.p50.get()), Some(band))
    });
    let lines = vec![
        line(CHANNEL, Spread::None, came),
        line(style_of(&result.record.policy), Spread::Band, said),
    ];
    let caption = format!(
        "Mbit/s of the next half second: what came, and what the estimate of {} said before \
         (band: down to its tenth percentile)",
        result.record.policy
    );
    Some(over_time(study, &caption, lines))
}

/// Draws how many bases had arrived after how long.
fn delay_figure(study: &LinkStudy) -> Option<String> {
    let longest = 10.0 * study.traffic.deadline.get() as f64 / 1e3;
    let lines = study.results.iter().map(|result| {
        let arrived = result
            .run
            .frames
            .iter()
            .filter_map(|frame| Some(frame.base_at?.since(frame.captured).get() as f64 / 1e3));
        let mut delays: Vec<f64> = arrived.collect();
        delays.sort_by(f64::total_cmp);
        let all = result.run.frames.len().max(1) as f64;
        let step = (delays.len() / 200).max(1);
        let points = delays.iter().enumerate().step_by(step);
        let points = points.map(|(index, delay)| (*delay, (index + 1) as f64 / all, None));
        line(style_of(&result.record.policy), Spread::None, points)
    });
    let lines: Vec<_> = lines.collect();
    let caption = "Share of frames whose base had arrived within a time";
    let plot = Plot {
        description: caption.to_owned(),
        x_label: "ms after capture".to_owned(),
        x: Scale::Log { low: 10.0, high: longest },
        y: Scale::Even { low: 0.0, high: 1.0 },
        guides: Vec::new(),
        lines,
    };
    Some(figure(caption, &plot))
}

/// Draws the longest time that a base took, of those captured in each second.
fn worst_figure(study: &LinkStudy) -> Option<String> {
    let second = Micros::from_secs(1);
    let deadline = study.traffic.deadline;
    let (low, high) = (10.0, 10.0 * deadline.get() as f64 / 1e3);
    let worst = |run: &FrameRun, at: Timestamp| {
        let frames =
            run.frames.iter().filter(|frame| (at..at.after(second)).contains(&frame.captured));
        let delay = |frame: &FrameOutcome| {
            frame.base_at.map_or(f64::INFINITY, |_| frame.delay(deadline).get() as f64 / 1e3)
        };
        frames.map(delay).fold(low, f64::max).min(high)
    };
    let lines = study.results.iter().map(|result| {
        let points = starts(study).map(|at| (seconds(at), worst(&result.run, at), None));
        line(style_of(&result.record.policy), Spread::None, points)
    });
    let caption = "ms until the base was there, the longest in each second; at the upper edge: later \
                   than ten deadlines, or never";
    let plot = Plot {
        description: caption.to_owned(),
        x_label: "seconds".to_owned(),
        x: Scale::Linear { low: 0.0, high: study.traffic.length.get() as f64 / 1e6 },
        y: Scale::Log { low, high },
        guides: vec![Guide { y: deadline.get() as f64 / 1e3, label: "deadline".to_owned() }],
        lines: lines.collect(),
    };
    Some(figure(caption, &plot))
}

/// Returns the seconds of a run, from the first frame on.
fn starts(study: &LinkStudy) -> impl Iterator<Item = Timestamp> {
    let second = Micros::from_secs(1);
    let end = Timestamp::from_origin(study.traffic.length);
    std::iter::successors(Some(Traffic::START), move |at| Some(at.after(second)))
        .take_while(move |at| at.after(second) <= end)
}

/// Draws what arrived in time in each second.
fn delivery_figure(study: &LinkStudy) -> Option<String> {
    let second = Micros::from_secs(1);
    let starts: Vec<_> = starts(study).collect();
    let megabits = |bytes: u64| bytes as f64 * 8e-6;
    let capacity = starts.iter().map(|at| {
        (seconds(*at), megabits(study.path.trace.capacity(*at, at.after(second)).get()), None)
    });
    let mut lines = vec![line(CHANNEL, Spread::None, capacity)];
    for result in &study.results {
        let points = starts
            .iter()
            .map(|at| (seconds(*at), megabits(in_time(&result.run, *at, at.after(second))), None));
        lines.push(line(style_of(&result.record.policy), Spread::None, points));
    }
    let caption =
        "Mbit/s that arrived in time, by the second of capture, and what the channel carried";
    Some(over_time(study, caption, lines))
}

fn in_time(run: &FrameRun, from: Timestamp, to: Timestamp) -> u64 {
    let frames = run.frames.iter().filter(|frame| (from..to).contains(&frame.captured));
    frames.map(|frame| frame.in_time.get()).sum()
}

fn over_time(study: &LinkStudy, caption: &str, lines: Vec<Line>) -> String {
    let highest = lines.iter().flat_map(|line| &line.points).map(|point| point.y);
    let highest = highest.fold(1e-3, f64::max);
    let length = study.traffic.length.get() as f64 / 1e6;
    let plot = Plot {
        description: caption.to_owned(),
        x_label: "seconds".to_owned(),
        x: Scale::Linear { low: 0.0, high: length },
        y: Scale::Linear { low: 0.0, high: highest },
        guides: Vec::new(),
        lines,
    };
    figure(caption, &plot)
}

fn figure(caption: &str, plot: &Plot) -> String {
    format!("<figure><figcaption>{}</figcaption>{}</figure>", escape(caption), plot.svg())
}

fn line(
    style: SeriesStyle,
    spread: Spread,
    points: impl Iterator<Item = (f64, f64, Option<(f64, f64)>)>,
) -> Line {
    let point = |(x, y, interval)| Point { x, y, interval, title: String::new() };
    Line { style, points: points.map(point).collect(), spread, join: Join::Bare }
}

fn seconds(at: Timestamp) -> f64 {
    at.since_origin().get() as f64 / 1e6
}

fn style_of(policy: &str) -> SeriesStyle {
    let style = |class, mark, dash, weight| SeriesStyle { class, mark, dash, weight };
    match policy {
        "aiflow" => style("c-learned", Mark::Circle, "", 2.0),
        "moq-rate" => style("c-kvtc", Mark::Triangle, "", 1.4),
        "oracle" => style("c-ecsq", Mark::Diamond, "6 3", 1.2),
        "quinn-stream" => style("c-webp", Mark::Cross, "2 3", 1.4),
        _ => style("c-turbo", Mark::Down, "", 1.2),
    }
}

fn reading() -> String {
    let body = "<ul>\
        <li><b>Bases on time</b>: frames whose base layer was there, wholly, by the deadline.</li>\
        <li><b>In time</b>: bytes of all layers that were there by the deadline of those frames, of a layer \
            that was cut off what had arrived, and the same as a share of what the channel could have \
            carried.</li>\
        <li><b>Base p50, p95</b>: from capture to the last byte of the base. One that was given up counts \
            with the deadline.</li>\
        <li><b>Error p50, p90</b>: of the estimate against the mean rate of the next half second, from 2 s on; \
            <b>over</b>: how often it was more than 1.25 times that. Of quinn-stream, the congestion \
            window over the round trip is judged.</li>\
        <li><b>Switches</b>: how often the rate that the policy follows moved by 5 % or more. Each \
            frame says its own rate, so they cost nothing.</li>\
        <li><b>static-best</b> is the static rate, of twelve shares of the mean, with the most bytes among \
            those with 90 % of their frames on time, chosen after the fact. <b>oracle</b> knows the trace.</li>\
        </ul>";
    section("reading", "How to read this", body)
}

const CHANNEL: SeriesStyle =
    SeriesStyle { class: "c-int", mark: Mark::Square, dash: "", weight: 1.0 };

/// Points of a line at most, about.
const POINTS: usize = 600;
