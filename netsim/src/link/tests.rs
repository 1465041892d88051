use std::sync::Arc;

use aiflow_units::BitRate;

use super::*;
use crate::{Probability, Trace};

fn at(micros: u64) -> Timestamp {
    Timestamp::from_origin(Micros::new(micros))
}

fn constant(megabits: u64) -> LinkConfig {
    LinkConfig::new().with_rate(Rate::Constant(BitRate::megabits_per_second(megabits)))
}

fn trace(text: &str) -> LinkConfig {
    LinkConfig::new().with_rate(Rate::Trace(Arc::new(Trace::parse(text).unwrap())))
}

/// Sends packets of `(time, size)` and returns when each arrives.
fn arrivals(config: LinkConfig, packets: &[(u64, u64)]) -> Vec<(usize, u64)> {
    let mut link = Link::new(config);
    for (index, &(time, size)) in packets.iter().enumerate() {
        link.send(at(time), Packet::new(index, Bytes::new(size)));
    }
    drain(&mut link).iter().map(|got| (got.payload, got.at.since_origin().get())).collect()
}

fn drain<P>(link: &mut Link<P>) -> Vec<Delivered<P>> {
    let mut all = Vec::new();
    while let Some(now) = link.next_event() {
        all.extend(std::iter::from_fn(|| link.poll_delivery(now)));
    }
    all
}

#[test]
fn rates_are_exact_over_many_packets() {
    // 10 bytes at 7 Mbit/s take 11.43 µs: rounding up each one would cost 5 %.
    let mut link = Link::new(constant(7));
    for _ in 0..70_000 {
        link.send(at(0), Packet::new((), Bytes::new(10)));
    }
    assert_eq!(drain(&mut link).last().unwrap().at, at(800_000));
}

#[test]
fn an_opportunity_carries_several_small_packets() {
    let packets = [(0, 500), (0, 500), (0, 500), (0, 500)];
    assert_eq!(
        arrivals(trace("10"), &packets),
        [0, 1, 2, 3].map(|n| (n, 10_000 + n as u64 / 3 * 10_000))
    );
}

#[test]
fn a_packet_may_take_parts_of_two_opportunities() {
    let packets = [(0, 1000), (0, 1000), (0, 1000)];
    assert_eq!(arrivals(trace("10"), &packets), [(0, 10_000), (1, 20_000), (2, 20_000)]);
}

#[test]
fn unused_service_is_not_carried_over() {
    // The rest of the opportunity at 10 ms is gone when the second packet comes.
    let packets = [(0, 100), (10_001, 1500), (10_002, 1500)];
    assert_eq!(arrivals(trace("10"), &packets), [(0, 10_000), (1, 20_000), (2, 30_000)]);
}

#[test]
fn outages_stop_service_and_keep_the_queue() {
    // Half of the second packet is served before the outage, half after it.
    let config = constant(12).with_outage(at(1500), at(5000)).with_outage(at(4000), at(9500));
    let mut link = Link::new(config);
    for number in 0..2 {
        link.send(at(0), Packet::new(number, Bytes::new(1500)));
    }
    assert_eq!(link.queue_delay(at(0)), Micros::new(10_000));
    assert_eq!(link.capacity(at(0), at(10_000)), Bytes::new(3000));
    assert_eq!(link.capacity(at(2000), at(9000)), Bytes::ZERO);
    assert!(link.poll_delivery(at(1000)).is_some());
    assert!(link.poll_delivery(at(9999)).is_none());
    assert_eq!(link.stats().queued, Count { packets: 1, bytes: Bytes::new(1500) });
    assert!(link.poll_delivery(at(10_000)).is_some());
    assert_eq!(arrivals(trace("1").with_outage(at(1000), at(3001)), &[(0, 1500)]), [(0, 4000)]);
}

#[test]
fn outages_hold_unlimited_links_too() {
    let config = LinkConfig::new().with_outage(at(10), at(20));
    assert_eq!(
        arrivals(config.clone(), &[(9, 1), (10, 1), (19, 1), (20, 1)]),
        [(0, 9), (1, 20), (2, 20), (3, 20)]
    );
    assert_eq!(Link::<()>::new(config).queue_delay(at(15)), Micros::new(5));
}

#[test]
fn a_dead_link_fills_and_drops() {
    let config = constant(0).with_queue_limit(Bytes::new(250));
    let mut link = Link::new(config);
    for _ in 0..3 {
        link.send(at(0), Packet::new((), Bytes::new(100)));
    }
    assert_eq!((link.next_event(), link.queue_delay(at(5))), (None, Micros::MAX));
    let stats = link.stats();
    assert_eq!((stats.queued.packets, stats.dropped_queue.packets), (2, 1));
    assert_eq!(stats.max_queued, Bytes::new(200));
}

#[test]
fn a_packet_above_the_limit_passes_an_empty_queue() {
    let config = constant(8).with_queue_limit(Bytes::new(50));
    assert_eq!(arrivals(config, &[(0, 100), (99, 100), (100, 100)]), [(0, 100), (2, 200)]);
}

