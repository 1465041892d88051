//! One session on the side that serves it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use aiflow_transport::Code;
use aiflow_transport::driver::{Change, Progress, Request, ServedSession};
use aiflow_transport::wire::{Point, PointId};
use aiflow_units::{Micros, Timestamp};

use super::counters::count;
use super::menu::{self, Dish, LOSSLESS_RATE};
use super::options::Then;
use super::pass::{Parcel, pass};
use super::server::Front;
use super::ways::Way;
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
    let rtt = session.estimate().min_rtt;
    let served = Arc::new(Served { dishes, client, form, front: Arc::clone(&front), rtt });
    loop {
        tokio::select! {
            request = session.next_request() => match request {
                Some(request) if request.is_complete() => {
                    let payload = request.base().contiguous();
                    served.arrive(request, payload, false);
                }
                Some(request) => drop(tokio::spawn(Arc::clone(&served).gather(request))),
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

/// What all requests of a session have in common.
struct Served {
    dishes: BTreeMap<PointId, Dish>,
    client: u64,
    form: AnswerForm,
    front: Arc<Front>,
    /// How long a packet takes there and back at least.
    rtt: Micros,
}

impl Served {
    /// Waits for the layers behind the base for as long as an answer would still be in time.
    async fn gather(self: Arc<Self>, mut request: Request) {
        let from = self.dishes.get(&request.header().point).copied().map_or(Place::Input, from);
        let takes = self.front.shop.expected(Span::tail(from)).saturating_add(self.rtt);
        let latest = match request.header().deadline {
            Micros::ZERO => None,
            _ => {
                // A tenth is kept for what takes longer than usual.
                let left = request.deadline().saturating_duration_since(Instant::now());
                let left = left.mul_f64(0.9).saturating_sub(takes.to_duration());
                Some(Instant::now() + left)
            }
        };
        let too_late = async {
            match latest {
                Some(latest) => tokio::time::sleep_until(latest.into()).await,
                None => std::future::pending().await,
            }
        };
        let mut too_late = std::pin::pin!(too_late);
        let mut layers = vec![request.base().contiguous()];
        loop {
            tokio::select! {
                progress = request.next() => match progress {
                    Some(Progress::Layer(layer)) => layers.push(layer.contiguous()),
                    Some(Progress::Abandoned(_)) => {
                        count(&self.front.shop.counters.cancelled);
                        return give_up(request, Code::Cancelled);
                    }
                    _ => break,
                },
                () = &mut too_late => break,
            }
        }
        let partial = layers.len() < usize::from(request.header().layers);
        self.arrive(request, layers.concat().into(), partial);
    }

    fn arrive(&self, request: Request, payload: bytes::Bytes, partial: bool) {
        let front = &self.front;
        let Some(&dish) = self.dishes.get(&request.header().point) else {
            return give_up(request, Code::SplitRejected);
        };
        let (lossless, rate) = (request.header().rate.0 == LOSSLESS_RATE, request.header().rate);
        let from = from(dish);
        let due = request.deadline();
        let (deadline, left) = match request.header().deadline {
            Micros::ZERO => (Timestamp::MAX, None),
            _ => {
                let left = due.saturating_duration_since(Instant::now());
                (front.shop.origin.at(due), Some(Micros::from_duration(left)))
            }
        };
        let (to, onward, whole) = match partial {
            // What is not whole is understood here, by what is there.
            true => (Place::Output, None, false),
            false => onward(front, from, lossless, left),
        };
        let (client, form) = (self.client, self.form);
        let job = Job { request, client, payload, partial, dish, crossing: None, form, onward };
        front.shop.arrived(job.payload.len());
        if let (true, Some(uplink)) = (whole, front.shop.uplink.clone()) {
            let (bytes, spent) = (job.payload.clone(), Spent::default());
            let parcel = Parcel { bytes, dish, rate, spent, own: None };
            return pass(Arc::clone(&front.shop), uplink, job, parcel);
        }
        let arrived = front.shop.origin.now();
        let client = ClientId(client);
        front.shop.offer(Work { client, span: Span { from, to }, deadline, arrived, item: job });
    }
}

/// Returns the place that a dish continues from.
fn from(dish: Dish) -> Place {
    match dish {
        Dish::Tensors(place) => place,
        Dish::Picture(_) => Place::Input,
    }
}

/// Decides what this tier does: up to where it computes, how it hands over, and whether it passes
/// the request on as it is.
fn onward(
    front: &Front,
    from: Place,
    lossless: bool,
    left: Option<Micros>,
) -> (Place, Option<Onward>, bool) {
    let here = (Place::Output, None, false);
    let reachable = front.shop.uplink.as_ref().is_some_and(|uplink| uplink.session().is_some());
    match front.then {
        _ if !reachable => here,
        Then::Answer => here,
        Then::Forward => (from, None, true),
        Then::Quicker => {
            let shop = &front.shop;
            match shop.ways.choose(from, shop.backlog(), left, shop.origin.now()) {
                Way::Here => here,
                Way::Behind => (from, None, true),
            }
        }
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
