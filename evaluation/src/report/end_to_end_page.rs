//! What was measured end to end, as one self-contained HTML page.

use std::path::Path as File;

use super::atomic::write_atomically;
use super::chart::{Join, Line, Plot, Point, Scale, Spread, Stack, escape, legend_line, stacks};
use super::end_to_end_map;
use super::end_to_end_table::{finding, places};
use super::number;
use super::page::markup::{Cell, dense_table, section};
use super::series_style::{Mark, SeriesStyle};
use crate::end_to_end::{CutMap, Policy, PolicyRecord, PolicyRun, RequestRecord, ScenarioRun};
use crate::error::ReportError;

/// Returns the page: style, charts and tables inline, no script and no address outside itself. `maps`
/// may be empty.
#[must_use]
pub fn end_to_end_page(runs: &[ScenarioRun], maps: &[CutMap]) -> String {
    let model = runs.iter().flat_map(|run| &run.policies).next();
    let model = model.map_or(String::new(), |run| run.record.model.clone());
    let body = format!(
        "<header><p class=\"kicker\">aiflow bench --end-to-end</p><h1>{}</h1>\
         <p class=\"lead\">A device and a server run one model over an emulated link, in real time: what \
         each policy takes on the same trace and pictures.</p></header>\n{}",
        escape(&model),
        end_to_end_sections(runs, maps),
    );
    super::page::document(&format!("aiflow end to end: {model}"), &body)
}

/// Writes the page.
///
/// # Errors
/// Reports the path when it cannot be written.
pub fn write_end_to_end_html(
    file: &File,
    runs: &[ScenarioRun],
    maps: &[CutMap],
) -> Result<(), ReportError> {
    write_atomically(file, end_to_end_page(runs, maps).as_bytes())
}

/// Returns the sections: one for all scenarios, the maps, one for each scenario, and how to read them.
pub(crate) fn end_to_end_sections(runs: &[ScenarioRun], maps: &[CutMap]) -> String {
    let mut sections = Vec::new();
    if runs.len() > 1 {
        sections.push(overview(runs));
    }
    sections.extend(end_to_end_map::maps_section(maps, runs));
    sections.extend(runs.iter().map(scenario_section));
    sections.push(reading());
    sections.join("\n")
}

fn overview(runs: &[ScenarioRun]) -> String {
    let header = [
        "scenario",
        "channel",
        "round trip",
        "speed",
        "all on<br>device",
        "WebP",
        "aiflow",
        "over the<br>better",
        "regret",
        "regret<br>p95",
        "switches<br>a minute",
        "device",
        "server",
        "bytes",
        "where",
    ];
    let row = |run: &ScenarioRun| {
        let of = |policy: Policy| run.policies.iter().find(|other| other.record.policy == policy);
        let time = |policy: Policy| {
            of(policy).map_or("–".to_owned(), |run| millis(run.record.latency_ms_mean))
        };
        let own = of(Policy::Aiflow).map(|run| &run.record);
        let any = run.policies.first().map(|run| &run.record);
        let figure = |value: Option<f64>, form: fn(f64) -> String| {
            Cell::figure(value.map_or("–".to_owned(), form))
        };
        vec![
            Cell::text(escape(&run.scenario.name)),
            figure(any.map(|record| record.channel_bps_mean), |bps| number::rate(bps as u64)),
            figure(any.map(|record| record.rtt_ms), millis),
            figure(any.map(|record| 1.0 / record.device_speed), |slow| format!("1/{slow:.0}")),
            Cell::figure(time(Policy::Device)),
            Cell::figure(time(Policy::Webp)),
            Cell::figure(time(Policy::Aiflow)),
            figure(own.and_then(|record| record.over_trivial), |ratio| format!("{ratio:.2}")),
            figure(own.map(|record| record.regret_mean), number::percent),
            figure(own.map(|record| record.regret_p95), number::percent),
            figure(own.map(|record| record.switches_per_minute), |rate| format!("{rate:.1}")),
            figure(own.map(|record| record.device_ms_mean), millis),
            figure(own.map(|record| record.server_ms_mean), millis),
            figure(own.map(|record| record.bytes_mean), number::bytes),
            Cell::text(escape(&own.map_or(String::new(), places)).replace(", ", ",<br>")),
        ]
    };
    let rows: Vec<_> = runs.iter().map(row).collect();
    let sentences = runs.iter().filter_map(finding);
    let sentences: String = sentences.map(|words| format!("<li>{}</li>", escape(&words))).collect();
    let body = format!("<ul class=\"findings\">{sentences}</ul>{}", dense_table(&header, &rows));
    section("end-to-end", "End to end: all scenarios", &body)
}

