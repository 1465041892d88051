//! Looking at every plan there is.

use std::cmp::Ordering;

use aiflow_units::{Bytes, Micros};

use super::model::{Model, Sum, to_micros};
use super::problem::{Confidence, Goal, Situation, Wish};
use super::route::{Hop, Placement, Route};
use super::table::{PointId, Position};

/// A plan with what it is expected to cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    /// What is done at every hop.
    pub route: Route,
    /// Which tier runs what.
    pub placement: Placement,
    /// Expected time from the capture of the input to the answer.
    pub time: Micros,
    /// The time that is kept with the confidence of the goal (nine times in ten without one).
    pub likely: Micros,
    /// Loss in the measure of the table; that of several lossy hops adds up.
    pub loss: f64,
    /// Bytes on the first hop, headers of packets included.
    pub bytes: Bytes,
    /// Millijoules of the device.
    pub energy: f64,
    /// What was made small: microseconds, with bytes and energy as they are weighed.
    pub cost: f64,
}

/// The best plans of a situation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    /// The best of all.
    pub best: Plan,
    /// The best of those that never divide the model: everything on the device, or the picture to a
    /// tier that runs all of it.
    pub trivial: Plan,
    /// Everything on the device.
    pub local: Plan,
    /// The best with the placement that was asked for; `None` when it cannot be used now, or none was
    /// asked for.
    pub held: Option<Plan>,
}

/// Finds the best plan by looking at all of them.
///
/// It reads no clock, draws no random number and keeps nothing: equal situations give equal plans.
/// Everything on the device is always among them, so there always is one; its loss counts as zero.
pub fn plan(situation: &Situation<'_>) -> Plan {
    choose(situation, None).best
}

/// Finds the best plan, the best trivial one, and the best that keeps a placement.
pub fn choose(situation: &Situation<'_>, held: Option<Placement>) -> Choice {
    let model = Model::new(situation);
    let judge = Judge::new(situation.wish, situation);
    let (mut best, mut trivial, mut kept) = (Slot::EMPTY, Slot::EMPTY, Slot::EMPTY);
    each(&model, &mut |place: Place, route, sum| {
        let Some(key) = judge.key(&sum) else { return };
        best.offer(&key, route, &sum);
        if place.whole {
            trivial.offer(&key, route, &sum);
        }
        if held.is_some_and(|held| held.bounds == place.bounds) {
            kept.offer(&key, route, &sum);
        }
    });
    let done = |slot: Slot| judge.plan(&model, slot.route, slot.key.map(|(_, sum)| sum));
    Choice {
        best: done(best),
        trivial: done(trivial),
        local: judge.plan(&model, Route::LOCAL, None),
        held: kept.key.is_some().then(|| done(kept)),
    }
}

/// Finds the best plan that hands over to the next tier where coding takes the device at most so long,
/// whatever it computes before; `None` where there is none within the loss budget.
pub fn handed_over(situation: &Situation<'_>, most: Micros) -> Option<Plan> {
    let model = Model::new(situation);
    let judge = Judge::new(situation.wish, situation);
    let device = situation.tiers.first()?;
    let most = most.get() as f64 / device.slowdown;
    let mut best = Slot::EMPTY;
    each(&model, &mut |_, route, sum| {
        let (Hop::Send(id), Hop::Idle) = (route.hop(0), route.hop(1)) else { return };
        let coding = device.costs.encode(id.index());
        let small = coding.is_some_and(|coding| coding.typical <= most);
        if let Some(key) = judge.key(&sum).filter(|_| small) {
            best.offer(&key, route, &sum);
        }
    });
    let (_, sum) = best.key?;
    Some(judge.plan(&model, best.route, Some(sum)))
}

/// Says what a route would cost now; `None` when it cannot be used or loses too much.
pub fn price(situation: &Situation<'_>, route: &Route) -> Option<Plan> {
    let model = Model::new(situation);
    let judge = Judge::new(situation.wish, situation);
    let sum = model.evaluate(route)?;
    judge.key(&sum)?;
    Some(judge.plan(&model, *route, Some(sum)))
}

