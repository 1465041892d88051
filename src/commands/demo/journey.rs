//! The second half of the demo: a device, an edge and a cloud over a channel like that of a phone.

use std::time::Duration;

use aiflow::evaluation::bench::Samples;
use aiflow::evaluation::data::Part;
use aiflow::evaluation::end_to_end::{Budget, Policy, Scenario, ScenarioRun, Stage as Tiers};
use aiflow::evaluation::link::Path;
use aiflow::runtime::bundle::{Bundle, BundleBuilder, CutFiles};
use aiflow::runtime::engine::EngineChoice;
use aiflow::runtime::planner::LossMeasure;
use aiflow::runtime::profiler::Schedule;
use aiflow::units::Micros;
use anyhow::{Context as _, Result};

use super::{NAME, Stage};
use crate::learning::LearnedCut;
use crate::model::OpenData;
use crate::output;
use crate::profiling::Profiled;
use crate::progress::Progress;
use crate::scenarios::{self, Watch};
use crate::sheet;

/// Measures what tiers need to plan with, and runs them over the channel.
pub(super) fn travel(
    stage: &Stage,
    learned: &[LearnedCut],
    threads: usize,
    watch: Watch,
) -> Result<ScenarioRun> {
    let tiers = prepare(stage, learned, threads)?;
    let scenario = scenario()?;
    if watch == Watch::Yes {
        output::heading(&format!(
            "On the road: a device at 1/{:.0} of the cloud, a drawn LTE drive, an edge, a cloud",
            scenario.device_slowdown
        ))?;
    }
    let run = scenarios::measure(&tiers, &scenario, &Policy::ALL, watch)?;
    if watch == Watch::Yes {
        scenarios::print(&run)?;
    }
    Ok(run)
}

/// The plan sheet and the profile of the machine, on pictures that nothing was learned from.
fn prepare(stage: &Stage, learned: &[LearnedCut], threads: usize) -> Result<Tiers> {
    let bar = Progress::new("preparing the tiers");
    let progress = |what: &str, share: f32| bar.update(what, share);
    let open = |spec: &str| -> Result<Samples> {
        let set = OpenData::open(spec, Part::All, Some(stage.preprocess.clone()))?;
        set.samples(&stage.model, usize::MAX)
    };
    let samples = open(SHEET)?;
    let about = (SHEET, Some(&stage.preprocess));
    let bundle = bundle(stage, learned)?;
    let bundle = sheet::with_sheet(bundle, &stage.model, &samples, about, threads, &progress)?;
    let few = Samples {
        inputs: samples.inputs.iter().take(2).cloned().collect(),
        labels: samples.labels.iter().take(2).copied().collect(),
        pictures: samples.pictures.iter().take(2).cloned().collect(),
    };
    let subject = Profiled {
        bundle: &bundle,
        model: &stage.model,
        samples: &few,
        preprocess: Some(&stage.preprocess),
        engine: EngineChoice::Rten,
    };
    let schedule = Schedule::default().with_budget(Duration::from_secs(2)).with_precision(0.05);
    let profile = subject.time(&schedule, &progress)?;
    let test = Samples {
        inputs: stage.test.inputs.clone(),
        labels: stage.test.labels.clone(),
        pictures: stage.test.pictures.clone(),
    };
    Ok(Tiers {
        bundle,
        program: stage.model.program.clone(),
        graph: stage.model.graph.clone(),
        profile,
        preprocess: Some(stage.preprocess.clone()),
        samples: test,
        calibration: stage.calibration.inputs.iter().take(16).cloned().collect(),
    })
}

/// Puts what was learned into a bundle, in memory.
fn bundle(stage: &Stage, learned: &[LearnedCut]) -> Result<Bundle> {
    let flops = stage.cuts.first().map_or(0, |cut| cut.flops_head + cut.flops_tail);
    let stored = serde_json::to_value(&stage.preprocess).context("storing the preprocessing")?;
    let mut builder = BundleBuilder::new(NAME, stage.model.id, "scenes-cnn.onnx", flops)
        .with_preprocessing(stored);
    for cut in learned {
        let profiles = cut.tensors.iter().map(|tensor| tensor.profile.to_bytes()).collect();
        let files = CutFiles { profiles, ..CutFiles::default() };
        builder.add_cut(cut.split.cut().clone(), files);
    }
    Ok(builder.build()?)
}

/// A drive of which every policy sees the same piece.
fn scenario() -> Result<Scenario> {
    let mut scenario = Scenario::new("drive", Path::open(TRACE)?);
    scenario.path = scenario.path.with_rtt(Micros::from_millis(RTT_MILLIS));
    scenario.edge = Some(Micros::from_millis(2));
    scenario.device_slowdown = DEVICE_SLOWDOWN;
    scenario.server_slowdown = SERVER_SLOWDOWN;
    scenario.max_loss = Budget { measure: LossMeasure::Disagreement, most: 0.02 };
    scenario.rate = RATE;
    scenario.length = LENGTH;
    scenario.deadline = Some(Micros::from_millis(150));
    Ok(scenario)
}

/// Pictures for the plan sheet: neither those of learning nor those of measuring.
const SHEET: &str = "scenes:200@13";
/// A drawn drive through an LTE network, at the edge of its cells: nothing passes for three quarters of a
/// second in the middle of it.
const TRACE: &str = "lte-like:82@1500kbit";
const RTT_MILLIS: u64 = 20;
/// The network is so small that only a very slow device has to think about it.
const DEVICE_SLOWDOWN: f64 = 100.0;
const SERVER_SLOWDOWN: f64 = 2.0;
/// Pictures per second.
const RATE: f64 = 8.0;
/// For each policy.
const LENGTH: Micros = Micros::from_secs(5);
