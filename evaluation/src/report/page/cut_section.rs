//! Charts and table of each cut.

use super::markup::section;
use super::tables::cut_table;
use crate::curve::{CutRecord, INT_K, PointRecord, Study, SummaryRecord};
use crate::report::chart::{Guide, Join, Line, Plot, Point, Scale, Spread, escape, legend_mark};
use crate::report::number;
use crate::report::series_style::{SeriesStyle, reader_name, style_of};
use crate::report::words::{SINGLE_WIDTHS, lead_method, rank};
use crate::rival::{Family, family};

/// Cut id of the methods that send the picture.
const INPUT: &str = "input";

/// Builds one section per cut.
pub(crate) fn cut_sections(study: &Study) -> String {
    study.cuts.iter().map(|cut| cut_section(study, cut)).collect()
}

fn cut_section(study: &Study, cut: &CutRecord) -> String {
    let series = plotted_series(study, &cut.cut);
    let lead = lead_method(study);
    let mut summaries: Vec<&SummaryRecord> = study
        .summaries
        .iter()
        .filter(|s| s.cut == cut.cut || s.cut == INPUT)
        .filter(|s| s.settings > 1 && rank(&s.method, lead) < SINGLE_WIDTHS)
        .collect();
    summaries.sort_by_key(|summary| rank(&summary.method, lead));
    let facts = format!(
        "<p class=\"facts\">{} · {} · {} bytes as fp32 · {:.0} % of the operations lie before it</p>",
        escape(&cut.label),
        escape(&cut.shape),
        number::thousands(cut.raw_bytes),
        100.0 * cut.flops_share,
    );
    let charts = format!(
        "<div class=\"charts\">\
         <figure><figcaption>Agreement with the uncompressed model</figcaption>{}</figure>\
         <figure><figcaption>KL divergence in nats <small>less is up</small></figcaption>{}</figure></div>",
        agreement_plot(&cut.cut, &series).svg(),
        kl_plot(&cut.cut, &series).svg(),
    );
    let body = format!(
        "{facts}{charts}{}{}{}",
        legend(&series),
        beyond_the_chart(study, &cut.cut),
        cut_table(&summaries, lead),
    );
    section(&escape(&cut.cut), &format!("Cut {}", escape(&cut.cut)), &body)
}

/// The points of one method, by rising bytes, and how they look.
struct Plotted<'a> {
    name: &'a str,
    style: SeriesStyle,
    points: Vec<&'a PointRecord>,
    spread: Spread,
}

/// Returns the series that have a curve, the learned ones first.
fn plotted_series<'a>(study: &'a Study, cut: &str) -> Vec<Plotted<'a>> {
    let mut series: Vec<Plotted<'a>> = Vec::new();
    let lead = lead_method(study);
    let mut variants = 0;
    let local = study.points.iter().filter(|point| point.cut == cut || point.cut == INPUT);
    for point in local {
        let name = match family(&point.method) {
            Family::Float => continue,
            Family::Int => INT_K,
            _ => point.method.as_str(),
        };
        if let Some(found) = series.iter_mut().find(|series| series.name == name) {
            found.points.push(point);
            continue;
        }
        let is_lead = Some(name) == lead;
        variants += usize::from(family(name) == Family::Learned && !is_lead);
        let style = style_of(name, if is_lead { 0 } else { variants });
        let spread = if is_lead { Spread::Band } else { Spread::None };
        series.push(Plotted { name, style, points: vec![point], spread });
    }
    for series in &mut series {
        if series.name == INT_K {
            series.points = strongest(&series.points);
        }
        series.points.sort_by(|a, b| a.bytes_mean.total_cmp(&b.bytes_mean));
    }
    series.sort_by_key(|series| rank(series.name, lead));
    series
}

/// Keeps the points that no other beats in both bytes and divergence.
fn strongest<'a>(points: &[&'a PointRecord]) -> Vec<&'a PointRecord> {
    let beats = |other: &PointRecord, point: &PointRecord| {
        let no_worse = other.bytes_mean <= point.bytes_mean && other.kl <= point.kl;
        no_worse && (other.bytes_mean < point.bytes_mean || other.kl < point.kl)
    };
    points.iter().copied().filter(|point| !points.iter().any(|o| beats(o, point))).collect()
}

