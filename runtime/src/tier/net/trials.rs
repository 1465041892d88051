//! Handing over beside an own answer, to see whether the channel is better than it seems.

use aiflow_units::{Micros, Timestamp};

use crate::planner::{Plan, Situation, handed_over};

/// Says when a device that answers itself hands over as well, so that the first answer counts.
///
/// Real requests say more of a channel than padding, which is capped in rate and in all. A trial costs
/// the device the coding: an own answer goes on from the same cut. So it is made where that is little,
/// and the longer trials have lost, the rarer it is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Trials {
    /// When the last one was made.
    last: Option<Timestamp>,
    /// How many were lost since one was won.
    lost: u32,
}

impl Trials {
    /// Finds what to hand over beside an own answer: where the other one would come first in the
    /// situation that is hoped for.
    pub(super) fn beside(
        &mut self,
        hoped: &Situation<'_>,
        own: &Plan,
        now: Timestamp,
    ) -> Option<Plan> {
        let most = Micros::new((own.time.get() as f64 * MOST_WORK) as u64);
        let pause = Micros::new(FIRST_PAUSE.get() << self.lost.min(MOST_DOUBLINGS));
        let rested = self.last.is_none_or(|last| now.since(last) >= pause);
        let other = handed_over(hoped, most).filter(|other| rested && other.time < own.time)?;
        self.last = Some(now);
        Some(other)
    }

    /// Takes note that the own answer came first.
    pub(super) const fn lost(&mut self) {
        self.lost = self.lost.saturating_add(1);
    }
}

/// Share of an own answer's time that the device may spend on coding for a trial.
const MOST_WORK: f64 = 0.2;
/// The least time between trials; each that is lost doubles it, up to two seconds.
const FIRST_PAUSE: Micros = Micros::from_millis(250);
const MOST_DOUBLINGS: u32 = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::{
        OperatingPoint, Payload, PictureCoding, PictureFormat, PlanSheet, TaskLoss,
    };
    use crate::planner::{
        Goal, LinkEstimate, LossMeasure, Position, Spread, Table, Terms, Tier, TierCosts, Wish,
        plan,
    };
    use aiflow_units::BitRate;

    /// When trials are made in ten seconds of a request each 100 ms, where each of them is lost and the
    /// own answer takes 100 ms.
    fn made(rate: BitRate) -> Vec<u64> {
        let coding = PictureCoding { format: PictureFormat::Png, quality: None, effort: None };
        let loss = TaskLoss { disagreement: Some(0.0), ..TaskLoss::default() };
        let payload = Payload::Picture(coding);
        let point = OperatingPoint { payload, bytes_mean: 10_000.0, bytes_p95: 10_000.0, loss };
        let (data, points) = ("test".to_owned(), vec![point]);
        let sheet = PlanSheet { data, samples: 1, confidence: 0.95, top1: None, points };
        let table = Table::new(&sheet, &[], LossMeasure::default()).expect("a table");
        let costs = |micros: f64| {
            let part = move |from: Position, to: Position| {
                Some(Spread::exactly(if from < to { micros } else { 0.0 }))
            };
            let coding = Some(Spread::exactly(1e3));
            TierCosts::from_parts(&table, part, |_| coding, |_| coding)
        };
        let (device, server) = (costs(1e5), costs(1e4));
        let tiers = [Tier::new(&device), Tier::new(&server)];
        let links = [LinkEstimate::steady(rate, Micros::from_millis(10))];
        let wish = Wish { most_loss: 0.0, goal: Goal::LeastTime };
        let (table, terms) = (&table, Terms::default());
        let situation = Situation { table, tiers: &tiers, links: &links, wish, terms };
        let dead = [];
        let own = plan(&Situation { links: &dead, ..situation.clone() });
        assert_eq!((own.is_local(), own.time), (true, Micros::from_millis(100)));
        let mut trials = Trials::default();
        let times = (0..100).map(|tenth| 100 * tenth);
        let made = times.filter(|&millis| {
            let now = Timestamp::from_origin(Micros::from_millis(millis));
            let made = trials.beside(&situation, &own, now).is_some();
            if made {
                trials.lost();
            }
            made
        });
        made.collect()
    }

    #[test]
    fn what_may_win_is_tried_less_and_less_and_what_cannot_not_at_all() {
        // The picture would come after some 65 ms.
        let quick = made(BitRate::megabits_per_second(2));
        assert_eq!(quick, [0, 500, 1500, 3500, 5500, 7500, 9500]);
        // After some 115 ms.
        assert!(made(BitRate::kilobits_per_second(920)).is_empty());
    }
}
