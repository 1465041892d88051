//! Many requests: changes of the cut, deadlines, batches.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use aiflow_runtime::fixtures;
use aiflow_runtime::tier::net::{Choice, Fallback, Sample, ServerOptions};
use aiflow_runtime::tier::{Answer, QueueLimits};
use aiflow_transport::Code;
use aiflow_units::Micros;

use super::deaths::{gated, until};
use super::world::{World, lossless, patient};

#[tokio::test(flavor = "multi_thread")]
async fn cuts_change_while_requests_are_under_way() {
    let world = World::new(fixtures::small_cnn(), 0);
    let (server, address) = world.serve(ServerOptions::default());
    let device = world.device(address, patient()).await;
    let places = world.places();
    let samples = world.samples(6, 5);
    let expected: Vec<_> = samples.iter().map(|s| Answer::Tensors(world.expected(s))).collect();
    device.prepare(lossless(places[1]), Duration::from_secs(5)).await.expect("an agreement");
    let begun = Instant::now();
    let mut sent = 0;
    let mut places = places.iter().cycle();
    // Changes are limited to a few each second, so they take their time.
    while begun.elapsed() < Duration::from_secs(4) {
        let at = *places.next().expect("a cycle");
        let mut under_way = Vec::new();
        for round in 0..24 {
            let index = round % samples.len();
            let (device, sample) = (device.clone(), Sample::new(samples[index].clone()));
            under_way.push((
                index,
                tokio::spawn(async move {
                    device.infer(&sample, Choice::Remote(lossless(at)), None).await
                }),
            ));
        }
        for (index, request) in under_way {
            let outcome = request.await.expect("no panic").expect("an answer");
            assert_eq!(outcome.answer, expected[index]);
            assert_eq!(outcome.fallback, None);
            sent += 1;
        }
    }
    let counters = server.counters();
    assert_eq!((counters.answered, counters.failed), (sent, 0));
    assert_eq!(counters.refused + counters.late + counters.cancelled, 0);
    let epoch = device.uplink().and_then(aiflow_runtime::tier::net::Uplink::epoch);
    assert!(epoch.is_some_and(|epoch| epoch >= 3), "{epoch:?}");
    server.shutdown(Duration::from_secs(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_devices_share_batches_and_each_gets_its_own_answer() {
    let world = World::new(fixtures::small_cnn(), 0);
    let limits = QueueLimits::default().with_batch(4).with_wait(Micros::from_millis(20));
    let options = ServerOptions::default().with_limits(limits).with_workers(1);
    let (server, address) = world.serve(options);
    let places = world.places();
    let samples = world.samples(8, 15);
    let mut devices = Vec::new();
    for index in 0..8 {
        let device = world.device(address, patient()).await;
        let at = places[1 + index % 2];
        device.prepare(lossless(at), Duration::from_secs(5)).await.expect("an agreement");
        devices.push((device, at));
    }
    for _ in 0..3 {
        let mut under_way = Vec::new();
        for ((device, at), sample) in devices.iter().zip(&samples) {
            let (device, at, sample) = (device.clone(), *at, Sample::new(sample.clone()));
            under_way.push(tokio::spawn(async move {
                device.infer(&sample, Choice::Remote(lossless(at)), None).await
            }));
        }
        for (request, sample) in under_way.into_iter().zip(&samples) {
            let outcome = request.await.expect("no panic").expect("an answer");
            assert_eq!(outcome.answer, Answer::Tensors(world.expected(sample)));
            assert_eq!(outcome.fallback, None);
        }
    }
    let counters = server.counters();
    assert_eq!(counters.answered, 24);
    assert!(counters.batches < 24, "{counters:?}");
    assert!(counters.prometheus().contains("aiflow_answered_total 24\n"));
    server.shutdown(Duration::from_secs(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn late_work_is_refused_and_answered_by_the_device() {
    let world = World::new(fixtures::small_cnn(), 0);
    // The server needs a tenth of a second for what the device does in a moment.
    let options = ServerOptions::default().with_workers(1).with_slowdown(800.0);
    let (server, address) = world.serve(options);
    let device = world.device(address, patient()).await;
    let at = world.places()[1];
    device.prepare(lossless(at), Duration::from_secs(5)).await.expect("an agreement");
    let sample = Sample::new(world.samples(1, 5)[0].clone());
    let ask = async |deadline| {
        device.infer(&sample, Choice::Remote(lossless(at)), deadline).await.expect("an answer")
    };
    let first = ask(None).await;
    assert_eq!(first.fallback, None);
    let usual = first.total;
    // The server knows now how long it takes, and says so at once.
    let second = ask(Some(Micros::new(usual.get() / 2))).await;
    assert_eq!(second.fallback, Some(Fallback::Deadline), "{usual}");
    assert_eq!(second.answer, first.answer);
    assert!(!second.late, "{:?}", second.total);
    assert_eq!(server.counters().late, 1);
    server.shutdown(Duration::from_secs(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_wants_any_more_is_not_computed() {
    let world = World::new(fixtures::small_cnn(), 0);
    let limits = QueueLimits::default().with_batch(1);
    let options = ServerOptions::default().with_limits(limits).with_workers(1);
    let (server, address) = world.serve(options.with_slowdown(800.0));
    let device = world.device(address, patient()).await;
    let at = world.places()[1];
    device.prepare(lossless(at), Duration::from_secs(5)).await.expect("an agreement");
    let sample = Sample::new(world.samples(1, 5)[0].clone());
    let ask = || {
        let (device, sample) = (device.clone(), sample.clone());
        tokio::spawn(async move { device.infer(&sample, Choice::Remote(lossless(at)), None).await })
    };
    let wanted = ask();
    let others: Vec<_> = (0..5).map(|_| ask()).collect();
    while server.counters().requests < 6 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    others.iter().for_each(tokio::task::JoinHandle::abort);
    let outcome = wanted.await.expect("no panic").expect("an answer");
    assert_eq!(outcome.answer, Answer::Tensors(world.expected(&world.samples(1, 5)[0])));
    let clock = Instant::now();
    while server.counters().cancelled + server.counters().answered < 6 {
        assert!(clock.elapsed() < Duration::from_secs(10), "{:?}", server.counters());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let counters = server.counters();
    assert!(counters.cancelled >= 3, "{counters:?}");
    assert!(counters.batched <= 3, "{counters:?}");
    server.shutdown(Duration::from_secs(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_finishes_what_it_began() {
    let world = World::new(fixtures::small_cnn(), 0);
    let options = ServerOptions::default().with_workers(1).with_slowdown(300.0);
    let (server, address) = world.serve(options);
    let device = world.device(address, patient()).await;
    let at = world.places()[1];
    device.prepare(lossless(at), Duration::from_secs(5)).await.expect("an agreement");
    let sample = Sample::new(world.samples(1, 5)[0].clone());
    let expected = Answer::Tensors(world.expected(&world.samples(1, 5)[0]));
    let under_way: Vec<_> = (0..4)
        .map(|_| {
            let (device, sample) = (device.clone(), sample.clone());
            tokio::spawn(
                async move { device.infer(&sample, Choice::Remote(lossless(at)), None).await },
            )
        })
        .collect();
    while server.counters().requests < 4 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let stopping = tokio::spawn(server.shutdown(Duration::from_secs(5)));
    for request in under_way {
        let outcome = request.await.expect("no panic").expect("an answer");
        assert_eq!(outcome.answer, expected);
        // On a machine so busy that nothing is acknowledged for half a second it looks like an outage.
        assert!(
            matches!(outcome.fallback, None | Some(Fallback::Outage)),
            "{:?}",
            outcome.fallback
        );
    }
    stopping.await.expect("it stops");
    let outcome = device.infer(&sample, Choice::Remote(lossless(at)), None).await;
    let outcome = outcome.expect("an answer");
    assert!(outcome.fallback.is_some());
    assert_eq!(outcome.answer, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_up_while_it_runs_is_not_run_to_its_end() {
    let world = World::new(fixtures::small_cnn(), 0);
    let (server, address, gate) = gated(&world, ServerOptions::default());
    let at = world.places()[1];
    let device = world.device_at(address, at, patient()).await;
    let inputs = &world.samples(1, 5)[0];
    let (sample, expected) = (Sample::new(inputs.clone()), Answer::Tensors(world.expected(inputs)));
    let ask = || {
        let (device, sample) = (device.clone(), sample.clone());
        tokio::spawn(async move { device.infer(&sample, Choice::Remote(lossless(at)), None).await })
    };
    let parts = || gate.parts.load(Ordering::Relaxed);
    // The server learns that this takes long.
    gate.set(true);
    let first = ask();
    until("work", || server.counters().running == 1).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    gate.set(false);
    first.await.expect("no panic").expect("an answer");
    // From now on it is run in steps, with the same answer.
    let before = parts();
    let outcome = ask().await.expect("no panic").expect("an answer");
    assert_eq!((outcome.fallback, outcome.answer), (None, expected));
    assert!(parts() >= before + 2, "{before} {}", parts());
    // One that is given up in the first step gets no further.
    let before = parts();
    gate.set(true);
    let unwanted = ask();
    until("the first step", || parts() == before + 1).await;
    unwanted.abort();
    tokio::time::sleep(Duration::from_millis(500)).await;
    gate.set(false);
    until("its end", || server.counters().cancelled == 1).await;
    assert_eq!(parts(), before + 1);
    server.stop(Code::NoError).await;
}
