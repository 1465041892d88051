//! `aiflow profile`: how long the parts of a model take on this machine.

use std::path::{Path, PathBuf};
use std::time::Duration;

use aiflow::evaluation::bench::Samples;
use aiflow::evaluation::data::Part;
use aiflow::runtime::Tensor;
use aiflow::runtime::cut::Cut;
use aiflow::runtime::engine::{EngineChoice, discover};
use aiflow::runtime::profiler::{
    CodingTiming, Machine, MachineProfile, Parts, Schedule, Subject, SystemClock, Timing,
    feature_codings, time_codings, time_parts,
};
use anyhow::{Result, bail};
use clap::Args;

use crate::args::{EngineArgs, Format, PreprocessArgs};
use crate::bundle::{LoadedBundle, profiles};
use crate::model::OpenData;
use crate::output;
use crate::progress::Progress;
use crate::timing::{self, warnings};

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
        let loaded = LoadedBundle::open(&self.bundle, self.model.as_deref(), self.engine.engine)?;
        let data = self.data(&loaded)?;
        let samples = data.samples(&loaded.model, self.samples as usize)?;
        let cuts: Vec<Cut> = loaded.bundle.cuts().map(|cut| cut.cut().clone()).collect();
        let schedule = Schedule::default()
            .with_budget(Duration::from_secs(self.budget))
            .with_precision(self.precision);
        let bar = Progress::new("timing parts");
        let clock = SystemClock::new();
        let subject = Subject {
            program: &loaded.model.program,
            graph: &loaded.model.graph,
            cuts: &cuts,
            samples: &samples.inputs,
        };
        let share = |share: f32| bar.update("timing parts", 0.5 * share);
        let parts = time_parts(&subject, &schedule, &clock, &share)?;
        // How well coding is known matters less than the parts: it is a small part of a request.
        let schedule = schedule.with_precision(COARSER * self.precision).with_rounds(3, 60);
        let share = |share: f32| bar.update("timing coding", 0.5 + 0.5 * share);
        let codings = self.codings(&loaded, &samples, &schedule, &share)?;
        let prepare = match data.preprocess.as_ref() {
            Some(preprocess) => timing::preparing(&samples, preprocess, &schedule, &clock)?,
            None => None,
        };
        drop(bar);
        let profile = self.profile(&loaded, parts, codings, prepare, samples.len());
        let path = self.output.clone().unwrap_or_else(|| MachineProfile::beside(&self.bundle));
        profile.write(&path)?;
        self.print(&profile, &path)
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

    fn codings(
        &self,
        loaded: &LoadedBundle,
        samples: &Samples,
        schedule: &Schedule,
        progress: &dyn Fn(f32),
    ) -> Result<Vec<CodingTiming>> {
        let with_profiles: Vec<_> =
            loaded.bundle.cuts().filter(|cut| cut.profiles().next().is_some()).collect();
        let mut material = Vec::with_capacity(with_profiles.len());
        for cut in &with_profiles {
            let split = loaded.split(cut.cut());
            let heads = samples.inputs.iter().map(|sample| {
                let named: Vec<_> = sample.iter().map(|(n, v)| (n.as_str(), v.clone())).collect();
                Ok(split.head_with(&named)?.features)
            });
            let features = heads.collect::<Result<Vec<Vec<Tensor>>>>()?;
            material.push((cut.cut(), profiles(*cut)?, features));
        }
        let mut works = aiflow::evaluation::sheet::picture_codings(samples);
        for (cut, profiles, features) in &material {
            works.extend(feature_codings(cut, profiles, features)?);
        }
        if works.is_empty() {
            return Ok(Vec::new());
        }
        Ok(time_codings(works, schedule, &SystemClock::new(), progress)?)
    }

    fn profile(
        &self,
        loaded: &LoadedBundle,
        parts: Parts,
        codings: Vec<CodingTiming>,
        prepare: Option<Timing>,
        samples: usize,
    ) -> MachineProfile {
        let reference = &loaded.bundle.manifest().model;
        let mut profile = MachineProfile {
            format: MachineProfile::FORMAT.to_owned(),
            version: MachineProfile::VERSION,
            model_name: reference.name.clone(),
            model: reference.id,
            machine: machine(self.engine.engine),
            samples: u32::try_from(samples).unwrap_or(u32::MAX),
            rounds: parts.rounds,
            ended: parts.ended,
            whole: parts.whole,
            prepare,
            cuts: parts.cuts,
            segments: parts.segments,
            codings,
            warnings: Vec::new(),
        };
        profile.warnings = warnings(&profile);
        profile
    }

    fn print(&self, profile: &MachineProfile, path: &Path) -> Result<()> {
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
        output::text(&format!("written: {}", path.display()))
    }
}

/// Describes this machine with the engine that was chosen.
fn machine(choice: EngineChoice) -> Machine {
    let found = discover();
    let engine = match choice {
        EngineChoice::Rten => found.iter().find(|engine| engine.name == "rten"),
        EngineChoice::Ort => found.iter().find(|engine| engine.name == "ort"),
        EngineChoice::Fastest => found.iter().rev().find(|engine| engine.available),
    };
    let name = engine.map_or("unknown", |engine| engine.name);
    let version = engine.and_then(|engine| engine.version.as_deref()).unwrap_or("unknown");
    Machine::this(name, version, 1)
}

/// How much coarser coding is timed than the parts.
const COARSER: f64 = 3.0;
