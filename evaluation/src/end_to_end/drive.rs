//! Asking: request by request, in the rhythm of the scenario.

use std::sync::Arc;
use std::time::Duration;

use aiflow_runtime::Value;
use aiflow_runtime::bundle::FeatureCoding;
use aiflow_runtime::planner::{LinkEstimate, Probe};
use aiflow_runtime::tier::net::{
    Choice, Course, Device, Handover, LinkStatus, Outcome, Pilot, Sample,
};
use aiflow_runtime::tier::{Part, PartError, Place};
use aiflow_units::{Micros, Timestamp};

use super::error::EndToEndError;
use super::pictures::Writer;
use super::plans::Plans;
use super::policy::Policy;
use super::record::{RequestRecord, SERVERS};
use super::scenario::{Scenario, Wanted};
use super::stage::Ready;
use super::world::{World, remote};
use super::{Moment, Tell};

/// What a policy did about a request, for the one who looks back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Done {
    pub(super) at: Timestamp,
    pub(super) decided: Choice,
    /// Of both, whose answer came first.
    pub(super) choice: Choice,
}

/// Says what a policy always does; nothing for the one that decides each time.
pub(super) fn standing(
    policy: Policy,
    plans: &Plans,
    scenario: &Scenario,
) -> Result<Option<Choice>, EndToEndError> {
    let link = LinkEstimate::steady(scenario.mean_rate(), scenario.path.rtt);
    let fixed = || plans.fixed(link, scenario.cut);
    Ok(match policy {
        Policy::Device => Some(Choice::Local),
        Policy::Webp => Some(Choice::Remote(Handover::Picture(plans.picture(link)?))),
        Policy::FixedLearned => {
            let (cut, coding) = fixed()?;
            Some(remote(aiflow_runtime::bundle::Payload::Feature { cut, coding }))
        }
        Policy::FixedFloat | Policy::FixedInt8 => {
            let at = Place::Cut(fixed()?.0);
            Some(Choice::Remote(Handover::Tensors { at, coding: FeatureCoding::Raw }))
        }
        Policy::Aiflow => None,
    })
}

/// Asks all requests of a scenario under one policy.
pub(super) async fn drive(
    ready: &Ready<'_>,
    scenario: &Scenario,
    policy: Policy,
    plans: &Plans,
    tell: &mut Tell<'_>,
) -> Result<Vec<(RequestRecord, Done)>, EndToEndError> {
    let choice = standing(policy, plans, scenario)?;
    let world = World::start(ready, scenario, policy, plans, choice).await?;
    let neighbour = match scenario.load > 0.0 {
        true => Some(tokio::spawn(crowd(
            world.neighbour(ready, scenario).await?,
            ready.inputs.first().cloned().unwrap_or_default(),
            scenario.load,
            scenario.seed,
        ))),
        false => None,
    };
    let captain = match choice {
        Some(choice) => Captain::Fixed(choice),
        None => Captain::Pilot(Box::new(Pilot::new(
            plans.table.clone(),
            plans.device.clone(),
            plans.server.clone(),
            plans.wish,
        ))),
    };
    let mut asking = Asking { ready, scenario, policy, world: &world, captain };
    let asked = asking.all(tell).await;
    if let Some(neighbour) = neighbour {
        neighbour.abort();
    }
    world.stop().await;
    asked
}

enum Captain {
    Fixed(Choice),
    Pilot(Box<Pilot>),
}

struct Asking<'a> {
    ready: &'a Ready<'a>,
    scenario: &'a Scenario,
    policy: Policy,
    world: &'a World,
    captain: Captain,
}

