//! What goes wrong, and what comes of it: answers go on, and none is wrong.

use std::time::{Duration, Instant};

use aiflow_netsim::relay::{Relay, RelayConfig};
use aiflow_netsim::{Corruption, LinkConfig, Probability, Rate};
use aiflow_runtime::fixtures;
use aiflow_runtime::tier::net::{Choice, Device, DeviceOptions, Outcome, Sample, ServerOptions};
use aiflow_runtime::tier::{Answer, Place};
use aiflow_transport::Code;
use aiflow_units::{BitRate, Micros, Timestamp};

use super::world::{World, localhost, lossless};

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

/// Cuts the link for a while, and requires that answers go on, and that the network is used again in
/// time.
async fn link_is_down_for(outage: Micros) {
    let world = World::new(fixtures::small_cnn(), 0);
    let at = world.places()[1];
    let inputs = &world.samples(1, 5)[0];
    let (sample, expected) = (Sample::new(inputs.clone()), Answer::Tensors(world.expected(inputs)));
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
    while relay.now() < from.after(outage) {
        let outcome = ask(&device, at, &sample, &expected).await;
        longest = longest.max(outcome.total);
        remote += u32::from(outcome.fallback.is_none());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(remote > 10, "{remote}");
    let (back, slowest) = until_remote(&device, at, &sample, &expected).await;
    assert!(longest.max(slowest) <= Micros::from_millis(500), "{outage} {longest} {slowest}");
    assert!(back <= Duration::from_secs(2), "{outage}: {back:?}");
    server.stop(Code::NoError).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_is_down_for_a_while_costs_no_answer() {
    // All at once, so that together they take as long as the longest.
    tokio::join!(
        link_is_down_for(Micros::from_millis(200)),
        link_is_down_for(Micros::from_secs(2)),
        link_is_down_for(Micros::from_secs(20)),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn loss_and_damage_on_the_way_change_no_answer() {
    let world = World::new(fixtures::small_cnn(), 0);
    let at = world.places()[1];
    let (server, address) = world.serve(ServerOptions::default());
    let link = |seed| {
        LinkConfig::new()
            .with_rate(Rate::Constant(BitRate::megabits_per_second(20)))
            .with_delay(Micros::from_millis(5))
            .with_loss(Probability::percent(5))
            .with_corruption(Corruption::Flip(Probability::percent(1)))
            .with_seed(seed)
    };
    let relay = Relay::start(RelayConfig::new(address).with_links(link(1), link(2)));
    let relay = relay.expect("a relay");
    let options = DeviceOptions::default().with_patience(Micros::from_secs(2));
    let device = world.device(relay.address(), options).await;
    device.prepare(lossless(at), Duration::from_secs(5)).await.expect("an agreement");
    let mut remote = 0;
    for inputs in world.samples(100, 5) {
        let expected = Answer::Tensors(world.expected(&inputs));
        let outcome = ask(&device, at, &Sample::new(inputs), &expected).await;
        remote += u32::from(outcome.fallback.is_none());
    }
    // QUIC repeats what was lost.
    assert!(remote >= 60, "{remote} of 100");
    let stats = relay.stats();
    let harmed = stats.paths.iter().flat_map(|path| [path.up, path.down]);
    let harmed: Vec<_> =
        harmed.map(|way| (way.dropped_loss.packets, way.corrupted.packets)).collect();
    assert!(harmed.iter().any(|(lost, _)| *lost > 0), "{harmed:?}");
    assert!(harmed.iter().any(|(_, damaged)| *damaged > 0), "{harmed:?}");
    assert_eq!(server.counters().failed, 0);
    server.stop(Code::NoError).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_changes_its_address_goes_on_where_it_was() {
    let world = World::new(fixtures::small_cnn(), 0);
    let (server, address) = world.serve(ServerOptions::default());
    let relay = Relay::start(RelayConfig::new(address)).expect("a relay");
    let device = world.device(relay.address(), DeviceOptions::default()).await;
    let uplink = device.uplink().expect("an uplink").clone();
    let at = world.places()[1];
    let inputs = &world.samples(1, 5)[0];
    let (sample, expected) = (Sample::new(inputs.clone()), Answer::Tensors(world.expected(inputs)));
    device.prepare(lossless(at), Duration::from_secs(2)).await.expect("an agreement");
    for change in 0..4 {
        for _ in 0..3 {
            ask(&device, at, &sample, &expected).await;
        }
        // Its own socket is another one, and then a router on the way forgets it.
        match change % 2 {
            0 => uplink.rebind(localhost()).expect("another port"),
            _ => relay.rebind().expect("another port"),
        }
        let (back, longest) = until_remote(&device, at, &sample, &expected).await;
        assert!(back <= Duration::from_secs(2), "change {change}: {back:?}");
        assert!(longest <= Micros::from_millis(500), "change {change}: {longest}");
    }
    assert_eq!(server.counters().connections, 1, "the connection is still the same");
    server.stop(Code::NoError).await;
}
