//! Servers that die: no answer is lost, and none is wrong.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aiflow_netsim::LinkConfig;
use aiflow_netsim::relay::{Relay, RelayConfig};
use aiflow_runtime::fixtures;
use aiflow_runtime::tier::net::{
    Choice, Device, DeviceOptions, Outcome, Role, Sample, Server, ServerOptions, Then,
};
use aiflow_runtime::tier::{Answer, Effort, Pace, Place, QueueLimits};
use aiflow_transport::Code;
use aiflow_units::{Micros, Timestamp};

use super::world::{World, localhost, lossless};

/// Holds computations up while it is shut.
#[derive(Default)]
pub(super) struct Gate {
    /// Parts that were run.
    pub(super) parts: AtomicU64,
    shut: Mutex<bool>,
    bell: Condvar,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gate")
    }
}

impl Gate {
    pub(super) fn set(&self, shut: bool) {
        *self.shut.lock().unwrap_or_else(PoisonError::into_inner) = shut;
        self.bell.notify_all();
    }
}

impl Pace for Gate {
    fn take(&self, effort: Effort, work: &mut dyn FnMut()) {
        work();
        if let Effort::Part(_) = effort {
            self.parts.fetch_add(1, Ordering::Relaxed);
            let shut = self.shut.lock().unwrap_or_else(PoisonError::into_inner);
            drop(self.bell.wait_while(shut, |shut| *shut));
        }
    }
}

/// A server with one worker behind a gate.
pub(super) fn gated(
    world: &World,
    options: ServerOptions,
) -> (Server, std::net::SocketAddr, Arc<Gate>) {
    let gate = Arc::new(Gate::default());
    let parts = Arc::into_inner(world.load()).expect("nobody else has them");
    let parts = Arc::new(parts.with_pace(Arc::clone(&gate) as Arc<dyn Pace>));
    let (server, address) = world.serve_parts(localhost(), parts, options.with_workers(1));
    (server, address, gate)
}

/// Starts an edge that passes on to a cloud whose work can be held up.
async fn edge_before_cloud(world: &World) -> (Server, Arc<Gate>, Server, std::net::SocketAddr) {
    let (cloud, behind, gate) = gated(world, ServerOptions::default());
    let uplink = world.uplink(&[behind], DeviceOptions::default());
    uplink.ready(Duration::from_secs(10)).await.expect("a cloud");
    let options = ServerOptions::default().with_role(Role::Edge);
    let (edge, address) = world.serve(options.with_upstream(uplink, Then::Forward));
    (cloud, gate, edge, address)
}

/// Waits until something holds.
pub(super) async fn until(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what} does not come");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    Arriving,
    Queued,
    Computing,
    Answering,
}

async fn ask(device: &Device, at: Place, sample: &Sample, expected: &Answer) -> Outcome {
    let outcome = device.infer(sample, Choice::Remote(lossless(at)), None).await;
    let outcome = outcome.expect("an answer");
    assert!(outcome.answer == *expected, "another answer, {:?}", outcome.fallback);
    outcome
}