fn scenario_section(run: &ScenarioRun) -> String {
    let scenario = &run.scenario;
    let words = format!(
        "<p>{} at {} mean rate, {} round trip; the device at 1/{:.0} of the server&#39;s speed, which is \
         {} of this machine; {} requests per second.</p>",
        escape(&scenario.path.name),
        scenario.mean_rate(),
        scenario.path.rtt,
        scenario.device_slowdown,
        match scenario.server_slowdown {
            1.0 => "that".to_owned(),
            slowdown => format!("1/{slowdown:.0} of that"),
        },
        scenario.rate,
    );
    let found = finding(run).map_or(String::new(), |words| {
        format!("<ul class=\"findings\"><li>{}</li></ul>", escape(&words))
    });
    let figures = [latency_figure(run), channel_figure(run), share_figure(run)];
    let body = format!(
        "{words}{found}{}<div class=\"legend\">{}</div><div class=\"charts\">{}</div>{}",
        records_table(run),
        legend(run),
        figures.into_iter().flatten().collect::<String>(),
        shares(run),
    );
    let name = escape(&scenario.name);
    section(&format!("scenario-{name}"), &format!("End to end: {name}"), &body)
}

fn records_table(run: &ScenarioRun) -> String {
    let header = [
        "policy",
        "mean<br>ms",
        "p95<br>ms",
        "over the<br>better",
        "right",
        "as the<br>whole",
        "bytes",
        "device<br>ms",
        "server<br>ms",
        "late",
        "regret",
        "regret<br>p95",
        "switches",
        "where",
    ];
    let best =
        run.policies.iter().map(|run| run.record.latency_ms_mean).fold(f64::INFINITY, f64::min);
    let share = |value: Option<f64>| Cell::figure(value.map_or("–".to_owned(), number::percent));
    let row = |record: &PolicyRecord| {
        let mean = Cell::figure(figure_of(record.latency_ms_mean));
        let ratio = record.over_trivial.map_or("–".to_owned(), |ratio| format!("{ratio:.2}"));
        vec![
            Cell::text(escape(record.policy.words())),
            if record.latency_ms_mean <= best { mean.best() } else { mean },
            Cell::figure(figure_of(record.latency_ms_p95)),
            Cell::figure(ratio),
            share(record.top1),
            share(record.agreement),
            Cell::figure(number::bytes(record.bytes_mean)),
            Cell::figure(figure_of(record.device_ms_mean)),
            Cell::figure(figure_of(record.server_ms_mean)),
            Cell::figure(record.deadline_misses.to_string()),
            Cell::figure(number::percent(record.regret_mean)),
            Cell::figure(number::percent(record.regret_p95)),
            Cell::figure(record.switches.to_string()),
            Cell::text(escape(&places(record)).replace(", ", ",<br>")),
        ]
    };
    let rows: Vec<_> = run.policies.iter().map(|run| row(&run.record)).collect();
    dense_table(&header, &rows)
}

fn legend(run: &ScenarioRun) -> String {
    let entry = |name: &str, style| format!("<span>{}{}</span> ", legend_line(style), escape(name));
    let policies = run
        .policies
        .iter()
        .map(|run| entry(run.record.policy.words(), style_of(run.record.policy)));
    policies.chain([entry("the channel", CHANNEL)]).collect()
}

/// Draws what each request took.
fn latency_figure(run: &ScenarioRun) -> Option<String> {
    let lines = run.policies.iter().map(|run| {
        line(style_of(run.record.policy), &run.requests, |request| Some(request.latency_ms))
    });
    let lines: Vec<Line> = lines.collect();
    let caption = "Milliseconds from a picture to its answer, over the trace";
    let y = Scale::log_around(lines.iter().flat_map(|line| &line.points).map(|point| point.y));
    over_time(run, caption, lines, y)
}

/// Draws the channel, and what was believed of it.
fn channel_figure(run: &ScenarioRun) -> Option<String> {
    let own = run.policies.iter().find(|run| run.record.policy == Policy::Aiflow);
    let own = own.or_else(|| run.policies.first())?;
    let planner = own.record.policy.words();
    let megabits = |bits: u64| bits as f64 / 1e6;
    let mut lines = vec![
        line(CHANNEL, &own.requests, |request| Some(megabits(request.channel_bps))),
        line(style_of(own.record.policy), &own.requests, |request| {
            request.estimate_bps.map(megabits)
        }),
    ];
    let highest =
        own.requests.iter().map(|request| megabits(request.channel_bps)).fold(0.1, f64::max);
    let top = 1.5 * highest;
    let y = Scale::Linear { low: 0.0, high: top };
    let mut caption =
        format!("Mbit/s of the next half second: what came, and what {planner} planned with");
    let estimates = own.requests.iter().filter_map(|request| request.estimate_bps.map(megabits));
    let beyond: Vec<f64> = estimates.clone().filter(|estimate| *estimate > top).collect();
    if !beyond.is_empty() {
        caption += &format!(
            "; triangles at the upper edge: {} of {} plans relied on more than this shows, up to {}",
            beyond.len(),
            estimates.count(),
            number::rate((1e6 * beyond.iter().copied().fold(0.0, f64::max)) as u64),
        );
        lines.push(at_the_edge(style_of(own.record.policy), &own.requests, top));
    }
    over_time(run, &caption, lines, y)
}

