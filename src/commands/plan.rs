//! `aiflow plan`: where to cut and how to code, for a given channel and machines.

use std::path::{Path, PathBuf};

use aiflow::evaluation::report;
use aiflow::runtime::bundle::Bundle;
use aiflow::runtime::planner::{Confidence, Explanation, Goal, Wish};
use aiflow::runtime::profiler::MachineProfile;
use aiflow::units::{BitRate, Micros};
use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::args::Format;
use crate::plan_report::{Grid, Told};
use crate::planning::{Asked, EdgeTier, Machines, Planning};
use crate::quantity::{LossBudget, parse_rate, parse_share, parse_speed, parse_time};
use crate::{files, output};

/// Choose where to cut a model and how to code what crosses, for a channel and machines
///
/// Takes the plan sheet of the bundle (`aiflow sheet`) and the profile of this machine (`aiflow profile`)
/// and looks at every plan: all cuts, rates and efforts, the picture to the server, and everything on
/// the device. Times are what the planner expects, not measurements.
///
/// Times are written as 40ms, 1.5s or 300us; a bare number is milliseconds.
#[derive(Debug, Args)]
pub(crate) struct PlanCommand {
    /// Bundle with a plan sheet
    bundle: PathBuf,
    /// Rate of the device's link, such as 5mbit
    #[arg(long, value_name = "RATE", value_parser = parse_rate)]
    bandwidth: BitRate,
    /// Round trip of the device's link, such as 40ms
    #[arg(long, value_name = "TIME", default_value = "20ms", value_parser = parse_time)]
    rtt: Micros,
    /// Rate that is exceeded nine times in ten, over the rate in the middle
    #[arg(long, value_name = "SHARE", default_value = "100%", value_parser = parse_share)]
    low_rate: f64,
    /// Speed of the device, 1 for that of the machine it was profiled on
    #[arg(long, value_name = "SPEED", default_value = "1/10", value_parser = parse_speed)]
    device_speed: f64,
    /// Speed of the server
    #[arg(long, value_name = "SPEED", default_value = "1", value_parser = parse_speed)]
    server_speed: f64,
    /// A tier between, as SPEED@RATE,RTT of its link to the server, such as 1/2@100mbit,5ms
    #[arg(long, value_name = "SPEED@RATE,RTT", value_parser = parse_edge)]
    edge: Option<EdgeTier>,
    /// How long requests wait at the server before they are begun
    #[arg(long, value_name = "TIME", default_value = "0ms", value_parser = parse_time)]
    load: Micros,
    /// Time in which the answer is wanted: the least loss that meets it, instead of the least time
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    deadline: Option<Micros>,
    /// How sure the deadline must be met
    #[arg(long, value_name = "SHARE", default_value = "90%", value_parser = parse_share)]
    probability: f64,
    /// Loss that is allowed: 3% of the answers changed, 1pt of top-1, 0.02nats; 3%! and 1pt! take
    /// upper bounds
    #[arg(long, value_name = "LOSS", default_value = "3%")]
    max_loss: LossBudget,
    /// Microseconds of latency that a byte on the device's link is worth
    #[arg(long, value_name = "MICROSECONDS", default_value_t = 0.0, value_parser = parse_weight)]
    byte_weight: f64,
    /// Microseconds of latency that a millijoule of the device is worth
    #[arg(long, value_name = "MICROSECONDS", default_value_t = 0.0, value_parser = parse_weight)]
    energy_weight: f64,
    /// Pieces in which a request is coded and sent at the same time
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    pieces: u32,
    /// Profile of the device's kind of machine [default: BUNDLE.profile.json]
    #[arg(long, value_name = "FILE.json")]
    profile: Option<PathBuf>,
    /// Profile of the server's kind of machine [default: that of the device]
    #[arg(long, value_name = "FILE.json")]
    server_profile: Option<PathBuf>,
    /// Show the terms of the plan and of the runners-up
    #[arg(long)]
    explain: bool,
    /// Write one page with the maps of what is chosen over bandwidth, round trip and device speed
    #[arg(long, value_name = "FILE.html")]
    html: Option<PathBuf>,
    /// Write one row for each cell of the maps
    #[arg(long, value_name = "FILE.csv")]
    csv: Option<PathBuf>,
    #[command(flatten)]
    format: Format,
}

impl PlanCommand {
    pub(crate) fn run(self) -> Result<()> {
        files::check([&self.html, &self.csv].into_iter().flatten())?;
        let bundle = Bundle::open(&self.bundle)?;
        let machines = self.machines(&bundle)?;
        let planning = self.planning(&bundle, &machines)?;
        let asked = self.asked();
        let explained = planning.explain(asked, RUNNERS_UP);
        let told = Told::new(&planning, &explained, self.max_loss);
        let printed = self.print(&planning, &explained, &told);
        let written = match self.html.is_some() || self.csv.is_some() {
            true => self.write(&planning, &told, &machines, &bundle.manifest().model.name)?,
            false => Vec::new(),
        };
        printed?;
        if self.format.json {
            return Ok(());
        }
        written.iter().try_for_each(|path| output::text(&format!("written: {}", path.display())))
    }

