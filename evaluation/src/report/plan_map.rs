//! The planner's maps: which plan wins where, as one self-contained HTML page and as rows.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::atomic::write_atomically;
use super::chart::{Join, Line, Plot, Point, Scale, Spread, escape, legend_mark};
use super::heat::{self, Heat, HeatCell, Shade};
use super::number;
use super::page::markup::{Cell, section, table};
use super::series_style::{Mark, SeriesStyle};
use crate::error::ReportError;

/// What the planner chose in one situation, beside the plans that never divide the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanRecord {
    /// Rate of the first hop in bits per second.
    pub bandwidth_bps: u64,
    /// Round trip of the first hop in microseconds.
    pub rtt_us: u64,
    /// Speed of the device, 1 for that of the machine it was profiled on.
    pub device_speed: f64,
    /// The chosen placement: `device`, `picture`, a cut, or two cuts.
    pub placement: String,
    /// How what is sent is coded; empty when nothing is.
    pub how: String,
    /// Expected time of the chosen plan in microseconds.
    pub time_us: u64,
    /// Bytes on the first hop with the headers of packets.
    pub bytes: u64,
    /// Loss, in the measure of the budget.
    pub loss: f64,
    /// Expected time with everything on the device.
    pub device_us: u64,
    /// Expected time with the picture sent to a tier that runs the whole model; absent where the
    /// plan sheet has no picture that keeps the budget.
    pub picture_us: Option<u64>,
}

impl PlanRecord {
    /// Returns the expected time of the better plan that does not divide the model.
    #[must_use]
    pub fn trivial_us(&self) -> u64 {
        self.picture_us.map_or(self.device_us, |picture| picture.min(self.device_us))
    }

    /// Returns the expected time over that of the better plan that does not divide the model.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.time_us as f64 / self.trivial_us().max(1) as f64
    }

    /// Tells whether the two plans that do not divide the model lie within a factor of 1.3.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        let Some(picture) = self.picture_us else { return false };
        let (low, high) = (picture.min(self.device_us), picture.max(self.device_us));
        high as f64 <= 1.3 * low.max(1) as f64
    }
}

/// Records over a grid: rows from the bottom, columns from the left.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanMap {
    /// What is across and up, and what is fixed.
    pub title: String,
    /// Name of the horizontal axis.
    pub across: String,
    /// Name of the vertical axis.
    pub up: String,
    /// Labels of the columns.
    pub columns: Vec<String>,
    /// Labels of the rows.
    pub rows: Vec<String>,
    /// One record for each column of each row.
    pub records: Vec<PlanRecord>,
}

/// Everything that the page shows.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanReport {
    /// Name of the model.
    pub model: String,
    /// One line below the title: the budget and the machines.
    pub lead: String,
    /// Plain sentences about the situation that was asked for.
    pub findings: Vec<String>,
    /// Heading of the terms, then one row for each plan.
    pub terms: (Vec<String>, Vec<Vec<String>>),
    /// Names of the cuts, from the input towards the output, for the colours.
    pub cuts: Vec<String>,
    /// Expected times against the bandwidth, at the round trip and speed that were asked for.
    pub sweep: Vec<PlanRecord>,
    /// The maps.
    pub maps: Vec<PlanMap>,
}

/// Returns the page: style, charts and tables inline, no script and no address outside itself.
#[must_use]
pub fn plan_page(report: &PlanReport) -> String {
    let title = format!("where to cut {}", report.model);
    let body = [
        format!(
            "<header><p class=\"kicker\">aiflow plan</p><h1>{}</h1><p class=\"lead\">{}</p></header>",
            escape(&report.model),
            escape(&report.lead)
        ),
        findings(report),
        sweep(report),
        report.maps.iter().map(|map| map_section(map, &report.cuts)).collect(),
        reading(),
    ];
    super::page::document(&title, &body.join("\n"))
}

/// Writes the page.
///
/// # Errors
/// Reports the path when it cannot be written.
pub fn write_plan_html(path: &Path, report: &PlanReport) -> Result<(), ReportError> {
    write_atomically(path, plan_page(report).as_bytes())
}

/// Writes one row for each record.
///
/// # Errors
/// Reports the path when it cannot be written.
pub fn write_plan_csv(path: &Path, records: &[PlanRecord]) -> Result<(), ReportError> {
    super::record_files::write_rows(path, records)
}

fn findings(report: &PlanReport) -> String {
    let sentences: Vec<String> =
        report.findings.iter().map(|words| format!("<li>{}</li>", escape(words))).collect();
    let (heading, rows) = &report.terms;
    let heading: Vec<String> = heading.iter().map(|title| escape(title)).collect();
    let heading: Vec<&str> = heading.iter().map(String::as_str).collect();
    let cell = |(index, text): (usize, &String)| {
        if index < 1 { Cell::text(escape(text)) } else { Cell::figure(escape(text)) }
    };
    let rows: Vec<Vec<Cell>> =
        rows.iter().map(|row| row.iter().enumerate().map(cell).collect()).collect();
    let body =
        format!("<ul class=\"findings\">{}</ul>{}", sentences.concat(), table(&heading, &rows));
    section("choice", "The choice, and what came next", &body)
}

