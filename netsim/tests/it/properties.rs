//! Laws that hold for every link and every order of packets.

use std::sync::Arc;

use aiflow_netsim::{
    BurstLoss, Corruption, Delivered, Link, LinkConfig, LinkStats, Packet, Probability, Rate, Trace,
};
use aiflow_units::{BitRate, Bytes, Micros, Timestamp};
use proptest::prelude::*;

fn at(micros: u64) -> Timestamp {
    Timestamp::from_origin(Micros::new(micros))
}

fn trace() -> impl Strategy<Value = Trace> {
    let opportunities = prop::collection::vec(0_u64..20, 1..40).prop_map(|gaps| {
        let times = gaps.iter().scan(0, |time, gap| {
            *time += gap;
            Some(format!("{time}\n"))
        });
        let text: String = times.chain(["1000".to_owned()]).collect();
        Trace::parse(&text).unwrap()
    });
    let steps =
        prop::collection::vec((1_u64..50_000, 0_u64..50_000_000), 1..10).prop_map(|steps| {
            let step = |&(length, rate): &(u64, u64)| {
                (Micros::new(length), BitRate::bits_per_second(rate))
            };
            let mut steps: Vec<_> = steps.iter().map(step).collect();
            steps.push((Micros::new(1000), BitRate::megabits_per_second(3)));
            Trace::steps(&steps).unwrap()
        });
    prop_oneof![opportunities, steps]
}

fn rate() -> impl Strategy<Value = Rate> {
    prop_oneof![
        Just(Rate::Unlimited),
        (10_000_u64..1_000_000_000).prop_map(|rate| Rate::Constant(BitRate::bits_per_second(rate))),
        trace().prop_map(|trace| Rate::Trace(Arc::new(trace))),
    ]
}

/// A link whose rate, queue and outages vary, and nothing else.
fn served() -> impl Strategy<Value = LinkConfig> {
    let outages = prop::collection::vec((0_u64..2_000_000, 0_u64..300_000), 0..4);
    (rate(), 0_u64..40_000, outages).prop_map(|(rate, limit, outages)| {
        let config = LinkConfig::new().with_rate(rate).with_queue_limit(Bytes::new(limit));
        outages
            .into_iter()
            .fold(config, |config, (from, length)| config.with_outage(at(from), at(from + length)))
    })
}

/// A link with everything that a wire does.
fn any_link() -> impl Strategy<Value = LinkConfig> {
    let share = || (0_u32..500_000).prop_map(Probability::ppm);
    let burst = prop::option::of((share(), share()));
    let wire = (0_u64..50_000, 0_u64..20_000, share(), burst, share(), any::<u64>());
    let drop = any::<bool>();
    (served(), wire, drop).prop_map(
        |(config, (delay, jitter, loss, burst, corrupt, seed), drop)| {
            let corruption =
                if drop { Corruption::Drop(corrupt) } else { Corruption::Flip(corrupt) };
            let config = config
                .with_delay(Micros::new(delay))
                .with_jitter(Micros::new(jitter))
                .with_loss(loss)
                .with_corruption(corruption)
                .with_seed(seed);
            match burst {
                Some((enter, leave)) => config.with_burst_loss(BurstLoss::new(enter, leave)),
                None => config,
            }
        },
    )
}

/// Times between packets and their sizes: bursts and pauses, small and large.
fn packets() -> impl Strategy<Value = Vec<(u64, u64)>> {
    let gap = prop_oneof![Just(0), 0_u64..50, 0_u64..5_000, 0_u64..400_000];
    let size = prop_oneof![0_u64..100, 1_000_u64..1_500, 0_u64..20_000];
    prop::collection::vec((gap, size), 0..120)
}

fn ledger_holds(stats: &LinkStats) {
    let dropped = stats.dropped();
    let parts = [stats.delivered, dropped, stats.queued, stats.in_flight];
    assert_eq!(stats.sent.packets, parts.iter().map(|part| part.packets).sum::<u64>());
    assert_eq!(stats.sent.bytes, parts.iter().map(|part| part.bytes).sum::<Bytes>());
}