impl Asking<'_> {
    async fn all(
        &mut self,
        tell: &mut Tell<'_>,
    ) -> Result<Vec<(RequestRecord, Done)>, EndToEndError> {
        let (slots, period) = (self.scenario.slots(), self.scenario.period());
        self.settle().await?;
        let mut asked: Vec<(RequestRecord, Done)> = Vec::with_capacity(slots);
        let mut slot = 0;
        loop {
            // What could not begin in time is left out: the next picture is newer.
            let passed = self.world.relay.now().since(START).get();
            if self.world.relay.now() > START {
                slot = slot.max(usize::try_from(passed.div_ceil(period.get())).unwrap_or(slots));
            }
            if slot >= slots {
                return Ok(asked);
            }
            let due = START.after(Micros::new(period.get().saturating_mul(slot as u64)));
            let left = due.since(self.world.relay.now());
            tokio::time::sleep(left.to_duration()).await;
            let (record, done) = self.ask(slot).await?;
            tell(&Moment {
                scenario: self.scenario,
                policy: self.policy,
                record: &record,
                slot,
                slots,
            });
            asked.push((record, done));
            slot += 1;
        }
    }

    /// Agrees on what would be chosen now, before the first request.
    async fn settle(&mut self) -> Result<(), EndToEndError> {
        self.scout().await?;
        let Captain::Pilot(pilot) = &mut self.captain else { return Ok(()) };
        let left = BEFORE.since(self.world.relay.now());
        tokio::time::sleep(left.to_duration()).await;
        // The first request is decided about anew.
        let course = pilot.clone().decide(Some(&self.world.uplink), self.world.relay.now());
        if let Choice::Remote(handover) = course.choice {
            let left = START.since(self.world.relay.now());
            // Where it is not agreed on in time, the first requests say so.
            let _ = self.world.device.prepare(handover, left.to_duration()).await;
        }
        Ok(())
    }

    /// Asks once under every policy, before anything is recorded: caches are warm then, and of a path that
    /// nothing was sent over nothing is known.
    async fn scout(&mut self) -> Result<(), EndToEndError> {
        let world = self.world;
        tokio::time::sleep(SCOUT.since(world.relay.now()).to_duration()).await;
        let choice = match &mut self.captain {
            Captain::Fixed(choice) => *choice,
            Captain::Pilot(pilot) => pilot.decide(Some(&world.uplink), world.relay.now()).choice,
        };
        let prepared = self.prepare(0, choice).await?;
        let outcome = world.device.infer(&prepared, choice, None).await?;
        if let Captain::Pilot(pilot) = &mut self.captain {
            pilot.learn(&outcome);
            pilot.start_afresh();
        }
        Ok(())
    }

    async fn ask(&mut self, slot: usize) -> Result<(RequestRecord, Done), EndToEndError> {
        let world = self.world;
        let at = world.relay.now();
        let mut course: Option<Course> = None;
        let choice = match &mut self.captain {
            Captain::Fixed(choice) => *choice,
            Captain::Pilot(pilot) => {
                let decided = pilot.decide(Some(&world.uplink), at);
                if decided.probe == Probe::Due {
                    world.uplink.probe();
                }
                course = Some(decided);
                decided.choice
            }
        };
        let sample = self.ready.sample(slot);
        let prepared = self.prepare(sample, choice).await?;
        let deadline = self
            .scenario
            .deadline
            .filter(|_| self.policy == Policy::Aiflow && self.scenario.goal == Wanted::Deadline);
        let outcome = world.device.infer(&prepared, choice, deadline).await?;
        if let Captain::Pilot(pilot) = &mut self.captain {
            pilot.learn(&outcome);
        }
        let done = Done { at, decided: choice, choice: outcome.choice };
        Ok((self.record(slot, at, &outcome, course.as_ref()), done))
    }

    /// Turns the picture into an input, where the device needs one.
    async fn prepare(&self, sample: usize, choice: Choice) -> Result<Sample, EndToEndError> {
        let inputs = self.ready.inputs.get(sample).cloned().unwrap_or_default();
        let picture = self.ready.pictures.get(sample).cloned().flatten();
        let (Some(picture), Some(preprocess)) = (picture, &self.ready.stage.preprocess) else {
            return Ok(Sample::new(inputs));
        };
        let machine = Arc::clone(&self.world.device_machine);
        let writer = Writer { picture: Arc::clone(&picture), machine: Arc::clone(&machine) };
        if matches!(choice, Choice::Remote(Handover::Picture(_))) {
            return Ok(Sample::new(inputs).with_picture(Arc::new(writer)));
        }
        let (begun, preprocess) = (std::time::Instant::now(), preprocess.clone());
        let name = preprocess.input().to_owned();
        let work = move || machine.preparing(|| preprocess.tensor(&picture));
        let input = tokio::task::spawn_blocking(work).await.map_err(std::io::Error::other)??;
        let inputs = vec![(name, Value::F32(input))];
        let capture = Micros::from_duration(begun.elapsed());
        Ok(Sample::new(inputs).with_picture(Arc::new(writer)).with_capture(capture))
    }

    fn record(
        &self,
        slot: usize,
        at: Timestamp,
        outcome: &Outcome,
        course: Option<&Course>,
    ) -> RequestRecord {
        let (place, coding) = words(outcome.choice);
        let sample = self.ready.sample(slot);
        let class = outcome.answer.class();
        let reference = self.ready.reference.get(sample).copied().flatten();
        let label = self.ready.label(sample);
        let millis = |time: Micros| time.get() as f64 / 1e3;
        let parts = outcome.trace.parts().iter();
        let trace = parts.map(|&(tier, part, time)| (tier, part.name(), millis(time))).collect();
        let estimate = self.world.uplink.estimate().filter(|_| {
            self.policy != Policy::Device && self.world.uplink.status() == LinkStatus::Up
        });
        let mut record = RequestRecord {
            request: slot,
            at_s: at.since_origin().get() as f64 / 1e6,
            place,
            coding,
            fallback: outcome.fallback.map(|fallback| fallback.to_string()),
            bytes: outcome.bytes.get(),
            latency_ms: millis(outcome.total),
            device_ms: 0.0,
            server_ms: 0.0,
            wait_ms: 0.0,
            expected_ms: course.map(|course| millis(course.expected)),
            estimate_bps: match course {
                Some(course) => Some(course.link.safe_rate() as u64),
                None => estimate.map(|estimate| estimate.p50.get()),
            },
            believed_ms: course.map(|course| (millis(course.link.rtt), millis(course.link.queue))),
            channel_bps: self.scenario.path.rate(at, HORIZON).get(),
            change: course.and_then(|course| course.change).map(|change| change.to_string()),
            agrees: class.zip(reference).map(|(class, reference)| class == reference),
            right: class.zip(label).map(|(class, label)| usize::try_from(class) == Ok(label)),
            late: self.scenario.deadline.is_some_and(|deadline| outcome.total > deadline),
            trace,
            oracle_ms: 0.0,
            oracle: String::new(),
            hindsight_ms: 0.0,
        };
        record.device_ms = record.spent(0, &[Part::Capture, Part::Compute, Part::Encode]);
        // What it computed for nothing as well.
        record.device_ms += millis(outcome.spare);
        record.server_ms = record.spent(SERVERS, &[Part::Decode, Part::Compute]);
        record.wait_ms = record.spent(SERVERS, &[Part::Wait]);
        record
    }
}

