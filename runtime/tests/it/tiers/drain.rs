//! Servers that go away on purpose: clients move, and nothing is lost.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aiflow_runtime::fixtures;
use aiflow_runtime::tier::Answer;
use aiflow_runtime::tier::net::{Choice, Device, DeviceOptions, Fallback, Sample, ServerOptions};
use aiflow_transport::wire::{Health, HealthAnswer};

use super::deaths::{gated, until};
use super::world::{World, lossless};

#[tokio::test(flavor = "multi_thread")]
async fn devices_of_a_server_that_goes_away_move_to_another_one_without_a_loss() {
    let world = World::new(fixtures::small_cnn(), 0);
    let (first, address) = world.serve(ServerOptions::default());
    let (second, other) = world.serve(ServerOptions::default());
    let options = DeviceOptions::default();
    let uplink = world.uplink(&[address, other], options);
    uplink.ready(Duration::from_secs(10)).await.expect("a connection");
    let device = Device::new(Arc::clone(&world.parts), Some(uplink), options);
    let at = world.places()[1];
    device.prepare(lossless(at), Duration::from_secs(5)).await.expect("an agreement");
    let inputs = &world.samples(1, 5)[0];
    let (sample, expected) = (Sample::new(inputs.clone()), Answer::Tensors(world.expected(inputs)));
    let ready = first.readiness();
    assert!(ready());
    let ask = async || {
        let outcome = device.infer(&sample, Choice::Remote(lossless(at)), None).await;
        let outcome = outcome.expect("an answer");
        assert_eq!((outcome.fallback, &outcome.answer), (None, &expected));
    };
    let mut asked = 10;
    for _ in 0..asked {
        ask().await;
    }
    let counting = first.counting();
    assert_eq!(counting().answered, asked);
    let stopping = tokio::spawn(first.shutdown(Duration::from_secs(10)));
    let begun = Instant::now();
    while second.counters().answered < 10 {
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", second.counters());
        ask().await;
        asked += 1;
    }
    assert!(!ready());
    stopping.await.expect("it stops");
    let counters = counting();
    assert_eq!(counters.answered + second.counters().answered, asked);
    assert_eq!(counters.refused + counters.failed + counters.cancelled, 0);
    second.shutdown(Duration::from_secs(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_nowhere_else_to_go_answers_itself_while_the_rest_is_finished() {
    let world = World::new(fixtures::small_cnn(), 0);
    let (server, address, gate) = gated(&world, ServerOptions::default());
    let at = world.places()[1];
    let device = world.device_at(address, at, DeviceOptions::default()).await;
    let inputs = &world.samples(1, 5)[0];
    let (sample, expected) = (Sample::new(inputs.clone()), Answer::Tensors(world.expected(inputs)));
    let peer = device.uplink().and_then(|uplink| uplink.peer()).expect("a connection");
    assert_eq!(peer.health(Health::Ready).await, Ok(HealthAnswer::Yes));
    gate.set(true);
    let ask = || {
        let (device, sample) = (device.clone(), sample.clone());
        tokio::spawn(async move { device.infer(&sample, Choice::Remote(lossless(at)), None).await })
    };
    let under_way = [ask(), ask(), ask()];
    until("requests", || server.counters().requests == 3).await;
    let counting = server.counting();
    let stopping = tokio::spawn(server.shutdown(Duration::from_secs(10)));
    // The device heard of it: the next request does not leave it.
    let begun = Instant::now();
    loop {
        let outcome = device.infer(&sample, Choice::Remote(lossless(at)), None).await;
        let outcome = outcome.expect("an answer");
        assert_eq!(outcome.answer, expected);
        if outcome.fallback == Some(Fallback::GoingAway) {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", outcome.fallback);
    }
    gate.set(false);
    for request in under_way {
        let outcome = request.await.expect("no panic").expect("an answer");
        assert_eq!(outcome.answer, expected);
    }
    stopping.await.expect("it stops");
    let counters = counting();
    assert_eq!(counters.answered + counters.cancelled, counters.requests, "{counters:?}");
}
