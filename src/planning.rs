//! Planning for a bundle on the command line: what is asked, and what came of it.

use aiflow::evaluation::report::PlanRecord;
use aiflow::runtime::bundle::Bundle;
use aiflow::runtime::cut::CutId;
use aiflow::runtime::planner::{
    Account, Explanation, Hop, LinkEstimate, Placement, Plan, Situation, Stage, Table, Terms, Tier,
    TierCosts, Wish, explain,
};
use aiflow::runtime::profiler::MachineProfile;
use aiflow::units::{BitRate, Micros};
use anyhow::{Context as _, Result};

use crate::quantity::LossBudget;

/// Everything that does not change from one situation to the next.
pub(crate) struct Planning {
    pub(crate) table: Table,
    device: TierCosts,
    edge: Option<(TierCosts, EdgeTier)>,
    server: TierCosts,
    pub(crate) server_slowdown: f64,
    pub(crate) wait: Micros,
    pub(crate) wish: Wish,
    pub(crate) terms: Terms,
    /// The lower quantile of the rate over the median.
    pub(crate) low_rate: f64,
}

/// A tier between device and server, and the hop behind it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct EdgeTier {
    pub(crate) speed: f64,
    pub(crate) bandwidth: BitRate,
    pub(crate) rtt: Micros,
}

/// The channel and the device of one situation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Asked {
    pub(crate) bandwidth: BitRate,
    pub(crate) rtt: Micros,
    pub(crate) device_speed: f64,
}

/// Profiles of the machines of a chain.
pub(crate) struct Machines {
    pub(crate) device: MachineProfile,
    pub(crate) server: MachineProfile,
}

impl Planning {
    /// Prepares planning for a bundle.
    pub(crate) fn new(
        bundle: &Bundle,
        machines: &Machines,
        edge: Option<EdgeTier>,
        budget: LossBudget,
        wish: Wish,
    ) -> Result<Self> {
        let sheet = bundle.plan_sheet().context(
            "the bundle has no plan sheet; measure one with `aiflow sheet BUNDLE --data SPEC`",
        )?;
        let cuts: Vec<CutId> = bundle.cuts().map(|cut| cut.cut().id).collect();
        let table = Table::new(sheet, &cuts, budget.measure)?;
        Ok(Self {
            device: TierCosts::new(&machines.device, &table),
            edge: edge.map(|edge| (TierCosts::new(&machines.server, &table), edge)),
            server: TierCosts::new(&machines.server, &table),
            server_slowdown: 1.0,
            wait: Micros::ZERO,
            terms: Terms::default(),
            low_rate: 1.0,
            table,
            wish,
        })
    }

    /// Counts the points that a machine has no times for.
    pub(crate) fn untimed(&self) -> usize {
        self.device.missing().count().max(self.server.missing().count())
    }

    /// Names the tiers, the device first.
    pub(crate) fn tier_names(&self) -> Vec<&'static str> {
        if self.edge.is_some() { vec!["device", "edge", "cloud"] } else { vec!["device", "server"] }
    }

    /// Plans one situation and explains it.
    pub(crate) fn explain(&self, asked: Asked, most: usize) -> Explanation {
        let device = Tier::new(&self.device).with_slowdown(1.0 / asked.device_speed);
        let last = Tier::new(&self.server).with_slowdown(self.server_slowdown).with_wait(self.wait);
        let mut tiers = vec![device];
        let mut links = vec![self.link(asked.bandwidth, asked.rtt)];
        if let Some((costs, edge)) = &self.edge {
            tiers.push(Tier::new(costs).with_slowdown(1.0 / edge.speed));
            links.push(self.link(edge.bandwidth, edge.rtt));
        }
        tiers.push(last);
        let situation = Situation {
            table: &self.table,
            tiers: &tiers,
            links: &links,
            wish: self.wish,
            terms: self.terms,
        };
        explain(&situation, most)
    }

    fn link(&self, rate: BitRate, rtt: Micros) -> LinkEstimate {
        let low = rate.get() as f64 * self.low_rate;
        let rate_p10 = BitRate::bits_per_second(low as u64);
        LinkEstimate { rate_p10, ..LinkEstimate::steady(rate, rtt) }
    }

    /// Says how what is sent is coded; empty when nothing is.
    pub(crate) fn how(&self, plan: &Plan) -> String {
        let payload = |hop: &Hop| match hop {
            Hop::Send(point) => Some(self.table.point(*point)?.payload),
            Hop::Idle | Hop::Forward(_) => None,
        };
        let words = plan.route.hops().iter().filter_map(payload);
        words.map(|payload| crate::sheet::words(&payload).1).collect::<Vec<_>>().join(" > ")
    }

    /// Names who runs what.
    pub(crate) fn place(&self, placement: Placement) -> String {
        placement.name(&self.table).to_string()
    }

    /// Plans one situation for the maps.
    pub(crate) fn record(&self, asked: Asked) -> PlanRecord {
        let explained = self.explain(asked, 0);
        let plan = explained.chosen.plan;
        let best = |wanted: &dyn Fn(&Plan) -> bool| {
            let trivial = explained.trivial.iter().map(|account| account.plan);
            trivial.filter(|plan| wanted(plan)).map(|plan| plan.time.get()).min()
        };
        PlanRecord {
            bandwidth_bps: asked.bandwidth.get(),
            rtt_us: asked.rtt.get(),
            device_speed: asked.device_speed,
            placement: self.place(plan.placement),
            how: self.how(&plan),
            time_us: plan.time.get(),
            bytes: plan.bytes.get(),
            loss: plan.loss,
            device_us: best(&Plan::is_local).unwrap_or(u64::MAX),
            picture_us: best(&|plan: &Plan| !plan.is_local()),
        }
    }
}

/// Times of a plan by what takes them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shares {
    pub(crate) device: Micros,
    pub(crate) coding: Micros,
    pub(crate) network: Micros,
    pub(crate) server: Micros,
    pub(crate) reply: Micros,
}

impl Shares {
    /// Sums the terms of a plan up.
    pub(crate) fn of(account: &Account) -> Self {
        let mut shares = Self::default();
        for term in &account.terms {
            let slot = match term.stage {
                Stage::Compute if term.tier == 0 => &mut shares.device,
                Stage::Compute | Stage::Wait => &mut shares.server,
                Stage::Encode | Stage::Decode => &mut shares.coding,
                Stage::Reply => &mut shares.reply,
                Stage::Overlap => {
                    shares.network = shares.network.saturating_sub(term.time);
                    continue;
                }
                _ => &mut shares.network,
            };
            *slot = slot.saturating_add(term.time);
        }
        shares
    }
}