/// Names what is done: the place, and how it is coded.
pub(super) fn words(choice: Choice) -> (String, String) {
    match choice {
        Choice::Local => ("device".to_owned(), String::new()),
        Choice::Remote(Handover::Tensors { at, coding })
        | Choice::Both(Handover::Tensors { at, coding }) => (at.to_string(), coding.to_string()),
        Choice::Remote(Handover::Picture(coding)) | Choice::Both(Handover::Picture(coding)) => {
            ("picture".to_owned(), coding.to_string())
        }
    }
}

/// Another device that asks the same server now and then, at seeded times.
async fn crowd(device: Device, inputs: Vec<(String, Value)>, load: f64, seed: u64) {
    let sample = Sample::new(inputs);
    let handover = Handover::Tensors { at: Place::Input, coding: FeatureCoding::Lossless };
    let mut state = seed;
    loop {
        // The time to the next one is that of a Poisson process.
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let uniform = ((state >> 11) as f64 + 1.0) / (1_u64 << 53) as f64;
        let pause = (-uniform.ln() / load).min(60.0);
        tokio::time::sleep(Duration::from_secs_f64(pause)).await;
        let (device, sample) = (device.clone(), sample.clone());
        tokio::spawn(async move {
            let asked: Result<_, PartError> =
                device.infer(&sample, Choice::Remote(handover), None).await;
            drop(asked);
        });
    }
}

/// The first request begins then: connections are made by that time, on the same piece of the trace for
/// all policies.
pub(super) const START: Timestamp = Timestamp::from_origin(Micros::from_millis(1500));

/// The request that nobody records is made then.
const SCOUT: Timestamp = Timestamp::from_origin(Micros::from_millis(300));

/// It is agreed on then what would be chosen: the answer of the scout is there.
const BEFORE: Timestamp = Timestamp::from_origin(Micros::from_millis(1200));

/// Over which the rate of the channel is told.
const HORIZON: Micros = Micros::from_millis(500);
