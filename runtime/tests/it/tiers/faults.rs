//! What goes wrong, and what comes of it: answers go on, and none is wrong.

use std::time::{Duration, Instant};

use aiflow_netsim::relay::{Relay, RelayConfig};
use aiflow_netsim::{LinkConfig, Rate};
use aiflow_runtime::fixtures;
use aiflow_runtime::tier::net::{Choice, Device, DeviceOptions, Outcome, Sample, ServerOptions};
use aiflow_runtime::tier::{Answer, Place};
use aiflow_transport::Code;
use aiflow_units::{BitRate, Micros, Timestamp};

use super::world::{World, lossless};

/// Asks again and again, and checks every answer.
async fn ask(device: &Device, at: Place, sample: &Sample, expected: &Answer) -> Outcome {
    let outcome = device.infer(sample, Choice::Remote(lossless(at)), None).await;
    let outcome = outcome.expect("an answer");
    assert_eq!(&outcome.answer, expected, "{:?}", outcome.fallback);
    outcome
}

/// Asks until the tier behind answers; returns how long that took and the longest request.
async fn until_remote(
    device: &Device,
    at: Place,
    sample: &Sample,
    expected: &Answer,
) -> (Duration, Micros) {
    let begun = Instant::now();
    let mut longest = Micros::ZERO;
    while begun.elapsed() < Duration::from_secs(10) {
        let outcome = ask(device, at, sample, expected).await;
        longest = longest.max(outcome.total);
        if outcome.fallback.is_none() {
            return (begun.elapsed(), longest);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("nobody answered again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_vanishes_is_not_missed_and_one_that_comes_back_is_used() {
    let world = World::new(fixtures::small_cnn(), 0);
    let (server, address) = world.serve(ServerOptions::default());
    // What the relay swallows is what a killed process does not say.
    let dead = (Timestamp::from_origin(Micros::from_secs(3)), Timestamp::MAX);
    let link = LinkConfig::new().with_outage(dead.0, dead.1);
    let config = RelayConfig::new(address).with_links(link.clone(), link);
    let relay = Relay::start(config).expect("a relay");
    let (second, other) = world.serve(ServerOptions::default());
    let uplink = world.uplink(&[relay.address(), other], DeviceOptions::default());
    uplink.ready(Duration::from_secs(3)).await.expect("a connection");
    let device =
        Device::new(std::sync::Arc::clone(&world.parts), Some(uplink), DeviceOptions::default());
    let at = world.places()[1];
    let inputs = &world.samples(1, 5)[0];
    let (sample, expected) = (Sample::new(inputs.clone()), Answer::Tensors(world.expected(inputs)));
    device.prepare(lossless(at), Duration::from_secs(2)).await.expect("an agreement");
    assert_eq!(ask(&device, at, &sample, &expected).await.fallback, None);
    let mut longest = Micros::ZERO;
    while relay.now() < dead.0.after(Micros::from_millis(200)) {
        longest = longest.max(ask(&device, at, &sample, &expected).await.total);
    }
    assert!(server.counters().answered > 0);
    let (back, slowest) = until_remote(&device, at, &sample, &expected).await;
    assert!(longest.max(slowest) <= Micros::from_millis(300), "{longest} {slowest}");
    assert!(back <= Duration::from_secs(2), "{back:?}");
    assert!(second.counters().answered > 0);
    second.stop(Code::NoError).await;
    server.stop(Code::NoError).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_that_is_restarted_is_used_again() {
    let world = World::new(fixtures::small_cnn(), 0);
    let (server, address) = world.serve(ServerOptions::default());
    let device = world.device(address, DeviceOptions::default()).await;
    let at = world.places()[1];
    let inputs = &world.samples(1, 5)[0];
    let (sample, expected) = (Sample::new(inputs.clone()), Answer::Tensors(world.expected(inputs)));
    device.prepare(lossless(at), Duration::from_secs(2)).await.expect("an agreement");
    assert_eq!(ask(&device, at, &sample, &expected).await.fallback, None);
    server.stop(Code::GoingAway).await;
    let alone = ask(&device, at, &sample, &expected).await;
    assert!(alone.fallback.is_some() && alone.total <= Micros::from_millis(300));
    let (server, _) = world.serve_at(address, ServerOptions::default());
    let (back, _) = until_remote(&device, at, &sample, &expected).await;
    assert!(back <= Duration::from_secs(2), "{back:?}");
    server.shutdown(Duration::from_secs(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_is_down_for_a_while_costs_no_answer() {
    let world = World::new(fixtures::small_cnn(), 0);
    let at = world.places()[1];
    let inputs = &world.samples(1, 5)[0];
    let (sample, expected) = (Sample::new(inputs.clone()), Answer::Tensors(world.expected(inputs)));
    for outage in [Micros::from_millis(200), Micros::from_secs(2), Micros::from_secs(6)] {
        let (server, address) = world.serve(ServerOptions::default());
        let from = Timestamp::from_origin(Micros::from_millis(1500));
        let link = LinkConfig::new()
            .with_rate(Rate::Constant(BitRate::megabits_per_second(20)))
            .with_delay(Micros::from_millis(10))
            .with_outage(from, from.after(outage));
        let config = RelayConfig::new(address).with_links(link.clone(), link);
        let relay = Relay::start(config).expect("a relay");
        let device = world.device(relay.address(), DeviceOptions::default()).await;
        device.prepare(lossless(at), Duration::from_secs(2)).await.expect("an agreement");
        let mut longest = Micros::ZERO;
        let mut remote = 0;
        let mut seen = Vec::new();
        while relay.now() < from.after(outage) {
            let outcome = ask(&device, at, &sample, &expected).await;
            longest = longest.max(outcome.total);
            remote += u32::from(outcome.fallback.is_none());
            seen.push((relay.now(), outcome.total, outcome.fallback));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(remote > 10, "{seen:?}");
        let (back, slowest) = until_remote(&device, at, &sample, &expected).await;
        assert!(longest.max(slowest) <= Micros::from_millis(500), "{outage} {longest} {slowest}");
        assert!(back <= Duration::from_secs(2), "{outage}: {back:?}");
        server.stop(Code::NoError).await;
    }
}
