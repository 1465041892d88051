//! What can be done about a request, and what the fixed policies do.

use aiflow_runtime::bundle::{FeatureCoding, Payload, PictureCoding, PictureFormat};
use aiflow_runtime::cut::CutId;
use aiflow_runtime::planner::{
    Confidence, Goal, LinkEstimate, PointId, Position, Route, Situation, Table, Terms, Tier,
    TierCosts, Wish, price,
};
use aiflow_units::Micros;

use super::error::EndToEndError;
use super::scenario::{Scenario, Wanted};
use super::stage::Stage;

/// The operating points of a scenario with what both machines take for them.
#[derive(Debug)]
pub(super) struct Plans {
    pub(super) table: Table,
    /// As this machine takes.
    pub(super) costs: TierCosts,
    /// As the emulated machines take.
    pub(super) device: TierCosts,
    pub(super) server: TierCosts,
    pub(super) wish: Wish,
    pub(super) terms: Terms,
}

impl Plans {
    pub(super) fn new(stage: &Stage, scenario: &Scenario) -> Result<Self, EndToEndError> {
        let table = stage.table(scenario.max_loss.measure)?;
        let costs = TierCosts::new(&stage.profile, &table);
        let goal = match (scenario.goal, scenario.deadline) {
            (Wanted::Deadline, Some(deadline)) => {
                Goal::Deadline { deadline, confidence: Confidence::default() }
            }
            _ => Goal::LeastTime,
        };
        let slowdown = scenario.device_slowdown * scenario.server_slowdown;
        Ok(Self {
            device: costs.times(slowdown),
            server: costs.times(scenario.server_slowdown),
            costs,
            table,
            wish: Wish { most_loss: scenario.max_loss.most, goal },
            terms: Terms::default(),
        })
    }

    /// Lists the points within the loss budget.
    pub(super) fn allowed(&self) -> impl Iterator<Item = usize> + '_ {
        let points = self.table.points().iter().enumerate();
        let keeps = |loss: f64| loss == 0.0 || loss <= self.wish.most_loss;
        points.filter(move |(_, point)| keeps(point.loss)).map(|(index, _)| index)
    }

    /// Returns how the policy of the picture codes it: the WebP within the loss budget that takes least
    /// time on a link, such as one of the mean rate; another format where there is no WebP.
    pub(super) fn picture(&self, link: LinkEstimate) -> Result<PictureCoding, EndToEndError> {
        self.best_picture(link).map(|(_, coding)| coding).ok_or(EndToEndError::NoPicture)
    }

    /// Returns what the policy of the picture takes on a link; nothing where no picture is within the
    /// budget.
    pub(super) fn picture_time(&self, link: LinkEstimate) -> Option<Micros> {
        self.best_picture(link).map(|(time, _)| time)
    }

    fn best_picture(&self, link: LinkEstimate) -> Option<(Micros, PictureCoding)> {
        let timed = |index: usize| match self.table.points().get(index)?.payload {
            Payload::Picture(coding) => Some((self.steady(link, index)?, coding)),
            Payload::Feature { .. } => None,
        };
        let all: Vec<(Micros, PictureCoding)> = self.allowed().filter_map(timed).collect();
        let webp = all.iter().filter(|(_, coding)| coding.format == PictureFormat::Webp);
        let found =
            webp.min_by_key(|(time, _)| *time).or_else(|| all.iter().min_by_key(|(t, _)| *t));
        found.copied()
    }

    /// Returns the cut of the fixed policies and how the learned codec codes it there: the best one
    /// on a link, such as one of the mean rate, or the best at a cut that was named.
    pub(super) fn fixed(
        &self,
        link: LinkEstimate,
        wanted: Option<CutId>,
    ) -> Result<(CutId, FeatureCoding), EndToEndError> {
        if let Some(cut) = wanted.filter(|cut| !self.table.cuts().contains(cut)) {
            let known: Vec<String> = self.table.cuts().iter().map(ToString::to_string).collect();
            return Err(EndToEndError::UnknownCut { cut, known: known.join(", ") });
        }
        let timed = |index: usize| match self.table.points().get(index)?.payload {
            Payload::Feature { cut, coding } if wanted.is_none_or(|own| own == cut) => {
                Some((self.steady(link, index)?, (cut, coding)))
            }
            _ => None,
        };
        let best = self.allowed().filter_map(timed).min_by_key(|(time, _)| *time);
        best.map(|(_, found)| found).ok_or(EndToEndError::NoCut)
    }

    /// Asks about both machines, beside nobody else, on a link.
    pub(super) fn ask<T>(&self, link: LinkEstimate, about: impl FnOnce(&Situation<'_>) -> T) -> T {
        let tiers = [Tier::new(&self.device), Tier::new(&self.server)];
        let links = [link];
        about(&Situation {
            table: &self.table,
            tiers: &tiers,
            links: &links,
            wish: Wish { goal: Goal::LeastTime, ..self.wish },
            terms: self.terms,
        })
    }

    /// Returns what a point takes on a link.
    fn steady(&self, link: LinkEstimate, index: usize) -> Option<Micros> {
        let route = Route::direct(self.id(index)?);
        self.ask(link, |situation| price(situation, &route)).map(|plan| plan.time)
    }

    pub(super) fn id(&self, index: usize) -> Option<PointId> {
        self.table.find(&self.table.points().get(index)?.payload)
    }

    /// Returns where a cut is.
    pub(super) fn position(&self, cut: CutId) -> Option<Position> {
        let index = self.table.cuts().iter().position(|&other| other == cut)?;
        self.table.positions().nth(index + 1)
    }
}
