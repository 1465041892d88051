//! Tables for a terminal.

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};

use super::number;
use super::words::{lead_method, rank};
use crate::curve::{Bound, PointRecord, Study, SummaryRecord, Target};

/// Returns one row per cut and method: bytes at each target, BD-rate and profile size.
///
/// `≤` marks figures where even the smallest setting is better than asked; `–` marks targets that
/// no setting reaches. With a width, long cells wrap to fit it.
#[must_use]
pub fn summary_table(study: &Study, width: Option<u16>) -> String {
    let mut table = new_table(
        &[
            "cut",
            "method",
            "−1 point",
            "99 %",
            "97 %",
            "95 %",
            "KL 0.03",
            "BD-rate",
            "against",
            "profile",
        ],
        width,
    );
    let lead = lead_method(study);
    let mut summaries: Vec<&SummaryRecord> = study.summaries.iter().collect();
    let place = |cut: &str| study.cuts.iter().position(|known| known.cut == cut);
    summaries.sort_by_key(|s| (place(&s.cut).unwrap_or(usize::MAX), rank(&s.method, lead)));
    let mut last_cut = "";
    for summary in summaries {
        let cut = if summary.cut == last_cut { "" } else { summary.cut.as_str() };
        last_cut = &summary.cut;
        let mut row = vec![cut.to_owned(), summary.method.clone()];
        row.extend(Target::ALL.map(|target| target_cell(summary, target)));
        row.push(summary.bd_rate_vs_best_baseline.map_or(absent(), number::signed_percent));
        row.push(summary.best_baseline.clone().unwrap_or_default());
        row.push(number::thousands(summary.profile_bytes as u64));
        table.add_row(row);
    }
    align_right(&mut table, &[2, 3, 4, 5, 6, 7, 9]);
    table.to_string()
}

/// Returns one row per setting of every method on a cut.
#[must_use]
pub fn points_table(points: &[PointRecord], cut: &str, width: Option<u16>) -> String {
    let mut table = new_table(
        &[
            "method",
            "setting",
            "bytes",
            "p99",
            "bits/value",
            "top-1",
            "agreement",
            "KL",
            "encode",
            "decode",
        ],
        width,
    );
    for point in points.iter().filter(|point| point.cut == cut) {
        table.add_row([
            point.method.clone(),
            point.setting.clone(),
            number::bytes(point.bytes_mean),
            number::bytes(point.bytes_p99),
            format!("{:.3}", point.bits_per_feature),
            point.top1.map_or(absent(), number::percent),
            number::percent(point.agreement),
            number::kl(point.kl),
            number::micros(point.encode_us),
            number::micros(point.decode_us),
        ]);
    }
    align_right(&mut table, &[2, 3, 4, 5, 6, 7, 8, 9]);
    table.to_string()
}

/// Returns one row per cut with the ratios of one learned method to each rival at one target.
#[must_use]
pub fn ratios_table(study: &Study, method: &str, target: Target, width: Option<u16>) -> String {
    let rows = || study.ratios.iter().filter(|r| r.method == method && r.target == target.name());
    let mut rivals: Vec<&str> = Vec::new();
    for ratio in rows() {
        if !rivals.contains(&ratio.against.as_str()) {
            rivals.push(&ratio.against);
        }
    }
    let mut header = vec!["cut", "operations before"];
    header.extend(&rivals);
    let mut table = new_table(&header, width);
    for cut in &study.cuts {
        let mut row = vec![cut.cut.clone(), format!("{:.0} %", 100.0 * cut.flops_share)];
        row.extend(rivals.iter().map(|rival| {
            let found = rows().find(|ratio| ratio.cut == cut.cut && ratio.against == *rival);
            found.map_or(absent(), |ratio| {
                format!("{}{}", sign(ratio.bound), number::ratio(ratio.ratio))
            })
        }));
        table.add_row(row);
    }
    align_right(&mut table, &(1..rivals.len() + 2).collect::<Vec<_>>());
    table.to_string()
}

/// Returns the cell of a target: bytes, a bound, or a dash.
pub(crate) fn target_cell(summary: &SummaryRecord, target: Target) -> String {
    match (target_bytes(summary, target), summary.at_most.get(target.name())) {
        (Some(bytes), _) => number::bytes(bytes),
        (None, Some(bytes)) => format!("≤ {}", number::bytes(*bytes)),
        (None, None) => absent(),
    }
}

/// Returns the bytes of a summary at a target.
pub(crate) fn target_bytes(summary: &SummaryRecord, target: Target) -> Option<f64> {
    match target {
        Target::MinusOnePoint => summary.bytes_at_minus_1_point,
        Target::Agreement99 => summary.bytes_at_99_agreement,
        Target::Agreement97 => summary.bytes_at_97_agreement,
        Target::Agreement95 => summary.bytes_at_95_agreement,
        Target::Kl003 => summary.bytes_at_kl_0_03,
    }
}

/// Returns the sign that goes before a ratio.
pub(crate) const fn sign(bound: Bound) -> &'static str {
    match bound {
        Bound::Exact => "",
        Bound::AtLeast => "≥ ",
        Bound::AtMost => "≤ ",
    }
}

fn absent() -> String {
    "–".to_owned()
}

/// One line below the header: more would drown the figures.
const STYLE: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

pub(super) fn new_table(header: &[&str], width: Option<u16>) -> Table {
    let mut table = Table::new();
    table.load_style(STYLE).set_header(header);
    if let Some(width) = width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    table
}

pub(super) fn align_right(table: &mut Table, columns: &[usize]) {
    for index in columns {
        if let Some(column) = table.column_mut(*index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}
