//! How budgets follow estimates.

use aiflow_units::{BitRate, Bytes, Micros, Timestamp};

use super::*;
use crate::channel::{Estimate, Flags};

fn demand(millis: u64, kilobits: u64) -> Demand {
    let mut estimate = Estimate::default();
    estimate.p50 = BitRate::kilobits_per_second(kilobits);
    estimate.min_rtt = Micros::from_millis(40);
    Demand {
        now: Timestamp::from_origin(Micros::from_millis(millis)),
        estimate,
        backlog: Bytes::ZERO,
        base_backlog: Bytes::ZERO,
        period: Micros::from_millis(100),
        deadline: Micros::from_millis(300),
    }
}

#[test]
fn a_fall_is_followed_at_once_and_a_rise_takes_its_time() {
    let mut controller = RateController::new(RateConfig::default());
    controller.budget(&demand(0, 8000));
    controller.budget(&demand(100, 2000));
    assert_eq!(controller.rate(), BitRate::kilobits_per_second(2000));
    controller.budget(&demand(600, 8000));
    assert_eq!(controller.rate(), BitRate::kilobits_per_second(3000));
    assert_eq!(controller.switches(), 2);
}

#[test]
fn small_changes_are_ignored() {
    let mut controller = RateController::new(RateConfig::default());
    let first = controller.budget(&demand(0, 8000));
    assert_eq!(first, Budget { base: Bytes::new(90_000), total: Bytes::new(100_000) });
    assert_eq!(controller.budget(&demand(100, 8300)), first);
    assert_eq!(controller.budget(&demand(200, 7700)), first);
    assert_eq!(controller.switches(), 0);
}

#[test]
fn what_waits_is_taken_off_down_to_the_floor() {
    let config = RateConfig::default().with_floor(Bytes::new(500));
    let mut controller = RateController::new(config);
    let mut demand = demand(0, 8000);
    demand.backlog = Bytes::new(30_000);
    demand.base_backlog = Bytes::new(10_000);
    let budget = controller.budget(&demand);
    assert_eq!(budget, Budget { base: Bytes::new(70_000), total: Bytes::new(70_000) });
    demand.backlog = Bytes::new(300_000);
    let budget = controller.budget(&demand);
    assert_eq!(budget, Budget { base: Bytes::new(500), total: Bytes::new(500) });
}

#[test]
fn a_deadline_shorter_than_the_period_limits() {
    let mut controller = RateController::new(RateConfig::default());
    let mut demand = demand(0, 8000);
    demand.deadline = Micros::from_millis(70);
    assert_eq!(controller.budget(&demand).total, Bytes::new(50_000));
}

#[test]
fn a_stale_estimate_allows_a_base_only() {
    let mut controller = RateController::new(RateConfig::default());
    let mut demand = demand(0, 8000);
    demand.estimate.flags = Flags::STALE;
    let budget = controller.budget(&demand);
    assert_eq!(budget.base, budget.total);
}