/// Times against bandwidth of the chosen plan and of those that do not divide the model.
fn sweep(report: &PlanReport) -> String {
    if report.sweep.is_empty() {
        return String::new();
    }
    let look = |class, mark, dash, weight| SeriesStyle { class, mark, dash, weight };
    type Time = fn(&PlanRecord) -> Option<u64>;
    let series: [(&str, SeriesStyle, Time); 3] = [
        ("everything on the device", look("c-jpeg", Mark::Plus, "2 3", 1.6), |r| Some(r.device_us)),
        ("the picture to a server", look("c-int", Mark::Square, "6 3", 1.6), |r| r.picture_us),
        ("the planner's choice", look("c-learned", Mark::Circle, "", 2.8), |r| Some(r.time_us)),
    ];
    let line = |(name, style, time): &(&str, SeriesStyle, Time)| Line {
        style: *style,
        points: report
            .sweep
            .iter()
            .filter_map(|record| {
                Some(Point {
                    x: record.bandwidth_bps as f64 / 1e6,
                    y: time(record)? as f64 / 1e3,
                    interval: None,
                    title: format!("{name}: {}", describe(record)),
                })
            })
            .collect(),
        spread: Spread::None,
        join: Join::Line,
    };
    let lines: Vec<Line> = series.iter().map(line).collect();
    let values = |pick: fn(&Point) -> f64| lines.iter().flat_map(|l| &l.points).map(pick);
    let plot = Plot {
        description: "Expected time against bandwidth".to_owned(),
        x_label: "bandwidth, Mbit/s".to_owned(),
        x: Scale::log_around(values(|point| point.x)),
        y: Scale::log_around(values(|point| point.y)),
        guides: Vec::new(),
        lines,
    };
    let legend: Vec<String> = series
        .iter()
        .map(|(name, style, _)| format!("<li>{}{name}</li>", legend_mark(*style)))
        .collect();
    let body = format!(
        "<p>Expected milliseconds from the input to the answer.</p>\
         <div class=\"single\"><figure>{}</figure></div><ul class=\"legend\">{}</ul>",
        plot.svg(),
        legend.concat()
    );
    section("sweep", "Against bandwidth", &body)
}

fn map_section(map: &PlanMap, cuts: &[String]) -> String {
    let shade = |record: &PlanRecord| match record.placement.as_str() {
        "device" => Shade::Still,
        "picture" => Shade::Whole,
        name => {
            let first = name.split(' ').next().unwrap_or_default();
            let place = cuts.iter().position(|cut| cut == first).unwrap_or(0);
            Shade::Depth((place + 1) as f64 / cuts.len().max(1) as f64)
        }
    };
    let chosen = |record: &PlanRecord| HeatCell {
        shade: shade(record),
        text: short(&record.placement),
        below: short_how(&record.how),
        outlined: record.is_balanced(),
        title: describe(record),
    };
    let gained = |record: &PlanRecord| HeatCell {
        shade: Shade::Ratio(record.ratio()),
        text: if record.ratio() > SHOWN { String::new() } else { format!("{:.2}", record.ratio()) },
        below: String::new(),
        outlined: record.is_balanced(),
        title: describe(record),
    };
    let heat = |what: &str, cell: &dyn Fn(&PlanRecord) -> HeatCell| {
        Heat {
            description: format!("{what}: {}", map.title),
            width: heat::WIDTH,
            points: Vec::new(),
            across: map.across.clone(),
            up: map.up.clone(),
            columns: map.columns.clone(),
            rows: map.rows.clone(),
            cells: map.records.iter().map(cell).collect(),
        }
        .svg()
    };
    let note = if map.records.iter().any(|record| record.ratio() <= SHOWN) {
        "below 1 a cut wins; empty where it gains less than half a percent"
    } else {
        "empty: in no cell does a cut gain half a percent over the better of the two"
    };
    let body = format!(
        "<div class=\"maps\"><figure><figcaption>The choice <small>cut and rate</small></figcaption>{}\
         </figure><figure><figcaption>Its time over the better of device and picture \
         <small>{note}</small></figcaption>{}</figure></div>",
        heat("The choice", &chosen),
        heat("Its time over the better trivial plan", &gained),
    );
    section(&anchor(&map.title), &escape(&map.title), &body)
}

fn describe(record: &PlanRecord) -> String {
    let time = |us: u64| number::micros(us as f64);
    let picture = record.picture_us.map_or_else(|| "none".to_owned(), time);
    format!(
        "{} at {} ms, device at {:.3}: {} {}, {} ({} bytes); device {}, picture {picture}",
        number::rate(record.bandwidth_bps),
        record.rtt_us as f64 / 1e3,
        record.device_speed,
        record.placement,
        record.how,
        time(record.time_us),
        record.bytes,
        time(record.device_us),
    )
}

/// A placement in the room of a cell.
pub(super) fn short(placement: &str) -> String {
    match placement {
        "device" => "dev".to_owned(),
        "picture" => "pic".to_owned(),
        name => name.replace(" > ", "›"),
    }
}

/// A coding in the room of a cell.
fn short_how(how: &str) -> String {
    let how = how.replace("webp ", "w").replace("jpeg ", "j").replace("lossless", "=");
    how.replace(" fast", "f").replace(" sure", "s").replace(' ', "")
}

fn anchor(title: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    title.chars().map(plain).collect()
}

fn reading() -> String {
    let body = "<ul>\
        <li>Times are what the planner expects, not measurements: medians of the profiled parts, scaled \
            by the speeds; bytes of the plan sheet with the headers of packets over the bandwidth; half a \
            round trip each way.</li>\
        <li><b>dev</b>: everything on the device. <b>pic</b>: the picture to a server that runs the whole \
            model; below it <b>w</b> WebP or <b>j</b> JPEG with its quality and effort. A <b>cut</b>: the \
            device runs up to there; below it the rate index (larger is coarser), <b>f</b> for the fast \
            effort, <b>s</b> where confidence moves the rate of each frame, <b>=</b> for lossless.</li>\
        <li>Outlined cells are balanced: device and picture lie within a factor of 1.3, where a cut can gain \
            most.</li></ul>";
    section("reading", "How to read this", body)
}

/// Ratios above this are not written into cells.
const SHOWN: f64 = 0.995;
