//! A study made of formulas, and what the writers make of it.

use std::path::Path;

use super::*;
use crate::curve::{
    CutRecord, Measured, PointInput, Reference, Study, Target, ablation, measure_point, summarise,
};
use crate::statistics::{Resamples, SplitMix64};

const SAMPLES: usize = 240;
const CLASSES: usize = 4;

struct Bench {
    rows: Vec<Vec<f32>>,
    reference: Reference,
    resamples: Resamples,
}

impl Bench {
    fn new() -> Self {
        let mut random = SplitMix64::new(2);
        let rows: Vec<Vec<f32>> = (0..SAMPLES)
            .map(|i| {
                let mut row: Vec<f32> =
                    (0..CLASSES).map(|_| random.below(1000) as f32 / 400.0).collect();
                row[i % CLASSES] += 3.0;
                row
            })
            .collect();
        let labels: Vec<Option<usize>> =
            (0..SAMPLES).map(|i| Some(if i % 12 == 0 { 0 } else { i % CLASSES })).collect();
        let reference = Reference::new(rows.clone(), &labels).unwrap();
        Self { rows, reference, resamples: Resamples::new(SAMPLES, 60, 1) }
    }

    fn point(&self, cut: &str, method: &str, setting: &str, bytes: f64, noise: f64) -> Measured {
        let mut random = SplitMix64::new(9);
        let mut sum = || (0..6).map(|_| random.below(2001) as f64 / 1000.0 - 1.0).sum::<f64>();
        let outputs: Vec<Vec<f32>> = self
            .rows
            .iter()
            .map(|row| row.iter().map(|v| v + (noise * sum()) as f32).collect())
            .collect();
        let sizes: Vec<usize> = (0..SAMPLES).map(|i| bytes as usize + i % 7).collect();
        let input = PointInput {
            model: "tiny & <small>",
            cut,
            method,
            setting,
            features: 4_096,
            outputs: &outputs,
            sizes: &sizes,
            encode_us: 120.0,
            decode_us: 2_400.0,
            profile_bytes: 18_432,
        };
        measure_point(&self.reference, &self.resamples, &input).unwrap()
    }

    /// Points whose noise halves when the bytes grow by 2.2.
    fn curve(&self, cut: &str, method: &str, scale: f64, settings: i32) -> Vec<Measured> {
        (0..settings)
            .map(|i| {
                let bytes = scale * 2.2_f64.powf(f64::from(i) / 2.0);
                self.point(
                    cut,
                    method,
                    &format!("q={i}"),
                    bytes,
                    1.2 * 0.5_f64.powf(f64::from(i) / 2.0),
                )
            })
            .collect()
    }
}

fn study() -> Study {
    let bench = Bench::new();
    let mut points = Vec::new();
    let mut ablations = Vec::new();
    let mut cuts = Vec::new();
    for (i, cut) in ["c01", "c02", "c03"].iter().enumerate() {
        let scale = 160.0 / (1.0 + i as f64);
        let full = bench.curve(cut, "learned", scale, 7);
        let without = bench.curve(cut, "without", scale * 1.4, 7);
        let idle = bench.curve(cut, "idle", scale * 0.97, 7);
        ablations.extend(ablation(&full, &[("restoration", &without), ("weights", &idle)]));
        points.extend(full);
        for (recipe, factor) in [("kvtc", 2.6), ("turboquant", 5.0), ("clip-ecsq", 2.1)] {
            points.extend(bench.curve(cut, recipe, scale * factor, 6));
        }
        for (width, factor, noise) in [("int8", 9.0, 0.02), ("int4", 5.0, 0.18), ("int2", 2.2, 0.6)]
        {
            points.push(bench.point(cut, width, "", scale * factor, noise));
            points.push(bench.point(
                cut,
                &format!("{width}+zstd"),
                "",
                scale * factor * 0.7,
                noise,
            ));
        }
        points.push(bench.point(cut, "raw-fp32", "", 16_384.0, 0.0));
        cuts.push(CutRecord {
            cut: (*cut).to_owned(),
            label: format!("block{i}.output"),
            shape: "64x8x8".to_owned(),
            features: 4_096,
            raw_bytes: 16_384,
            flops_share: 0.3 + 0.25 * i as f64,
        });
    }
    points.extend(bench.curve("input", "webp-input", 190.0, 8));
    let summaries = summarise(&points, &bench.reference, &bench.resamples);
    Study {
        model: "tiny & <small>".to_owned(),
        dataset: "formulas".to_owned(),
        n: SAMPLES,
        calibration_n: 500,
        reference_top1: bench.reference.top1(),
        cuts,
        points: points.into_iter().map(|point| point.record).collect(),
        summaries: summaries.summaries,
        ratios: summaries.ratios,
        ablations,
        notes: vec!["Made of formulas.".to_owned()],
    }
}

