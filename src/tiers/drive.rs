//! The loop of a device: read, decide, answer, learn, show.

use std::sync::Arc;
use std::time::Instant;

use aiflow::runtime::planner::Probe;
use aiflow::runtime::tier::PartError;
use aiflow::runtime::tier::net::{Choice, Course, Device, Outcome, Pilot, Sample, Uplink};
use aiflow::transport::channel::Estimate;
use aiflow::units::{Micros, Timestamp};
use anyhow::Result;
use tokio::task::{JoinError, JoinSet};

use crate::model::{LoadedModel, OpenData};
use crate::output;
use crate::run_report::{Record, Run};
use crate::tiers::live::Live;
use crate::tiers::pictures::Writer;

/// Who decides about requests.
pub(crate) enum Captain {
    Fixed(Choice),
    Pilot(Box<Pilot>),
}

/// What is shown while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// Nothing: the results are for programs.
    Nothing,
    /// The live view, and each change.
    AsItGoes,
}

/// A run of a device over a data set.
pub(crate) struct Drive<'a> {
    pub(crate) device: Device,
    pub(crate) data: &'a OpenData,
    pub(crate) model: &'a LoadedModel,
    pub(crate) count: usize,
    /// From one request to the next.
    pub(crate) period: Micros,
    pub(crate) deadline: Option<Micros>,
    /// Requests under way at most.
    pub(crate) in_flight: u16,
    pub(crate) shown: Shown,
}

/// A request that was answered.
struct Done {
    index: usize,
    at: Timestamp,
    label: Option<usize>,
    course: Option<Course>,
    outcome: Result<Outcome, PartError>,
    estimate: Option<Estimate>,
}

impl Drive<'_> {
    /// Answers all samples, in the order of the data set.
    pub(crate) async fn go(&self, captain: &mut Captain) -> Result<Run> {
        let begun = Instant::now();
        let mut live = (self.shown == Shown::AsItGoes).then(Live::new);
        let (mut run, mut under_way) = (Run::default(), JoinSet::new());
        let mut next = Instant::now();
        for index in 0..self.count {
            loop {
                let full = under_way.len() >= usize::from(self.in_flight);
                tokio::select! {
                    () = tokio::time::sleep_until(next.into()), if !full => break,
                    Some(done) = under_way.join_next(), if !under_way.is_empty() => {
                        take(done, captain, &mut run, live.as_mut())?;
                    }
                }
            }
            next = Instant::now() + self.period.to_duration();
            let clock = Instant::now();
            let (read, inputs) = self.data.sample(self.model, index)?;
            let mut sample = Sample::new(inputs);
            if let Some(picture) = read.picture {
                sample = sample.with_picture(Arc::new(Writer { picture }));
            }
            let sample = sample.with_capture(Micros::from_duration(clock.elapsed()));
            let at = Timestamp::from_origin(Micros::from_duration(begun.elapsed()));
            let (choice, course) = self.decide(captain, at);
            let (device, deadline, label) = (self.device.clone(), self.deadline, read.label);
            under_way.spawn(async move {
                let outcome = device.infer(&sample, choice, deadline).await;
                let estimate = device.uplink().and_then(Uplink::estimate);
                Done { index, at, label, course, outcome, estimate }
            });
        }
        while let Some(done) = under_way.join_next().await {
            take(done, captain, &mut run, live.as_mut())?;
        }
        run.sort();
        Ok(run)
    }

    fn decide(&self, captain: &mut Captain, now: Timestamp) -> (Choice, Option<Course>) {
        match captain {
            Captain::Fixed(choice) => (*choice, None),
            Captain::Pilot(pilot) => {
                let course = pilot.decide(self.device.uplink(), now);
                if let (Probe::Due, Some(uplink)) = (course.probe, self.device.uplink()) {
                    uplink.probe();
                }
                (course.choice, Some(course))
            }
        }
    }
}

/// Learns from an answer, and shows it.
fn take(
    done: Result<Done, JoinError>,
    captain: &mut Captain,
    run: &mut Run,
    live: Option<&mut Live>,
) -> Result<()> {
    let Done { index, at, label, course, outcome, estimate } = done?;
    let outcome = outcome?;
    if let Captain::Pilot(pilot) = captain {
        pilot.learn(&outcome);
    }
    let record = Record::new(index, at, label, &outcome, course.as_ref(), estimate);
    let changed = course.as_ref().and_then(|course| Some((course, course.change?)));
    let words = changed.map(|(course, change)| {
        format!(
            "{:>9.3} s  {} ({change}), expected {:.1} ms, took {:.1} ms",
            record.at_seconds(),
            record.what(),
            course.expected.get() as f64 / 1e3,
            outcome.total.get() as f64 / 1e3,
        )
    });
    run.push(record);
    let Some(live) = live else { return Ok(()) };
    if let Some(words) = words {
        live.clear();
        output::text(&words)?;
    }
    if live.is_due() {
        live.show(&run.panel(), &run.line())?;
    }
    Ok(())
}
