//! `aiflow demo`: the whole job on the model and the pictures that ship with the program.

mod journey;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use aiflow::codec::learn::LearnConfig;
use aiflow::evaluation::bench::{self, BenchCut, BenchData, BenchOptions, Samples};
use aiflow::evaluation::curve::{INT_K, Study, SummaryRecord, Target};
use aiflow::evaluation::data::{Part, Preprocess};
use aiflow::evaluation::report;
use aiflow::runtime::ModelFile;
use aiflow::runtime::cut::{self, Cut, CutOptions};
use aiflow::runtime::engine::EngineChoice;
use anyhow::{Context as _, Result};
use clap::Args;

use crate::args::{Format, ThreadArgs};
use crate::commands::bench::report_bytes;
use crate::commands::cuts;
use crate::learning::{self, LearnedCut, Record};
use crate::model::{LoadedModel, OpenData};
use crate::progress::Progress;
use crate::scenarios::Watch;
use crate::{files, output};

/// Learn and measure the shipped model on generated pictures, run it on three tiers, write a report
#[derive(Clone, Debug, Args)]
pub(crate) struct Demo {
    /// Where the report goes
    #[arg(short, long, value_name = "FILE.html", default_value = "aiflow-report.html")]
    output: PathBuf,
    #[command(flatten)]
    threads: ThreadArgs,
    #[command(flatten)]
    format: Format,
}

impl Demo {
    pub(crate) fn run(self) -> Result<()> {
        files::check([&self.output])?;
        let started = Instant::now();
        let threads = self.threads.count();
        let stage = Stage::open()?;
        if !self.format.json {
            stage.introduce()?;
        }
        let clock = Instant::now();
        let learned = stage.learn(threads)?;
        if !self.format.json {
            let records: Vec<Record> =
                learned.iter().flat_map(|cut| cut.records(learning::TARGET_LOSS)).collect();
            output::heading(&format!(
                "Learned from {} pictures by forward passes alone, in {:.0} s",
                stage.calibration.len(),
                clock.elapsed().as_secs_f64()
            ))?;
            output::table(&learning::table(&records), &[])?;
        }
        let clock = Instant::now();
        let study = stage.measure(&learned, threads)?;
        let measuring = clock.elapsed().as_secs_f64();
        if !self.format.json {
            print_findings(&study, measuring)?;
        }
        let watch = if self.format.json { Watch::No } else { Watch::Yes };
        let run = journey::travel(&stage, &learned, threads, watch)?;
        report::write_demo_html(&self.output, &study, &run)?;
        if self.format.json {
            let records: Vec<_> = report::end_to_end_records(std::slice::from_ref(&run)).collect();
            return output::json(&serde_json::json!({ "study": study, "end_to_end": records }));
        }
        output::text(&format!(
            "\nThe report with all curves and figures: {} ({:.0} s in all)",
            self.output.display(),
            started.elapsed().as_secs_f64()
        ))
    }
}

/// The shipped model with its data.
struct Stage {
    model: LoadedModel,
    cuts: Vec<Cut>,
    calibration: Samples,
    test: Samples,
    test_name: String,
    preprocess: Preprocess,
    config: LearnConfig,
}

impl Stage {
    fn open() -> Result<Self> {
        let file = ModelFile::from_bytes(MODEL.to_vec())?;
        let model = LoadedModel::new(NAME.to_owned(), &file, EngineChoice::Rten)?;
        let preprocess = Preprocess::preset(NAME).context("the preset of the shipped model")?;
        let open = |spec| OpenData::open(spec, Part::All, Some(preprocess.clone()));
        let calibration = open(CALIBRATION)?.samples(&model, usize::MAX)?;
        let test = open(TEST)?;
        let test_name = test.set.name().to_owned();
        let test = test.samples(&model, usize::MAX)?;
        let real = calibration.inputs.get(..2).unwrap_or_default();
        let found = cut::search(&model.graph, &model.program, real, &CutOptions::default())?;
        let cuts = found.cuts;
        let config = LearnConfig::default().with_target_loss(learning::TARGET_LOSS);
        Ok(Self { model, cuts, calibration, test, test_name, preprocess, config })
    }

    fn introduce(&self) -> Result<()> {
        output::text(&format!(
            "A network of {:.1} MFLOP tells twelve kinds of drawn pictures apart. Where can it be cut in\n\
             two, and how few bytes can cross between the parts?",
            self.cuts.first().map_or(0.0, |cut| (cut.flops_head + cut.flops_tail) as f64 / 1e6)
        ))?;
        output::heading("Cuts, each proved by running both parts against the whole")?;
        output::table(&cuts::table(&self.cuts), &[])
    }

