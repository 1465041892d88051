//! `aiflow bench`: bytes against accuracy, ours and every rival, on samples not learned from.

use std::path::{Path, PathBuf};

use aiflow::codec::learn::LearnConfig;
use aiflow::evaluation::bench::{self, Ablation, BenchCut, BenchData, BenchOptions};
use aiflow::evaluation::curve::{INT_K, Study, SummaryRecord, Target};
use aiflow::evaluation::data::Part;
use aiflow::evaluation::end_to_end::{self, Scenario, ScenarioFile, ScenarioRun};
use aiflow::evaluation::{report, rival};
use aiflow::runtime::bundle::Provenance;
use aiflow::runtime::cut::Cut;
use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::args::{EngineArgs, PreprocessArgs, ThreadArgs};
use crate::bundle::{CutSelection, LoadedBundle, profiles};
use crate::model::OpenData;
use crate::progress::Progress;
use crate::scenarios::{self, Watch};
use crate::{files, output, sheet};

/// Measure a bundle and its rivals: bytes per sample against accuracy, at every cut
#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// Bundle that `aiflow learn` wrote; with --end-to-end it takes the place of the scenario file's
    #[arg(required_unless_present = "end_to_end")]
    bundle: Option<PathBuf>,
    /// Data set to measure on; its test part unless it says #all
    #[arg(long, value_name = "SPEC", required_unless_present = "end_to_end")]
    data: Option<String>,
    /// Measure latency instead: a device and a server over emulated links, as the file says
    #[arg(
        long,
        value_name = "SCENARIO.toml",
        conflicts_with_all = ["ablation", "methods", "cuts", "limit", "summary_csv", "calibration", "full"],
    )]
    end_to_end: Option<PathBuf>,
    /// Only the scenarios with these names
    #[arg(long, value_name = "NAMES", value_delimiter = ',', requires = "end_to_end")]
    scenarios: Vec<String>,
    /// Write one row for each request of the scenarios
    #[arg(long, value_name = "FILE.csv", requires = "end_to_end")]
    requests_csv: Option<PathBuf>,
    /// Cuts to measure: all, or names such as c03,c07
    #[arg(long, value_name = "all|IDs", default_value = "all")]
    cuts: CutSelection,
    /// Measure on the first N samples only
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// Methods to run, such as learned,int4+zstd,webp*; default: all
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    methods: Vec<String>,
    /// Learn and measure again without each stage of the codec
    #[arg(long)]
    ablation: bool,
    /// Bootstrap draws of the intervals
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    draws: u32,
    /// Data set that rivals learn from; default: what the bundle was learned from
    #[arg(long, value_name = "SPEC")]
    calibration: Option<String>,
    /// Show each width of the plain quantisers in the table, not only the best of them
    #[arg(long)]
    full: bool,
    /// The model, where it is neither in the bundle nor beside it
    #[arg(long, value_name = "FILE.onnx")]
    model: Option<PathBuf>,
    /// Write one page with all curves
    #[arg(long, value_name = "FILE.html")]
    html: Option<PathBuf>,
    /// Write one row for each point
    #[arg(long, value_name = "FILE.csv")]
    csv: Option<PathBuf>,
    /// Write one row for each cut and method
    #[arg(long, value_name = "FILE.csv")]
    summary_csv: Option<PathBuf>,
    /// Write all records as JSON; without a file, or to `-`, on standard output
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-")]
    json: Option<PathBuf>,
    #[command(flatten)]
    preprocess: PreprocessArgs,
    #[command(flatten)]
    threads: ThreadArgs,
    #[command(flatten)]
    engine: EngineArgs,
}

impl Bench {
    pub(crate) fn run(self) -> Result<()> {
        let asked = [&self.html, &self.csv, &self.summary_csv, &self.requests_csv, &self.json];
        files::check(asked.into_iter().flatten())?;
        if let Some(file) = &self.end_to_end {
            return self.run_scenarios(file);
        }
        self.check_methods()?;
        let bundle = self.bundle.as_deref().context("name a bundle")?;
        let loaded = LoadedBundle::open(bundle, self.model.as_deref(), self.engine.engine)?;
        let study = self.measure(&loaded)?;
        let quiet = self.is_quiet();
        // What was measured is shown first: it must not be lost with a file that cannot be written.
        let printed = if quiet { output::json(&study) } else { self.print(&study) };
        let (written, result) = files::write_all(&[
            (self.html.as_ref(), &|path| Ok(report::write_html(path, &study)?)),
            (self.csv.as_ref(), &|path| Ok(report::write_points_csv(path, &study.points)?)),
            (self.summary_csv.as_ref(), &|path| {
                Ok(report::write_summaries_csv(path, &study.summaries)?)
            }),
            (self.json.as_ref(), &|path| Ok(report::write_json(path, &study)?)),
        ]);
        result?;
        printed?;
        if quiet { Ok(()) } else { say_written(&written) }
    }

    /// Tells whether standard output is for programs.
    fn is_quiet(&self) -> bool {
        self.json.as_deref().is_some_and(|path| path.as_os_str() == "-")
    }

