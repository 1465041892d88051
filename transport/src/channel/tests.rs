//! Samples from a bottleneck of known rate.

use aiflow_units::{BitRate, Bytes, Micros, Timestamp};

use super::*;

/// One bottleneck behind 20 ms each way; acknowledges each pair of packets at once.
struct Path {
    rate: BitRate,
    free_at: Timestamp,
}

const PACKET: Bytes = Bytes::new(1250);
const ONE_WAY: Micros = Micros::from_millis(20);

fn at(millis: u64) -> Timestamp {
    Timestamp::from_origin(Micros::from_millis(millis))
}

impl Path {
    fn new(rate: BitRate) -> Self {
        Self { rate, free_at: Timestamp::ORIGIN }
    }

    /// The time at which the acknowledgement of a packet that is sent now comes back.
    fn answer(&mut self, now: Timestamp) -> Timestamp {
        let start = self.free_at.max(now.after(ONE_WAY));
        self.free_at = start.after(self.rate.time_to_send(PACKET));
        self.free_at.after(ONE_WAY)
    }
}

/// Sends bursts of `packets` every `period` over `path` until `end` and feeds the estimator.
fn run(
    path: &mut Path,
    estimator: &mut Estimator,
    (start, end): (u64, u64),
    (packets, period): (u32, Micros),
) {
    let mut sampler = Sampler::new();
    let mut flight: std::collections::VecDeque<(Timestamp, Timestamp)> = Default::default();
    let mut next = at(start);
    loop {
        let answer = flight.get(1).map_or(Timestamp::MAX, |&(_, answer)| answer);
        if next.min(answer) >= at(end) {
            break;
        }
        if answer <= next {
            for (sent, _) in flight.drain(..2) {
                sampler.acked(answer, sent, PACKET);
            }
            let acked = sampler.finish(answer, None);
            estimator.handle(PathSample::Acked(acked.expect("two packets were acknowledged")));
        } else {
            for _ in 0..packets {
                flight.push_back((next, path.answer(next)));
            }
            let bytes = Bytes::new(PACKET.get() * u64::from(packets));
            estimator.handle(PathSample::Sent(sampler.sent(next, bytes, Supply::Empty)));
            next = next.after(period);
        }
    }
}

fn close(rate: BitRate, expected: BitRate, percent: u64) -> bool {
    rate.get().abs_diff(expected.get()) * 100 <= expected.get() * percent
}

#[test]
fn bursts_show_the_rate_that_the_application_does_not_use() {
    // 20 packets in 100 ms are a fifth of 10 Mbit/s.
    let rate = BitRate::megabits_per_second(10);
    let (mut path, mut estimator) = (Path::new(rate), Estimator::new(EstimatorConfig::default()));
    run(&mut path, &mut estimator, (0, 3000), (20, Micros::from_millis(100)));
    let estimate = estimator.estimate(at(3000));
    assert!(close(estimate.p50, rate, 5), "{estimate:?}");
    assert!(estimate.flags == Flags::NONE, "{estimate:?}");
    assert!(close(
        BitRate::bits_per_second(estimate.min_rtt.get()),
        BitRate::bits_per_second(41_000),
        5
    ));
}

#[test]
fn a_trickle_is_a_lower_bound() {
    let rate = BitRate::megabits_per_second(10);
    let (mut path, mut estimator) = (Path::new(rate), Estimator::new(EstimatorConfig::default()));
    run(&mut path, &mut estimator, (0, 2000), (20, Micros::from_millis(100)));
    // Two packets every 20 ms are 1 Mbit/s.
    run(&mut path, &mut estimator, (2000, 6000), (2, Micros::from_millis(20)));
    let estimate = estimator.estimate(at(6000));
    assert!(close(estimate.p50, rate, 5), "{estimate:?}");
    assert!(estimate.flags.contains(Flags::APP_LIMITED), "{estimate:?}");
}

#[test]
fn a_fall_is_followed_and_silence_counts() {
    let (mut path, mut estimator) =
        (Path::new(BitRate::megabits_per_second(10)), Estimator::new(EstimatorConfig::default()));
    run(&mut path, &mut estimator, (0, 2000), (20, Micros::from_millis(20)));
    path.rate = BitRate::megabits_per_second(2);
    path.free_at = path.free_at.min(at(2000));
    run(&mut path, &mut estimator, (2000, 4000), (20, Micros::from_millis(100)));
    let before = estimator.estimate(at(4000));
    assert!(close(before.p50, path.rate, 8), "{before:?}");
    let after = estimator.estimate(at(5000));
    assert!(after.p50.get() * 10 < before.p50.get(), "{after:?}");
}

#[test]
fn a_new_path_is_stale_until_it_was_seen() {
    let rate = BitRate::megabits_per_second(10);
    let (mut path, mut estimator) = (Path::new(rate), Estimator::new(EstimatorConfig::default()));
    assert!(estimator.estimate(at(0)).flags.contains(Flags::STALE));
    run(&mut path, &mut estimator, (0, 2000), (20, Micros::from_millis(100)));
    estimator.handle_migrated(at(2000));
    let estimate = estimator.estimate(at(2000));
    assert!(estimate.flags.contains(Flags::STALE) && close(estimate.p50, rate, 5), "{estimate:?}");
    run(&mut path, &mut estimator, (2000, 2100), (20, Micros::from_millis(100)));
    assert!(!estimator.estimate(at(2100)).flags.contains(Flags::STALE));
}