#[test]
fn page_is_whole_self_contained_and_escaped() {
    let study = study();
    let page = html_page(&study);
    for cut in &study.cuts {
        assert!(page.contains(&format!("<section id=\"{}\">", cut.cut)));
    }
    for outside in ["http:", "https:", "<script", "src=", "@import", "url("] {
        assert!(!page.contains(outside), "the page refers to {outside}");
    }
    assert!(page.contains("tiny &amp; &lt;small&gt;") && !page.contains("<small>&"));
    assert!(!page.contains("NaN") && !page.contains("inf"), "a figure is no number");
    for name in ["section", "svg", "table", "figure", "details", "ul", "div", "g"] {
        let open =
            page.matches(&format!("<{name} ")).count() + page.matches(&format!("<{name}>")).count();
        assert_eq!(open, page.matches(&format!("</{name}>")).count(), "<{name}> is left open");
    }
    assert!(page.matches("class=\"band c-learned\"").count() >= 6);
    assert_eq!(page, html_page(&study), "the page is not deterministic");
}

#[test]
fn an_empty_study_still_gives_a_page_and_tables() {
    let empty = Study::default();
    assert!(html_page(&empty).contains("</html>"));
    assert_eq!(findings(&empty).len(), 1);
    assert!(summary_table(&empty, None).contains("method"));
}

#[test]
fn findings_name_wins_and_losses() {
    let mut study = study();
    let text = findings(&study).join(" ");
    assert!(text.contains("3 cuts"), "{text}");
    assert!(text.contains("c03"), "{text}");
    assert!(text.contains("WebP of the input"), "{text}");
    assert!(text.contains("kvtc −"), "{text}");
    assert!(text.contains("nearest to half"), "{text}");
    for ratio in study.ratios.iter_mut().filter(|r| r.against == "webp-input") {
        ratio.ratio = 2.0;
    }
    let text = findings(&study).join(" ");
    assert!(text.contains("At no cut does it beat WebP"), "{text}");
    // A cut behind everything is nowhere near the half.
    study.cuts.iter_mut().for_each(|cut| cut.flops_share = 0.9);
    assert!(!findings(&study).join(" ").contains("nearest to half"));
}

#[test]
fn terminal_tables_hold_bounds_and_ratios() {
    let study = study();
    let table = summary_table(&study, Some(120));
    assert!(table.contains('≤') && table.contains("webp-input") && table.contains("int-k"));
    let points = points_table(&study.points, "c02", None);
    assert!(points.contains("int4+zstd") && points.contains("2.4 ms"));
    let ratios = ratios_table(&study, "learned", Target::Agreement95, None);
    assert!(ratios.contains("30 %") && ratios.contains("kvtc"), "{ratios}");
}

#[test]
fn files_are_written_whole_and_read_back() {
    let study = study();
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("bench.json");
    write_json(&json, &study).unwrap();
    let back: Study = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    assert_eq!(back.points.len(), study.points.len());
    assert_eq!(back.summaries[0].bd_rates.len(), study.summaries[0].bd_rates.len());

    let csv = folder.path().join("points.csv");
    write_points_csv(&csv, &study.points).unwrap();
    let text = std::fs::read_to_string(&csv).unwrap();
    assert!(text.starts_with("model,cut,method,setting,n,bytes_mean,"));
    assert_eq!(text.lines().count(), study.points.len() + 1);
    let summaries = folder.path().join("summaries.csv");
    write_summaries_csv(&summaries, &study.summaries).unwrap();
    let rows = std::fs::read_to_string(&summaries).unwrap();
    assert_eq!(rows.lines().count(), study.summaries.len() + 1);

    let html = folder.path().join("report.html");
    write_html(&html, &study).unwrap();
    write_html(&html, &study).unwrap();
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 4, "temporary files are left behind");
}

#[test]
fn a_missing_folder_is_named() {
    let path = Path::new("/nonexistent-folder/report.html");
    let error = write_html(path, &Study::default()).unwrap_err().to_string();
    assert!(error.contains("/nonexistent-folder/report.html"), "{error}");
}
