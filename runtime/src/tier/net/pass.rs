//! Handing requests on to the tier behind, and its answers back.

use std::sync::Arc;
use std::time::Duration;

use aiflow_transport::Frame;
use aiflow_transport::driver::Session;
use aiflow_transport::wire::RateIndex;
use aiflow_units::{Micros, Timestamp};

use super::clock::Lap;
use super::counters::count;
use super::menu::Dish;
use super::uplink::{Steered, Uplink};
use super::worker::{Job, Shop, Spent, give_up};
use crate::tier::{Answer, ClientId, Crossing, Part, Place, Span, Trace, Work};

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

/// Hands a request on, and answers it when the tier behind has; answers it here when that fails.
pub(super) fn pass(shop: Arc<Shop>, uplink: Uplink, job: Job, parcel: Parcel) {
    let mut lap = Lap::start();
    tokio::spawn(async move {
        match behind(&uplink, &job, &parcel).await {
            Some((answer, trace)) => {
                count(&shop.counters.forwarded);
                let mut whole = parcel.spent.trace();
                let rest = lap.next().saturating_sub(trace.total());
                push_network(&mut whole, 0, rest, &uplink);
                whole.extend(&trace, 1);
                let answer = match answer {
                    Answer::Tensors(outputs) => Answer::new(outputs, job.form),
                    classes @ Answer::Classes(_) => classes,
                };
                let payload = answer.encode(&whole).into();
                let mut spent = parcel.spent;
                spent.compute =
                    whole.total().saturating_sub(spent.wait.saturating_add(spent.decode));
                shop.send(job.request, &spent, payload);
            }
            None => alone(&shop, job, parcel),
        }
    });
}

/// Adds what is left of a time that nobody else accounts for: the network, there and back.
pub(super) fn push_network(trace: &mut Trace, tier: u8, rest: Micros, uplink: &Uplink) {
    let back = uplink.estimate().map_or(Micros::ZERO, |estimate| estimate.min_rtt);
    let reply = Micros::new(back.get() / 2).min(Micros::new(rest.get() / 2));
    trace.push(tier, Part::Wire, rest.saturating_sub(reply));
    trace.push(tier, Part::Reply, reply);
}

/// Asks the tier behind.
async fn behind(uplink: &Uplink, job: &Job, parcel: &Parcel) -> Option<(Answer, Trace)> {
    let session = uplink.session()?;
    let point = settled(uplink, &session, parcel.dish).await?;
    let deadline = match job.request.header().deadline {
        Micros::ZERO => session.after(NO_DEADLINE),
        _ => session.timestamp(job.request.deadline()),
    };
    let frame =
        Frame::new(vec![parcel.bytes.clone()], deadline).with_point(point).with_rate(parcel.rate);
    let answer = session.send(frame).ok()?;
    let mut status = uplink.watch();
    let lost = status.wait_for(|status| *status != super::uplink::LinkStatus::Up);
    let reply = tokio::select! {
        reply = answer => reply.ok()?,
        _ = lost => return None,
    };
    Answer::decode(&reply.payload).ok()
}

/// Waits until frames may use the point of a dish.
async fn settled(
    uplink: &Uplink,
    session: &Session,
    dish: Dish,
) -> Option<aiflow_transport::wire::PointId> {
    for _ in 0..SETTLING {
        match uplink.steer(session, dish)? {
            (point, Steered::There) => return Some(point),
            (_, Steered::OnTheWay) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
    None
}

/// Answers on this tier what the tier behind did not.
fn alone(shop: &Arc<Shop>, mut job: Job, parcel: Parcel) {
    job.onward = None;
    if job.request.is_abandoned() {
        return give_up(job.request, aiflow_transport::Code::Cancelled);
    }
    let (from, own) = match (parcel.dish, parcel.own) {
        (Dish::Tensors(place), own) => (place, own),
        (Dish::Picture(_), own) => (Place::Input, own),
    };
    job.dish = parcel.dish;
    job.payload = parcel.bytes;
    job.crossing = own;
    let deadline = match job.request.header().deadline {
        Micros::ZERO => Timestamp::MAX,
        _ => shop.origin.at(job.request.deadline()),
    };
    let client = ClientId(job.client);
    let arrived = shop.origin.now();
    shop.offer(Work { client, span: Span::tail(from), deadline, arrived, item: job });
}

/// How long a request without a deadline is waited for.
const NO_DEADLINE: Duration = Duration::from_secs(25);
/// How often it is looked whether a change of the cut is agreed on.
const SETTLING: u32 = 100;
