//! Deciding where to cut and how many bits to spend.
//!
//! [`plan`] is a pure function: from the operating points of a model ([`Table`]), what each tier takes
//! for its parts ([`TierCosts`]), what is known of the channel ([`LinkEstimate`]) and what is wanted
//! ([`Wish`]) to the best plan, by looking at every one. It reads no clock, draws no random number,
//! does no I/O and keeps nothing between calls; a test reads the text of this module for that.
//!
//! Always among the plans: everything on the device, and the input picture to a tier that runs the
//! whole model. So a plan is never worse than those as the model of time sees them. [`explain()`] gives
//! the terms of the chosen plan and of the runners-up. [`Switcher`] keeps what changes back: which
//! tier runs what changes only when it pays for some time, how it is coded may change with every
//! request, and a link that dies means the device at once.
//!
//! ```text
//! PlanSheet + cuts -> Table --+
//! MachineProfile -> TierCosts +--> Situation -> plan / choose / explain
//! LinkEstimate, Tier, Wish ---+         |
//!                                       +-----> Switcher::decide(situation, now)
//! ```

mod costs;
mod explain;
mod link;
mod model;
mod problem;
mod route;
mod scan;
mod switcher;
mod table;

pub use self::costs::{Spread, TierCosts};
pub use self::explain::{Account, Explanation, explain};
pub use self::link::{LinkEstimate, LinkState, RateErrors};
pub use self::model::{Stage, Term};
pub use self::problem::{
    Admits, Confidence, Goal, MOST_TIERS, Power, Situation, Terms, Tier, Wish,
};
pub use self::route::{Hop, Placement, PlacementName, Route};
pub use self::scan::{Choice, Plan, choose, handed_over, plan, price};
pub use self::switcher::{Change, Decision, Probe, SwitchRules, Switcher};
pub use self::table::{LossMeasure, PointId, Position, Table, TableError, TablePoint};

#[cfg(test)]
mod tests;
