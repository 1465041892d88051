//! Scenarios of the end-to-end bench: what they run on, how they are watched, what is printed.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use aiflow::evaluation::data::{Part, Preprocess};
use aiflow::evaluation::end_to_end::{self, CutMap, Moment, Policy, Scenario, ScenarioRun, Stage};
use aiflow::evaluation::report;
use aiflow::runtime::bundle::Bundle;
use aiflow::runtime::profiler::MachineProfile;
use anyhow::{Context as _, Result, bail};
use console::Term;

use crate::bundle::LoadedBundle;
use crate::model::OpenData;
use crate::output;
use crate::progress::sparkline;
use crate::sheet;

/// Samples that rivals are calibrated on.
const CALIBRATION: usize = 16;

/// Brings everything together that scenarios run on.
pub(crate) fn stage(
    loaded: LoadedBundle,
    preprocess: Option<Preprocess>,
    data: &str,
    profile: Option<&Path>,
    bundle: &Path,
    most: usize,
) -> Result<Stage> {
    let test = OpenData::open(data, Part::Test, preprocess.clone())?;
    let learned = loaded.bundle.manifest().provenance.as_ref();
    must_be_others(&test, most, &loaded.bundle)?;
    let samples = test.samples(&loaded.model, most)?;
    // What was learned from is what rivals may look at; where it is not at hand, any samples calibrate
    // a range.
    let calibration = learned.and_then(|learned| {
        let set = OpenData::open(&learned.data, Part::Train, preprocess.clone()).ok()?;
        set.samples(&loaded.model, CALIBRATION).ok()
    });
    let calibration = calibration.unwrap_or_else(|| samples.clone()).inputs;
    let path = profile.map_or_else(|| MachineProfile::beside(bundle), Path::to_path_buf);
    let profile = MachineProfile::read(&path, loaded.model.id).with_context(|| {
        format!(
            "the times of this machine: measure them with `aiflow profile {}`",
            bundle.display()
        )
    })?;
    let LoadedBundle { bundle, model } = loaded;
    Ok(Stage {
        bundle,
        program: model.program,
        graph: model.graph,
        profile,
        preprocess,
        samples,
        calibration: calibration.into_iter().take(CALIBRATION).collect(),
    })
}

/// Refuses samples that the bundle was learned from, and those that its plan sheet was measured on, as far
/// as their data is at hand.
fn must_be_others(test: &OpenData, most: usize, bundle: &Bundle) -> Result<()> {
    let learned = bundle.manifest().provenance.as_ref();
    let learned = learned.map(|learned| (learned.data.as_str(), learned.samples));
    let sheet = bundle.plan_sheet().map(|sheet| (sheet.data.as_str(), sheet.samples));
    // A sheet from the same data was measured on what comes behind.
    let behind = |data| learned.filter(|(other, _)| *other == data).map_or(0, |(_, count)| count);
    let ranges = [
        learned.map(|(data, count)| ("learned from", data, 0, count)),
        sheet.map(|(data, count)| {
            ("what the plan sheet was measured on", data, behind(data), count)
        }),
    ];
    for (what, data, first, count) in ranges.into_iter().flatten() {
        let Ok(from) = OpenData::open(data, Part::Train, test.preprocess.clone()) else { continue };
        let index = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let range = index(first)..index(first.saturating_add(count));
        let shared = sheet::shared((&from, range), (test, 0..most));
        if shared > 0 {
            bail!(
                "{shared} samples of {} were {what} ({data}); measure on others, such as another part \
                 (#test) or another seed",
                test.set.name()
            );
        }
    }
    Ok(())
}

/// Whether somebody watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Watch {
    Yes,
    No,
}

/// Measures one scenario and shows how it goes.
pub(crate) fn measure(
    stage: &Stage,
    scenario: &Scenario,
    policies: &[Policy],
    watch: Watch,
) -> Result<ScenarioRun> {
    let mut view = View::new();
    let mut failed = None;
    let run = end_to_end::run(stage, scenario, policies, &mut |moment| {
        if watch == Watch::No {
            return;
        }
        if let Err(error) = view.show(moment) {
            failed.get_or_insert(error);
        }
    });
    view.clear();
    match failed {
        Some(error) => Err(error),
        None => Ok(run?),
    }
}

/// Prints what a scenario came to.
pub(crate) fn print(run: &ScenarioRun) -> Result<()> {
    let scenario = &run.scenario;
    output::heading(&format!(
        "{}: {} ({} on average), {} round trip, device at 1/{:.0} of the server",
        scenario.name,
        scenario.path.name,
        scenario.mean_rate(),
        scenario.path.rtt,
        scenario.device_slowdown,
    ))?;
    output::table(&report::end_to_end_table(run, output::width()), &["aiflow"])?;
    match report::end_to_end_finding(run) {
        Some(words) => output::text(&format!("• {words}")),
        None => Ok(()),
    }
}

/// Where the results of the bench go beside the terminal.
#[derive(Debug, Default)]
pub(crate) struct Files<'a> {
    pub(crate) html: Option<&'a PathBuf>,
    pub(crate) csv: Option<&'a PathBuf>,
    pub(crate) requests: Option<&'a PathBuf>,
    pub(crate) json: Option<&'a PathBuf>,
    /// For the page.
    pub(crate) maps: Vec<CutMap>,
}