#[test]
fn delay_adds_and_jitter_keeps_the_order() {
    let config = LinkConfig::new()
        .with_delay(Micros::from_millis(20))
        .with_jitter(Micros::from_millis(10))
        .with_seed(3);
    let packets: Vec<_> = (0..1000).map(|number| (number * 100, 100)).collect();
    let got = arrivals(config, &packets);
    assert!(got.iter().enumerate().all(|(index, &(number, _))| index == number));
    let extra = |&(number, time): &(usize, u64)| time - number as u64 * 100 - 20_000;
    assert!(got.is_sorted_by_key(|&(_, time)| time));
    assert!(got.iter().all(|got| extra(got) <= 10_000));
    assert!(got.iter().any(|got| extra(got) > 5_000));
}

#[test]
fn losses_have_their_shares_and_use_capacity() {
    let config = LinkConfig::new().with_loss(Probability::percent(10)).with_seed(5);
    let lost = 10_000 - arrivals(config.clone(), &[(0, 1); 10_000]).len();
    assert!((900..1100).contains(&lost), "{lost}");
    let config = constant(8).with_loss(Probability::ALWAYS);
    let mut link = Link::new(config);
    link.send(at(0), Packet::new((), Bytes::new(100)));
    assert_eq!(link.queue_delay(at(0)), Micros::new(100));
    assert!(drain(&mut link).is_empty());
    assert_eq!(link.stats().dropped_loss.packets, 1);
    assert_eq!(link.stats().in_flight, Count::default());
}

#[test]
fn bursts_have_their_length_and_share() {
    let bursts = BurstLoss::new(Probability::ppm(5_000), Probability::percent(25));
    let config =
        LinkConfig::new().with_burst_loss(bursts).with_queue_limit(Bytes::MAX).with_seed(9);
    let got = arrivals(config, &[(0, 1); 100_000]);
    let lost = 100_000 - got.len();
    let gaps = got.windows(2).filter(|pair| pair[1].0 - pair[0].0 > 1).count();
    assert!((1_700..2_250).contains(&lost), "{lost}");
    assert!((35..45).contains(&(lost * 10 / gaps)), "{lost} packets in {gaps} bursts");
}

#[test]
fn both_states_of_bursts_can_lose() {
    let never = Probability::NEVER;
    let good = BurstLoss::new(never, never).with_loss_in_good(Probability::ALWAYS);
    assert!(arrivals(LinkConfig::new().with_burst_loss(good), &[(0, 1); 10]).is_empty());
    let bad = BurstLoss::new(Probability::ALWAYS, never).with_loss_in_bad(never);
    assert_eq!(arrivals(LinkConfig::new().with_burst_loss(bad), &[(0, 1); 10]).len(), 10);
}

#[test]
fn damage_flips_one_bit_or_drops() {
    let share = Corruption::Flip(Probability::percent(50));
    let mut link = Link::new(LinkConfig::new().with_corruption(share));
    for _ in 0..1000 {
        link.send(at(0), Packet::new([0_u8; 4], Bytes::new(4)));
    }
    let mut bits = [0; 32];
    for mut got in drain(&mut link) {
        if let Some(flip) = got.flip {
            flip.apply(&mut got.payload);
            let word = u32::from_le_bytes(got.payload);
            assert_eq!(word.count_ones(), 1);
            bits[word.trailing_zeros() as usize] += 1;
        }
    }
    assert!(bits.iter().all(|&count| count > 0), "{bits:?}");
    assert_eq!(bits.iter().sum::<u64>(), link.stats().corrupted.packets);
    let drop = Corruption::Drop(Probability::ALWAYS);
    assert!(arrivals(LinkConfig::new().with_corruption(drop), &[(0, 4)]).is_empty());
}

#[test]
fn flips_of_missing_bytes_wrap() {
    let mut short = [0_u8; 2];
    BitFlip(8 * 5 + 3).apply(&mut short);
    assert_eq!(short, [0, 8]);
    BitFlip(3).apply(&mut []);
}

#[test]
fn one_impairment_leaves_the_others_where_they_were() {
    let config = LinkConfig::new().with_loss(Probability::percent(10)).with_seed(5);
    let numbers =
        |config| arrivals(config, &[(0, 1); 500]).iter().map(|got| got.0).collect::<Vec<_>>();
    let plain = numbers(config.clone());
    let jittered = config.with_jitter(Micros::from_millis(5));
    assert_eq!(plain, numbers(jittered));
}

#[test]
fn time_does_not_go_back() {
    let mut link = Link::new(constant(8));
    link.send(at(1000), Packet::new((), Bytes::new(100)));
    link.send(at(0), Packet::new((), Bytes::new(100)));
    let got = drain(&mut link);
    assert_eq!([got[0].at, got[1].at], [at(1100), at(1200)]);
    assert_eq!(got[1].sent_at, at(1000));
}
