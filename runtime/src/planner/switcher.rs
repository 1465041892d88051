//! Keeping a plan until another one pays.

use core::fmt;

use aiflow_units::{Micros, Timestamp};

use super::link::{LinkEstimate, LinkState};
use super::problem::{Admits, Goal, Situation};
use super::route::Placement;
use super::scan::{Choice, Plan, choose};

/// When a [`Switcher`] changes which tier runs what.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SwitchRules {
    gain: f64,
    over_trivial: f64,
    sustain: Micros,
    sustain_trips: u32,
    sustain_reports: u32,
    dwell: Micros,
    longest_dwell: Micros,
    return_within: Micros,
    cost: Micros,
    per_minute: usize,
    aside: f64,
}

impl Default for SwitchRules {
    /// A change must promise 15 % less for one second, eight round trips and five reports, and comes
    /// at least 3 seconds after the last one; going back to what was left within 30 seconds doubles
    /// that wait, up to 60 seconds. A placement that is more than 3 % worse than one that does not
    /// divide the model is left for less. At most six changes a minute; a change costs a millisecond.
    /// A single request stays on the device where that takes 30 % less than what is held.
    fn default() -> Self {
        Self {
            gain: 0.15,
            over_trivial: 0.03,
            sustain: Micros::from_secs(1),
            sustain_trips: 8,
            sustain_reports: 5,
            dwell: Micros::from_secs(3),
            longest_dwell: Micros::from_secs(60),
            return_within: Micros::from_secs(30),
            cost: Micros::from_millis(1),
            per_minute: 6,
            aside: 0.3,
        }
    }
}

impl SwitchRules {
    /// Sets the share of the cost that a change must promise to save. Too small follows noise, too
    /// large leaves time on the table.
    #[must_use]
    pub const fn with_gain(mut self, share: f64) -> Self {
        self.gain = share;
        self
    }

    /// Sets for how long a change must promise its gain, in time and in reports.
    #[must_use]
    pub const fn with_sustain(mut self, span: Micros, reports: u32) -> Self {
        self.sustain = span;
        self.sustain_reports = reports;
        self
    }

    /// Sets the least time between two changes.
    #[must_use]
    pub const fn with_dwell(mut self, span: Micros) -> Self {
        self.dwell = span;
        self
    }

    /// Sets what a change costs once; it is shared by the requests of one dwell.
    #[must_use]
    pub const fn with_cost(mut self, cost: Micros) -> Self {
        self.cost = cost;
        self
    }
}

/// What to do with the next request, and why.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decision {
    /// The plan for the next request.
    pub plan: Plan,
    /// Why the placement changed with this decision; `None` when it did not.
    pub change: Option<Change>,
    /// Whether the channel should be probed: nothing was sent for so long that a return would rest
    /// on an old estimate.
    pub probe: Probe,
}

/// Why a placement changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// There was none before.
    First,
    /// Another one promised enough for long enough.
    Gain,
    /// One that does not divide the model was better for long enough.
    Trivial,
    /// The one before cannot be used: a hop is down, a tier refuses, or it loses too much.
    Unusable,
    /// A hop that was down is up again, and pays.
    Repaired,
}

impl Change {
    /// Returns a name for records, which stays as it is.
    pub const fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Gain => "gain",
            Self::Trivial => "trivial",
            Self::Unusable => "unusable",
            Self::Repaired => "repaired",
        }
    }
}

impl fmt::Display for Change {
    /// Writes the name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether the channel should be probed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Probe {
    /// No: the estimate is fresh, or requests keep it so.
    #[default]
    No,
    /// Yes.
    Due,
}

/// Plans request after request, and changes which tier runs what only when it pays.
///
/// How a request is coded may differ from that of the one before at no cost; who runs what has to be
/// agreed on, so it changes by the [`SwitchRules`]. What cannot be used any more is left at once.
/// Time comes in as an argument and must not go back.
///
/// ```text
/// decide(situation, now):  held placement unusable -> the best that is usable, at once
///                          another is better by the rules, long enough -> that one
///                          else -> the best coding for the held placement
/// ```
#[derive(Clone, Debug)]
pub struct Switcher {
    rules: SwitchRules,
    held: Option<Held>,
    /// Another placement has been better since then.
    rival: Option<Rival>,
    dwell: Micros,
    /// Placements that were left of one's own accord, the latest last.
    left: Vec<(Placement, Timestamp)>,
    /// Set when a hop took the placement away and no return has happened since.
    fell_back: bool,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    plan: Plan,
    since: Timestamp,
}