/// Quality below which nobody operates: charts leave it out.
const LOWEST_AGREEMENT: f64 = 0.6;
const KL_RANGE: (f64, f64) = (1e-4, 2.0);

fn agreement_plot(cut: &str, series: &[Plotted<'_>]) -> Plot {
    let shown = || series.iter().flat_map(|s| &s.points);
    let visible = || shown().filter(|point| point.agreement >= LOWEST_AGREEMENT);
    let low = visible().map(|point| point.agreement).fold(0.95, f64::min) - 0.01;
    let lines = series.iter().rev().map(|series| {
        let interval = |p: &PointRecord| p.agreement_low.zip(p.agreement_high);
        line(series, |point| point.agreement, interval)
    });
    Plot {
        description: format!("Agreement against bytes for every method at {cut}"),
        x_label: "bytes per sample".to_owned(),
        x: Scale::log_around(visible().map(|point| point.bytes_mean)),
        y: Scale::Near1 { low, high: 1.0 },
        guides: vec![Guide { y: 0.95, label: "95 %".to_owned() }],
        lines: lines.collect(),
    }
}

fn kl_plot(cut: &str, series: &[Plotted<'_>]) -> Plot {
    let shown = || series.iter().flat_map(|s| &s.points);
    let (floor, ceiling) = KL_RANGE;
    let visible = || shown().filter(|point| point.kl <= ceiling);
    let low = visible().map(|point| point.kl.max(floor)).fold(0.02, f64::min);
    let high = visible().map(|point| point.kl).fold(0.05, f64::max);
    let lines = series.iter().rev().map(|series| {
        let interval = |p: &PointRecord| p.kl_low.map(|l| l.max(floor)).zip(p.kl_high);
        line(series, |point| point.kl.max(floor), interval)
    });
    Plot {
        description: format!("KL divergence against bytes for every method at {cut}"),
        x_label: "bytes per sample".to_owned(),
        x: Scale::log_around(visible().map(|point| point.bytes_mean)),
        y: Scale::LogDown { low: low * 0.8, high: high * 1.2 },
        guides: vec![Guide { y: 0.03, label: "KL 0.03".to_owned() }],
        lines: lines.collect(),
    }
}

fn line(
    series: &Plotted<'_>,
    quality: impl Fn(&PointRecord) -> f64,
    interval: impl Fn(&PointRecord) -> Option<(f64, f64)>,
) -> Line {
    let points = series.points.iter().map(|point| Point {
        x: point.bytes_mean,
        y: quality(point),
        interval: interval(point),
        title: point_title(point),
    });
    Line { style: series.style, points: points.collect(), spread: series.spread, join: Join::Line }
}

fn point_title(point: &PointRecord) -> String {
    let top1 =
        point.top1.map_or(String::new(), |top1| format!(", top-1 {}", number::percent(top1)));
    let setting = match point.setting.as_str() {
        "" => String::new(),
        setting => format!(" ({setting})"),
    };
    format!(
        "{}{setting}: {} bytes, agreement {}, KL {}{top1}",
        point.method,
        number::bytes(point.bytes_mean),
        number::percent(point.agreement),
        number::kl(point.kl),
    )
}

fn legend(series: &[Plotted<'_>]) -> String {
    let entries: Vec<String> = series
        .iter()
        .map(|series| {
            format!("<li>{}{}</li>", legend_mark(series.style), escape(&reader_name(series.name)))
        })
        .collect();
    format!("<ul class=\"legend\">{}</ul>", entries.concat())
}

/// Names the methods that lie so far to the right that they would squeeze the others.
fn beyond_the_chart(study: &Study, cut: &str) -> String {
    let parts: Vec<String> = study
        .points
        .iter()
        .filter(|point| point.cut == cut && family(&point.method) == Family::Float)
        .map(|point| format!("{} {}", escape(&point.method), number::bytes(point.bytes_mean)))
        .collect();
    if parts.is_empty() {
        return String::new();
    }
    format!("<p class=\"facts\">Not drawn, in bytes: {}.</p>", parts.join(", "))
}