/// Finds the best plan of every placement, the best placement first; and counts the plans that were
/// looked at and those that lose too much.
pub(super) fn by_placement(situation: &Situation<'_>) -> (Vec<Plan>, usize, usize) {
    let model = Model::new(situation);
    let judge = Judge::new(situation.wish, situation);
    let mut slots: std::collections::BTreeMap<[Position; 2], Slot> =
        std::collections::BTreeMap::new();
    let (mut looked_at, mut lossy) = (0, 0);
    each(&model, &mut |place: Place, route, sum| {
        looked_at += 1;
        match judge.key(&sum) {
            Some(key) => slots.entry(place.bounds).or_insert(Slot::EMPTY).offer(&key, route, &sum),
            None => lossy += 1,
        }
    });
    let mut found: Vec<Slot> = slots.into_values().collect();
    found.sort_by(|a, b| match (&a.key, &b.key) {
        (Some((a_key, _)), Some((b_key, _))) => a_key.compare(b_key).then(a.route.cmp(&b.route)),
        _ => Ordering::Equal,
    });
    let plans = found.into_iter();
    let plans =
        plans.map(|slot| judge.plan(&model, slot.route, slot.key.map(|(_, sum)| sum))).collect();
    (plans, looked_at, lossy)
}

/// Where the hops of a route lie.
#[derive(Clone, Copy)]
struct Place {
    bounds: [Position; 2],
    /// The model is not divided.
    whole: bool,
}

/// Visits every route that can be taken now with what it adds up to.
fn each(model: &Model<'_>, visit: &mut impl FnMut(Place, Route, Sum)) {
    let table = model.situation.table;
    let output = table.output();
    let place = |first: Position, second: Position| {
        let whole = |at: Position| at == Position::INPUT || at == output;
        Place { bounds: [first, second], whole: whole(first) && whole(second) }
    };
    if let Some(sum) = model.evaluate(&Route::LOCAL) {
        visit(place(output, output), Route::LOCAL, sum);
    }
    let ids = || (0..table.points().len()).map(PointId::new);
    if model.tiers() < 2 {
        return;
    }
    // Tiers that refuse still pass on what is not for them.
    let (near, far) = (model.admits(1), model.tiers() > 2 && model.admits(2));
    let rest: Vec<Option<Rest>> =
        ids().map(|id| if far { rest(model, id) } else { None }).collect();
    for id in ids() {
        let Some(point) = model.point(id) else { continue };
        let at = point.at;
        if near && let Some(sum) = model.evaluate(&Route::direct(id)) {
            visit(place(at, output), Route::direct(id), sum);
        }
        if far && let Some(sum) = model.evaluate(&Route::forwarded(id)) {
            visit(place(at, at), Route::forwarded(id), sum);
        }
        if !(near && far) {
            continue;
        }
        let Some(first) = beginning(model, id, at) else { continue };
        // Points lie in the order of the model: the part between is the same for all of one cut.
        let mut between: Option<(Position, Option<Sum>)> = None;
        for (next, rest) in ids().zip(&rest) {
            let Some(rest) = rest.filter(|rest| rest.at > at) else { continue };
            let part = match between {
                Some((to, part)) if to == rest.at => part,
                _ => model.compute(1, at, rest.at),
            };
            between = Some((rest.at, part));
            let Some(part) = part else { continue };
            let sum = first.and(part).and(rest.sum);
            visit(place(at, rest.at), Route::chained(id, next), sum);
        }
    }
}

/// What is left of a chain of three from the second hop on, answers included.
#[derive(Clone, Copy)]
struct Rest {
    at: Position,
    sum: Sum,
}

