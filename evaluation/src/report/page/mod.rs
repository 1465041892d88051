//! One HTML page that needs nothing else.

mod cut_section;
mod depth_section;
pub(crate) mod markup;
mod tables;

use std::path::Path;

use super::atomic::write_atomically;
use super::chart::{Bar, bars, escape};
use super::end_to_end_page::end_to_end_sections;
use super::number;
use super::words::{findings, lead_method};
use crate::curve::{AblationRecord, Bound, Study};
use crate::end_to_end::ScenarioRun;
use crate::error::ReportError;
use markup::{element, section};

/// Returns the page: style, charts and tables inline, no script and no address outside itself.
#[must_use]
pub fn html_page(study: &Study) -> String {
    page_with(study, "aiflow bench", "")
}

/// Writes the page of a study and of what was measured end to end with what was learned.
///
/// # Errors
/// Reports the path when it cannot be written.
pub fn write_demo_html(path: &Path, study: &Study, run: &ScenarioRun) -> Result<(), ReportError> {
    let sections = end_to_end_sections(std::slice::from_ref(run), &[]);
    write_atomically(path, page_with(study, "aiflow demo", &sections).as_bytes())
}

/// Builds the page of a command; `more` is markup that stands behind the summary.
fn page_with(study: &Study, command: &str, more: &str) -> String {
    let title = format!("{} on {}", study.model, study.dataset);
    let body = [
        header(study, command, &title),
        summary(study),
        more.to_owned(),
        depth_section::depth_section(study),
        cut_section::cut_sections(study),
        ablation_section(study),
        tables::all_points(study),
        reading_help(),
    ];
    document(&format!("{command}: {title}"), &body.join("\n"))
}

/// Wraps markup in a page with the style of all reports.
pub(crate) fn document(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n\
         <style>\n{}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n",
        escape(title),
        include_str!("style.css"),
    )
}

/// Writes the page.
///
/// # Errors
/// Reports the path when it cannot be written.
pub fn write_html(path: &Path, study: &Study) -> Result<(), ReportError> {
    write_atomically(path, html_page(study).as_bytes())
}

fn header(study: &Study, command: &str, title: &str) -> String {
    let links: Vec<String> = study
        .cuts
        .iter()
        .map(|cut| format!("<a href=\"#{0}\">{0}</a>", escape(&cut.cut)))
        .collect();
    format!(
        "<header><p class=\"kicker\">{command}</p><h1>{}</h1>\
         <p class=\"lead\">How few bytes each cut of the network can send, and what that costs.</p>\
         <nav aria-label=\"Cuts\">{}</nav></header>",
        escape(title),
        links.join(" "),
    )
}

fn summary(study: &Study) -> String {
    let sentences: Vec<String> =
        findings(study).iter().map(|sentence| element("li", &escape(sentence))).collect();
    let notes: Vec<String> =
        study.notes.iter().map(|note| format!("<p class=\"note\">{}</p>", escape(note))).collect();
    let body = format!(
        "{}<ul class=\"findings\">{}</ul>{}",
        tiles(study),
        sentences.concat(),
        notes.concat()
    );
    section("summary", "What was found", &body)
}

/// Draws the figures to remember.
fn tiles(study: &Study) -> String {
    let lead = lead_method(study);
    // A ratio that is only bounded from below is no win to show off.
    let best = |against: &str| {
        let ratios = study.ratios.iter().filter(|ratio| {
            Some(ratio.method.as_str()) == lead
                && ratio.against == against
                && ratio.target == "bytes_at_95_agreement"
                && ratio.bound != Bound::AtLeast
        });
        ratios.min_by(|a, b| a.ratio.total_cmp(&b.ratio))
    };
    let mut tiles = Vec::new();
    for (against, what) in
        [("webp-input", "the bytes of WebP of the input"), ("int-k", "the bytes of the best int-k")]
    {
        if let Some(found) = best(against) {
            let sign = super::table::sign(found.bound);
            tiles.push((
                format!("{sign}{}", number::ratio(found.ratio)),
                format!("{what}, at 95 % agreement, at best ({})", found.cut),
            ));
        }
    }
    if let Some(top1) = study.reference_top1 {
        tiles.push((number::percent(top1), "top-1 of the uncompressed model".to_owned()));
    }
    tiles.push((number::thousands(study.n as u64), "test samples".to_owned()));
    let cells: Vec<String> = tiles
        .iter()
        .map(|(figure, what)| {
            format!(
                "<div class=\"tile\"><b>{}</b><span>{}</span></div>",
                escape(figure),
                escape(what)
            )
        })
        .collect();
    format!("<div class=\"tiles\">{}</div>", cells.concat())
}

