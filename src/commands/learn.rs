//! `aiflow learn`: profiles for the cuts of a model.

use std::path::{Path, PathBuf};

use aiflow::codec::learn::LearnConfig;
use aiflow::evaluation::data::Part;
use aiflow::runtime::ModelFile;
use aiflow::runtime::bundle::{Bundle, BundleBuilder, CutFiles, Existing, Manifest, Provenance};
use aiflow::runtime::cut::{self, CutOptions};
use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde::Serialize;

use crate::args::{EngineArgs, Format, PreprocessArgs, ThreadArgs};
use crate::bundle::CutSelection;
use crate::learning::{self, LearnedCut, Record, TARGET_LOSS};
use crate::model::{LoadedModel, OpenData, preprocess};
use crate::progress::Progress;
use crate::{files, output, sheet};

/// Learn how to code what crosses the cuts of a model, from samples and forward passes
#[derive(Debug, Args)]
pub(crate) struct Learn {
    /// ONNX file
    model: PathBuf,
    /// Data set to learn from, such as cifar10:DIR; its training part unless it says #all
    #[arg(long, value_name = "SPEC")]
    data: String,
    /// Cuts to learn: all, or names from `aiflow cuts`, such as c03,c07
    #[arg(long, value_name = "all|IDs", default_value = "all")]
    cuts: CutSelection,
    /// Folder that the bundle is written to
    #[arg(short, long, value_name = "BUNDLE")]
    output: PathBuf,
    /// Samples to learn from
    ///
    /// Where there are at most 200 and they are pictures, their mirror images are learned from as well.
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
    samples: u32,
    /// Loss in nats of KL divergence at which tools are compared
    #[arg(long, value_name = "NATS", default_value_t = TARGET_LOSS, value_parser = parse_loss)]
    target_loss: f64,
    /// Data set to measure the plan sheet on; default: the samples after those learned from
    ///
    /// Best are samples that the network was not trained on, other than those of the bench: a
    /// network's own training pictures look several times easier than new ones.
    #[arg(long, value_name = "SPEC", conflicts_with = "without_sheet")]
    sheet_data: Option<String>,
    /// Samples to measure the plan sheet on
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
    sheet_samples: u32,
    /// Measure no plan sheet; `aiflow sheet` can do it later
    #[arg(long)]
    without_sheet: bool,
    /// Replace a bundle that is there
    #[arg(long)]
    replace: bool,
    /// Leave the model out of the bundle; it is then looked for beside it
    #[arg(long)]
    without_model: bool,
    #[command(flatten)]
    preprocess: PreprocessArgs,
    #[command(flatten)]
    threads: ThreadArgs,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    format: Format,
}

/// What was learned, as JSON.
#[derive(Debug, Serialize)]
struct Report<'a> {
    bundle: String,
    model: &'a str,
    model_id: String,
    data: &'a str,
    samples: usize,
    tensors: &'a [Record],
    /// Operating points of the plan sheet; `null` when none was measured.
    sheet_points: Option<usize>,
}

impl Learn {
    pub(crate) fn run(self) -> Result<()> {
        self.check_target()?;
        let file = ModelFile::open(&self.model)?;
        let model = LoadedModel::open_read(&self.model, &file, self.engine.engine)?;
        let preprocess = preprocess(&self.preprocess, &self.model)?;
        let data = OpenData::open(&self.data, Part::Train, preprocess)?;
        let samples = data.samples(&model, self.samples as usize)?;
        let bar = Progress::new("looking for cuts");
        let mut options = CutOptions::default();
        if self.cuts.names_dominated() {
            options = options.with_dominated();
        }
        let real = samples.inputs.get(..PROVED_ON.min(samples.len())).unwrap_or_default();
        let found = cut::search(&model.graph, &model.program, real, &options)?;
        let all = found.cuts.into_iter().chain(found.dominated).collect();
        let cuts = self.cuts.choose(all)?;
        if cuts.is_empty() {
            bail!("{} has no cut that could be proved; see `aiflow cuts`", model.name);
        }
        let config = LearnConfig::default().with_target_loss(self.target_loss);
        let progress = |what: &str, share: f32| bar.update(what, share);
        let threads = self.threads.count();
        let (inputs, config) = samples.to_learn(data.preprocess.as_ref(), config);
        let learned = learning::learn(&model, cuts, &inputs, &config, threads, &progress)?;
        drop(inputs);
        let records: Vec<Record> =
            learned.iter().flat_map(|cut| cut.records(self.target_loss)).collect();
        let provenance = Provenance {
            data: data.set.name().to_owned(),
            samples: samples.len() as u64,
            seed: 0,
            engine: self.engine.engine.to_string(),
            settings: serde_json::json!({ "target_loss": self.target_loss }),
        };
        let bundle = self.bundle(&model, &file, &data, learned, provenance, found.total_flops)?;
        let bundle = self.with_sheet(bundle, &model, &data, samples.len(), &progress)?;
        drop(bar);
        let existing = if self.replace { Existing::Replace } else { Existing::Keep };
        bundle.write(&self.output, existing)?;
        self.print(&model, &data, &bundle, samples.len(), &records)
    }

