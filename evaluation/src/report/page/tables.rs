//! Tables of the page.

use super::markup::{Cell, section, table};
use crate::curve::{PointRecord, Study, SummaryRecord, Target};
use crate::report::chart::escape;
use crate::report::number;
use crate::report::table::{target_bytes, target_cell};

/// Builds the table of one cut: bytes of every method at every target.
pub(crate) fn cut_table(summaries: &[&SummaryRecord], lead: Option<&str>) -> String {
    let header = [
        "method",
        "−1 point",
        "99 %",
        "97 %",
        "95 %",
        "KL 0.03",
        "learned vs it (BD-rate)",
        "profile",
    ];
    let best: Vec<Option<f64>> = Target::ALL
        .iter()
        .map(|target| summaries.iter().filter_map(|s| target_bytes(s, *target)).reduce(f64::min))
        .collect();
    let learned = summaries.iter().find(|s| Some(s.method.as_str()) == lead);
    let rows: Vec<Vec<Cell>> = summaries
        .iter()
        .map(|summary| {
            let mut row = vec![Cell::text(escape(&summary.method))];
            for (target, best) in Target::ALL.into_iter().zip(&best) {
                row.push(target_figure(summary, target, *best));
            }
            let against = learned.and_then(|learned| {
                learned.bd_rates.get(&format!("bd_rate_vs_{}", summary.method))
            });
            row.push(Cell::figure(
                against.map_or(String::new(), |rate| number::signed_percent(*rate)),
            ));
            row.push(Cell::figure(number::thousands(summary.profile_bytes as u64)));
            row
        })
        .collect();
    table(&header, &rows)
}

fn target_figure(summary: &SummaryRecord, target: Target, best: Option<f64>) -> Cell {
    let cell = Cell::figure(target_cell(summary, target));
    let cell = match summary.intervals.get(target.name()) {
        Some(interval) => cell.with_title(format!(
            "95 % interval {} to {}",
            number::bytes(interval.low),
            number::bytes(interval.high),
        )),
        None => cell,
    };
    let bytes = target_bytes(summary, target);
    if bytes.is_some() && bytes == best { cell.best() } else { cell }
}

/// Builds the folded tables with every measured point.
pub(crate) fn all_points(study: &Study) -> String {
    let header = [
        "method",
        "setting",
        "bytes",
        "99th percentile",
        "bits/value",
        "top-1",
        "agreement",
        "KL",
        "encode",
        "decode",
    ];
    let mut cuts: Vec<&str> = study.cuts.iter().map(|cut| cut.cut.as_str()).collect();
    for point in &study.points {
        if !cuts.contains(&point.cut.as_str()) {
            cuts.push(&point.cut);
        }
    }
    let folded: Vec<String> = cuts
        .iter()
        .map(|cut| {
            let rows: Vec<Vec<Cell>> =
                study.points.iter().filter(|point| point.cut == *cut).map(point_row).collect();
            format!(
                "<details><summary>{} <small>{} points</small></summary>{}</details>",
                escape(cut),
                rows.len(),
                table(&header, &rows),
            )
        })
        .collect();
    section("points", "Every measured point", &folded.concat())
}

fn point_row(point: &PointRecord) -> Vec<Cell> {
    let top1 = point.top1.map_or("–".to_owned(), number::percent);
    vec![
        Cell::text(escape(&point.method)),
        Cell::text(escape(&point.setting)),
        with_interval(
            number::bytes(point.bytes_mean),
            point.bytes_low,
            point.bytes_high,
            number::bytes,
        ),
        Cell::figure(number::bytes(point.bytes_p99)),
        Cell::figure(format!("{:.3}", point.bits_per_feature)),
        with_interval(top1, point.top1_low, point.top1_high, number::percent),
        with_interval(
            number::percent(point.agreement),
            point.agreement_low,
            point.agreement_high,
            number::percent,
        ),
        with_interval(number::kl(point.kl), point.kl_low, point.kl_high, number::kl),
        Cell::figure(number::micros(point.encode_us)),
        Cell::figure(number::micros(point.decode_us)),
    ]
}

fn with_interval(
    text: String,
    low: Option<f64>,
    high: Option<f64>,
    write: impl Fn(f64) -> String,
) -> Cell {
    let cell = Cell::figure(text);
    match low.zip(high) {
        Some((low, high)) => {
            cell.with_title(format!("95 % interval {} to {}", write(low), write(high)))
        }
        None => cell,
    }
}