/// Marks the requests whose estimate lies above `top`, in Mbit/s.
fn at_the_edge(style: SeriesStyle, requests: &[RequestRecord], top: f64) -> Line {
    let style = SeriesStyle { mark: Mark::Triangle, ..style };
    let points = requests.iter().filter_map(|request| {
        let estimate = request.estimate_bps?;
        let title = format!("{:.2} s: {}", request.at_s, number::rate(estimate));
        let point = Point { x: request.at_s, y: top, interval: None, title };
        (estimate as f64 / 1e6 > top).then_some(point)
    });
    Line { style, points: points.collect(), spread: Spread::None, join: Join::Bounds }
}

/// Draws how many requests were answered within which time.
fn share_figure(run: &ScenarioRun) -> Option<String> {
    let lines = run.policies.iter().map(|run| {
        let mut times: Vec<f64> = run.requests.iter().map(|request| request.latency_ms).collect();
        times.sort_by(f64::total_cmp);
        let all = times.len().max(1) as f64;
        let point = |(index, time): (usize, &f64)| Point {
            x: *time,
            y: (index + 1) as f64 / all,
            interval: None,
            title: String::new(),
        };
        Line {
            style: style_of(run.record.policy),
            points: times.iter().enumerate().map(point).collect(),
            spread: Spread::None,
            join: Join::Bare,
        }
    });
    let lines: Vec<Line> = lines.collect();
    let caption = "Share of requests that were answered within a time";
    let plot = Plot {
        description: caption.to_owned(),
        x_label: "milliseconds".to_owned(),
        x: Scale::log_around(lines.iter().flat_map(|line| &line.points).map(|point| point.x)),
        y: Scale::Even { low: 0.0, high: 1.0 },
        guides: Vec::new(),
        lines,
    };
    (!run.policies.is_empty()).then(|| figure(caption, &plot))
}

/// Draws where the time of a request goes under each policy.
fn shares(run: &ScenarioRun) -> String {
    let stack = |run: &PolicyRun| {
        let count = run.requests.len().max(1) as f64;
        let mean = |(name, tier, part): &(&str, u8, &str), colour: usize| {
            let own = run.requests.iter().flat_map(|request| &request.trace);
            // The servers of a chain, and the links between them, count together.
            let same = |t: u8| t == *tier || (*tier == 1 && t > 1) || NETWORK.contains(part);
            let own = own.filter(|(t, p, _)| p == part && same(*t));
            let time = own.map(|(.., time)| time).sum::<f64>() / count;
            (time, colour, format!("{name}: {}", millis(time)))
        };
        let pieces = STAGES.iter().enumerate().map(|(colour, stage)| mean(stage, colour));
        Stack {
            label: run.record.policy.words().to_owned(),
            pieces: pieces.filter(|piece| piece.0 > 0.0).collect(),
            text: millis(run.record.latency_ms_mean),
        }
    };
    let bars: Vec<Stack> = run.policies.iter().map(stack).collect();
    let caption = "Where the time of a request goes, on average";
    let names = STAGES.iter().enumerate().map(|(colour, (name, ..))| {
        format!("<span><i class=\"swatch-{colour}\"></i>{name}</span> ")
    });
    format!(
        "<figure><figcaption>{caption}</figcaption>{}</figure><div class=\"legend\">{}</div>",
        stacks(caption, &bars),
        names.collect::<String>(),
    )
}

fn over_time(run: &ScenarioRun, caption: &str, lines: Vec<Line>, y: Scale) -> Option<String> {
    let all = || lines.iter().flat_map(|line| &line.points).map(|point| point.x);
    let (low, high) = (all().reduce(f64::min)?, all().reduce(f64::max)?);
    let plot = Plot {
        description: format!("{caption}: {}", run.scenario.name),
        x_label: "seconds of the trace".to_owned(),
        x: Scale::Linear { low, high: high.max(low + 0.1) },
        y,
        guides: Vec::new(),
        lines,
    };
    Some(figure(caption, &plot))
}

