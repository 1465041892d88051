//! Deciding about each request of a device: the planner on what is known of the channel now.

use std::collections::BTreeMap;

use aiflow_units::{BitRate, Bytes, Micros, Timestamp};

use super::outcome::{Choice, Handover, Outcome};
use super::uplink::{LinkStatus, Uplink};
use crate::planner::{
    Change, Decision, Hop, LinkEstimate, LinkState, Plan, Position, RateErrors, Situation,
    SwitchRules, Switcher, Table, Terms, Tier, TierCosts, Wish,
};
use crate::tier::{Part, Place, Trace};

/// Decides request by request where and how a device hands over, and learns from what came of it.
///
/// The switcher keeps what has to be agreed on (the cut) until a change pays; the coding follows the
/// estimate with every request. Times of both tiers are corrected by what requests really took.
#[derive(Clone, Debug)]
pub struct Pilot {
    table: Table,
    device: TierCosts,
    server: TierCosts,
    wish: Wish,
    terms: Terms,
    switcher: Switcher,
    errors: RateErrors,
    device_factor: f64,
    server_factor: f64,
    wait: f64,
    plan: Option<Plan>,
    /// Where each place of the table is, for costs of parts.
    positions: BTreeMap<Place, Position>,
}

/// What was decided, and on what grounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Course {
    /// What to do with the request.
    pub choice: Choice,
    /// What it is expected to take.
    pub expected: Micros,
    /// Why the placement changed; `None` when it did not.
    pub change: Option<Change>,
    /// What was known of the channel.
    pub link: LinkEstimate,
}

impl Pilot {
    /// Starts with what was measured beforehand: the operating points, and the times of both tiers
    /// for them.
    pub fn new(table: Table, device: TierCosts, server: TierCosts, wish: Wish) -> Self {
        let cuts = table
            .points()
            .iter()
            .filter_map(|point| Some((Place::Cut(table.cut_at(point.at)?), point.at)));
        let positions = cuts.chain([(Place::Input, Position::INPUT)]).collect();
        Self {
            device,
            server,
            wish,
            terms: Terms::default(),
            switcher: Switcher::new(SwitchRules::default()),
            errors: RateErrors::default(),
            device_factor: 1.0,
            server_factor: 1.0,
            wait: 0.0,
            plan: None,
            positions,
            table,
        }
    }

    /// Sets what sending and computing cost beside the time.
    #[must_use]
    pub const fn with_terms(mut self, terms: Terms) -> Self {
        self.terms = terms;
        self
    }

    /// Sets how many times slower than its costs the device is until it is known better.
    #[must_use]
    pub const fn with_slowdown(mut self, factor: f64) -> Self {
        self.device_factor = factor;
        self
    }

    /// Decides about the next request; time must not go back.
    pub fn decide(&mut self, uplink: Option<&Uplink>, now: Timestamp) -> Course {
        let link = self.link(uplink, now);
        self.decide_on(link, now)
    }

    /// Decides about the next request on what is known of the channel.
    pub fn decide_on(&mut self, link: LinkEstimate, now: Timestamp) -> Course {
        let tiers = [
            Tier::new(&self.device).with_slowdown(self.device_factor),
            Tier::new(&self.server)
                .with_slowdown(self.server_factor)
                .with_wait(Micros::new(self.wait as u64)),
        ];
        let links = [link];
        let situation = Situation {
            table: &self.table,
            tiers: &tiers,
            links: &links,
            wish: self.wish,
            terms: self.terms,
        };
        let Decision { plan, change, .. } = self.switcher.decide(&situation, now);
        self.plan = Some(plan);
        let choice = match plan.route.hop(0) {
            Hop::Send(point) => match self.table.point(point) {
                Some(point) => Choice::Remote(Handover::from(point.payload)),
                None => Choice::Local,
            },
            Hop::Idle | Hop::Forward(_) => Choice::Local,
        };
        Course { choice, expected: plan.time, change, link }
    }

    /// Learns from a request: how slow both tiers are, how long requests wait, what the channel
    /// carried.
    pub fn learn(&mut self, outcome: &Outcome) {
        let output = self.table.output();
        let at = match outcome.choice {
            Choice::Remote(Handover::Tensors { at, .. }) => self.positions.get(&at).copied(),
            Choice::Remote(Handover::Picture(_)) => Some(Position::INPUT),
            Choice::Local => Some(output),
        };
        let Some(at) = at.filter(|_| outcome.fallback.is_none()) else { return };
        let trace = &outcome.trace;
        if at > Position::INPUT {
            let factor = ratio(trace, 0, self.device.part(Position::INPUT, at).map(|s| s.typical));
            follow(&mut self.device_factor, factor);
        }
        if at < output {
            let factor = ratio(trace, 1, self.server.part(at, output).map(|s| s.typical));
            follow(&mut self.server_factor, factor);
            self.wait += (trace.of(1, Part::Wait).get() as f64 - self.wait) * SMOOTHING;
        }
    }

    /// Learns what the channel carried of a request of known size.
    pub fn observe_rate(&mut self, predicted: BitRate, bytes: Bytes, took: Micros) {
        self.errors.observe(predicted, BitRate::over(bytes, took));
    }

    fn link(&self, uplink: Option<&Uplink>, now: Timestamp) -> LinkEstimate {
        let unknown = LinkEstimate::steady(ASSUMED_RATE, ASSUMED_RTT);
        let report = now.since_origin().get() / REPORT_INTERVAL.get();
        let Some(uplink) = uplink.filter(|uplink| uplink.status() == LinkStatus::Up) else {
            return LinkEstimate { state: LinkState::Down, report, ..unknown };
        };
        let Some(estimate) = uplink.estimate() else {
            return LinkEstimate { state: LinkState::Down, report, ..unknown };
        };
        let known =
            |rate: BitRate, other: BitRate| if rate == BitRate::ZERO { other } else { rate };
        let rate_p50 = known(estimate.p50, ASSUMED_RATE);
        let rtt = if estimate.min_rtt == Micros::ZERO { ASSUMED_RTT } else { estimate.min_rtt };
        LinkEstimate {
            state: LinkState::Up,
            rate_p50,
            rate_p10: known(estimate.p10, rate_p50),
            rtt,
            queue: estimate.queue_delay,
            age: estimate.age,
            error: self.errors.worst(),
            report,
        }
    }
}

/// How much longer a tier computed than it should have.
fn ratio(trace: &Trace, tier: u8, typical: Option<f64>) -> Option<f64> {
    let measured = trace.of(tier, Part::Compute).get() as f64;
    let typical = typical.filter(|typical| *typical >= LEAST_TIME)?;
    (measured > 0.0).then(|| (measured / typical).clamp(0.02, 200.0))
}

fn follow(known: &mut f64, seen: Option<f64>) {
    if let Some(seen) = seen {
        *known += (seen - *known) * SMOOTHING;
    }
}

/// What a channel is taken for that nothing is known of: worth a try.
const ASSUMED_RATE: BitRate = BitRate::megabits_per_second(10);
const ASSUMED_RTT: Micros = Micros::from_millis(40);
/// Estimates within this time count as one.
const REPORT_INTERVAL: Micros = Micros::from_millis(100);
/// Shorter times, in microseconds, say nothing of how slow a machine is.
const LEAST_TIME: f64 = 20.0;
/// Share of a new value in a smoothed one.
const SMOOTHING: f64 = 0.2;