/// Kills a server, as far as its clients can see, in one phase of a request.
async fn dies_while(phase: Phase) {
    let world = World::new(fixtures::small_cnn(), 0);
    let limits = QueueLimits::default().with_batch(1);
    let (server, address, gate) = gated(&world, ServerOptions::default().with_limits(limits));
    // Answers get lost from here on, while requests still arrive.
    let mute = Timestamp::from_origin(Micros::from_millis(1500));
    let (up, down) = (LinkConfig::new(), LinkConfig::new());
    let down =
        if phase == Phase::Answering { down.with_outage(mute, Timestamp::MAX) } else { down };
    let relay = Relay::start(RelayConfig::new(address).with_links(up, down)).expect("a relay");
    let at = world.places()[1];
    let device = world.device_at(relay.address(), at, DeviceOptions::default()).await;
    let inputs = &world.samples(1, 5)[0];
    let (sample, expected) = (Sample::new(inputs.clone()), Answer::Tensors(world.expected(inputs)));
    for _ in 0..5 {
        assert_eq!(ask(&device, at, &sample, &expected).await.fallback, None);
    }
    let spawn = || {
        let (device, sample, expected) = (device.clone(), sample.clone(), expected.clone());
        tokio::spawn(async move { ask(&device, at, &sample, &expected).await })
    };
    gate.set(phase != Phase::Answering);
    let under_way = match phase {
        Phase::Arriving => {
            drop(relay);
            vec![spawn()]
        }
        Phase::Queued => {
            let both = vec![spawn(), spawn()];
            until("a queue", || server.counters().waiting == 1).await;
            drop(relay);
            both
        }
        Phase::Computing => {
            let one = vec![spawn()];
            until("work", || server.counters().running == 1).await;
            drop(relay);
            one
        }
        Phase::Answering => {
            until("the loss of answers", || relay.now() > mute).await;
            let one = vec![spawn()];
            until("an answer", || server.counters().answered == 6).await;
            one
        }
    };
    for request in under_way {
        let outcome = request.await.expect("no panic");
        assert!(outcome.fallback.is_some(), "{phase:?}");
        assert!(outcome.total <= Micros::from_millis(300), "{phase:?}: {}", outcome.total);
    }
    let next = ask(&device, at, &sample, &expected).await;
    assert!(
        next.fallback.is_some() && next.total <= Micros::from_millis(300),
        "{phase:?}: {next:?}"
    );
    gate.set(false);
    server.stop(Code::NoError).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_dies_in_any_phase_of_a_request_costs_no_answer() {
    for phase in [Phase::Arriving, Phase::Queued, Phase::Computing, Phase::Answering] {
        dies_while(phase).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_answers_itself_while_its_cloud_is_dead() {
    let world = World::new(fixtures::small_cnn(), 0);
    let (cloud, gate, edge, address) = edge_before_cloud(&world).await;
    let at = world.places()[1];
    // A device that would wait for long, so that it is the edge that answers.
    let patient = DeviceOptions::default().with_patience(Micros::from_secs(10));
    let device = world.device(address, patient).await;
    device.prepare(lossless(at), Duration::from_secs(5)).await.expect("an agreement");
    let inputs = &world.samples(1, 5)[0];
    let (sample, expected) = (Sample::new(inputs.clone()), Answer::Tensors(world.expected(inputs)));
    for _ in 0..3 {
        assert_eq!(ask(&device, at, &sample, &expected).await.fallback, None);
    }
    assert_eq!(edge.counters().forwarded, 3);
    gate.set(true);
    for _ in 0..3 {
        let outcome = ask(&device, at, &sample, &expected).await;
        assert_eq!(outcome.fallback, None);
        assert!(outcome.total <= Micros::from_millis(300), "{}", outcome.total);
    }
    let counters = edge.counters();
    assert_eq!((counters.requests, counters.answered, counters.forwarded), (6, 6, 3));
    // What stayed out comes, and the cloud is used again.
    gate.set(false);
    let begun = Instant::now();
    while edge.counters().forwarded == 3 {
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", edge.counters());
        ask(&device, at, &sample, &expected).await;
    }
    assert!(begun.elapsed() <= Duration::from_secs(2), "{:?}", begun.elapsed());
    edge.stop(Code::NoError).await;
    cloud.stop(Code::NoError).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_device_gives_up_is_given_up_behind_the_edge_too() {
    let world = World::new(fixtures::small_cnn(), 0);
    let (cloud, gate, edge, address) = edge_before_cloud(&world).await;
    let at = world.places()[1];
    let device = world.device_at(address, at, DeviceOptions::default()).await;
    let sample = Sample::new(world.samples(1, 5)[0].clone());
    gate.set(true);
    let ask = || {
        let (device, sample) = (device.clone(), sample.clone());
        tokio::spawn(async move { device.infer(&sample, Choice::Remote(lossless(at)), None).await })
    };
    // The first answer may stay out for two seconds, so all of them are with the cloud.
    let requests: Vec<_> = (0..4).map(|_| ask()).collect();
    until("requests", || cloud.counters().requests == 4).await;
    requests.iter().for_each(tokio::task::JoinHandle::abort);
    until("cancellation at the edge", || edge.counters().cancelled == 4).await;
    gate.set(false);
    until("the end of all work", || {
        let counters = cloud.counters();
        counters.cancelled + counters.answered == 4
    })
    .await;
    // The one that ran could not be stopped; those that waited were never begun.
    assert!(cloud.counters().batched <= 2, "{:?}", cloud.counters());
    edge.stop(Code::NoError).await;
    cloud.stop(Code::NoError).await;
}