fn rest(model: &Model<'_>, id: PointId) -> Option<Rest> {
    let at = model.point(id)?.at;
    let output = model.situation.table.output();
    let sum = model.hand_over(1, id)?.and(model.wait(2)?).and(model.compute(2, at, output)?);
    Some(Rest { at, sum: sum.and(model.reply(0)?).and(model.reply(1)?) })
}

/// What a chain of three takes until the second tier begins.
fn beginning(model: &Model<'_>, id: PointId, at: Position) -> Option<Sum> {
    let head = model.compute(0, Position::INPUT, at)?;
    Some(head.and(model.hand_over(0, id)?).and(model.wait(1)?))
}

/// Weighs plans.
struct Judge<'a> {
    wish: Wish,
    situation: &'a Situation<'a>,
    confidence: Confidence,
}

/// What plans are compared by: smaller is better.
#[derive(Clone, Copy)]
struct Key {
    late: bool,
    first: f64,
    cost: f64,
    bytes: f64,
}

impl Key {
    fn compare(&self, other: &Self) -> Ordering {
        self.late
            .cmp(&other.late)
            .then(self.first.total_cmp(&other.first))
            .then(self.cost.total_cmp(&other.cost))
            .then(self.bytes.total_cmp(&other.bytes))
    }
}

impl<'a> Judge<'a> {
    fn new(wish: Wish, situation: &'a Situation<'a>) -> Self {
        let confidence = match wish.goal {
            Goal::LeastTime => Confidence::default(),
            Goal::Deadline { confidence, .. } => confidence,
        };
        Self { wish, situation, confidence }
    }

    fn likely(&self, sum: &Sum) -> f64 {
        sum.time + self.confidence.deviations() * sum.variance.sqrt()
    }

    fn cost(&self, sum: &Sum) -> f64 {
        let terms = &self.situation.terms;
        sum.time + terms.byte_weight * sum.bytes + terms.energy_weight * sum.energy
    }

    /// Returns what a plan is compared by; `None` when it loses too much.
    fn key(&self, sum: &Sum) -> Option<Key> {
        // What is lossless keeps every budget, also an absurd one.
        let keeps = sum.loss == 0.0 || sum.loss <= self.wish.most_loss;
        if !keeps {
            return None;
        }
        let cost = self.cost(sum);
        let Goal::Deadline { deadline, .. } = self.wish.goal else {
            return Some(Key { late: false, first: cost, cost, bytes: sum.bytes });
        };
        let late = self.likely(sum) > deadline.get() as f64;
        Some(Key { late, first: if late { cost } else { sum.loss }, cost, bytes: sum.bytes })
    }

    fn plan(&self, model: &Model<'_>, route: Route, sum: Option<Sum>) -> Plan {
        let endless = || Sum { time: f64::INFINITY, ..Sum::default() };
        let sum = sum.or_else(|| model.evaluate(&route)).unwrap_or_else(endless);
        Plan {
            route,
            placement: route.placement(self.situation.table),
            time: to_micros(sum.time),
            likely: to_micros(self.likely(&sum)),
            loss: sum.loss,
            bytes: Bytes::new(sum.bytes.round() as u64),
            energy: sum.energy,
            cost: self.cost(&sum),
        }
    }
}

/// The best plan so far.
#[derive(Clone, Copy)]
struct Slot {
    route: Route,
    key: Option<(Key, Sum)>,
}

impl Slot {
    const EMPTY: Self = Self { route: Route::LOCAL, key: None };

    fn offer(&mut self, key: &Key, route: Route, sum: &Sum) {
        // The first of equals stays: routes are visited in their order.
        let better = match &self.key {
            Some((own, _)) => key.compare(own) == Ordering::Less,
            None => true,
        };
        if better {
            self.route = route;
            self.key = Some((*key, *sum));
        }
    }
}

impl Plan {
    /// Tells whether nothing crosses the network.
    pub fn is_local(&self) -> bool {
        self.route.hop(0) == Hop::Idle
    }
}
