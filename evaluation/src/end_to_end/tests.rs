//! The oracle and the sums, on numbers that can be reckoned by hand.

use aiflow_netsim::Trace;
use aiflow_runtime::bundle::{FeatureCoding, OperatingPoint, Payload, PlanSheet, TaskLoss};
use aiflow_runtime::cut::CutId;
use aiflow_runtime::planner::{
    Goal, LinkEstimate, LossMeasure, Position, Spread, Table, Terms, TierCosts, Wish,
};
use aiflow_units::{BitRate, Micros, Timestamp};

use super::map::MapCell;
use super::oracle::Oracle;
use super::plans::Plans;
use super::policy::Policy;
use super::record::{About, PolicyRecord, RequestRecord};

/// A cut in the middle; the device takes 200 ms for the whole, the server 20 ms; 10,000 bytes.
fn plans() -> Plans {
    let cut = CutId::listed(1);
    let point = |coding, bytes_mean, disagreement| OperatingPoint {
        payload: Payload::Feature { cut, coding },
        bytes_mean,
        bytes_p95: bytes_mean,
        loss: TaskLoss { disagreement: Some(disagreement), ..TaskLoss::default() },
    };
    let points =
        vec![point(FeatureCoding::Lossless, 10_000.0, 0.0), point(FeatureCoding::Raw, 100.0, 0.5)];
    let (data, confidence) = ("test".to_owned(), 0.95);
    let sheet = PlanSheet { data, samples: 1, confidence, top1: None, points };
    let table = Table::new(&sheet, &[cut], LossMeasure::Disagreement).expect("a table");
    let costs = |micros: f64| {
        let part = |from: Position, to: Position| {
            let places = to.index().checked_sub(from.index())?;
            Some(Spread::exactly(micros * places as f64))
        };
        let coding = Some(Spread::exactly(0.0));
        TierCosts::from_parts(&table, part, |_| coding, |_| coding)
    };
    let (device, server) = (costs(1e5), costs(1e4));
    let wish = Wish { most_loss: 0.01, goal: Goal::LeastTime };
    Plans { costs: server.clone(), device, server, wish, terms: Terms::default(), table }
}

#[test]
fn the_oracle_knows_what_the_channel_carries() {
    let plans = plans();
    let mbit = BitRate::megabits_per_second;
    let second = Micros::from_secs(1);
    let trace = Trace::steps(&[(second, mbit(8)), (second, mbit(1))]).expect("a trace");
    let rtt = Micros::from_millis(20);
    let oracle = Oracle::new(&plans, &trace, rtt, 0.0);
    assert_eq!(oracle.local(), 2e5);
    let wire = plans.terms.on_the_wire(10_000.0);
    // At 8 Mbit/s a byte takes a microsecond.
    let fast = oracle.best(Timestamp::from_origin(Micros::ZERO));
    assert!((fast.time - (1e5 + wire + 2e4 + 1e4)).abs() < 3.0, "{fast:?}");
    // At 1 Mbit/s the device alone is faster than 85 ms and more for the bytes.
    let slow = oracle.best(Timestamp::from_origin(Micros::from_millis(1100)));
    assert_eq!((slow.time, slow.what), (2e5, None));
    // Of 10,000 bytes that begin 2 ms before the fast second ends, most pass in the slow one.
    let late = oracle.point(Timestamp::from_origin(Micros::from_millis(898)), 1);
    let expected = 1e5 + 2e3 + 8.0 * (wire - 2000.0) + 2e4 + 1e4;
    assert!(late.is_some_and(|late| (late - expected).abs() < 10.0), "{late:?} {expected}");
    // What loses too much is not among the plans, though it would be fast.
    assert!(oracle.point(Timestamp::default(), 0).is_some_and(|time| time < fast.time));
}

#[test]
fn the_oracle_gives_up_on_a_dead_channel() {
    let plans = plans();
    let trace = Trace::constant(BitRate::ZERO);
    let oracle = Oracle::new(&plans, &trace, Micros::ZERO, 0.0);
    assert_eq!(oracle.point(Timestamp::default(), 0), None);
    assert_eq!(oracle.best(Timestamp::default()).what, None);
}