    /// Measures scenarios end to end.
    fn run_scenarios(&self, path: &Path) -> Result<()> {
        let file = ScenarioFile::read(path)?;
        let chosen = self.chosen(&file)?;
        let bundle = self.bundle.clone().or_else(|| file.bundle.clone()).with_context(|| {
            format!("{} names no bundle; name one before the flags", path.display())
        })?;
        let data = self.data.clone().or_else(|| file.data.clone());
        let data = data.with_context(|| format!("{} names no data; add --data", path.display()))?;
        let model = self.model.as_deref().or(file.model.as_deref());
        let loaded = LoadedBundle::open(&bundle, model, self.engine.engine)?;
        let preprocess = loaded.preprocess(&self.preprocess)?;
        let most = chosen.iter().map(|scenario| scenario.slots()).max().unwrap_or(0);
        let profile = file.profile.as_deref();
        let stage = scenarios::stage(loaded, preprocess, &data, profile, &bundle, most)?;
        let quiet = self.is_quiet();
        let maps = match &self.html {
            Some(_) => end_to_end::cut_maps(&stage, &chosen)?,
            None => Vec::new(),
        };
        // Each by itself, so that one that cannot be written keeps no other from being written.
        let page = scenarios::Files { html: self.html.as_ref(), maps, ..Default::default() };
        let rows = scenarios::Files { csv: self.csv.as_ref(), ..Default::default() };
        let requests =
            scenarios::Files { requests: self.requests_csv.as_ref(), ..Default::default() };
        let records = scenarios::Files { json: self.json.as_ref(), ..Default::default() };
        let mut failed = None;
        let mut runs: Vec<ScenarioRun> = Vec::new();
        for scenario in chosen {
            let watch = if quiet { Watch::No } else { Watch::Yes };
            let run = scenarios::measure(&stage, scenario, &file.policies, watch)?;
            if !quiet {
                scenarios::print(&run)?;
            }
            runs.push(run);
            // Hours of measuring are not lost when a later scenario fails.
            for file in [&page, &rows, &requests, &records] {
                failed = file.write(&runs).err().or(failed);
            }
        }
        if quiet {
            let records: Vec<_> = report::end_to_end_records(&runs).collect();
            output::json(&records)?;
        }
        if let Some(error) = failed {
            return Err(error);
        }
        let written = [&self.html, &self.csv, &self.requests_csv, &self.json];
        let written: Vec<PathBuf> = written.into_iter().flatten().cloned().collect();
        if quiet { Ok(()) } else { say_written(&written) }
    }

