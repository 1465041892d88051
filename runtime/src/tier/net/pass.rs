//! Handing requests on to the tier behind, and its answers back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aiflow_transport::driver;
use aiflow_transport::wire::RateIndex;
use aiflow_transport::{Code, Frame};
use aiflow_units::{Micros, Timestamp};

use super::clock::Lap;
use super::counters::count;
use super::menu::Dish;
use super::uplink::{LinkStatus, Uplink};
use super::ways::Way;
use super::worker::{Job, Shop, Spent, give_up};
use crate::tier::{Answer, ClientId, Crossing, ModelParts, Part, Place, Span, Trace, Work};
use crate::value::Value;

/// What is handed on.
pub(super) struct Parcel {
    pub(super) bytes: bytes::Bytes,
    pub(super) dish: Dish,
    pub(super) rate: RateIndex,
    /// What was spent on this tier until now.
    pub(super) spent: Spent,
    /// What crossed, where this tier can go on from it itself.
    pub(super) own: Option<Crossing>,
}

impl Parcel {
    /// Returns the place that is handed over at.
    fn from(&self) -> Place {
        match self.dish {
            Dish::Tensors(place) => place,
            Dish::Picture(_) => Place::Input,
        }
    }

    /// Adds the outputs that this tier computed before it handed on.
    fn with_own(&self, parts: &ModelParts, behind: Vec<Value>) -> Vec<Value> {
        match (self.dish, &self.own) {
            (Dish::Tensors(at), Some(own)) if !own.outputs.is_empty() => {
                parts.joined(at, behind, &own.outputs).unwrap_or_default()
            }
            _ => behind,
        }
    }
}

/// Hands a request on, and answers it when the tier behind has; answers it here when that fails.
pub(super) fn pass(shop: Arc<Shop>, uplink: Uplink, job: Job, parcel: Parcel) {
    let mut lap = Lap::start();
    let passing = shop.passing();
    tokio::spawn(async move {
        // Until it is answered, or in the queue of this tier.
        let _passing = passing;
        let asked = Instant::now();
        let found = behind(&uplink, &job, &parcel).await;
        let took = Micros::from_duration(asked.elapsed());
        match found {
            Behind::Answered(answer, trace) => {
                count(&shop.counters.forwarded);
                shop.ways.learn(parcel.from(), Way::Behind, took, shop.origin.now());
                let mut whole = parcel.spent.trace();
                push_behind(&mut whole, &trace, lap.next(), &uplink);
                let answer = match answer {
                    Answer::Tensors(outputs) => {
                        Answer::new(parcel.with_own(&shop.parts, outputs), job.form)
                    }
                    classes @ Answer::Classes(_) => classes,
                };
                shop.send(job.request, &parcel.spent, &answer, &whole);
            }
            Behind::Unwanted => {
                count(&shop.counters.cancelled);
                give_up(job.request, Code::Cancelled);
            }
            Behind::Silent => {
                shop.ways.silent(parcel.from(), took, shop.origin.now());
                alone(&shop, job, parcel);
            }
        }
    });
}

/// Adds what the tiers behind did in the time since a request was sent. What they do not account for
/// is the network, there and back.
pub(super) fn push_behind(trace: &mut Trace, behind: &Trace, took: Micros, uplink: &Uplink) {
    let rest = took.saturating_sub(behind.total());
    let back = uplink.estimate().map_or(Micros::ZERO, |estimate| estimate.min_rtt);
    let reply = Micros::new(back.get() / 2).min(Micros::new(rest.get() / 2));
    trace.push(0, Part::Wire, rest.saturating_sub(reply));
    trace.extend(behind, 1);
    trace.push(0, Part::Reply, reply);
}

/// What came of asking the tier behind.
enum Behind {
    Answered(Answer, Trace),
    /// Nobody waits for the answer any more.
    Unwanted,
    /// There is no answer, or none in time.
    Silent,
}

/// Asks the tier behind.
async fn behind(uplink: &Uplink, job: &Job, parcel: &Parcel) -> Behind {
    let Some(answer) = sent(uplink, job, parcel) else { return Behind::Silent };
    let begun = Instant::now();
    let mut answer = Box::pin(answer);
    let mut status = uplink.watch();
    let lost = status.wait_for(|status| *status != LinkStatus::Up);
    let reply = tokio::select! {
        reply = &mut answer => reply,
        _ = lost => return Behind::Silent,
        // To let go of the answer tells the tier behind to stop.
        () = abandoned(job) => return Behind::Unwanted,
        () = tokio::time::sleep(uplink.patience(LEAST_PATIENCE)) => {
            // It may still come, but the answer of this tier is there sooner.
            uplink.doubt(answer);
            return Behind::Silent;
        }
    };
    let Ok(reply) = reply else { return Behind::Silent };
    uplink.answered(Micros::from_duration(begun.elapsed()));
    match Answer::decode(&reply.payload) {
        Ok((answer, trace)) => Behind::Answered(answer, trace),
        Err(error) => {
            tracing::warn!(%error, "an answer is not understood");
            Behind::Silent
        }
    }
}

/// Sends a parcel; nothing where that is not possible.
fn sent(uplink: &Uplink, job: &Job, parcel: &Parcel) -> Option<driver::Answer> {
    let session = uplink.session()?;
    // Devices with different cuts share this session: all points stay in its set, so none has to be
    // agreed on again.
    let point = uplink.point(parcel.dish)?;
    let deadline = match job.request.header().deadline {
        Micros::ZERO => session.after(NO_DEADLINE),
        _ => session.timestamp(job.request.deadline()),
    };
    let frame =
        Frame::new(vec![parcel.bytes.clone()], deadline).with_point(point).with_rate(parcel.rate);
    session.send(frame).ok()
}

/// Waits until nobody wants the answer to a request any more.
async fn abandoned(job: &Job) {
    while !job.request.is_abandoned() {
        tokio::time::sleep(LOOK).await;
    }
}

/// Answers on this tier what the tier behind did not.
fn alone(shop: &Arc<Shop>, mut job: Job, parcel: Parcel) {
    job.onward = None;
    if job.request.is_abandoned() {
        return give_up(job.request, Code::Cancelled);
    }
    let (from, own) = (parcel.from(), parcel.own);
    job.dish = parcel.dish;
    job.payload = parcel.bytes;
    job.partial = false;
    job.crossing = own;
    let deadline = match job.request.header().deadline {
        Micros::ZERO => Timestamp::MAX,
        _ => shop.origin.at(job.request.deadline()),
    };
    let client = ClientId(job.client);
    let arrived = shop.origin.now();
    shop.offer(Work { client, span: Span::tail(from), deadline, arrived, item: job });
}

/// How long an answer of the tier behind may stay out at least: less than the devices' own patience,
/// so that the edge still answers in time.
const LEAST_PATIENCE: Micros = Micros::from_millis(100);
/// How often it is looked whether somebody still waits for an answer.
const LOOK: Duration = Duration::from_millis(20);
/// How long a request without a deadline is waited for.
const NO_DEADLINE: Duration = Duration::from_secs(25);
