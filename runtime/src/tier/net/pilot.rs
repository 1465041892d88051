//! Deciding about each request of a device: the planner on what is known of the channel now.

use std::collections::BTreeMap;

use aiflow_units::{BitRate, Bytes, Micros, Timestamp};

use super::outcome::{Choice, Handover, Outcome};
use super::passage::Passage;
use super::trials::Trials;
use super::uplink::{LinkStatus, Uplink};
use crate::planner::{
    Change, Decision, Hop, LinkEstimate, LinkState, Plan, Position, Probe, RateErrors, Situation,
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
    passage: Passage,
    device_factor: f64,
    server_factor: f64,
    wait: f64,
    trials: Trials,
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
    /// Whether the channel should be probed before it is decided again: see [`Uplink::probe`].
    pub probe: Probe,
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
            passage: Passage::new(),
            device_factor: 1.0,
            server_factor: 1.0,
            wait: 0.0,
            trials: Trials::default(),
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

    /// Keeps what was learned and forgets what was decided: the next choice is a first one.
    pub fn start_afresh(&mut self) {
        self.switcher = Switcher::new(SwitchRules::default());
    }

    /// Decides about the next request; time must not go back.
    pub fn decide(&mut self, uplink: Option<&Uplink>, now: Timestamp) -> Course {
        let link = self.link(uplink, now);
        self.decide_on(link, now)
    }

    /// Decides about the next request on what is known of the channel.
    pub fn decide_on(&mut self, link: LinkEstimate, now: Timestamp) -> Course {
        let raw = link;
        let link = self.passage.expect(raw, now);
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
        let Decision { plan, change, probe } = self.switcher.decide(&situation, now);
        let (choice, probe) = match self.handover(&plan) {
            Some(handover) => (Choice::Remote(handover), probe),
            None => {
                let hope = [self.passage.hopeful(raw)];
                let hoped = Situation { links: &hope, ..situation.clone() };
                let other = self.trials.beside(&hoped, &plan, now);
                match other.and_then(|plan| self.handover(&plan)) {
                    Some(handover) => (Choice::Both(handover), Probe::No),
                    None => (Choice::Local, probe),
                }
            }
        };
        Course { choice, expected: plan.time, change, link, probe }
    }

    fn handover(&self, plan: &Plan) -> Option<Handover> {
        match plan.route.hop(0) {
            Hop::Send(point) => Some(Handover::from(self.table.point(point)?.payload)),
            Hop::Idle | Hop::Forward(_) => None,
        }
    }

    /// Learns from a request: how slow both tiers are, how long requests wait, what the channel
    /// carried.
    pub fn learn(&mut self, outcome: &Outcome) {
        self.passage.ended();
        let sent = outcome.bytes > Bytes::ZERO;
        let lost = sent && outcome.choice == Choice::Local;
        if lost || outcome.fallback.is_some() {
            self.passage.failed();
        }
        if lost {
            self.trials.lost();
        } else if outcome.choice != Choice::Local {
            self.trials = Trials::default();
        }
        let output = self.table.output();
        let at = match outcome.choice {
            Choice::Remote(Handover::Tensors { at, .. })
            | Choice::Both(Handover::Tensors { at, .. }) => self.positions.get(&at).copied(),
            Choice::Remote(Handover::Picture(_)) | Choice::Both(Handover::Picture(_)) => {
                Some(Position::INPUT)
            }
            Choice::Local => Some(output),
        };
        let Some(at) = at.filter(|_| outcome.fallback.is_none()) else { return };
        let trace = &outcome.trace;
        if at > Position::INPUT {
            let took = trace.of(0, Part::Compute);
            let factor = ratio(took, self.device.part(Position::INPUT, at).map(|s| s.typical));
            follow(&mut self.device_factor, factor);
        }
        if at < output {
            // A chain of tiers behind the next one is one server from here.
            let took = behind(trace, Part::Compute);
            let factor = ratio(took, self.server.part(at, output).map(|s| s.typical));
            follow(&mut self.server_factor, factor);
            let bytes = outcome.bytes.get() as f64;
            self.passage.learn(bytes, &self.terms, trace, outcome.total);
            let wait = behind(trace, Part::Wait).get() as f64;
            self.wait += (wait - self.wait) * SMOOTHING;
        }
    }

    /// Learns what the channel carried of a request of known size.
    pub fn observe_rate(&mut self, predicted: BitRate, bytes: Bytes, took: Micros) {
        self.errors.observe(predicted, BitRate::over(bytes, took));
    }

    fn link(&mut self, uplink: Option<&Uplink>, now: Timestamp) -> LinkEstimate {
        let unknown = LinkEstimate::steady(ASSUMED_RATE, ASSUMED_RTT);
        let report = now.since_origin().get() / REPORT_INTERVAL.get();
        let Some(uplink) = uplink.filter(|uplink| uplink.status() == LinkStatus::Up) else {
            return LinkEstimate { state: LinkState::Down, report, ..unknown };
        };
        let Some(estimate) = uplink.estimate() else {
            return LinkEstimate { state: LinkState::Down, report, ..unknown };
        };
        // Before a request has passed nothing is known but what a handshake carried, or the little padding
        // that is allowed.
        let new = !self.passage.has_passed();
        let known = |rate: BitRate, other: BitRate| match rate {
            BitRate::ZERO => other,
            rate if new => rate.max(other),
            rate => rate,
        };
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

/// How much longer was computed than it should have been.
fn ratio(took: Micros, typical: Option<f64>) -> Option<f64> {
    let measured = took.get() as f64;
    let typical = typical.filter(|typical| *typical >= LEAST_TIME)?;
    (measured > 0.0).then(|| (measured / typical).clamp(0.02, 200.0))
}

/// What all tiers but the device spent on one part.
fn behind(trace: &Trace, part: Part) -> Micros {
    let own = trace.parts().iter().filter(|(tier, other, _)| *tier > 0 && *other == part);
    own.fold(Micros::ZERO, |sum, (_, _, time)| sum.saturating_add(*time))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::{FeatureCoding, OperatingPoint, Payload, PlanSheet, TaskLoss};
    use crate::cut::CutId;
    use crate::planner::{Goal, LossMeasure, Spread};
    use crate::tier::Answer;

    /// A cut in the middle of a model that takes the device 200 ms and the server 20 ms.
    fn pilot() -> Pilot {
        let cut = CutId::listed(1);
        let loss = TaskLoss { disagreement: Some(0.0), ..TaskLoss::default() };
        let payload = Payload::Feature { cut, coding: FeatureCoding::Lossless };
        let point = OperatingPoint { payload, bytes_mean: 1000.0, bytes_p95: 1100.0, loss };
        let (data, points) = ("test".to_owned(), vec![point]);
        let sheet = PlanSheet { data, samples: 1, confidence: 0.95, top1: None, points };
        let table = Table::new(&sheet, &[cut], LossMeasure::default()).expect("a table");
        let costs = |micros: f64| {
            let part = |from: Position, to: Position| {
                let places = to.index().checked_sub(from.index())?;
                Some(Spread::exactly(micros * places as f64))
            };
            let coding = Some(Spread::exactly(100.0));
            TierCosts::from_parts(&table, part, |_| coding, |_| coding)
        };
        let (device, server) = (costs(1e5), costs(1e4));
        let wish = Wish { most_loss: 0.01, goal: Goal::LeastTime };
        Pilot::new(table, device, server, wish)
    }

    fn link(at: u64, state: LinkState) -> (LinkEstimate, Timestamp) {
        let steady = LinkEstimate::steady(ASSUMED_RATE, ASSUMED_RTT);
        let now = Timestamp::from_origin(Micros::from_millis(at));
        (LinkEstimate { state, report: at / 100, ..steady }, now)
    }

    #[test]
    fn a_dead_link_means_the_device_at_once_and_a_repaired_one_the_network_in_time() {
        let mut pilot = pilot();
        let mut at = |millis, state| {
            let (link, now) = link(millis, state);
            pilot.decide_on(link, now)
        };
        let first = at(0, LinkState::Up);
        assert!(matches!(first.choice, Choice::Remote(Handover::Tensors { .. })));
        assert_eq!(at(100, LinkState::Up).change, None);
        let dead = at(200, LinkState::Down);
        assert_eq!((dead.choice, dead.change), (Choice::Local, Some(Change::Unusable)));
        assert_eq!(at(5000, LinkState::Down).choice, Choice::Local);
        let remote = |choice| matches!(choice, Choice::Remote(_));
        let back = (51..=70).find(|tenth| remote(at(tenth * 100, LinkState::Up).choice));
        assert!(back.is_some(), "it did not return within two seconds");
    }

    #[test]
    fn a_clock_that_jumps_ends_no_decision() {
        let mut pilot = pilot();
        let year = 31_536_000_000;
        for millis in [0, 100, year, 200, 0, year, year + 100, 50] {
            let (link, now) = link(millis, LinkState::Up);
            let course = pilot.decide_on(link, now);
            assert!(matches!(course.choice, Choice::Remote(Handover::Tensors { .. })), "{millis}");
            let (link, now) = self::link(millis, LinkState::Down);
            assert_eq!(pilot.decide_on(link, now).choice, Choice::Local, "{millis}");
            // The way back takes no longer than after any other outage.
            let back = (1..=20).find(|tenth| {
                let (link, now) = self::link(millis + 100 * tenth, LinkState::Up);
                matches!(pilot.decide_on(link, now).choice, Choice::Remote(_))
            });
            assert!(back.is_some(), "{millis}");
        }
    }

    #[test]
    fn a_server_that_turns_out_slow_is_left() {
        let mut pilot = pilot();
        let (first, now) = link(0, LinkState::Up);
        let choice = pilot.decide_on(first, now).choice;
        let mut trace = Trace::new();
        trace.push(0, Part::Compute, Micros::from_millis(100));
        trace.push(1, Part::Compute, Micros::from_millis(900));
        let outcome = Outcome {
            answer: Answer::Classes(Vec::new()),
            trace,
            total: Micros::from_millis(1050),
            choice,
            fallback: None,
            bytes: Bytes::new(1000),
            spare: Micros::ZERO,
            late: false,
        };
        let mut aside = None;
        let left = (1..200).find(|tenth| {
            pilot.learn(&outcome);
            let (link, now) = link(tenth * 100, LinkState::Up);
            let course = pilot.decide_on(link, now);
            if course.choice == Choice::Local {
                aside.get_or_insert(*tenth);
            }
            course.change.is_some()
        });
        // Requests stay on the device at once, what is agreed on not sooner than the rules allow.
        assert!(aside.is_some_and(|tenth| tenth < 5), "{aside:?}");
        assert!(left.is_some_and(|tenth| (10..60).contains(&tenth)), "{left:?}");
        assert!(pilot.server_factor > 10.0 && (pilot.device_factor - 1.0).abs() < 0.1);
    }
}