/// Sends packets numbered from 0 and takes each one out when the link says so.
fn run(config: &LinkConfig, packets: &[(u64, u64)]) -> (Vec<Delivered<usize>>, Link<usize>) {
    let mut link = Link::new(config.clone());
    let (mut time, mut arrived) = (0, Vec::new());
    for (index, &(gap, size)) in packets.iter().enumerate() {
        time += gap;
        while let Some(now) = link.next_event().filter(|&now| now < at(time)) {
            let before = now.before(Micros::new(1));
            let latest = at(time - gap);
            let early =
                (latest <= before && before < now).then(|| link.poll_delivery(before)).flatten();
            assert!(early.is_none(), "nothing comes before its time");
            arrived.extend(std::iter::from_fn(|| link.poll_delivery(now)));
            assert!(link.next_event() > Some(now) || link.next_event().is_none());
        }
        link.send(at(time), Packet::new(index, Bytes::new(size)));
        ledger_holds(&link.stats());
    }
    while let Some(now) = link.next_event() {
        arrived.extend(std::iter::from_fn(|| link.poll_delivery(now)));
        ledger_holds(&link.stats());
    }
    (arrived, link)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn nothing_is_made_nothing_vanishes(config in any_link(), packets in packets()) {
        let (arrived, link) = run(&config, &packets);
        let stats = link.stats();
        prop_assert_eq!(stats.sent.packets, packets.len() as u64);
        prop_assert_eq!(stats.delivered.packets, arrived.len() as u64);
        prop_assert_eq!((stats.queued.packets, stats.in_flight.packets), (0, 0));
        let flipped = arrived.iter().filter(|packet| packet.flip.is_some()).count() as u64;
        prop_assert_eq!(stats.corrupted.packets, flipped);
    }

    #[test]
    fn order_is_kept(config in any_link(), packets in packets()) {
        let (arrived, _) = run(&config, &packets);
        prop_assert!(arrived.is_sorted_by(|one, next| one.payload < next.payload));
        prop_assert!(arrived.is_sorted_by_key(|packet| packet.at));
        for packet in arrived {
            prop_assert!(packet.sent_at <= packet.served_at && packet.served_at <= packet.at);
        }
    }

    #[test]
    fn no_window_carries_more_than_its_capacity(config in served(), packets in packets()) {
        let (arrived, link) = run(&config, &packets);
        for first in 0..arrived.len() {
            let mut sum = Bytes::ZERO;
            for last in &arrived[first..] {
                sum = sum.saturating_add(last.size);
                // A rate ends packets within microseconds, so the window begins one earlier.
                let from = arrived[first].at.before(Micros::new(1));
                let room = link.capacity(from, last.at.after(Micros::new(1)));
                let room = room.saturating_add(arrived[first].size);
                prop_assert!(sum <= room, "{} > {} from {}", sum, room, from);
            }
        }
    }

    #[test]
    fn a_queue_that_is_not_empty_is_served_at_the_full_rate(
        config in served(),
        sizes in prop::collection::vec(1_u64..3_000, 1..100),
    ) {
        let packets: Vec<_> = sizes.iter().map(|&size| (0, size)).collect();
        let config = config.with_queue_limit(Bytes::MAX);
        let (arrived, link) = run(&config, &packets);
        prop_assert_eq!(arrived.len(), packets.len());
        let mut sum = Bytes::ZERO;
        for packet in arrived {
            let before = link.capacity(at(0), packet.at.before(Micros::new(1)));
            sum = sum.saturating_add(packet.size);
            prop_assert!(before < sum || packet.at == at(0), "{} could have left before", packet.payload);
        }
    }

    #[test]
    fn the_queue_stays_below_its_limit(config in any_link(), packets in packets()) {
        let limit = Bytes::new(5_000);
        let (_, link) = run(&config.with_queue_limit(limit), &packets);
        let largest = packets.iter().map(|&(_, size)| size).max().unwrap_or(0);
        prop_assert!(link.stats().max_queued <= limit.max(Bytes::new(largest)));
    }

    #[test]
    fn waits_are_foretold(config in served(), packets in packets()) {
        let mut link = Link::new(config.with_queue_limit(Bytes::MAX));
        let mut time = 0;
        for &(gap, size) in &packets {
            time += gap;
            let foretold = at(time).after(link.queue_delay(at(time)));
            link.send(at(time), Packet::new(foretold, Bytes::new(size)));
        }
        while let Some(now) = link.next_event() {
            let packet = link.poll_delivery(now).unwrap();
            prop_assert!(packet.served_at >= packet.payload);
        }
    }

    #[test]
    fn equal_seeds_give_equal_runs(config in any_link(), packets in packets()) {
        prop_assert_eq!(run(&config, &packets).0, run(&config, &packets).0);
    }

    #[test]
    fn the_rhythm_of_polling_changes_nothing(config in any_link(), packets in packets()) {
        let mut link = Link::new(config.clone());
        let mut time = 0;
        for (index, &(gap, size)) in packets.iter().enumerate() {
            time += gap;
            link.send(at(time), Packet::new(index, Bytes::new(size)));
        }
        let late: Vec<_> = std::iter::from_fn(|| link.poll_delivery(Timestamp::MAX)).collect();
        prop_assert_eq!(late, run(&config, &packets).0);
    }

    #[test]
    fn capacity_adds_up(trace in trace(), cuts in prop::array::uniform3(0_u64..10_000_000)) {
        let mut cuts = cuts;
        cuts.sort_unstable();
        let [first, middle, last] = cuts.map(at);
        let whole = trace.capacity(first, last).get();
        let parts = trace.capacity(first, middle).get() + trace.capacity(middle, last).get();
        prop_assert!(whole - parts <= 1, "{} {}", whole, parts);
    }

    #[test]
    fn any_text_is_a_trace_or_an_error(text in "[0-9. \t\r\n#a-]{0,60}") {
        if let Ok(trace) = Trace::parse(&text) {
            prop_assert!(trace.period() > Micros::ZERO && trace.period() <= Trace::MAX_PERIOD.saturating_add(Trace::MAX_PERIOD));
            let (one, ten) = (trace.period().get(), trace.period().get() * 10);
            let [one, ten] = [one, ten].map(|end| trace.capacity(at(1), at(end + 1)).get());
            prop_assert!((one * 10..one * 10 + 10).contains(&ten), "{} {}", one, ten);
        }
    }

    #[test]
    fn any_characters_are_a_trace_or_an_error(text in any::<String>()) {
        let _ = Trace::parse(&text).map(|trace| trace.rate_at(at(12_345)));
    }
}