/// Draws for each cut what every stage of the codec brings.
fn ablation_section(study: &Study) -> String {
    if study.ablations.is_empty() {
        return String::new();
    }
    let mut figures = Vec::new();
    for cut in &study.cuts {
        let records: Vec<&AblationRecord> =
            study.ablations.iter().filter(|r| r.cut == cut.cut && r.stage != "full").collect();
        if records.is_empty() {
            continue;
        }
        let rows: Vec<Bar> = records.iter().map(|record| ablation_bar(record)).collect();
        let description = format!("Percent more bytes without each stage at {}", cut.cut);
        figures.push(format!(
            "<figure><figcaption>{} <small>{}</small></figcaption>{}</figure>",
            escape(&cut.cut),
            escape(&cut.shape),
            bars(&description, &rows),
        ));
    }
    let body = format!(
        "<p>Percent more bytes that the codec needs at a KL divergence of 0.03 when one stage is left \
         out. A bar to the left is a stage that costs more than it brings there.</p>\
         <div class=\"charts\">{}</div>",
        figures.concat(),
    );
    section("stages", "What each stage brings", &body)
}

fn ablation_bar(record: &AblationRecord) -> Bar {
    let delta = record.delta_at_kl_0_03.or(record.bd_rate);
    let bytes = |value: Option<f64>| value.map_or("not reached".to_owned(), number::bytes);
    Bar {
        label: record.stage.clone(),
        value: delta.unwrap_or(0.0),
        text: delta.map_or("n/a".to_owned(), number::signed_percent),
        title: format!(
            "without {}: {} bytes at KL 0.03, {} at 95 % agreement",
            record.stage,
            bytes(record.bytes_at_kl_0_03),
            bytes(record.bytes_at_95_agreement),
        ),
    }
}

fn reading_help() -> String {
    let body = "<ul>\
        <li><b>Bytes</b> were really written and decoded, at batch size 1: ours are whole frames with \
            headers and checksums, those of rivals are bare payloads without any framing, which favours \
            them by a few bytes. What both sides hold beforehand (tables, bases) counts as <b>profile</b>.</li>\
        <li><b>Agreement</b> is the share of test samples that get the same class as from the uncompressed \
            model. <b>KL</b> is the mean divergence of the output distribution in nats.</li>\
        <li><b>−1 point</b>: bytes where top-1 is one point below the uncompressed model.</li>\
        <li>Figures between measured settings are interpolated on monotone curves of the logarithm of bytes; \
            nothing is extrapolated: <b>≤</b> marks a method whose smallest setting is already better than \
            asked, <b>–</b> one that never gets there.</li>\
        <li><b>BD-rate</b> is the mean difference of bytes at equal KL, over the range both curves share; \
            −50 % is half the bytes.</li>\
        <li>Bands, whiskers and intervals are 95 % paired bootstrap intervals over the test samples.</li>\
        <li><b>int-k</b> is the best that int8 to int2 reach with any clip and any of raw, lz4 and zstd; \
            <b>int-k-mse</b> takes each width at its least-squares clip only. Every width, and what has a \
            single setting, stands under “Every measured point”.</li></ul>";
    section("reading", "How to read this", body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_named_after_its_command() {
        let page = page_with(&Study::default(), "aiflow demo", "<p>more</p>");
        assert!(page.contains("<title>aiflow demo: "), "{page}");
        assert!(
            page.contains("<p class=\"kicker\">aiflow demo</p>") && page.contains("<p>more</p>")
        );
        assert!(!page.contains("aiflow bench"));
        assert!(html_page(&Study::default()).contains("<title>aiflow bench: "));
    }
}
