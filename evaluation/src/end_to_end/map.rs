//! Where a cut wins, over bandwidth, round trip and the speed of the device; reckoned, not measured.

use aiflow_runtime::planner::{Hop, LinkEstimate, Position, choose};
use aiflow_units::{BitRate, Micros};

use super::drive;
use super::error::EndToEndError;
use super::plans::Plans;
use super::scenario::{Budget, Scenario};
use super::stage::Stage;
use super::world::remote;

/// What the planner would choose on steady links, for one pair of machines and one loss budget.
#[derive(Clone, Debug, PartialEq)]
pub struct CutMap {
    /// How many times slower than the server the device is.
    pub device_slowdown: f64,
    /// How many times slower than this machine the server is.
    pub server_slowdown: f64,
    /// What may be lost.
    pub max_loss: Budget,
    /// Rates of the columns, from slow to fast.
    pub bandwidths: Vec<BitRate>,
    /// Round trips of the rows, from short to long.
    pub rtts: Vec<Micros>,
    /// Names of the cuts, from the input towards the output.
    pub cuts: Vec<String>,
    /// One cell for each bandwidth of each round trip.
    pub cells: Vec<MapCell>,
}

/// The choice in one situation, beside the plans that never divide the model.
#[derive(Clone, Debug, PartialEq)]
pub struct MapCell {
    /// `device`, `picture` or a cut.
    pub place: String,
    /// How what is sent is coded; empty when nothing is.
    pub coding: String,
    /// Expected milliseconds of the choice.
    pub chosen_ms: f64,
    /// Expected milliseconds with everything on the device.
    pub device_ms: f64,
    /// Expected milliseconds of the policy `webp`; absent where the sheet has no picture within the
    /// budget.
    pub picture_ms: Option<f64>,
}

impl MapCell {
    /// Returns the expected time over that of the better plan that does not divide the model.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.chosen_ms / self.picture_ms.map_or(self.device_ms, |time| time.min(self.device_ms))
    }

    /// Tells whether the two plans that do not divide the model lie within a factor of 1.3.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        let within = |time: f64| (time / self.device_ms).max(self.device_ms / time) <= 1.3;
        self.picture_ms.is_some_and(within)
    }
}

impl CutMap {
    /// Tells whether a scenario lies on this map.
    #[must_use]
    pub fn has(&self, scenario: &Scenario) -> bool {
        self.device_slowdown == scenario.device_slowdown
            && self.server_slowdown == scenario.server_slowdown
            && self.max_loss == scenario.max_loss
            && scenario.edge.is_none()
    }
}

/// Reckons one map for each pair of machines and loss budget among some scenarios, the fastest device
/// first: by the model of the planner, on the times of the profile and the points of the plan sheet.
/// Chains of three have none.
///
/// # Errors
/// When the bundle has no plan sheet, or not the loss of a budget.
pub fn cut_maps(stage: &Stage, scenarios: &[&Scenario]) -> Result<Vec<CutMap>, EndToEndError> {
    let mut maps: Vec<CutMap> = Vec::new();
    for scenario in scenarios.iter().filter(|scenario| scenario.edge.is_none()) {
        if !maps.iter().any(|map| map.has(scenario)) {
            maps.push(cut_map(&Plans::new(stage, scenario)?, scenario));
        }
    }
    let speed = |map: &CutMap| (map.device_slowdown, map.server_slowdown);
    maps.sort_by(|a, b| {
        let ((a, a_server), (b, b_server)) = (speed(a), speed(b));
        a.total_cmp(&b).then(a_server.total_cmp(&b_server))
    });
    Ok(maps)
}

fn cut_map(plans: &Plans, scenario: &Scenario) -> CutMap {
    let bandwidths: Vec<BitRate> =
        BANDWIDTHS_KBIT.map(|kbit| BitRate::bits_per_second(1000 * kbit)).to_vec();
    let rtts: Vec<Micros> = RTTS_MS.map(Micros::from_millis).to_vec();
    let links = rtts.iter().flat_map(|&rtt| {
        bandwidths.iter().map(move |&bandwidth| LinkEstimate::steady(bandwidth, rtt))
    });
    CutMap {
        device_slowdown: scenario.device_slowdown,
        server_slowdown: scenario.server_slowdown,
        max_loss: scenario.max_loss,
        cells: links.map(|link| cell(plans, link)).collect(),
        cuts: plans.table.cuts().iter().map(ToString::to_string).collect(),
        bandwidths,
        rtts,
    }
}

/// Plans one situation.
pub(super) fn cell(plans: &Plans, link: LinkEstimate) -> MapCell {
    let choice = plans.ask(link, |situation| choose(situation, None));
    let sent = match choice.best.route.hop(0) {
        Hop::Send(point) => plans.table.point(point).map(|point| (point.payload, point.at)),
        Hop::Idle | Hop::Forward(_) => None,
    };
    let (place, coding) = match sent {
        Some((payload, at)) if at == Position::INPUT => {
            ("picture".to_owned(), drive::words(remote(payload)).1)
        }
        Some((payload, _)) => drive::words(remote(payload)),
        None => ("device".to_owned(), String::new()),
    };
    let millis = |time: Micros| time.get() as f64 / 1e3;
    MapCell {
        place,
        coding,
        chosen_ms: millis(choice.best.time),
        device_ms: millis(choice.local.time),
        picture_ms: plans.picture_time(link).map(millis),
    }
}

/// Columns: from an old phone network to a good one.
const BANDWIDTHS_KBIT: [u64; 13] =
    [63, 100, 160, 250, 400, 630, 1000, 1600, 2500, 4000, 6300, 10_000, 20_000];

/// Rows: from the same building to a satellite's half way.
const RTTS_MS: [u64; 7] = [2, 5, 10, 20, 50, 100, 200];