#[derive(Clone, Copy, Debug)]
struct Rival {
    since: Timestamp,
    reports: u32,
    last_report: u64,
}

impl Switcher {
    /// Starts without a plan.
    pub fn new(rules: SwitchRules) -> Self {
        let dwell = rules.dwell;
        Self { rules, held: None, rival: None, dwell, left: Vec::new(), fell_back: false }
    }

    /// Returns the placement that is held.
    pub fn placement(&self) -> Option<Placement> {
        self.held.map(|held| held.plan.placement)
    }

    /// Returns the least time between changes now: it grows while changes are taken back.
    pub const fn dwell(&self) -> Micros {
        self.dwell
    }

    /// Decides about the next request.
    pub fn decide(&mut self, situation: &Situation<'_>, now: Timestamp) -> Decision {
        let choice = choose(situation, self.placement());
        let Some(held) = self.held else {
            return self.take(choice.best, Change::First, situation, now);
        };
        self.relax(held.since, now);
        let Some(kept) = choice.held else {
            // Not of one's own accord: it neither counts as a change nor waits for one.
            let by_outage = broken(situation, held.plan.placement);
            self.fell_back |= by_outage;
            return self.take(choice.best, Change::Unusable, situation, now);
        };
        match self.better(&choice, &kept, situation.wish.goal) {
            None => {
                self.rival = None;
                // The way back was open and nobody wanted it.
                self.fell_back &= now.since(held.since) < self.dwell || any_down(situation);
            }
            Some((plan, change)) => {
                self.note_rival(situation, now);
                if self.may_change(situation, held.since, now) {
                    let change = if self.fell_back { Change::Repaired } else { change };
                    return self.leave(plan, change, situation, now);
                }
            }
        }
        self.held = Some(Held { plan: kept, since: held.since });
        if self.steps_aside(&choice.local, &kept, situation.wish.goal) {
            // What is sent says how the channel is; while nothing is, somebody must ask.
            let old = situation.links.first().is_some_and(|link| link.age >= ASIDE_OLD);
            let probe = if old { Probe::Due } else { Probe::No };
            return Decision { plan: choice.local, change: None, probe };
        }
        let probe = probe(&kept, situation, now.since(held.since));
        Decision { plan: kept, change: None, probe }
    }

    /// Returns the plan that is worth a change, if any.
    fn better(&self, choice: &Choice, kept: &Plan, goal: Goal) -> Option<(Plan, Change)> {
        let best = choice.best;
        if best.placement == kept.placement {
            return None;
        }
        let requests = (self.dwell.get() as f64 / kept.cost.max(1.0)).max(1.0);
        let price = self.rules.cost.get() as f64 / requests;
        let saves = |plan: &Plan, share: f64| plan.cost + price <= kept.cost * (1.0 - share);
        if let Goal::Deadline { deadline, .. } = goal {
            // Time counts only up to the deadline, and then loss does.
            let (soon, late) = (best.likely <= deadline, kept.likely > deadline);
            let spares = kept.loss - best.loss >= (self.rules.gain * kept.loss).max(LEAST_LOSS);
            if soon && (late || spares) {
                return Some((best, Change::Gain));
            }
            if soon && best.loss > kept.loss {
                return None;
            }
        }
        if saves(&best, self.rules.gain) {
            return Some((best, Change::Gain));
        }
        let trivial = choice.trivial;
        let share = 1.0 - 1.0 / (1.0 + self.rules.over_trivial);
        let counts = goal == Goal::LeastTime && trivial.placement != kept.placement;
        (counts && saves(&trivial, share)).then_some((best, Change::Trivial))
    }

    /// Tells whether the device should answer this one request itself: that has to be agreed on with
    /// nobody, so it is no change.
    fn steps_aside(&self, local: &Plan, kept: &Plan, goal: Goal) -> bool {
        match goal {
            _ if kept.is_local() => false,
            Goal::Deadline { deadline, .. } => kept.likely > deadline && local.likely <= deadline,
            Goal::LeastTime => local.cost < kept.cost * (1.0 - self.rules.aside),
        }
    }

    fn note_rival(&mut self, situation: &Situation<'_>, now: Timestamp) {
        let report = situation.links.iter().map(|link| link.report).fold(0, u64::wrapping_add);
        match &mut self.rival {
            Some(rival) if rival.last_report == report => {}
            Some(rival) => {
                rival.reports = rival.reports.saturating_add(1);
                rival.last_report = report;
            }
            None => self.rival = Some(Rival { since: now, reports: 1, last_report: report }),
        }
    }

