//! The tier where requests begin.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aiflow_transport::driver::{AnswerError, Session};
use aiflow_transport::wire::PointId;
use aiflow_transport::{Code, Frame};
use aiflow_units::{Bytes, Micros};

use super::clock::Lap;
use super::compute::{compute, rest};
use super::menu::{self, Dish};
use super::outcome::{Choice, Fallback, Handover, Outcome};
use super::pass::push_network;
use super::sample::{DeviceOptions, Sample};
use super::uplink::{LinkStatus, Steered, Uplink};
use crate::learning::NamedInputs;
use crate::tier::{Answer, Crossing, ModelParts, Part, PartError, Place, Trace};
use crate::value::Value;

/// The tier where requests begin: it runs heads, hands over, and answers itself when that fails.
#[derive(Clone)]
pub struct Device {
    inner: Arc<Inner>,
}

struct Inner {
    parts: Arc<ModelParts>,
    uplink: Option<Uplink>,
    options: DeviceOptions,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    /// How each dish was wanted last, for the time until a change is agreed on.
    held: Vec<Handover>,
    /// Microseconds from sending to the answer, smoothed.
    usual: Option<f64>,
}

/// What a head gave.
struct Sent {
    crossing: Option<(Place, Crossing)>,
    bytes: Vec<u8>,
    head: Micros,
    encode: Micros,
}

impl Device {
    /// Makes a device; without an uplink it answers everything itself.
    pub fn new(parts: Arc<ModelParts>, uplink: Option<Uplink>, options: DeviceOptions) -> Self {
        let memory = Mutex::default();
        Self { inner: Arc::new(Inner { parts, uplink, options, memory }) }
    }

    /// Returns the way to the next tier.
    pub fn uplink(&self) -> Option<&Uplink> {
        self.inner.uplink.as_ref()
    }

    /// Answers a request as chosen, or itself when that is not possible: at once where it is known
    /// to be impossible, and where an answer stays out or fails, from what was computed already.
    ///
    /// # Errors
    /// When a part does not run on the input.
    pub async fn infer(
        &self,
        sample: &Sample,
        choice: Choice,
        deadline: Option<Micros>,
    ) -> Result<Outcome, PartError> {
        let begun = Instant::now().checked_sub(sample.capture.to_duration());
        let begun = begun.unwrap_or_else(Instant::now);
        let mut trace = Trace::new();
        if sample.capture > Micros::ZERO {
            trace.push(0, Part::Capture, sample.capture);
        }
        let mut run = Run { begun, deadline, trace, bytes: Bytes::ZERO };
        let (answer, fallback) = match choice {
            Choice::Local => (self.local(&mut run, sample, None).await?, None),
            Choice::Remote(wanted) => match self.route(wanted) {
                Ok((session, point, handover)) => {
                    self.remote(&mut run, sample, &session, point, handover).await?
                }
                Err(fallback) => (self.local(&mut run, sample, None).await?, Some(fallback)),
            },
        };
        let total = Micros::from_duration(begun.elapsed());
        let late = deadline.is_some_and(|deadline| total > deadline);
        let Run { trace, bytes, .. } = run;
        Ok(Outcome { answer, trace, total, choice, fallback, bytes, late })
    }

