//! One session on the side that serves it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use aiflow_transport::Code;
use aiflow_transport::driver::{Change, Request, ServedSession};
use aiflow_transport::wire::{Point, PointId};
use aiflow_units::{Micros, Timestamp};

use super::counters::count;
use super::menu::{self, Dish, LOSSLESS_RATE};
use super::options::Then;
use super::pass::{Parcel, pass};
use super::server::Front;
use super::worker::{Job, Onward, Spent, give_up};
use crate::bundle::FeatureCoding;
use crate::tier::{AnswerForm, ClientId, Place, Span, Work};

/// Serves a session until it is over.
pub(super) async fn serve_session(
    session: ServedSession,
    points: Vec<Point>,
    client: u64,
    form: AnswerForm,
    front: Arc<Front>,
) {
    let counters = &front.shop.counters;
    count(&counters.sessions);
    count(&counters.sessions_open);
    let known = points.iter().filter_map(|p| Some((p.id, menu::dish(&front.shop.parts, p)?)));
    let dishes: BTreeMap<PointId, Dish> = known.collect();
    loop {
        tokio::select! {
            request = session.next_request() => match request {
                Some(request) => arrive(request, &dishes, client, form, &front),
                None => break,
            },
            change = session.next_change() => match change {
                Some(Change::Proposed { epoch, .. }) => {
                    // One loaded model runs every cut, so the new tail is as warm as the old one.
                    // The proposal may be gone meanwhile.
                    let _ = session.accept(epoch);
                }
                Some(_) => {}
                None => break,
            },
        }
    }
    counters.sessions_open.fetch_sub(1, Ordering::Relaxed);
}

fn arrive(
    request: Request,
    dishes: &BTreeMap<PointId, Dish>,
    client: u64,
    form: AnswerForm,
    front: &Arc<Front>,
) {
    let Some(&dish) = dishes.get(&request.header().point) else {
        return give_up(request, Code::SplitRejected);
    };
    let payload = request.base().contiguous();
    let (lossless, rate) = (request.header().rate.0 == LOSSLESS_RATE, request.header().rate);
    let from = match dish {
        Dish::Tensors(place) => place,
        Dish::Picture(_) => Place::Input,
    };
    let (to, onward, whole) = onward(front, from, lossless);
    let deadline = match request.header().deadline {
        Micros::ZERO => Timestamp::MAX,
        _ => front.shop.origin.at(request.deadline()),
    };
    let job = Job { request, client, payload, dish, crossing: None, form, onward };
    front.shop.arrived(job.payload.len());
    if let (true, Some(uplink)) = (whole, front.shop.uplink.clone()) {
        let parcel =
            Parcel { bytes: job.payload.clone(), dish, rate, spent: Spent::default(), own: None };
        return pass(Arc::clone(&front.shop), uplink, job, parcel);
    }
    let arrived = front.shop.origin.now();
    let client = ClientId(client);
    front.shop.offer(Work { client, span: Span { from, to }, deadline, arrived, item: job });
}

/// Decides what this tier does: up to where it computes, how it hands over, and whether it passes
/// the request on as it is.
fn onward(front: &Front, from: Place, lossless: bool) -> (Place, Option<Onward>, bool) {
    let here = (Place::Output, None, false);
    let reachable = front.shop.uplink.as_ref().is_some_and(|uplink| uplink.session().is_some());
    match front.then {
        _ if !reachable => here,
        Then::Answer => here,
        Then::Forward => (from, None, true),
        Then::Compute { to, coding } => {
            let order = |wanted: Place| {
                let mut places = front.shop.parts.cuts().map(|cut| Place::Cut(cut.id));
                places.position(|place| place == wanted)
            };
            let to = Place::Cut(to);
            let before = from == Place::Input || order(from) < order(to);
            if !before || order(to).is_none() {
                return here;
            }
            // What a device wants exact stays exact.
            let coding = if lossless { FeatureCoding::Lossless } else { coding };
            (to, Some(Onward { coding }), false)
        }
    }
}
