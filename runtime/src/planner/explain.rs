//! Why a plan was chosen: its terms, and what came next.

use super::model::{Model, Stage, Term};
use super::problem::{Goal, Situation};
use super::scan::{Plan, by_placement};

/// A plan with its stages.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    /// The plan.
    pub plan: Plan,
    /// Its stages in the order in which they happen; rounded to microseconds, they add up to the
    /// time of the plan but for the rounding.
    pub terms: Vec<Term>,
}

/// Why a plan was chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The chosen plan.
    pub chosen: Account,
    /// The best plans of other placements, the best first.
    pub runners_up: Vec<Account>,
    /// The best plan of every trivial placement, the best first.
    pub trivial: Vec<Account>,
    /// Plans that were looked at.
    pub looked_at: usize,
    /// Plans that lose more than is allowed.
    pub too_lossy: usize,
    /// Whether the chosen plan meets the deadline; `None` without one.
    pub in_time: Option<bool>,
}

/// Explains the plan of a situation with up to `most` runners-up.
pub fn explain(situation: &Situation<'_>, most: usize) -> Explanation {
    let model = Model::new(situation);
    let (plans, looked_at, too_lossy) = by_placement(situation);
    let account = |plan: &Plan| Account { plan: *plan, terms: model.terms(&plan.route) };
    let table = situation.table;
    let trivial = plans.iter().filter(|plan| plan.placement.is_whole(table));
    let chosen = super::scan::plan(situation);
    let others = plans.iter().filter(|plan| plan.placement != chosen.placement);
    let in_time = match situation.wish.goal {
        Goal::LeastTime => None,
        Goal::Deadline { deadline, .. } => Some(chosen.likely <= deadline),
    };
    Explanation {
        chosen: account(&chosen),
        runners_up: others.take(most).map(account).collect(),
        trivial: trivial.map(account).collect(),
        looked_at,
        too_lossy,
        in_time,
    }
}

impl Stage {
    /// Names the stage for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Compute => "compute",
            Self::Encode => "encode",
            Self::Queue => "queue",
            Self::Send => "send",
            Self::Travel => "travel",
            Self::Decode => "decode",
            Self::Wait => "wait",
            Self::Reply => "reply",
            Self::Overlap => "overlap",
        }
    }
}
