//! The tier where requests begin.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aiflow_transport::driver::{self, AnswerError, Session};
use aiflow_transport::wire::PointId;
use aiflow_transport::{Code, Frame, Reply};
use aiflow_units::{Bytes, Micros};

use super::clock::Lap;
use super::compute::{Wanted, compute, rest};
use super::menu::{self, Dish};
use super::outcome::{Choice, Fallback, Handover, Outcome};
use super::pass::push_behind;
use super::request::{Meanwhile, Run};
use super::sample::{DeviceOptions, Layering, Sample};
use super::uplink::{LinkStatus, Steered, Uplink};
use crate::bundle::FeatureCoding;
use crate::learning::NamedInputs;
use crate::tier::{Answer, Crossing, ModelParts, Part, PartCoder, PartError, Place, Trace};
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
    /// Microseconds that this device takes for what lies behind a place, smoothed.
    tails: BTreeMap<Place, f64>,
}

/// What a head gave.
struct Sent {
    crossing: Option<(Place, Crossing)>,
    layers: Vec<Vec<u8>>,
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
        let meanwhile = match choice {
            Choice::Both(_) => Meanwhile::Computes,
            Choice::Local | Choice::Remote(_) => Meanwhile::Waits,
        };
        let (bytes, spare) = (Bytes::ZERO, Micros::ZERO);
        let mut run = Run { begun, deadline, meanwhile, trace, bytes, spare };
        let (answer, fallback) = match choice {
            Choice::Local => (self.local(&mut run, sample, None).await?, None),
            Choice::Remote(wanted) | Choice::Both(wanted) => match self.route(wanted) {
                Ok((session, point, handover)) => {
                    self.remote(&mut run, sample, &session, point, handover).await?
                }
                Err(fallback) => (self.local(&mut run, sample, None).await?, Some(fallback)),
            },
        };
        let total = Micros::from_duration(begun.elapsed());
        let late = deadline.is_some_and(|deadline| total > deadline);
        let Run { trace, bytes, spare, .. } = run;
        // That the own answer comes first is as good: nothing failed.
        let (choice, fallback) = match (choice, fallback) {
            (Choice::Both(wanted), None) => (Choice::Remote(wanted), None),
            (Choice::Both(_), Some(_)) => (Choice::Local, None),
            other => other,
        };
        Ok(Outcome { answer, trace, total, choice, fallback, bytes, spare, late })
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
            LinkStatus::Up if uplink.is_leaving() => Fallback::GoingAway,
            LinkStatus::Outage | LinkStatus::Up => Fallback::Outage,
            _ => Fallback::Disconnected,
        })?;
        let steered = uplink.steer(&session, dish_of(wanted)).ok_or(Fallback::NotOffered)?;
        let mut memory = self.memory();
        memory.held.retain(|held| dish_of(*held) != dish_of(wanted));
        memory.held.push(wanted);
        match steered {
            (point, Steered::There) => Ok((session, point, wanted)),
            // Nothing else was ever asked for, so whatever epoch frames arrive in, its set has the point:
            // that of the first one has all, and that of the next one the old point and this.
            (_, Steered::OnTheWay) if memory.held.len() == 1 => {
                let point = uplink.point(dish_of(wanted)).ok_or(Fallback::NotOffered)?;
                Ok((session, point, wanted))
            }
            (point, Steered::OnTheWay | Steered::Refused) => {
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
        let due = match run.deadline {
            Some(deadline) => session.timestamp(run.begun + deadline.to_duration()),
            None => session.after(NO_DEADLINE),
        };
        let room = match self.inner.options.layering {
            Layering::Never => None,
            Layering::WhenTight => run.deadline.map(|_| {
                let session = session.clone();
                Room::Within(Box::new(move || session.budget(due).map(|budget| budget.total)))
            }),
            Layering::Always => Some(Room::None),
        };
        let head = self.head(sample, handover, room).await;
        let Sent { crossing, layers, head, encode } = match head {
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
        run.bytes = layers.iter().map(|layer| Bytes::of_len(layer.len())).sum();
        let mut lap = Lap::start();
        let rate = match handover {
            Handover::Tensors { coding, .. } => menu::rate_of(coding),
            Handover::Picture(_) => aiflow_transport::wire::RateIndex::default(),
        };
        let frame = Frame::new(layers.into_iter().map(Into::into).collect(), due)
            .with_captured(session.timestamp(run.begun))
            .with_point(point)
            .with_rate(rate);
        let kept = crossing.as_ref().map(|(at, what)| (*at, what.outputs.clone()));
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
                if let Some(uplink) = &self.inner.uplink {
                    uplink.answered(round);
                    push_behind(&mut run.trace, &behind, round, uplink);
                }
                match (answer, kept) {
                    (Answer::Tensors(outputs), Some((at, before))) => {
                        match self.inner.parts.joined(at, outputs, &before) {
                            Ok(outputs) => Ok((Answer::Tensors(outputs), None)),
                            Err(error) => {
                                tracing::warn!(%error, "an answer is not whole");
                                let own = self.local(run, sample, None).await?;
                                Ok((own, Some(Fallback::BadAnswer)))
                            }
                        }
                    }
                    (answer, _) => Ok((answer, None)),
                }
            }
            Waited::Alone(answer, why) => Ok((answer, Some(why))),
        }
    }

    /// Waits for an answer; computes it here when it stays out.
    async fn wait(
        &self,
        answer: driver::Answer,
        run: &mut Run,
        sample: &Sample,
        crossing: Option<(Place, Crossing)>,
    ) -> Result<Waited, PartError> {
        let mut lap = Lap::start();
        let Some(uplink) = self.inner.uplink.clone() else {
            let answer = self.local(run, sample, crossing).await?;
            return Ok(Waited::Alone(answer, Fallback::Disconnected));
        };
        let mut answer = Box::pin(answer);
        if run.meanwhile == Meanwhile::Computes {
            return self.race(&uplink, answer, run, sample, crossing).await;
        }
        let mut status = uplink.watch();
        // An error means that the uplink is gone, which is a loss as well.
        let lost = async { drop(status.wait_for(|status| *status != LinkStatus::Up).await) };
        let from = crossing.as_ref().map_or(Place::Input, |(at, _)| *at);
        let why = tokio::select! {
            reply = &mut answer => match understood(reply) {
                Ok((answer, trace)) => return Ok(Waited::Reply(answer, trace)),
                Err(why) => why,
            },
            () = lost => Fallback::Outage,
            () = tokio::time::sleep(self.patience(&uplink, run, from)) => {
                return self.race(&uplink, answer, run, sample, crossing).await;
            }
        };
        run.trace.push(0, Part::Wire, lap.next());
        let answer = self.local(run, sample, crossing).await?;
        Ok(Waited::Alone(answer, why))
    }

    /// Computes here what stays out, while it may still come: the first answer counts.
    async fn race(
        &self,
        uplink: &Uplink,
        mut answer: Pin<Box<driver::Answer>>,
        run: &mut Run,
        sample: &Sample,
        crossing: Option<(Place, Crossing)>,
    ) -> Result<Waited, PartError> {
        let sent = Instant::now();
        let mut why = None;
        let mut local = run.apart();
        // Dropped with this, as the loser of the race must not compute on.
        let wanted = Wanted::new();
        let own = {
            let mut own = Box::pin(self.compute_own(&mut local, sample, crossing, Some(&wanted)));
            loop {
                tokio::select! {
                    reply = &mut answer, if why.is_none() => match understood(reply) {
                        Ok((answer, trace)) => {
                            run.spare = Micros::from_duration(sent.elapsed());
                            return Ok(Waited::Reply(answer, trace));
                        }
                        Err(failed) => why = Some(failed),
                    },
                    own = &mut own => break own?,
                }
            }
        };
        // An answer that was expected and stays out makes the tier behind suspect.
        if why.is_none() && run.meanwhile == Meanwhile::Waits {
            uplink.doubt(answer);
        }
        let parallel = Micros::from_duration(sent.elapsed());
        run.settle_as(Part::Wire, parallel);
        run.trace.extend(&local.trace, 0);
        Ok(Waited::Alone(own, why.unwrap_or(Fallback::Deadline)))
    }

    /// Runs the head and encodes, on a thread for computing.
    async fn head(
        &self,
        sample: &Sample,
        handover: Handover,
        room: Option<Room>,
    ) -> Result<Sent, PartError> {
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
                    let (layers, head) = (vec![bytes], Micros::ZERO);
                    return Ok(Sent { crossing: None, layers, head, encode });
                }
            };
            let crossing = parts.head(&borrowed(&inputs), at)?;
            let head = rest(lap.next(), slowdown);
            lap.next();
            let layers = coded(parts.coder(at)?, &crossing, coding, room)?;
            let encode = rest(lap.next(), slowdown);
            Ok(Sent { crossing: Some((at, crossing)), layers, head, encode })
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
        self.compute_own(run, sample, crossing, None).await
    }

    /// Computes the answer here; in steps where it may turn out that nobody wants it any more.
    async fn compute_own(
        &self,
        run: &mut Run,
        sample: &Sample,
        crossing: Option<(Place, Crossing)>,
        wanted: Option<&Wanted>,
    ) -> Result<Answer, PartError> {
        let wanted = wanted.map(Wanted::watch);
        let (parts, inputs) = (Arc::clone(&self.inner.parts), Arc::clone(&sample.inputs));
        let (form, slowdown) = (self.inner.options.form, self.inner.options.slowdown);
        let from = crossing.as_ref().map_or(Place::Input, |(at, _)| *at);
        let (answer, time) = compute(move || {
            let mut lap = Lap::start();
            let (at, what) = match crossing {
                Some(crossing) => crossing,
                None => (Place::Input, parts.head(&borrowed(&inputs), Place::Input)?),
            };
            let outputs = match wanted {
                None => parts.tail(at, &what)?,
                Some(wanted) => {
                    let go_on = || wanted.is_up();
                    // Whoever gave it up does not look at it.
                    parts.tail_in_steps(at, &what, &go_on)?.unwrap_or_default()
                }
            };
            Ok((Answer::new(outputs, form), rest(lap.next(), slowdown)))
        })
        .await?;
        run.trace.push(0, Part::Compute, time);
        run.settle();
        let micros = time.get() as f64;
        let mut memory = self.memory();
        let usual = memory.tails.entry(from).or_insert(micros);
        *usual += (micros - *usual) * SMOOTHING;
        Ok(answer)
    }

    /// How long an answer may stay out: so long that it would be unusual, or until the answer of this
    /// device would just be in time, if that is later than usual for the other one.
    fn patience(&self, uplink: &Uplink, run: &Run, from: Place) -> Duration {
        let most = uplink.patience(self.inner.options.patience);
        let own = self.memory().tails.get(&from).copied();
        let (Some(deadline), Some(own), Some(usual)) = (run.deadline, own, uplink.usual()) else {
            return most;
        };
        let left = deadline.to_duration().saturating_sub(run.begun.elapsed());
        let own = Duration::from_micros((own * SPARE) as u64);
        let usual = usual.to_duration().mul_f64(SPARE);
        most.min(left.saturating_sub(own).max(usual))
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        // Plain values are whole at any time, whoever panicked.
        self.inner.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the channel is expected to carry in time.
enum Room {
    /// As much as it says when the frame is there.
    Within(Box<dyn FnOnce() -> Option<Bytes> + Send>),
    /// Nothing, whatever it says.
    None,
}

/// Encodes in one piece where that fits, and in layers where it does not.
fn coded(
    coder: &PartCoder,
    what: &Crossing,
    coding: FeatureCoding,
    room: Option<Room>,
) -> Result<Vec<Vec<u8>>, PartError> {
    match room {
        Some(Room::None) => coder.encode_layers(what, coding),
        Some(Room::Within(room)) if coder.has_layers() => {
            let whole = coder.encode(what, coding)?;
            match room() {
                Some(room) if room < Bytes::of_len(whole.len()) => {
                    coder.encode_layers(what, coding)
                }
                _ => Ok(vec![whole]),
            }
        }
        _ => Ok(vec![coder.encode(what, coding)?]),
    }
}

enum Waited {
    Reply(Answer, Trace),
    Alone(Answer, Fallback),
}

/// Reads a reply.
fn understood(reply: Result<Reply, AnswerError>) -> Result<(Answer, Trace), Fallback> {
    let reply = reply.map_err(fallback_of)?;
    Answer::decode(&reply.payload).map_err(|error| {
        tracing::warn!(%error, "an answer is not understood");
        Fallback::BadAnswer
    })
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
/// Room for what takes longer than usual.
const SPARE: f64 = 1.25;
/// Share of a new time in the smoothed one.
const SMOOTHING: f64 = 0.2;
