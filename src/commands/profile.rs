//! `aiflow profile`: how long the parts of a model take on this machine.

use std::path::PathBuf;
use std::time::Duration;

use aiflow::evaluation::data::Part;
use aiflow::runtime::profiler::{MachineProfile, Schedule};
use anyhow::{Result, bail};
use clap::Args;

use crate::args::{EngineArgs, Format, PreprocessArgs};
use crate::bundle::LoadedBundle;
use crate::model::OpenData;
use crate::profiling::Profiled;
use crate::progress::Progress;
use crate::{files, output, timing};

/// Time the parts of a model and the coding of what crosses its cuts, on this machine
///
/// Parts are timed between neighbouring cuts, in turns, after an untimed run each, on one thread. Close
/// other programs meanwhile. The profile is written beside the bundle, where `aiflow plan` looks for
/// it.
#[derive(Debug, Args)]
pub(crate) struct Profile {
    /// Bundle that `aiflow learn` wrote
    bundle: PathBuf,
    /// Data set whose samples are run; default: what the bundle was learned from
    #[arg(long, value_name = "SPEC")]
    data: Option<String>,
    /// Different samples to run in turn
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=64))]
    samples: u32,
    /// Seconds after which no further round is started, for parts and for coding each
    #[arg(long, value_name = "S", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    budget: u64,
    /// How well every median must be known, such as 2%
    #[arg(long, value_name = "SHARE", default_value = "2%", value_parser = crate::quantity::parse_share)]
    precision: f64,
    /// Where the profile goes [default: BUNDLE.profile.json]
    #[arg(short, long, value_name = "FILE.json")]
    output: Option<PathBuf>,
    /// The model, where it is neither in the bundle nor beside it
    #[arg(long, value_name = "FILE.onnx")]
    model: Option<PathBuf>,
    #[command(flatten)]
    preprocess: PreprocessArgs,
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    format: Format,
}

impl Profile {
    pub(crate) fn run(self) -> Result<()> {
        let path = self.output.clone().unwrap_or_else(|| MachineProfile::beside(&self.bundle));
        let loaded = LoadedBundle::open(&self.bundle, self.model.as_deref(), self.engine.engine)?;
        // Only now: where there is no bundle, its folder need not exist either.
        files::check([&path])?;
        let data = self.data(&loaded)?;
        let samples = data.samples(&loaded.model, self.samples as usize)?;
        let schedule = Schedule::default()
            .with_budget(Duration::from_secs(self.budget))
            .with_precision(self.precision);
        let bar = Progress::new("timing parts");
        let subject = Profiled {
            bundle: &loaded.bundle,
            model: &loaded.model,
            samples: &samples,
            preprocess: data.preprocess.as_ref(),
            engine: self.engine.engine,
        };
        let profile = subject.time(&schedule, &|what, share| bar.update(what, share))?;
        drop(bar);
        let printed = self.print(&profile);
        profile.write(&path)?;
        printed?;
        if self.format.json {
            return Ok(());
        }
        output::text(&format!("written: {}", path.display()))
    }

    fn data(&self, loaded: &LoadedBundle) -> Result<OpenData> {
        let preprocess = loaded.preprocess(&self.preprocess)?;
        let learned = loaded.bundle.manifest().provenance.as_ref();
        let spec = match (&self.data, learned) {
            (Some(spec), _) => spec,
            (None, Some(learned)) => &learned.data,
            (None, None) => bail!("the bundle does not say what it was learned from; give --data"),
        };
        OpenData::open(spec, Part::Train, preprocess)
    }

    fn print(&self, profile: &MachineProfile) -> Result<()> {
        if self.format.json {
            return output::json(profile);
        }
        let machine = &profile.machine;
        output::text(&format!(
            "{} on {} ({} cores), {} {}, {} thread, {} rounds",
            profile.model_name,
            machine.cpu,
            machine.cores,
            machine.engine,
            machine.engine_version,
            machine.threads,
            profile.rounds,
        ))?;
        output::table(&timing::parts_table(profile), &[])?;
        if !profile.codings.is_empty() {
            output::heading("Coding: encode / decode")?;
            output::table(&timing::codings_table(profile), &[])?;
        }
        for warning in &profile.warnings {
            output::text(&format!("Warning: {warning}."))?;
        }
        Ok(())
    }
}