fn line(
    style: SeriesStyle,
    requests: &[RequestRecord],
    value: impl Fn(&RequestRecord) -> Option<f64>,
) -> Line {
    let step = (requests.len() / POINTS).max(1);
    let point = |request: &RequestRecord| {
        let title = String::new();
        Some(Point { x: request.at_s, y: value(request)?, interval: None, title })
    };
    let points = requests.iter().step_by(step).filter_map(point).collect();
    Line { style, points, spread: Spread::None, join: Join::Bare }
}

fn figure(caption: &str, plot: &Plot) -> String {
    format!("<figure><figcaption>{}</figcaption>{}</figure>", escape(caption), plot.svg())
}

fn millis(time: f64) -> String {
    format!("{} ms", figure_of(time))
}

/// Writes milliseconds without their unit.
fn figure_of(time: f64) -> String {
    if time < 10.0 { format!("{time:.2}") } else { format!("{time:.1}") }
}

fn style_of(policy: Policy) -> SeriesStyle {
    let style = |class, mark, dash, weight| SeriesStyle { class, mark, dash, weight };
    match policy {
        Policy::Device => style("c-jpeg", Mark::Plus, "2 3", 1.6),
        Policy::Webp => style("c-webp", Mark::Cross, "6 3", 1.6),
        Policy::FixedFloat => style("c-ecsq", Mark::Down, "", 1.2),
        Policy::FixedInt8 => style("c-turbo", Mark::Square, "", 1.2),
        Policy::FixedLearned => style("c-kvtc", Mark::Triangle, "", 1.4),
        Policy::Aiflow => style("c-learned", Mark::Circle, "", 2.4),
    }
}

fn reading() -> String {
    let body = "<ul>\
        <li>Times are measured from a picture to its answer, over real connections: QUIC through a relay \
            that applies the trace. The oracle alone is reckoned.</li>\
        <li>A machine that is slower than this one really computes, and then waits until it would have \
            been done: by the profile of this machine times the slowdown, or by the measured time where the \
            scenario says so.</li>\
        <li><b>Device</b> and <b>server</b>: what each computed and coded for one answer; <b>bytes</b>: what \
            was handed over for it. In the table of all scenarios they are those of aiflow.</li>\
        <li><b>Over the better</b>: the mean over that of the better of everything on the device and WebP \
            upload. <b>Late</b>: answers after the deadline.</li>\
        <li><b>Regret</b>: how much longer the plan that was chosen takes than the best one, as a share; both \
            reckoned afterwards, from the times of both machines, the bytes of the plan sheet and what the \
            trace carried from the moment of sending. A request that the device answered in place of the \
            server counts with what it really took.</li>\
        <li>A request that could not begin because the one before was not answered is left out; all policies \
            see one picture at one time of the trace.</li></ul>";
    section("reading-end-to-end", "How to read the end-to-end figures", body)
}

/// Stages of a request: name, tier and part of the trace.
const STAGES: [(&str, u8, &str); 9] = [
    ("prepare", 0, "capture"),
    ("head", 0, "compute"),
    ("encode", 0, "encode"),
    ("queue", 0, "queue"),
    ("network", 0, "wire"),
    ("wait", 1, "wait"),
    ("decode", 1, "decode"),
    ("tail", 1, "compute"),
    ("reply", 0, "reply"),
];

/// Parts of the trace that belong to no machine.
const NETWORK: [&str; 2] = ["wire", "reply"];

const CHANNEL: SeriesStyle =
    SeriesStyle { class: "c-int", mark: Mark::Square, dash: "", weight: 1.0 };

/// Points of a line at most, about.
const POINTS: usize = 600;

#[cfg(test)]
mod tests {
    use super::*;

    fn request(at_s: f64, estimate_bps: Option<u64>) -> RequestRecord {
        RequestRecord {
            request: 0,
            at_s,
            place: "c01".to_owned(),
            coding: String::new(),
            fallback: None,
            bytes: 0,
            latency_ms: 1.0,
            device_ms: 0.0,
            server_ms: 0.0,
            wait_ms: 0.0,
            expected_ms: None,
            estimate_bps,
            believed_ms: None,
            channel_bps: 1_000_000,
            change: None,
            agrees: None,
            right: None,
            late: false,
            trace: Vec::new(),
            oracle_ms: 0.0,
            oracle: String::new(),
            hindsight_ms: 0.0,
        }
    }

    #[test]
    fn estimates_beyond_the_axis_are_marked_at_its_edge() {
        let requests =
            [request(0.5, Some(90_000_000)), request(1.0, Some(1_200_000)), request(1.5, None)];
        let line = at_the_edge(CHANNEL, &requests, 1.5);
        let [only] = line.points.as_slice() else { panic!("{line:?}") };
        assert_eq!((only.x, only.y), (0.5, 1.5));
        assert!(only.title.contains("90"), "{}", only.title);
        assert_eq!((line.join, line.style.mark), (Join::Bounds, Mark::Triangle));
    }
}
