//! The harness itself.

use aiflow_netsim::{LinkConfig, Rate, Trace};
use aiflow_units::{BitRate, Bytes, Micros, Timestamp};

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

/// 5 s at 3 Mbit/s, half a minute in which packets come through one by one between outages, and 15 s
/// at 3 Mbit/s again. In each bad period of `bad` tenths of a second nothing is carried, and then
/// 100 kbit/s for `good` tenths.
fn bad_time(bad: u32, good: u32) -> Path {
    let rate = |step: u32| match step {
        50..350 if step % (bad + good) < good => 0.1,
        50..350 => 0.0,
        _ => 3.0,
    };
    let line = |step: u32| format!("{:.1} {}\n", 0.1 * f64::from(step), rate(step));
    let text: String = (0..500).map(line).collect();
    Path::new("bad-time", Trace::parse(&text).expect("a trace"))
}

#[test]
fn a_path_is_used_again_after_a_long_bad_time() {
    let traffic = Traffic { length: Micros::from_secs(50), ..Traffic::default() };
    // With the first, the shortest round trip is forgotten; with the second, acknowledgements lag by
    // many seconds.
    for (bad, good) in [(10, 3), (10, 1)] {
        let path = bad_time(bad, good);
        let result = contest(&path, &traffic, Contestant::Aiflow, &mut |_, _| {}).expect("it runs");
        let (from, to) = (Micros::from_secs(40), Micros::from_secs(50));
        let after = Timestamp::from_origin(from);
        let late = result.run.frames.iter().filter(|frame| frame.captured >= after);
        let carried: u64 = late.map(|frame| frame.in_time.get()).sum();
        let capacity = path.trace.capacity(after, Timestamp::from_origin(to)).get();
        assert!(carried * 10 > capacity * 8, "{bad} and {good}: {carried} of {capacity}");
    }
}
