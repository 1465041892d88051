//! Timing the parts of a bundle's model, and the coding of what crosses its cuts, on this machine.

use aiflow::evaluation::bench::Samples;
use aiflow::evaluation::data::Preprocess;
use aiflow::evaluation::sheet::picture_codings;
use aiflow::runtime::Tensor;
use aiflow::runtime::bundle::Bundle;
use aiflow::runtime::cut::Cut;
use aiflow::runtime::engine::{EngineChoice, discover};
use aiflow::runtime::profiler::{
    CodingTiming, Machine, MachineProfile, Schedule, Subject, SystemClock, feature_codings,
    time_codings, time_parts,
};
use anyhow::Result;

use crate::bundle::profiles;
use crate::model::LoadedModel;
use crate::timing::{self, warnings};

/// What is timed.
pub(crate) struct Profiled<'a> {
    pub(crate) bundle: &'a Bundle,
    pub(crate) model: &'a LoadedModel,
    pub(crate) samples: &'a Samples,
    pub(crate) preprocess: Option<&'a Preprocess>,
    pub(crate) engine: EngineChoice,
}

impl Profiled<'_> {
    /// Times everything. `progress` gets what is being timed and the finished share, 0 to 1.
    pub(crate) fn time(
        &self,
        schedule: &Schedule,
        progress: &dyn Fn(&str, f32),
    ) -> Result<MachineProfile> {
        let cuts: Vec<Cut> = self.bundle.cuts().map(|cut| cut.cut().clone()).collect();
        let clock = SystemClock::new();
        let subject = Subject {
            program: &self.model.program,
            graph: &self.model.graph,
            cuts: &cuts,
            samples: &self.samples.inputs,
        };
        let share = |share: f32| progress("timing parts", 0.5 * share);
        let parts = time_parts(&subject, schedule, &clock, &share)?;
        // How well coding is known matters less than the parts: it is a small part of a request.
        let coarse = schedule.coarser(COARSER).with_rounds(3, 60);
        let share = |share: f32| progress("timing coding", 0.5 + 0.5 * share);
        let codings = self.codings(&coarse, &share)?;
        let prepare = match self.preprocess {
            Some(preprocess) => timing::preparing(self.samples, preprocess, &coarse, &clock)?,
            None => None,
        };
        let reference = &self.bundle.manifest().model;
        let mut profile = MachineProfile {
            format: MachineProfile::FORMAT.to_owned(),
            version: MachineProfile::VERSION,
            model_name: reference.name.clone(),
            model: reference.id,
            machine: machine(self.engine),
            samples: u32::try_from(self.samples.len()).unwrap_or(u32::MAX),
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
        Ok(profile)
    }

    fn codings(&self, schedule: &Schedule, progress: &dyn Fn(f32)) -> Result<Vec<CodingTiming>> {
        let learned = self.bundle.cuts().filter(|cut| cut.profiles().next().is_some());
        let mut material = Vec::new();
        for cut in learned {
            let split = self.model.split(cut.cut());
            let heads = self.samples.inputs.iter().map(|sample| {
                let named: Vec<_> = sample.iter().map(|(n, v)| (n.as_str(), v.clone())).collect();
                Ok(split.head_with(&named)?.features)
            });
            let features = heads.collect::<Result<Vec<Vec<Tensor>>>>()?;
            material.push((cut.cut(), profiles(cut)?, features));
        }
        let mut works = picture_codings(self.samples);
        for (cut, profiles, features) in &material {
            works.extend(feature_codings(cut, profiles, features)?);
        }
        if works.is_empty() {
            return Ok(Vec::new());
        }
        Ok(time_codings(works, schedule, &SystemClock::new(), progress)?)
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
