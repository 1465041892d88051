//! Changing from one placement to another, on a clock that the test moves.

use aiflow_units::{BitRate, Micros, Timestamp};

use super::instance::{Instance, TierNumbers};
use crate::planner::*;

/// A device at a tenth of the server's speed with one cut in the middle: 100 ms on the device, 10 on
/// the server, a picture of 15 kB, a feature of 2 kB.
fn instance() -> Instance {
    let tier = |slowdown: f64| TierNumbers {
        segments: vec![(5_000.0, 100.0), (5_000.0, 100.0)],
        encode: vec![(100.0, 5.0); 2],
        decode: vec![(100.0, 5.0); 2],
        slowdown,
        wait: 0,
        admits: true,
    };
    Instance {
        cuts: 1,
        points: vec![(0, 15_000.0, 15_000.0, 0.01), (1, 2_000.0, 2_000.0, 0.01)],
        tiers: vec![tier(10.0), tier(1.0)],
        links: vec![LinkEstimate::steady(BitRate::ZERO, Micros::from_millis(10))],
        wish: Wish { most_loss: 0.02, goal: Goal::LeastTime },
        terms: Terms::default(),
    }
}

/// A stream of requests, ten a second, each with its own report.
struct Stream {
    instance: Instance,
    switcher: Switcher,
    now: Timestamp,
    changes: Vec<(Micros, Change, String)>,
}

impl Stream {
    fn new() -> Self {
        let switcher = Switcher::new(SwitchRules::default());
        Self { instance: instance(), switcher, now: Timestamp::ORIGIN, changes: Vec::new() }
    }

    fn rate(&mut self, kilobits: u64) -> &mut Self {
        let link = &mut self.instance.links[0];
        link.rate_p50 = BitRate::kilobits_per_second(kilobits);
        link.rate_p10 = link.rate_p50;
        self
    }

    fn state(&mut self, state: LinkState) -> &mut Self {
        self.instance.links[0].state = state;
        self
    }

    /// Runs for some tenths of a second; returns the last decision's placement.
    fn run(&mut self, tenths: u64) -> String {
        let mut name = String::new();
        for _ in 0..tenths {
            self.instance.links[0].report += 1;
            let owned = self.instance.owned();
            let tiers = owned.tiers();
            let situation = owned.situation(&tiers);
            let decision = self.switcher.decide(&situation, self.now);
            let best = choose(&situation, None);
            assert!(decision.plan.cost >= best.best.cost);
            let held = self.switcher.placement().expect("a plan is held");
            name = held.name(&owned.table).to_string();
            // A single request may be answered by the device, which is no change.
            assert!(decision.plan.placement == held || decision.plan.is_local());
            if let Some(change) = decision.change {
                self.changes.push((self.now.since_origin(), change, name.clone()));
            }
            self.now = self.now.after(Micros::from_millis(100));
        }
        name
    }
}

#[test]
fn a_constant_link_never_changes_the_placement() {
    for kilobits in [50, 200, 500, 1_000, 5_000, 100_000] {
        let mut stream = Stream::new();
        stream.rate(kilobits).run(600);
        assert_eq!(stream.changes.len(), 1, "{kilobits}: {:?}", stream.changes);
        assert_eq!(stream.changes[0].1, Change::First);
    }
    let mut stream = Stream::new();
    assert_eq!(stream.rate(50).run(1), "device");
    let mut stream = Stream::new();
    assert_eq!(stream.rate(1_000).run(1), "c01");
    let mut stream = Stream::new();
    assert_eq!(stream.rate(100_000).run(1), "picture");
}

#[test]
fn a_gain_must_last_a_second_and_come_three_after_the_last() {
    let mut stream = Stream::new();
    stream.rate(1_000).run(5);
    // Half a second of another link is nothing.
    stream.rate(100_000).run(5);
    stream.rate(1_000).run(40);
    assert_eq!(stream.changes.len(), 1);
    stream.rate(100_000);
    assert_eq!(stream.run(10), "c01");
    assert_eq!(stream.run(1), "picture");
    assert_eq!(stream.changes[1].1, Change::Gain);
    // The next change waits for the dwell.
    stream.rate(1_000);
    assert_eq!(stream.run(29), "picture");
    assert_eq!(stream.run(1), "c01");
}