#[test]
fn the_fixed_cut_is_the_best_within_the_budget() {
    let plans = plans();
    let rate = BitRate::megabits_per_second(8);
    let link = LinkEstimate::steady(rate, Micros::from_millis(20));
    let found = plans.fixed(link, None).expect("a cut");
    assert_eq!(found, (CutId::listed(1), FeatureCoding::Lossless));
    let missing = plans.fixed(link, Some(CutId::listed(9))).expect_err("no such cut");
    assert!(missing.to_string().contains("no cut c09"), "{missing}");
    assert!(plans.picture(link).is_err());
}

#[test]
fn the_map_says_where_a_cut_wins() {
    let plans = plans();
    let at = |kbit| {
        let rate = BitRate::kilobits_per_second(kbit);
        super::map::cell(&plans, LinkEstimate::steady(rate, Micros::from_millis(20)))
    };
    let fast = at(8000);
    assert_eq!((fast.place.as_str(), fast.coding.as_str()), ("c01", "lossless"));
    assert!((0.68..0.72).contains(&fast.ratio()), "{fast:?}");
    let slow = at(100);
    assert_eq!((slow.place.as_str(), slow.ratio()), ("device", 1.0));
    // Without a picture there is nothing that could be balanced.
    assert!(slow.picture_ms.is_none() && !slow.is_balanced());
    let both = MapCell { picture_ms: Some(250.0), ..slow };
    assert!(both.is_balanced());
    assert!(!MapCell { picture_ms: Some(150.0), ..both }.is_balanced());
}

fn request(number: usize, latency_ms: f64, oracle_ms: f64) -> RequestRecord {
    RequestRecord {
        request: number,
        at_s: number as f64,
        place: if number == 0 { "device" } else { "c01" }.to_owned(),
        coding: String::new(),
        fallback: None,
        bytes: 100 * number as u64,
        latency_ms,
        device_ms: 1.0,
        server_ms: 2.0,
        wait_ms: 0.0,
        expected_ms: None,
        estimate_bps: None,
        believed_ms: None,
        channel_bps: 1000,
        change: Some(if number == 0 { "first" } else { "gain" }.to_owned()),
        agrees: Some(number != 1),
        right: None,
        late: latency_ms > 15.0,
        trace: Vec::new(),
        oracle_ms,
        oracle: String::new(),
        hindsight_ms: latency_ms,
    }
}

#[test]
fn sums_are_those_of_the_requests() {
    let mut requests = [request(0, 10.0, 10.0), request(1, 20.0, 16.0), request(2, 12.0, 10.0)];
    requests[2].place = "c02".to_owned();
    let about = About {
        scenario: "s".into(),
        policy: Policy::Aiflow,
        model: "m".into(),
        trace: "t".into(),
        rtt_ms: 1.0,
        device_speed: 0.1,
        server_speed: 1.0,
        deadline_ms: Some(15.0),
        slots: 5,
        whole_right: vec![true, false, true],
    };
    let record = PolicyRecord::new(about, &requests);
    assert_eq!((record.requests, record.skipped), (3, 2));
    assert_eq!((record.latency_ms_mean, record.bytes_mean), (14.0, 100.0));
    assert_eq!((record.deadline_misses, record.oracle_misses), (1, 1));
    // From the device to a cut is no switch.
    assert_eq!(record.switches, 1);
    assert!((record.regret_mean - (0.0 + 0.25 + 0.2) / 3.0).abs() < 1e-12);
    assert!((record.agreement.expect("known") - 2.0 / 3.0).abs() < 1e-12);
    assert_eq!((record.top1, record.over_trivial), (None, None));
    let places: Vec<_> = record.places.iter().map(|(place, _)| place.as_str()).collect();
    assert_eq!(places, ["c01", "c02", "device"]);
}