    /// Agrees on the point of a handover and waits until frames may use it; at most `longest`.
    /// Without this, frames before the change go as the ones before them.
    pub async fn prepare(&self, wanted: Handover, longest: Duration) -> Result<(), Fallback> {
        let end = Instant::now() + longest;
        loop {
            let verdict = match self.route(wanted) {
                Ok((.., handover)) if handover == wanted => return Ok(()),
                Ok(_) => Fallback::Switching,
                Err(fallback) => fallback,
            };
            if Instant::now() >= end {
                return Err(verdict);
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Finds the session, the point for frames now, and what they hold.
    fn route(&self, wanted: Handover) -> Result<(Session, PointId, Handover), Fallback> {
        let uplink = self.inner.uplink.as_ref().ok_or(Fallback::Disconnected)?;
        let session = uplink.session().ok_or_else(|| match uplink.status() {
            LinkStatus::Outage | LinkStatus::Up => Fallback::Outage,
            _ => Fallback::Disconnected,
        })?;
        let steered = uplink.steer(&session, dish_of(wanted)).ok_or(Fallback::NotOffered)?;
        let mut memory = self.memory();
        memory.held.retain(|held| dish_of(*held) != dish_of(wanted));
        memory.held.push(wanted);
        match steered {
            (point, Steered::There) => Ok((session, point, wanted)),
            (point, Steered::OnTheWay) => {
                let mut held = memory.held.iter().copied();
                let held = held.find(|held| uplink.point(dish_of(*held)) == Some(point));
                held.map(|held| (session, point, held)).ok_or(Fallback::Switching)
            }
        }
    }

    /// Hands a request over and waits for its answer.
    async fn remote(
        &self,
        run: &mut Run,
        sample: &Sample,
        session: &Session,
        point: PointId,
        handover: Handover,
    ) -> Result<(Answer, Option<Fallback>), PartError> {
        let Sent { crossing, bytes, head, encode } = match self.head(sample, handover).await {
            Ok(sent) => sent,
            // There is no picture, or nobody who writes it.
            Err(PartError::Picture) => {
                let answer = self.local(run, sample, None).await?;
                return Ok((answer, Some(Fallback::NotOffered)));
            }
            Err(error) => return Err(error),
        };
        run.trace.push(0, Part::Compute, head);
        run.trace.push(0, Part::Encode, encode);
        run.settle();
        run.bytes = Bytes::of_len(bytes.len());
        let mut lap = Lap::start();
        let rate = match handover {
            Handover::Tensors { coding, .. } => menu::rate_of(coding),
            Handover::Picture(_) => aiflow_transport::wire::RateIndex::default(),
        };
        let due = match run.deadline {
            Some(deadline) => session.timestamp(run.begun + deadline.to_duration()),
            None => session.after(NO_DEADLINE),
        };
        let frame = Frame::new(vec![bytes.into()], due)
            .with_captured(session.timestamp(run.begun))
            .with_point(point)
            .with_rate(rate);
        let answer = session.send(frame);
        let waited = match answer {
            Ok(answer) => self.wait(answer, run, sample, crossing).await?,
            Err(error) => {
                tracing::info!(%error, "a frame is not sent");
                let answer = self.local(run, sample, crossing).await?;
                return Ok((answer, Some(Fallback::Busy)));
            }
        };
        match waited {
            Waited::Reply(answer, behind) => {
                let round = lap.next();
                self.learn(round);
                if let Some(uplink) = &self.inner.uplink {
                    push_network(&mut run.trace, 0, round.saturating_sub(behind.total()), uplink);
                }
                run.trace.extend(&behind, 1);
                Ok((answer, None))
            }
            Waited::Alone(answer, why) => Ok((answer, Some(why))),
        }
    }

    /// Waits for an answer; computes it here when it stays out.
    async fn wait(
        &self,
        answer: aiflow_transport::driver::Answer,
        run: &mut Run,
        sample: &Sample,
        crossing: Option<(Place, Crossing)>,
    ) -> Result<Waited, PartError> {
        let mut lap = Lap::start();
        let uplink = self.inner.uplink.clone();
        let mut answer = Box::pin(answer);
        let mut status = uplink.as_ref().map(Uplink::watch);
        let lost = async {
            match &mut status {
                // An error means that the uplink is gone, which is a loss as well.
                Some(status) => drop(status.wait_for(|status| *status != LinkStatus::Up).await),
                None => std::future::pending().await,
            }
        };
        let why = tokio::select! {
            reply = &mut answer => match reply.map(|reply| Answer::decode(&reply.payload)) {
                Ok(Ok((answer, trace))) => return Ok(Waited::Reply(answer, trace)),
                Ok(Err(error)) => {
                    tracing::warn!(%error, "an answer is not understood");
                    Fallback::BadAnswer
                }
                Err(error) => fallback_of(error),
            },
            () = lost => Fallback::Outage,
            () = tokio::time::sleep(self.patience()) => {
                // It may still come: both are on their way, and the first one counts.
                let mut local = run.apart();
                let own = self.local(&mut local, sample, crossing.clone());
                tokio::select! {
                    reply = &mut answer => {
                        if let Ok(Ok((answer, trace))) = reply.map(|r| Answer::decode(&r.payload)) {
                            return Ok(Waited::Reply(answer, trace));
                        }
                        Fallback::Deadline
                    }
                    own = own => {
                        self.doubt(answer);
                        let waited = lap.next().saturating_sub(local.trace.total());
                        run.trace.push(0, Part::Wire, waited);
                        run.trace.extend(&local.trace, 0);
                        return Ok(Waited::Alone(own?, Fallback::Deadline));
                    }
                }
            }
        };
        run.trace.push(0, Part::Wire, lap.next());
        let answer = self.local(run, sample, crossing).await?;
        Ok(Waited::Alone(answer, why))
    }

    /// Leaves the server alone until it shows that it is there: the answer that stays out may come.
    fn doubt(&self, answer: std::pin::Pin<Box<aiflow_transport::driver::Answer>>) {
        let Some(uplink) = self.inner.uplink.clone() else { return };
        uplink.suspect(true);
        tokio::spawn(async move {
            match answer.await {
                // The connection is lost: the uplink knows.
                Err(AnswerError::Failed(Code::Timeout)) | Err(AnswerError::Deadline) => {}
                _ => uplink.suspect(false),
            }
        });
    }

    /// Runs the head and encodes, on a thread for computing.
    async fn head(&self, sample: &Sample, handover: Handover) -> Result<Sent, PartError> {
        let (parts, inputs) = (Arc::clone(&self.inner.parts), Arc::clone(&sample.inputs));
        let (picture, slowdown) = (sample.picture.clone(), self.inner.options.slowdown);
        compute(move || {
            let mut lap = Lap::start();
            let (at, coding) = match handover {
                Handover::Tensors { at, coding } => (at, coding),
                Handover::Picture(coding) => {
                    let bytes = picture.and_then(|picture| picture.write(coding));
                    let bytes = bytes.ok_or(PartError::Picture)?;
                    let encode = rest(lap.next(), slowdown);
                    return Ok(Sent { crossing: None, bytes, head: Micros::ZERO, encode });
                }
            };
            let crossing = parts.head(&borrowed(&inputs), at)?;
            let head = rest(lap.next(), slowdown);
            lap.next();
            let bytes = parts.coder(at)?.encode(&crossing, coding)?;
            let encode = rest(lap.next(), slowdown);
            Ok(Sent { crossing: Some((at, crossing)), bytes, head, encode })
        })
        .await
    }

    /// Computes the answer here: what is left behind `crossing`, or all of it.
    async fn local(
        &self,
        run: &mut Run,
        sample: &Sample,
        crossing: Option<(Place, Crossing)>,
    ) -> Result<Answer, PartError> {
        let (parts, inputs) = (Arc::clone(&self.inner.parts), Arc::clone(&sample.inputs));
        let (form, slowdown) = (self.inner.options.form, self.inner.options.slowdown);
        let (answer, time) = compute(move || {
            let mut lap = Lap::start();
            let outputs = match crossing {
                Some((at, what)) => parts.tail(at, &what)?,
                None => {
                    let what = parts.head(&borrowed(&inputs), Place::Input)?;
                    parts.tail(Place::Input, &what)?
                }
            };
            Ok((Answer::new(outputs, form), rest(lap.next(), slowdown)))
        })
        .await?;
        run.trace.push(0, Part::Compute, time);
        run.settle();
        Ok(answer)
    }

    /// How long an answer may stay out.
    fn patience(&self) -> Duration {
        let least = self.inner.options.patience;
        match self.memory().usual {
            Some(usual) => Micros::new((usual * 3.0) as u64).max(least).to_duration(),
            None => FIRST_PATIENCE.max(least.to_duration()),
        }
    }

    fn learn(&self, round: Micros) {
        if let Some(uplink) = &self.inner.uplink {
            uplink.suspect(false);
        }
        let mut memory = self.memory();
        let usual = memory.usual.get_or_insert(round.get() as f64);
        *usual += (round.get() as f64 - *usual) * SMOOTHING;
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        // Plain values are whole at any time, whoever panicked.
        self.inner.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request under way.
struct Run {
    begun: Instant,
    deadline: Option<Micros>,
    trace: Trace,
    bytes: Bytes,
}

impl Run {
    /// A request of its own that begins now, for what is computed beside it.
    fn apart(&self) -> Self {
        Self { begun: Instant::now(), trace: Trace::new(), ..*self }
    }

    /// Counts what no part accounts for yet as waiting on this tier: for a thread, mostly.
    fn settle(&mut self) {
        let passed = Micros::from_duration(self.begun.elapsed());
        self.trace.push(0, Part::Queue, passed.saturating_sub(self.trace.total()));
    }
}

enum Waited {
    Reply(Answer, Trace),
    Alone(Answer, Fallback),
}

fn fallback_of(error: AnswerError) -> Fallback {
    match error {
        AnswerError::Deadline => Fallback::Deadline,
        AnswerError::Cancelled => Fallback::Failed(Code::Cancelled),
        AnswerError::Failed(code) => Fallback::Failed(code),
        _ => Fallback::Failed(Code::Internal),
    }
}

fn dish_of(handover: Handover) -> Dish {
    match handover {
        Handover::Tensors { at, .. } => Dish::Tensors(at),
        Handover::Picture(coding) => Dish::Picture(coding.format),
    }
}

fn borrowed(inputs: &NamedInputs) -> Vec<(&str, Value)> {
    inputs.iter().map(|(name, value)| (name.as_str(), value.clone())).collect()
}

/// How long a request without a deadline is waited for.
const NO_DEADLINE: Duration = Duration::from_secs(25);
/// How long the first answer may stay out.
const FIRST_PATIENCE: Duration = Duration::from_secs(2);
/// Share of a new time in the smoothed one.
const SMOOTHING: f64 = 0.2;