#[test]
fn a_single_request_stays_on_the_device_while_the_link_is_bad() {
    let mut stream = Stream::new();
    assert_eq!(stream.rate(1_000).run(10), "c01");
    let plan = |stream: &mut Stream| {
        let owned = stream.instance.owned();
        let tiers = owned.tiers();
        let decision = stream.switcher.decide(&owned.situation(&tiers), stream.now);
        stream.now = stream.now.after(Micros::from_millis(100));
        (decision.plan.is_local(), decision.change)
    };
    assert_eq!(plan(&mut stream), (false, None));
    stream.rate(10);
    assert_eq!(plan(&mut stream), (true, None));
    stream.rate(1_000);
    assert_eq!(plan(&mut stream), (false, None));
    assert_eq!(stream.changes.len(), 1);
}

#[test]
fn taking_changes_back_doubles_the_wait() {
    let mut stream = Stream::new();
    stream.rate(1_000).run(31);
    for _ in 0..30 {
        stream.rate(100_000).run(31);
        stream.rate(1_000).run(31);
    }
    let times: Vec<u64> = stream.changes.iter().map(|(at, ..)| at.get() / 1_000_000).collect();
    for start in 0..190 {
        let within = times.iter().filter(|&&at| at > 0 && (start..start + 60).contains(&at));
        assert!(within.count() <= 6, "{times:?}");
    }
    assert!(stream.switcher.dwell() > Micros::from_secs(5), "{}", stream.switcher.dwell());
    // Quiet brings the short wait back.
    stream.rate(1_000).run(1300);
    assert_eq!(stream.switcher.dwell(), Micros::from_secs(3));
}

#[test]
fn an_outage_means_the_device_at_once_and_a_repair_the_network_within_two_seconds() {
    let mut stream = Stream::new();
    assert_eq!(stream.rate(1_000).run(10), "c01");
    stream.state(LinkState::Down);
    assert_eq!(stream.run(1), "device");
    assert_eq!(stream.changes.last().map(|change| change.1), Some(Change::Unusable));
    stream.run(4);
    stream.state(LinkState::Up);
    let mut tenths = 0;
    while stream.run(1) == "device" {
        tenths += 1;
        assert!(tenths < 20, "not back within two seconds");
    }
    assert!(tenths >= 4, "back after {tenths} reports");
    assert_eq!(stream.changes.last().map(|change| change.1), Some(Change::Repaired));
    // A server that refuses is left as fast.
    stream.instance.tiers[1].admits = false;
    assert_eq!(stream.run(1), "device");
}

#[test]
fn a_placement_worse_than_a_trivial_one_is_left_for_less() {
    // The picture takes 6 % less than the feature: too little for a change of cut, too much to be
    // worse than without any cut.
    let mut stream = Stream::new();
    stream.rate(1_000).run(40);
    let mut kilobits = 1_000;
    let owned = |instance: &Instance| {
        let owned = instance.owned();
        let tiers = owned.tiers();
        choose(&owned.situation(&tiers), None)
    };
    while owned(&stream.instance).best.placement != owned(&stream.instance).trivial.placement {
        kilobits += 10;
        stream.rate(kilobits);
    }
    stream.rate(kilobits * 11 / 10);
    assert_eq!(stream.run(40), "picture");
    assert_eq!(stream.changes.last().map(|change| change.1), Some(Change::Trivial));
}

#[test]
fn an_old_estimate_is_probed_while_the_device_works_alone() {
    let mut stream = Stream::new();
    stream.rate(50).run(1);
    let probe = |stream: &mut Stream, seconds| {
        stream.instance.links[0].age = Micros::from_secs(seconds);
        let owned = stream.instance.owned();
        let tiers = owned.tiers();
        stream.switcher.decide(&owned.situation(&tiers), stream.now).probe
    };
    assert_eq!(probe(&mut stream, 0), Probe::No);
    assert_eq!(probe(&mut stream, 1), Probe::Due);
    // The longer it has worked alone, the older the estimate may be.
    stream.run(300);
    assert_eq!(probe(&mut stream, 1), Probe::No);
    assert_eq!(probe(&mut stream, 6), Probe::Due);
    stream.state(LinkState::Down);
    assert_eq!(probe(&mut stream, 6), Probe::No);
}

#[test]
fn a_deadline_that_is_missed_is_a_reason_and_a_needless_gain_is_none() {
    let deadline = Micros::from_millis(95);
    let confidence = Confidence::new(0.9);
    let mut stream = Stream::new();
    stream.instance.wish.goal = Goal::Deadline { deadline, confidence };
    assert_eq!(stream.rate(1_000).run(20), "c01");
    // Faster, but the deadline is met already and the loss is the same or more.
    stream.instance.points[0].3 = 0.015;
    assert_eq!(stream.rate(100_000).run(60), "c01");
    // Now only the picture is in time.
    stream.instance.tiers[0].slowdown = 20.0;
    assert_eq!(stream.run(60), "picture");
}