    /// Refuses a target that could not be written, before the work is done.
    fn check_target(&self) -> Result<()> {
        let folder = self.output.parent().filter(|folder| !folder.as_os_str().is_empty());
        if !folder.unwrap_or(Path::new(".")).is_dir() {
            bail!(
                "cannot write {}: its folder does not exist; make it or name another",
                self.output.display()
            );
        }
        files::check_folder(&self.output)?;
        if self.output.exists() && !self.replace {
            bail!("{} exists; choose another name or add --replace", self.output.display());
        }
        if self.output.exists() && !self.output.join(Manifest::FILE).is_file() {
            bail!("{} exists and is not a bundle; choose another name", self.output.display());
        }
        Ok(())
    }

    fn bundle(
        &self,
        model: &LoadedModel,
        file: &ModelFile,
        data: &OpenData,
        learned: Vec<LearnedCut>,
        provenance: Provenance,
        total_flops: u64,
    ) -> Result<Bundle> {
        let file_name = self.model.file_name().unwrap_or_default().to_string_lossy();
        let mut builder = BundleBuilder::new(&model.name, model.id, &file_name, total_flops)
            .with_provenance(provenance);
        if let Some(preprocess) = &data.preprocess {
            let stored = serde_json::to_value(preprocess).context("storing the preprocessing")?;
            builder = builder.with_preprocessing(stored);
        }
        if !self.without_model && !file.has_external_data() {
            builder = builder.with_model(file);
        }
        for cut in learned {
            let report = serde_json::to_value(cut.records(self.target_loss));
            let files = CutFiles {
                profiles: cut.tensors.iter().map(|tensor| tensor.profile.to_bytes()).collect(),
                report: report.context("storing what was learned")?,
                ..CutFiles::default()
            };
            builder.add_cut(cut.split.cut().clone(), files);
        }
        Ok(builder.build()?)
    }

    /// Measures the plan sheet on samples that nothing was learned from, where there are enough.
    fn with_sheet(
        &self,
        bundle: Bundle,
        model: &LoadedModel,
        data: &OpenData,
        learned_from: usize,
        progress: &dyn Fn(&str, f32),
    ) -> Result<Bundle> {
        let wanted = self.sheet_samples as usize;
        let own;
        let (data, range) = match &self.sheet_data {
            Some(spec) => {
                own = OpenData::open(spec, Part::Train, data.preprocess.clone())?;
                let shared = sheet::shared((data, 0..learned_from), (&own, 0..wanted));
                if shared > 0 {
                    bail!("{shared} samples of {spec} were learned from; name others");
                }
                (&own, 0..wanted)
            }
            None => (data, learned_from..learned_from.saturating_add(wanted)),
        };
        let left = data.set.len().saturating_sub(range.start);
        if self.without_sheet || (self.sheet_data.is_none() && left < LEAST_LEFT) {
            return Ok(bundle);
        }
        let samples = sheet::samples(data, model, range)?;
        let about = (data.set.name(), data.preprocess.as_ref());
        sheet::with_sheet(bundle, model, &samples, about, self.threads.count(), progress)
    }

    fn print(
        &self,
        model: &LoadedModel,
        data: &OpenData,
        bundle: &Bundle,
        samples: usize,
        records: &[Record],
    ) -> Result<()> {
        if self.format.json {
            return output::json(&Report {
                bundle: self.output.display().to_string(),
                model: &model.name,
                model_id: model.id.to_string(),
                data: data.set.name(),
                samples,
                tensors: records,
                sheet_points: bundle.plan_sheet().map(|sheet| sheet.points.len()),
            });
        }
        output::table(&learning::table(records), &[])?;
        output::text(&bundle.plan_sheet().map_or_else(
            || {
                format!(
                    "No plan sheet: too few samples are left. Measure one with aiflow sheet {} \
                     --data SPEC",
                    self.output.display()
                )
            },
            sheet::summary,
        ))?;
        output::text(&format!(
            "Learned from {samples} samples of {} and written to {}.\n\
             Measure it on other samples: aiflow bench {} --data SPEC",
            data.set.name(),
            self.output.display(),
            self.output.display()
        ))
    }
}

fn parse_loss(text: &str) -> Result<f64, String> {
    let loss = text.parse::<f64>().ok().filter(|loss| *loss > 0.0 && *loss <= 10.0);
    loss.ok_or_else(|| "a loss is a number above 0 and at most 10".to_owned())
}

/// Fewer samples than this say too little about a loss of a few per cent.
const LEAST_LEFT: usize = 50;
/// Samples that each cut is proved on before it is learned.
const PROVED_ON: usize = 2;
