//! Which tier runs what, and what crosses between them.

use std::fmt;

use super::problem::MOST_TIERS;
use super::table::{PointId, Position, Table};

/// The most hops of a chain.
pub(super) const MOST_HOPS: usize = MOST_TIERS - 1;

/// What a plan does at one hop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hop {
    /// Nothing crosses: the answer is there already.
    #[default]
    Idle,
    /// The tier before it sends what it computed.
    Send(PointId),
    /// The tier before it passes on what it received, as it is.
    Forward(PointId),
}

/// What a plan does at every hop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Route {
    hops: [Hop; MOST_HOPS],
}

impl Route {
    /// Everything on the device.
    pub const LOCAL: Self = Self { hops: [Hop::Idle; MOST_HOPS] };

    /// The device sends; the next tier answers.
    pub const fn direct(point: PointId) -> Self {
        Self { hops: [Hop::Send(point), Hop::Idle] }
    }

    /// The device sends; the next tier passes it on; the one behind answers.
    pub const fn forwarded(point: PointId) -> Self {
        Self { hops: [Hop::Send(point), Hop::Forward(point)] }
    }

    /// The device sends, the next tier computes and sends, the one behind answers.
    pub const fn chained(first: PointId, second: PointId) -> Self {
        Self { hops: [Hop::Send(first), Hop::Send(second)] }
    }

    /// Returns what is done at a hop.
    pub fn hop(&self, hop: usize) -> Hop {
        self.hops.get(hop).copied().unwrap_or_default()
    }

    /// Returns the hops, the device's first.
    pub const fn hops(&self) -> &[Hop] {
        &self.hops
    }

    /// Returns which tier runs what, without how it is coded.
    pub fn placement(&self, table: &Table) -> Placement {
        let output = table.output();
        let at = |hop: &Hop| match hop {
            Hop::Idle => output,
            Hop::Send(point) | Hop::Forward(point) => {
                table.point(*point).map_or(output, |point| point.at)
            }
        };
        Placement { bounds: [at(&self.hops[0]), at(&self.hops[1])] }
    }
}

/// Which tier runs what: a change of it has to be agreed on, while how it is coded is the sender's
/// choice for every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Placement {
    /// Where each hop lies along the model; the output where nothing crosses.
    pub(super) bounds: [Position; MOST_HOPS],
}

impl Placement {
    /// Everything on the device.
    pub fn local(table: &Table) -> Self {
        Route::LOCAL.placement(table)
    }

    /// Returns where a hop lies along the model; `None` where nothing crosses.
    pub fn bound(&self, hop: usize, table: &Table) -> Option<Position> {
        self.bounds.get(hop).copied().filter(|&at| at < table.output())
    }

    /// Tells whether anything crosses a hop.
    pub fn uses(&self, hop: usize, table: &Table) -> bool {
        self.bound(hop, table).is_some()
    }

    /// Tells whether the model is never divided: one tier runs all of it.
    pub fn is_whole(&self, table: &Table) -> bool {
        let whole = |at: &Position| *at == Position::INPUT || *at == table.output();
        self.bounds.iter().all(whole)
    }

    /// Names the placement for people, such as `c04`, `picture` or `c02 > c07`.
    pub fn name(&self, table: &Table) -> PlacementName {
        let name = |hop| {
            self.bound(hop, table).map(|at| match table.cut_at(at) {
                Some(cut) => cut.to_string(),
                None => "picture".to_owned(),
            })
        };
        PlacementName { first: name(0), second: name(1) }
    }
}

/// The name of a [`Placement`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacementName {
    first: Option<String>,
    second: Option<String>,
}

impl fmt::Display for PlacementName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.first, &self.second) {
            (None, _) => f.pad("device"),
            (Some(first), None) => f.pad(first),
            (Some(first), Some(second)) => f.pad(&format!("{first} > {second}")),
        }
    }
}
