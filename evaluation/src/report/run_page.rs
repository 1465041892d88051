//! What a device did, as one self-contained HTML page: where the time of its requests went, and what
//! it knew of the channel.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path as File;

use aiflow_runtime::tier::{Part, Trace};
use aiflow_units::{BitRate, Micros, Timestamp};

use super::atomic::write_atomically;
use super::chart::{Join, Line, Plot, Point, Scale, Spread, escape};
use super::page::markup::{Cell, section, table};
use super::series_style::{Mark, SeriesStyle};
use crate::error::ReportError;
use crate::statistics::quantile;

/// One answered request.
#[derive(Debug, Clone)]
pub struct RunRequest {
    /// When it was captured, from the start of the run.
    pub at: Timestamp,
    /// From the capture to the answer.
    pub total: Micros,
    /// Where the time went.
    pub trace: Trace,
    /// Where and how it was handed over, such as `c07 q24`.
    pub what: String,
    /// What the channel was taken for.
    pub estimate: Option<BitRate>,
    /// Whether the device answered although it was to be handed over.
    pub fell_back: bool,
}

/// A run of a device.
#[derive(Debug, Clone, Default)]
pub struct RunReport {
    /// What ran, in a few words.
    pub title: String,
    /// What it came to, in one sentence.
    pub summary: String,
    /// Figures that stand out, each with its words.
    pub tiles: Vec<(String, String)>,
    /// All requests, in the order of their capture.
    pub requests: Vec<RunRequest>,
}

/// Returns the page: style, charts and tables inline, no script and no address outside itself.
#[must_use]
pub fn run_page(report: &RunReport) -> String {
    let tiles = report.tiles.iter().map(|(figure, words)| {
        format!("<div class=\"tile\"><b>{}</b><span>{}</span></div>", escape(figure), escape(words))
    });
    let header = format!(
        "<header><p class=\"kicker\">aiflow run</p><h1>{}</h1><p class=\"lead\">{}</p></header>",
        escape(&report.title),
        escape(&report.summary)
    );
    let over_time = section(
        "time",
        "Over time",
        &format!(
            "<div class=\"tiles\">{}</div><div class=\"charts\">{}</div>",
            tiles.collect::<String>(),
            [latency_figure(report), channel_figure(report)]
                .into_iter()
                .flatten()
                .collect::<String>()
        ),
    );
    let body =
        [header, over_time, timeline_section(&report.requests), parts_section(&report.requests)];
    super::page::document("aiflow run", &body.join("\n"))
}

/// Writes the page.
///
/// # Errors
/// Reports the path when it cannot be written.
pub fn write_run_html(file: &File, report: &RunReport) -> Result<(), ReportError> {
    write_atomically(file, run_page(report).as_bytes())
}

/// Draws requests as rows on a common axis of time since their capture, one colour for each part;
/// evenly chosen ones where there are many.
#[must_use]
pub fn timeline_section(requests: &[RunRequest]) -> String {
    let step = requests.len().div_ceil(ROWS).max(1);
    let rows: Vec<&RunRequest> = requests.iter().step_by(step).collect();
    let longest = rows.iter().map(|row| millis(row.total)).fold(0.1, f64::max);
    let height = HEAD + ROW * rows.len() as f64;
    let scale = (WIDTH - LEFT - RIGHT) / longest;
    let mut svg = format!(
        "<svg class=\"chart\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"parts of \
         requests over the time since their capture\">"
    );
    for tenth in 0..=5 {
        let value = longest * f64::from(tenth) / 5.0;
        let x = LEFT + value * scale;
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{HEAD}\" y2=\"{height}\"/>\
             <text x=\"{x:.1}\" y=\"14\" text-anchor=\"middle\">{value:.1} ms</text>"
        );
    }
    for (index, row) in rows.iter().enumerate() {
        draw_row(&mut svg, row, HEAD + ROW * index as f64, scale);
    }
    svg.push_str("</svg>");
    let legend: String = Part::ALL.into_iter().map(legend_entry).collect();
    let shown = match (step, requests.len()) {
        (_, 1) => "The only request.".to_owned(),
        (1, all) => format!("All {all} requests."),
        (step, all) => format!("One in {step} of {all} requests."),
    };
    let note = format!(
        "<p class=\"note\">{shown} Darker is the device, lighter the tiers behind it. Under the \
         pointer: tier, part and time.</p>"
    );
    let body = format!("<div class=\"legend\">{legend}</div>{svg}{note}");
    section("timeline", "Where the time of requests went", &body)
}

fn draw_row(svg: &mut String, row: &RunRequest, y: f64, scale: f64) {
    let label = if row.fell_back { format!("device, not {}", row.what) } else { row.what.clone() };
    let _ = write!(
        svg,
        "<text class=\"label\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
        LEFT - 6.0,
        y + 0.75 * ROW,
        escape(&label)
    );
    let mut x = LEFT;
    for &(tier, part, time) in row.trace.parts() {
        let width = millis(time) * scale;
        if width > 0.0 {
            let opacity = 1.0 / (1.0 + 0.45 * f64::from(tier));
            let _ = write!(
                svg,
                "<rect x=\"{x:.2}\" y=\"{:.1}\" width=\"{width:.2}\" height=\"{:.1}\" \
                 fill=\"var(--{})\" opacity=\"{opacity:.2}\"><title>tier {tier}: {} {:.2} ms</title></rect>",
                y + 2.0,
                ROW - 4.0,
                colour(part),
                part.name(),
                millis(time)
            );
        }
        x += width;
    }
}

