//! The harness itself.

use aiflow_netsim::{LinkConfig, Rate};
use aiflow_units::{BitRate, Bytes, Micros};

use super::*;

fn link(rate: BitRate, rtt: Micros) -> (LinkConfig, LinkConfig) {
    let half = Micros::new(rtt.get() / 2);
    let queue = Bytes::new((2 * rate.bytes_in(rtt).get()).max(25 * 1500));
    let both = LinkConfig::new().with_delay(half);
    (both.clone().with_rate(Rate::Constant(rate)).with_queue_limit(queue), both)
}

fn run(rate: BitRate, rtt: Micros) -> Vec<Observation> {
    let (length, period) = (Micros::from_secs(6), Micros::from_millis(50));
    bulk(link(rate, rtt), Congestion::Cubic, length, period).expect("the identities are usable")
}

#[test]
fn equal_runs_are_equal() {
    let (rate, rtt) = (BitRate::megabits_per_second(3), Micros::from_millis(50));
    let sizes = || run(rate, rtt).iter().map(|seen| (seen.received, seen.estimate)).collect();
    let first: Vec<_> = sizes();
    assert_eq!(first, sizes());
}

#[test]
fn a_saturated_link_is_known_within_a_few_percent() {
    for (megabits, millis) in [(1, 10), (10, 60), (30, 200)] {
        let (rate, rtt) = (BitRate::megabits_per_second(megabits), Micros::from_millis(millis));
        let seen = run(rate, rtt);
        let (first, last) = (&seen[39], &seen[seen.len() - 1]);
        assert_eq!(first.at.since_origin(), Micros::from_secs(2));
        let received = last.received.saturating_sub(first.received);
        let goodput = BitRate::over(received, last.at.since(first.at));
        assert!(goodput.get() * 100 > rate.get() * 93, "{rate}, {rtt}: {goodput}");
        for seen in &seen[39..] {
            let error = seen.estimate.p50.get().abs_diff(rate.get());
            assert!(error * 10 < rate.get(), "{rate}, {rtt}, {}: {:?}", seen.at, seen.estimate);
        }
    }
}