impl Files<'_> {
    pub(crate) fn write(&self, runs: &[ScenarioRun]) -> Result<()> {
        if let Some(path) = self.html {
            report::write_end_to_end_html(path, runs, &self.maps)?;
        }
        if let Some(path) = self.csv {
            report::write_end_to_end_csv(path, runs)?;
        }
        if let Some(path) = self.requests {
            report::write_requests_csv(path, runs)?;
        }
        if let Some(path) = self.json.filter(|path| path.as_os_str() != "-") {
            report::write_end_to_end_json(path, runs)?;
        }
        Ok(())
    }
}

/// The live view: a few lines that are updated in place; on what is no terminal one plain line for each
/// change and for each policy.
struct View {
    terminal: Term,
    shown: usize,
    last: Option<Instant>,
    channel: VecDeque<f64>,
    estimate: VecDeque<f64>,
    policy: Option<Policy>,
    times: Vec<f64>,
    right: (usize, usize),
}

impl View {
    fn new() -> Self {
        Self {
            terminal: Term::stderr(),
            shown: 0,
            last: None,
            channel: VecDeque::new(),
            estimate: VecDeque::new(),
            policy: None,
            times: Vec::new(),
            right: (0, 0),
        }
    }

    fn show(&mut self, moment: &Moment<'_>) -> Result<()> {
        let record = moment.record;
        if self.policy != Some(moment.policy) {
            (self.policy, self.right) = (Some(moment.policy), (0, 0));
            self.times.clear();
            self.channel.clear();
            self.estimate.clear();
        }
        self.times.push(record.latency_ms);
        if let Some(right) = record.right.or(record.agrees) {
            self.right = (self.right.0 + usize::from(right), self.right.1 + 1);
        }
        let megabits = |bits: u64| bits as f64 / 1e6;
        push(&mut self.channel, megabits(record.channel_bps));
        push(&mut self.estimate, record.estimate_bps.map_or(0.0, megabits));
        if !self.terminal.is_term() {
            return self.plain(moment);
        }
        if self.last.is_none_or(|last| last.elapsed() >= INTERVAL) {
            self.last = Some(Instant::now());
            self.redraw(moment);
        }
        Ok(())
    }

    /// One line for each change of who runs what, and one at the end of a policy.
    fn plain(&self, moment: &Moment<'_>) -> Result<()> {
        let record = moment.record;
        if let Some(change) = &record.change {
            output::text(&format!(
                "{:>8.2} s  channel {:.1} Mbit/s, estimate {:.1}: {} {} ({}), {:.1} ms",
                record.at_s,
                record.channel_bps as f64 / 1e6,
                record.estimate_bps.unwrap_or(0) as f64 / 1e6,
                record.place,
                record.coding,
                change.to_lowercase(),
                record.latency_ms,
            ))?;
        }
        if moment.slot + 1 == moment.slots {
            output::text(&format!("{:>24}: {}", moment.policy.words(), self.sums()))?;
        }
        Ok(())
    }

    fn sums(&self) -> String {
        let mean = self.times.iter().sum::<f64>() / self.times.len().max(1) as f64;
        let (right, of) = self.right;
        let share = 100.0 * right as f64 / of.max(1) as f64;
        format!("{mean:.1} ms on average over {} requests, {share:.1} % right", self.times.len())
    }

    fn redraw(&mut self, moment: &Moment<'_>) {
        let record = moment.record;
        let highest = self.channel.iter().copied().fold(0.1, f64::max);
        let bars = |values: &VecDeque<f64>| {
            sparkline(&values.iter().copied().collect::<Vec<_>>(), highest)
        };
        let what = match &record.fallback {
            None => format!("{} {}", record.place, record.coding),
            Some(why) => format!("device, not {} ({why})", record.place),
        };
        let last = |values: &VecDeque<f64>| values.back().copied().unwrap_or(0.0);
        let lines = [
            format!(
                "{} · {} · {}/{} · {:.1} s",
                moment.scenario.name,
                moment.policy.words(),
                moment.slot + 1,
                moment.slots,
                record.at_s,
            ),
            format!("  channel  {:<48} {:>6.1} Mbit/s", bars(&self.channel), last(&self.channel)),
            format!("  estimate {:<48} {:>6.1} Mbit/s", bars(&self.estimate), last(&self.estimate)),
            format!("  {what:<24} {:>7.1} ms   {}", record.latency_ms, self.sums()),
        ];
        self.clear();
        let width = usize::from(self.terminal.size().1).saturating_sub(1);
        for line in lines {
            let line: String = line.chars().take(width).collect();
            // A terminal that went away shows nothing; the results stand for themselves.
            if self.terminal.write_line(&line).is_err() {
                return;
            }
            self.shown += 1;
        }
    }

    fn clear(&mut self) {
        let _ = self.terminal.clear_last_lines(self.shown);
        self.shown = 0;
    }
}

fn push(values: &mut VecDeque<f64>, value: f64) {
    if values.len() == WIDTH {
        values.pop_front();
    }
    values.push_back(value);
}

/// Characters of a line of bars.
const WIDTH: usize = 48;
const INTERVAL: Duration = Duration::from_millis(100);