    /// Writes the maps; returns the files.
    fn write(
        &self,
        planning: &Planning,
        told: &Told,
        machines: &Machines,
        name: &str,
    ) -> Result<Vec<PathBuf>> {
        let grid = Grid::around(self.asked());
        let maps = grid.maps(planning);
        let rows = |path: &Path| {
            let records: Vec<_> = maps.iter().flat_map(|map| map.records.clone()).collect();
            Ok(report::write_plan_csv(path, &records)?)
        };
        let page = |path: &Path| {
            let page = told.page(name, self.lead(machines), planning, &grid, maps.clone());
            Ok(report::write_plan_html(path, &page)?)
        };
        let (written, result) =
            files::write_all(&[(self.html.as_ref(), &page), (self.csv.as_ref(), &rows)]);
        result.map(|()| written)
    }

    fn print(&self, planning: &Planning, explained: &Explanation, told: &Told) -> Result<()> {
        if self.format.json {
            return output::json(&told.record(planning, explained));
        }
        for sentence in told.sentences() {
            output::text(sentence)?;
        }
        if self.explain {
            output::heading("Terms in milliseconds: the plan, then the best of other placements")?;
            output::table(&told.terms_table(), &[])?;
            output::heading("Stages of the plan")?;
            output::table(&told.stages_table(planning, explained), &[])?;
        }
        Ok(())
    }

    fn machines(&self, bundle: &Bundle) -> Result<Machines> {
        let model = bundle.manifest().model.id;
        let path = self.profile.clone().unwrap_or_else(|| MachineProfile::beside(&self.bundle));
        let device = MachineProfile::read(&path, model)?;
        let server = match &self.server_profile {
            Some(path) => MachineProfile::read(path, model)?,
            None => device.clone(),
        };
        Ok(Machines { device, server })
    }

    fn planning(&self, bundle: &Bundle, machines: &Machines) -> Result<Planning> {
        let goal = match self.deadline {
            None => Goal::LeastTime,
            Some(deadline) => {
                Goal::Deadline { deadline, confidence: Confidence::new(self.probability) }
            }
        };
        let wish = Wish { most_loss: self.max_loss.most, goal };
        let mut planning = Planning::new(bundle, machines, self.edge, self.max_loss, wish)?;
        planning.server_slowdown = 1.0 / self.server_speed;
        planning.wait = self.load;
        planning.low_rate = self.low_rate;
        planning.terms.pieces = self.pieces;
        planning.terms.byte_weight = self.byte_weight;
        planning.terms.energy_weight = self.energy_weight;
        let (untimed, all) = (planning.untimed(), planning.table.points().len());
        if untimed > 0 {
            bail!(
                "{untimed} of {all} operating points have no times; the bundle was learned after the \
                 profile: run `aiflow profile {}` again",
                self.bundle.display()
            );
        }
        Ok(planning)
    }

    fn asked(&self) -> Asked {
        Asked { bandwidth: self.bandwidth, rtt: self.rtt, device_speed: self.device_speed }
    }

    fn lead(&self, machines: &Machines) -> String {
        let goal = match self.deadline {
            None => "the least time".to_owned(),
            Some(deadline) => format!(
                "the least loss within {deadline}, {:.0} times in 100",
                100.0 * self.probability
            ),
        };
        format!(
            "Wanted: {goal}, with {}. Times of {} with {} {}; the server {}.",
            self.max_loss.words(),
            machines.device.machine.cpu,
            machines.device.machine.engine,
            machines.device.machine.engine_version,
            match self.server_speed {
                1.0 => "is as fast".to_owned(),
                speed => format!("runs at {speed} times that speed"),
            }
        )
    }
}

/// Reads `SPEED@RATE,RTT`.
fn parse_edge(text: &str) -> Result<EdgeTier, String> {
    let parsed = || -> Result<EdgeTier> {
        let (speed, link) = text.split_once('@').context("no @")?;
        let (bandwidth, rtt) = link.split_once(',').context("no comma")?;
        let own = |error: String| anyhow::anyhow!(error);
        Ok(EdgeTier {
            speed: parse_speed(speed).map_err(own)?,
            bandwidth: parse_rate(bandwidth).map_err(own)?,
            rtt: parse_time(rtt).map_err(own)?,
        })
    };
    parsed().map_err(|_| "write SPEED@RATE,RTT, such as 1/2@100mbit,5ms".to_owned())
}

fn parse_weight(text: &str) -> Result<f64, String> {
    let weight = text.parse::<f64>().ok().filter(|weight| (0.0..=1e9).contains(weight));
    weight.ok_or_else(|| "a weight is a number from 0 to 1e9".to_owned())
}

/// Plans that are shown beside the chosen one.
const RUNNERS_UP: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tier_between_is_read() {
        let edge = parse_edge("1/2@100mbit,5ms").expect("a tier");
        let (bandwidth, rtt) = (BitRate::megabits_per_second(100), Micros::from_millis(5));
        assert_eq!(edge, EdgeTier { speed: 0.5, bandwidth, rtt });
        for text in ["", "1/2", "1/2@100mbit", "x@100mbit,5ms", "1@5ms,100mbit"] {
            assert!(parse_edge(text).is_err(), "{text}");
        }
        assert!(parse_weight("-1").is_err() && parse_weight("nan").is_err());
    }
}