/// Lists what each part took on each tier.
fn parts_section(requests: &[RunRequest]) -> String {
    let mut parts: BTreeMap<(u8, Part), Vec<f64>> = BTreeMap::new();
    for request in requests {
        let mut own: BTreeMap<(u8, Part), f64> = BTreeMap::new();
        for &(tier, part, time) in request.trace.parts() {
            *own.entry((tier, part)).or_default() += millis(time);
        }
        own.into_iter().for_each(|(key, time)| parts.entry(key).or_default().push(time));
    }
    let total: f64 = requests.iter().map(|request| millis(request.total)).sum();
    let covered: f64 = requests.iter().map(|request| millis(request.trace.total())).sum();
    let rows: Vec<Vec<Cell>> = parts
        .into_iter()
        .map(|((tier, part), times)| {
            let sum: f64 = times.iter().sum();
            let p95 = quantile(&times, 0.95).unwrap_or_default();
            vec![
                Cell::text(tier_name(tier)),
                Cell::text(part.name()),
                Cell::figure(times.len().to_string()),
                Cell::figure(format!("{:.2} ms", sum / times.len() as f64)),
                Cell::figure(format!("{p95:.2} ms")),
                Cell::figure(format!("{:.1} %", 100.0 * sum / total.max(1e-9))),
            ]
        })
        .collect();
    let table = table(&["tier", "part", "requests", "mean", "p95", "of all time"], &rows);
    let note = format!(
        "<p class=\"note\">The parts add up to {:.1} % of the measured time; the rest is hand-over \
         between tasks.</p>",
        100.0 * covered / total.max(1e-9)
    );
    section("parts", "Parts", &format!("{table}{note}"))
}

fn latency_figure(report: &RunReport) -> Option<String> {
    let points =
        report.requests.iter().map(|request| (request.at, millis(request.total), &request.what));
    over_time("ms from the capture to the answer", points, "c-learned")
}

fn channel_figure(report: &RunReport) -> Option<String> {
    let points = report.requests.iter().filter_map(|request| {
        Some((request.at, request.estimate?.get() as f64 / 1e6, &request.what))
    });
    over_time("Mbit/s that the channel was taken for", points, "c-int")
}

fn over_time<'a>(
    caption: &str,
    points: impl Iterator<Item = (Timestamp, f64, &'a String)>,
    class: &'static str,
) -> Option<String> {
    let point = |(at, y, what): (Timestamp, f64, &String)| {
        let x = at.since_origin().get() as f64 / 1e6;
        Point { x, y, interval: None, title: escape(what) }
    };
    let points: Vec<Point> = points.map(point).collect();
    let end = points.last()?.x.max(1e-3);
    let highest = points.iter().map(|point| point.y).fold(1e-3, f64::max);
    let style = SeriesStyle { class, mark: Mark::Circle, dash: "", weight: 1.4 };
    let join = if points.len() > 200 { Join::Bare } else { Join::Line };
    let plot = Plot {
        description: caption.to_owned(),
        x_label: "seconds".to_owned(),
        x: Scale::Linear { low: 0.0, high: end },
        y: Scale::Linear { low: 0.0, high: highest },
        guides: Vec::new(),
        lines: vec![Line { style, points, spread: Spread::None, join }],
    };
    Some(format!("<figure><figcaption>{}</figcaption>{}</figure>", escape(caption), plot.svg()))
}

fn tier_name(tier: u8) -> String {
    match tier {
        0 => "device".to_owned(),
        tier => format!("tier {tier}"),
    }
}

fn legend_entry(part: Part) -> String {
    format!(
        "<span><svg width=\"14\" height=\"12\"><rect width=\"12\" height=\"10\" \
         fill=\"var(--{})\"/></svg> {}</span> ",
        colour(part),
        part.name()
    )
}

const fn colour(part: Part) -> &'static str {
    match part {
        Part::Compute => "learned",
        Part::Encode => "kvtc",
        Part::Decode => "turbo",
        Part::Wire => "int",
        Part::Reply => "ecsq",
        Part::Capture => "webp",
        _ => "jpeg",
    }
}

fn millis(time: Micros) -> f64 {
    time.get() as f64 / 1e3
}

/// Rows of the timeline at most.
const ROWS: usize = 40;
const WIDTH: f64 = 1080.0;
const LEFT: f64 = 190.0;
const RIGHT: f64 = 30.0;
const HEAD: f64 = 22.0;
const ROW: f64 = 18.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_shows_every_part_of_a_request() {
        let mut trace = Trace::new();
        trace.push(0, Part::Compute, Micros::from_millis(4));
        trace.push(0, Part::Wire, Micros::from_millis(5));
        trace.push(1, Part::Compute, Micros::from_millis(1));
        let request = |index: u64| RunRequest {
            at: Timestamp::from_origin(Micros::from_millis(index * 20)),
            total: Micros::from_millis(10),
            trace: trace.clone(),
            what: "c07 <q24>".to_owned(),
            estimate: Some(BitRate::megabits_per_second(8)),
            fell_back: index == 3,
        };
        let report = RunReport {
            title: "a model".to_owned(),
            summary: "100 requests".to_owned(),
            tiles: vec![("10 ms".to_owned(), "on average".to_owned())],
            requests: (0..100).map(request).collect(),
        };
        let page = run_page(&report);
        for part in [
            "tier 0: compute 4.00 ms",
            "tier 1: compute 1.00 ms",
            "add up to 100.0 %",
            "<td class=\"n\">50.0 %</td>",
            "c07 &lt;q24&gt;",
            "One in 3 of 100 requests",
        ] {
            assert!(page.contains(part), "{part}");
        }
        assert_eq!(page.matches("<title>tier 0: wire").count(), 34);
        let few = RunReport { requests: report.requests[..3].to_vec(), ..report };
        assert!(run_page(&few).contains("All 3 requests."));
        assert!(run_page(&RunReport::default()).ends_with("</html>\n"));
    }
}
