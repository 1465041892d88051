//! How budgets follow estimates.

use aiflow_units::{BitRate, Bytes, Micros, Timestamp};

use super::*;
use crate::channel::{Estimate, Flags, PathSample, Sent, Share, Supply};
use crate::connection::Priority;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_origin(Micros::from_millis(millis))
}

fn demand(millis: u64, kilobits: u64) -> Demand {
    let rate = BitRate::kilobits_per_second(kilobits);
    let estimate = Estimate {
        p50: rate,
        p10: rate,
        min_rtt: Micros::from_millis(40),
        busy: Share::ALL,
        ..Estimate::default()
    };
    Demand {
        now: at(millis),
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
    controller.budget(&demand(0, 2000));
    let budget = controller.budget(&demand(500, 8000));
    assert_eq!(controller.rate(), BitRate::kilobits_per_second(3000));
    // The total is not held back.
    assert_eq!(budget, Budget { base: Bytes::new(33_750), total: Bytes::new(100_000) });
    controller.budget(&demand(600, 500));
    assert_eq!(controller.rate(), BitRate::kilobits_per_second(500));
    // The way back is measured from where it came from.
    controller.budget(&demand(1100, 8000));
    assert_eq!(controller.rate(), BitRate::kilobits_per_second(2000));
    assert_eq!(controller.switches(), 3);
}

#[test]
fn small_changes_are_ignored() {
    let mut controller = RateController::new(RateConfig::default());
    let first = controller.budget(&demand(0, 8000));
    assert_eq!(first, Budget { base: Bytes::new(90_000), total: Bytes::new(100_000) });
    assert_eq!(controller.budget(&demand(100, 8300)).base, first.base);
    assert_eq!(controller.budget(&demand(200, 7700)).base, first.base);
    assert_eq!(controller.switches(), 0);
}

#[test]
fn a_base_fits_into_bad_times() {
    let mut controller = RateController::new(RateConfig::default());
    let mut demand = demand(0, 8000);
    demand.estimate.p10 = BitRate::kilobits_per_second(800);
    // A third of what 0.8 Mbit/s carry in 280 ms, and a little.
    assert_eq!(controller.budget(&demand).base, Bytes::new(9800));
}

#[test]
fn what_waits_is_taken_off_down_to_the_floor() {
    let config = RateConfig::default().with_floor(Bytes::new(500));
    let mut controller = RateController::new(config);
    let mut demand = demand(0, 8000);
    demand.backlog = Bytes::new(30_000);
    demand.base_backlog = Bytes::new(30_000);
    let budget = controller.budget(&demand);
    assert_eq!(budget, Budget { base: Bytes::new(60_000), total: Bytes::new(70_000) });
    demand.backlog = Bytes::new(300_000);
    demand.base_backlog = Bytes::new(300_000);
    let budget = controller.budget(&demand);
    assert_eq!(budget, Budget { base: Bytes::new(500), total: Bytes::new(500) });
}

#[test]
fn nothing_follows_a_base_that_overtakes_what_waits() {
    let mut controller = RateController::new(RateConfig::default());
    let mut demand = demand(0, 8000);
    demand.backlog = Bytes::new(95_000);
    let budget = controller.budget(&demand);
    assert_eq!(budget, Budget { base: Bytes::new(90_000), total: Bytes::new(5000) });
}

#[test]
fn an_idle_path_is_tried_out_within_bounds() {
    let mut controller = RateController::new(RateConfig::default());
    let mut demand = demand(0, 8000);
    demand.estimate.busy = Share::parts_per_million(800_000);
    assert_eq!(controller.budget(&demand).total, Bytes::new(125_000));
    demand.estimate.busy = Share::NONE;
    assert_eq!(controller.budget(&demand).total, Bytes::new(150_000));
}

#[test]
fn the_limit_of_a_new_path_is_looked_for() {
    let mut controller = RateController::new(RateConfig::default());
    let mut demand = demand(0, 0);
    demand.estimate.flags = Flags::STALE;
    let budget = controller.budget(&demand);
    assert_eq!(budget, Budget { base: Bytes::new(1000), total: Bytes::new(10_000) });
    demand.estimate.p50 = BitRate::kilobits_per_second(800);
    demand.estimate.flags = Flags::APP_LIMITED;
    demand.estimate.age = Micros::MAX;
    assert_eq!(controller.budget(&demand).total, Bytes::new(30_000));
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

#[test]
fn enhancements_wait_until_the_path_has_room() {
    // 8 Mbit/s over 40 ms and a queue of 25 ms are 65,000 bytes; 600 are added for packets.
    let estimate = demand(0, 8000).estimate;
    let mut flight = Flight::new(Micros::from_millis(25));
    flight.written(Bytes::new(20_000));
    let sent = Sent { at: at(0), bytes: Bytes::new(15_000), supply: Supply::Ample };
    flight.handle(&PathSample::Sent(sent));
    let room = |flight: &Flight, priority| flight.room(priority, &estimate).get();
    assert_eq!(room(&flight, Priority::Enhancement), 45_600);
    assert_eq!(room(&flight, Priority::Base), 82_400);
    assert_eq!(room(&flight, Priority::Control), u64::MAX);
    flight.written(Bytes::new(60_000));
    assert_eq!(room(&flight, Priority::Padding), 0);
    flight.handle(&PathSample::Migrated(at(1)));
    assert_eq!(room(&flight, Priority::Enhancement), 65_600);
    let unknown = Estimate { age: Micros::MAX, ..estimate };
    assert_eq!(flight.room(Priority::Enhancement, &unknown), Bytes::MAX);
    assert_eq!(room(&Flight::unlimited(), Priority::Enhancement), u64::MAX);
}

#[test]
fn what_never_leaves_does_not_count_for_good() {
    let estimate = demand(0, 800).estimate;
    let mut flight = Flight::new(Micros::ZERO);
    let room = |flight: &Flight| flight.room(Priority::Enhancement, &estimate).get();
    let sent = Sent { at: at(0), bytes: Bytes::new(1000), supply: Supply::Ample };
    flight.handle(&PathSample::Sent(sent));
    assert_eq!(room(&flight), 3600);
    // Control messages leave in packets that look like acknowledgements.
    for _ in 0..1000 {
        flight.written(Bytes::new(32));
    }
    assert_eq!(room(&flight), 3600);
    flight.written(Bytes::new(2000));
    assert_eq!(room(&flight), 1600);
    flight.taken_back(Bytes::new(2000));
    assert_eq!(room(&flight), 3600);
}