    fn learn(&self, threads: usize) -> Result<Vec<LearnedCut>> {
        let bar = Progress::new("learning");
        let progress = |what: &str, share: f32| bar.update(&format!("learning {what}"), share);
        learning::learn(
            &self.model,
            first_of_each_shape(&self.cuts),
            &self.calibration.inputs,
            &self.config,
            threads,
            &progress,
        )
    }

    fn measure(&self, learned: &[LearnedCut], threads: usize) -> Result<Study> {
        let bar = Progress::new("measuring");
        let progress = |what: &str, share: f32| bar.update(&format!("measuring {what}"), share);
        let cuts: Vec<BenchCut> = learned.iter().map(|cut| self.bench_cut(cut)).collect();
        let options = BenchOptions {
            threads,
            methods: METHODS.map(str::to_owned).to_vec(),
            ..BenchOptions::default()
        };
        let data = BenchData {
            model: &self.model.name,
            dataset: &self.test_name,
            test: &self.test,
            calibration: &self.calibration,
            preprocess: Some(&self.preprocess),
        };
        Ok(bench::run(&data, &cuts, &options, &progress)?)
    }

    fn bench_cut(&self, learned: &LearnedCut) -> BenchCut {
        let tensors = learned.tensors.iter();
        let profiles = tensors.map(|tensor| Arc::new(tensor.profile.clone())).collect();
        BenchCut { split: self.model.split(learned.split.cut()), profiles }
    }
}

/// Keeps the cuts of one tensor, and the first where neighbours have one shape: it costs the same to
/// send and leaves least to a slow device.
fn first_of_each_shape(cuts: &[Cut]) -> Vec<Cut> {
    let mut kept: Vec<Cut> = Vec::new();
    for cut in cuts {
        let [tensor] = cut.tensors.as_slice() else { continue };
        if !kept.last().is_some_and(|last| last.tensors.iter().all(|t| t.dims == tensor.dims)) {
            kept.push(cut.clone());
        }
    }
    kept
}

fn print_findings(study: &Study, seconds: f64) -> Result<()> {
    output::heading(&format!(
        "Measured on {} other pictures in {seconds:.0} s: bytes so that 97 % of the answers stay",
        study.n
    ))?;
    output::table(&rows(study), &[])?;
    output::text(
        "int-k is the best of 8 to 2 bits with lz4 or zstd, WebP the picture in place of the feature;\n\
         ≤ stands where even the smallest setting keeps more.",
    )?;
    output::heading("In words")?;
    for sentence in report::findings(study) {
        output::text(&format!("• {sentence}"))?;
    }
    Ok(())
}

/// One row for each cut, one column for each kind of codec.
fn rows(study: &Study) -> String {
    let mut heading = vec!["cut", "shape", "raw"];
    heading.extend(COLUMNS.map(|(_, title)| title));
    let numbers: Vec<usize> = (2..heading.len()).collect();
    let mut table = output::new_table(&heading, &numbers);
    for cut in &study.cuts {
        let mut row = vec![cut.cut.clone(), cut.shape.clone(), cut.raw_bytes.to_string()];
        row.extend(COLUMNS.map(|(method, _)| bytes(study, &cut.cut, method)));
        table.add_row(row);
    }
    table.to_string()
}

/// Returns the bytes of a method at 97 % agreement; methods that send the picture have no cut.
fn bytes(study: &Study, cut: &str, method: &str) -> String {
    let of_method = |summary: &&SummaryRecord| {
        summary.method == method && (summary.cut == cut || summary.cut == PICTURE)
    };
    let found = study.summaries.iter().find(of_method);
    found.map_or_else(|| "–".to_owned(), |summary| report_bytes(summary, Target::Agreement97))
}

/// Methods of the table with their titles; the report has all of them.
const COLUMNS: [(&str, &str); 5] = [
    ("learned", "learned"),
    (INT_K, "int-k"),
    ("clip-ecsq", "clip-ecsq"),
    ("kvtc", "kvtc"),
    ("webp-input", "WebP"),
];

/// Where records of methods that send the picture stand.
const PICTURE: &str = "input";

/// The model that ships with the program.
const MODEL: &[u8] = include_bytes!("../../models/scenes-cnn/scenes-cnn.onnx");
const NAME: &str = "scenes-cnn";

/// Pictures to learn from, and others to measure with: the seeds differ from each other and from
/// those that the network was trained on.
const CALIBRATION: &str = "scenes:240@11";
const TEST: &str = "scenes:240@12";

/// What is measured: one of each kind, so that the demo stays short. `bench` measures all.
const METHODS: [&str; 11] = [
    "learned",
    "learned+confidence",
    "raw-fp32",
    "int4+zstd",
    "int3+zstd",
    "int2+zstd",
    "kvtc",
    "turboquant",
    "clip-ecsq",
    "jpeg-input",
    "webp-input",
];