    /// Tells whether the rival has been better for long enough, and the last change is long enough
    /// ago.
    fn may_change(&self, situation: &Situation<'_>, since: Timestamp, now: Timestamp) -> bool {
        let Some(rival) = self.rival else { return false };
        let trip = situation.links.iter().map(|link| link.rtt).max().unwrap_or_default();
        let trips = Micros::new(trip.get().saturating_mul(self.rules.sustain_trips.into()));
        let sustain = match self.fell_back {
            // After a repair the answer must be back on the network within two seconds.
            true => trips.min(self.rules.sustain),
            false => trips.max(self.rules.sustain),
        };
        let long_enough = now.since(rival.since) >= sustain;
        let seen_enough = rival.reports >= self.rules.sustain_reports;
        let rested = self.fell_back || now.since(since) >= self.dwell;
        let minute = now.before(Micros::from_secs(60));
        let recent = self.left.iter().filter(|(_, at)| *at >= minute);
        let few = self.fell_back || recent.count() < self.rules.per_minute;
        long_enough && seen_enough && rested && few
    }

    /// Changes of one's own accord.
    fn leave(
        &mut self,
        plan: Plan,
        change: Change,
        situation: &Situation<'_>,
        now: Timestamp,
    ) -> Decision {
        if let Some(held) = self.held.filter(|_| !self.fell_back) {
            let recent = now.before(self.rules.return_within);
            let returns = self
                .left
                .iter()
                .any(|(placement, at)| *placement == plan.placement && *at >= recent);
            if returns {
                let doubled = Micros::new(self.dwell.get().saturating_mul(2));
                self.dwell = doubled.min(self.rules.longest_dwell);
            }
            self.left.push((held.plan.placement, now));
            let minute = now.before(Micros::from_secs(60));
            self.left.retain(|(_, at)| *at >= minute);
        }
        self.fell_back = false;
        self.take(plan, change, situation, now)
    }

    fn take(
        &mut self,
        plan: Plan,
        change: Change,
        situation: &Situation<'_>,
        now: Timestamp,
    ) -> Decision {
        self.held = Some(Held { plan, since: now });
        self.rival = None;
        Decision { plan, change: Some(change), probe: probe(&plan, situation, Micros::ZERO) }
    }

    /// Forgets a long dwell after two quiet ones.
    fn relax(&mut self, since: Timestamp, now: Timestamp) {
        let quiet = Micros::new(self.dwell.get().saturating_mul(2));
        if self.dwell > self.rules.dwell && now.since(since) >= quiet {
            self.dwell = self.rules.dwell;
        }
    }
}

/// Tells whether the channel should be probed: the device has answered alone for some time, on an
/// estimate that has grown old. The longer it has, the older it may be.
fn probe(plan: &Plan, situation: &Situation<'_>, alone: Micros) -> Probe {
    let oldest = Micros::new(alone.get() / 4).clamp(OLD, VERY_OLD);
    let old = |link: &LinkEstimate| link.state == LinkState::Up && link.age >= oldest;
    if plan.is_local() && situation.links.first().is_some_and(old) { Probe::Due } else { Probe::No }
}

fn any_down(situation: &Situation<'_>) -> bool {
    situation.links.iter().any(|link| link.state == LinkState::Down)
}

/// Tells whether a placement needs a hop that is down or a tier that refuses.
fn broken(situation: &Situation<'_>, placement: Placement) -> bool {
    (0..situation.tiers.len().saturating_sub(1)).any(|hop| {
        let link = situation.links.get(hop);
        let down = link.is_none_or(|link| link.state == LinkState::Down);
        let refuses = situation.tiers.get(hop + 1).is_none_or(|tier| tier.admits == Admits::No);
        placement.uses(hop, situation.table) && (down || refuses)
    })
}

/// An estimate of this age is worth a probe while requests stay on the device for a moment.
const ASIDE_OLD: Micros = Micros::from_millis(500);
/// Smaller differences of loss are not worth a change.
const LEAST_LOSS: f64 = 0.001;
/// An estimate of this age is worth a probe when the network was left a moment ago, and of this age at
/// any time.
const OLD: Micros = Micros::from_secs(1);
const VERY_OLD: Micros = Micros::from_secs(5);
