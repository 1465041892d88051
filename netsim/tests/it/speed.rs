//! The emulator must not be what a simulation waits for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aiflow_netsim::{BurstLoss, Corruption, Link, LinkConfig, Packet, Probability, Rate, Trace};
use aiflow_units::{Bytes, Micros, Timestamp};

/// A million packets take 0.15 s in a release build; the limit leaves room for slow and busy machines and still
/// finds anything that is not logarithmic.
#[test]
fn a_million_packets_pass_in_seconds() {
    let config = LinkConfig::new()
        .with_rate(Rate::Trace(Arc::new(Trace::lte_like(1, Micros::from_secs(140)))))
        .with_delay(Micros::from_millis(20))
        .with_jitter(Micros::from_millis(5))
        .with_loss(Probability::percent(1))
        .with_burst_loss(BurstLoss::new(Probability::ppm(1000), Probability::percent(20)))
        .with_corruption(Corruption::Flip(Probability::percent(1)));
    let mut link = Link::new(config);
    let started = Instant::now();
    for number in 0..1_000_000_u64 {
        let now = Timestamp::from_origin(Micros::new(number * 2000));
        link.send(now, Packet::new(number, Bytes::new(1200)));
        while link.poll_delivery(now).is_some() {}
    }
    let took = started.elapsed();
    assert!(link.stats().delivered.packets > 800_000, "{:?}", link.stats());
    assert!(took < Duration::from_secs(8), "{took:?}");
}