    fn chosen<'a>(&self, file: &'a ScenarioFile) -> Result<Vec<&'a Scenario>> {
        let known = || file.scenarios.iter().map(|scenario| scenario.name.as_str());
        if let Some(wanted) = self.scenarios.iter().find(|&name| known().all(|own| own != name)) {
            let known: Vec<&str> = known().collect();
            bail!("there is no scenario `{wanted}`; there are {}", known.join(", "));
        }
        let all = file.scenarios.iter();
        Ok(all
            .filter(|own| self.scenarios.is_empty() || self.scenarios.contains(&own.name))
            .collect())
    }

    /// Refuses names that no method has: a bench without its rivals would say too much.
    fn check_methods(&self) -> Result<()> {
        let own = bench::Use::ALL.map(|with| with.method());
        let pictures = rival::picture_codecs();
        let mut known: Vec<&str> = own.into_iter().chain(rival::methods()).collect();
        known.extend(pictures.iter().map(|codec| codec.name()));
        known.dedup();
        let matches = |wanted: &str| match wanted.strip_suffix('*') {
            Some(prefix) => known.iter().any(|name| name.starts_with(prefix)),
            None => known.contains(&wanted),
        };
        match self.methods.iter().find(|wanted| !matches(wanted)) {
            Some(wanted) => bail!("there is no method `{wanted}`; there are {}", known.join(", ")),
            None => Ok(()),
        }
    }

    fn measure(&self, loaded: &LoadedBundle) -> Result<Study> {
        let preprocess = loaded.preprocess(&self.preprocess)?;
        let provenance = loaded.bundle.manifest().provenance.as_ref();
        let (calibration, learned_from) = self.calibration_data(provenance)?;
        let calibration = OpenData::open(&calibration, Part::Train, preprocess.clone()).context(
            "the samples that the bundle was learned from; name them with --calibration",
        )?;
        let spec = self.data.as_deref().context("name a data set with --data")?;
        let test = OpenData::open(spec, Part::Test, preprocess)?;
        let limit = self.limit.map_or(usize::MAX, |limit| limit as usize);
        let shared = sheet::shared((&calibration, 0..learned_from), (&test, 0..limit));
        if shared > 0 {
            bail!(
                "{shared} samples of {} were learned from ({}); measure on others, such as another \
                 part (#test) or another seed",
                test.set.name(),
                calibration.set.name()
            );
        }
        let test_samples = test.samples(&loaded.model, limit)?;
        let calibration_samples = calibration.samples(&loaded.model, learned_from)?;
        let bar = Progress::new("measuring");
        let progress = |what: &str, share: f32| bar.update(what, share);
        let data = BenchData {
            model: &loaded.model.name,
            dataset: test.set.name(),
            test: &test_samples,
            calibration: &calibration_samples,
            preprocess: test.preprocess.as_ref(),
        };
        Ok(bench::run(&data, &self.bench_cuts(loaded)?, &self.options(provenance), &progress)?)
    }

    /// Returns the name of the calibration data and how many of its samples were used.
    fn calibration_data(&self, provenance: Option<&Provenance>) -> Result<(String, usize)> {
        match (&self.calibration, provenance) {
            (Some(spec), _) => Ok((spec.clone(), usize::MAX)),
            (None, Some(learned)) => {
                Ok((learned.data.clone(), usize::try_from(learned.samples).unwrap_or(usize::MAX)))
            }
            (None, None) => {
                bail!(
                    "the bundle does not say what it was learned from; name it with --calibration"
                )
            }
        }
    }

    fn bench_cuts(&self, loaded: &LoadedBundle) -> Result<Vec<BenchCut>> {
        let all: Vec<Cut> = loaded.bundle.cuts().map(|cut| cut.cut().clone()).collect();
        let chosen = self.cuts.choose(all)?;
        let with_profiles = |cut: Cut| {
            let profiles = profiles(loaded.cut(cut.id)?)?;
            Ok(BenchCut { split: loaded.split(&cut), profiles })
        };
        chosen.into_iter().map(with_profiles).collect()
    }

    fn options(&self, provenance: Option<&Provenance>) -> BenchOptions {
        let settings = provenance.map(|provenance| &provenance.settings);
        let target = settings.and_then(|settings| settings.get("target_loss")?.as_f64());
        let learn = LearnConfig::default();
        BenchOptions {
            threads: self.threads.count(),
            methods: self.methods.clone(),
            draws: self.draws as usize,
            ablation: if self.ablation { Ablation::Run } else { Ablation::Skip },
            learn: target.map_or(learn.clone(), |target| learn.with_target_loss(target)),
        }
    }

    fn print(&self, study: &Study) -> Result<()> {
        let width = output::width();
        output::heading("Bytes per sample at equal quality")?;
        let mut shown = study.clone();
        if !self.full {
            let single = |method: &str| rival::family(method) == rival::Family::Int;
            shown.summaries.retain(|summary| summary.method == INT_K || !single(&summary.method));
        }
        let roomy = width.is_none_or(|width| width >= FULL_WIDTH);
        let table = if roomy { report::summary_table(&shown, width) } else { narrow(&shown) };
        output::table(&table, &OWN_METHODS)?;
        let [own, ..] = OWN_METHODS;
        for (target, words) in
            [(Target::Agreement95, "95 % agreement"), (Target::Kl003, "a KL of 0.03")]
        {
            if study.ratios.iter().any(|r| r.method == own && r.target == target.name()) {
                output::heading(&format!("Bytes of `{own}` over those of each rival, at {words}"))?;
                output::table(&report::ratios_table(study, own, target, width), &[])?;
            }
        }
        output::heading("In words")?;
        for sentence in report::findings(study) {
            output::text(&format!("• {sentence}"))?;
        }
        Ok(())
    }
}

/// Names the files that were written.
fn say_written(paths: &[PathBuf]) -> Result<()> {
    paths.iter().try_for_each(|path| output::text(&format!("written: {}", path.display())))
}

/// The summary without the comparison of whole curves, for narrow terminals.
fn narrow(study: &Study) -> String {
    let heading = ["cut", "method", "99 %", "97 %", "95 %", "KL 0.03", "profile"];
    let mut table = output::new_table(&heading, &[2, 3, 4, 5, 6]);
    for summary in &study.summaries {
        let bytes = |target: Target| report_bytes(summary, target);
        table.add_row([
            summary.cut.clone(),
            summary.method.clone(),
            bytes(Target::Agreement99),
            bytes(Target::Agreement97),
            bytes(Target::Agreement95),
            bytes(Target::Kl003),
            summary.profile_bytes.to_string(),
        ]);
    }
    table.to_string()
}

/// Shows the bytes of a method at a target: `≤` where even the smallest setting is better, `–` where
/// no setting reaches it.
pub(crate) fn report_bytes(summary: &SummaryRecord, target: Target) -> String {
    let exact = match target {
        Target::MinusOnePoint => summary.bytes_at_minus_1_point,
        Target::Agreement99 => summary.bytes_at_99_agreement,
        Target::Agreement97 => summary.bytes_at_97_agreement,
        Target::Agreement95 => summary.bytes_at_95_agreement,
        Target::Kl003 => summary.bytes_at_kl_0_03,
    };
    match (exact, summary.at_most.get(target.name())) {
        (Some(bytes), _) => format!("{bytes:.0}"),
        (None, Some(bytes)) => format!("≤ {bytes:.0}"),
        (None, None) => "–".to_owned(),
    }
}

/// Columns that the whole summary needs.
const FULL_WIDTH: u16 = 112;

/// Our own methods, which tables show in green.
pub(crate) const OWN_METHODS: [&str; 4] =
    ["learned", "learned+confidence", "learned+layers", "learned-fast"];
