//! Links of any configuration under any sequence of calls.
#![no_main]

use std::sync::Arc;

use aiflow_fuzz::byte;
use aiflow_netsim::{BurstLoss, Corruption, Link, LinkConfig, Packet, Probability, Rate, Trace};
use aiflow_units::{BitRate, Bytes, Micros, Timestamp};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut data = data;
    let config = config(&mut data);
    let capacity = Link::<()>::new(config.clone());
    let mut link = Link::new(config);
    let (mut now, mut sent, mut last) = (Timestamp::ORIGIN, 0_u64, None);
    let mut arrived = |link: &mut Link<u64>, now: Timestamp| {
        while let Some(packet) = link.poll_delivery(now) {
            assert!(last.is_none_or(|last| last < packet.payload), "order is kept");
            assert!(packet.sent_at <= packet.served_at && packet.served_at <= packet.at);
            assert!(packet.at <= now, "nothing comes before its time");
            last = Some(packet.payload);
        }
        assert!(link.next_event().is_none_or(|next| next > now));
    };
    while !data.is_empty() {
        let (call, value) = (byte(&mut data), u64::from(byte(&mut data)));
        match call % 4 {
            0 => now = now.after(Micros::new(value * value)),
            1 => now = link.next_event().unwrap_or(now).max(now),
            2 => arrived(&mut link, now),
            _ => {
                for _ in 0..1 + call / 32 {
                    link.send(now, Packet::new(sent, Bytes::new(value * 16)));
                    sent += 1;
                }
            }
        }
        let stats = link.stats();
        let parts = [stats.delivered, stats.dropped(), stats.queued, stats.in_flight];
        assert_eq!(sent, parts.iter().map(|part| part.packets).sum::<u64>());
        assert_eq!(stats.sent.bytes, parts.iter().map(|part| part.bytes).sum::<Bytes>());
        assert_eq!(
            link.capacity(Timestamp::ORIGIN, now),
            capacity.capacity(Timestamp::ORIGIN, now)
        );
    }
    arrived(&mut link, Timestamp::MAX);
    assert_eq!(link.stats().in_flight.packets + link.stats().queued.packets, 0);
});

fn config(data: &mut &[u8]) -> LinkConfig {
    let choice = byte(data);
    let mut next = || u64::from(byte(data));
    let mbit = |tenths: u64| BitRate::kilobits_per_second(tenths * 100);
    let rate = match choice & 3 {
        0 => Rate::Unlimited,
        1 => Rate::Constant(mbit(next())),
        2 => Rate::Trace(Arc::new(Trace::lte_like(next(), Micros::from_secs(1)))),
        _ => {
            let steps = [
                (Micros::from_millis(next() + 1), mbit(next())),
                (Micros::new(next() + 1), mbit(1)),
            ];
            Rate::Trace(Arc::new(Trace::steps(&steps).expect("lengths and one rate above zero")))
        }
    };
    let share = |value: u64| Probability::ppm(value as u32 * 3_000);
    let mut config = LinkConfig::new().with_rate(rate).with_queue_limit(Bytes::new(next() * 512));
    if choice & 4 != 0 {
        config =
            config.with_delay(Micros::new(next() * 100)).with_jitter(Micros::new(next() * 100));
    }
    if choice & 8 != 0 {
        config = config.with_loss(share(next()));
    }
    if choice & 16 != 0 {
        config = config.with_burst_loss(BurstLoss::new(share(next()), share(next())));
    }
    if choice & 32 != 0 {
        config = config.with_corruption(Corruption::Flip(share(next())));
    }
    if choice & 64 != 0 {
        config = config.with_corruption(Corruption::Drop(share(next())));
    }
    if choice & 128 != 0 {
        for _ in 0..2 {
            let from = Timestamp::from_origin(Micros::new(next() * 1000));
            config = config.with_outage(from, from.after(Micros::new(next() * 1000)));
        }
    }
    config.with_seed(next())
}
