//! Two and three tiers give the answer of one process.

use std::sync::Arc;
use std::time::Duration;

use aiflow_runtime::bundle::FeatureCoding;
use aiflow_runtime::fixtures;
use aiflow_runtime::tier::net::{
    Choice, Device, LinkStatus, Role, Sample, ServerOptions, Then, UplinkError,
};
use aiflow_runtime::tier::{Answer, AnswerForm, Effort, Pace, Part, Place};
use aiflow_transport::Code;
use aiflow_transport::driver::SessionError;
use aiflow_units::Micros;

use super::world::{World, localhost, lossless, patient, remote};
use crate::suite::{RESNET20, Subject};

async fn two_tiers(world: &World) {
    let (server, address) = world.serve(ServerOptions::default());
    let device = world.device(address, patient()).await;
    let sample = &world.samples(1, 7)[0];
    let whole = Answer::Tensors(world.expected(sample));
    for at in world.places() {
        assert_eq!(remote(&device, sample, at).await, whole, "{at}");
    }
    let counters = server.counters();
    assert_eq!(counters.answered, world.places().len() as u64);
    assert_eq!((counters.failed, counters.refused, counters.late), (0, 0, 0));
    server.shutdown(Duration::from_secs(1)).await;
}

async fn three_tiers(world: &World, pairs: &[(Place, Place)]) {
    let (cloud, behind) = world.serve(ServerOptions::default());
    let sample = &world.samples(1, 7)[0];
    let whole = Answer::Tensors(world.expected(sample));
    for &(first, second) in pairs {
        let uplink = world.uplink(&[behind], patient());
        uplink.ready(Duration::from_secs(10)).await.expect("a cloud");
        let coding = FeatureCoding::Lossless;
        let then = match second.cut() {
            Some(to) if second != first => Then::Compute { to, coding },
            _ => Then::Forward,
        };
        let options = ServerOptions::default().with_role(Role::Edge).with_upstream(uplink, then);
        let (edge, address) = world.serve(options);
        let device = world.device(address, patient()).await;
        device.prepare(lossless(first), Duration::from_secs(5)).await.expect("an agreement");
        let choice = Choice::Remote(lossless(first));
        let outcome = device.infer(&Sample::new(sample.clone()), choice, None).await;
        let outcome = outcome.expect("an answer");
        assert_eq!((outcome.fallback, &outcome.answer), (None, &whole), "{first} {second}");
        assert_eq!(edge.counters().forwarded, 1, "{first} {second}");
        let computed = |tier| outcome.trace.of(tier, Part::Compute);
        assert!(computed(2) > Micros::ZERO, "{}", outcome.trace);
        assert_eq!(computed(1) > Micros::ZERO, then != Then::Forward, "{}", outcome.trace);
        edge.shutdown(Duration::from_secs(1)).await;
    }
    assert_eq!(cloud.counters().answered, pairs.len() as u64);
    cloud.shutdown(Duration::from_secs(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_place_of_the_fixtures_is_handed_over_at() {
    for model in [fixtures::small_cnn(), fixtures::residual_block()] {
        two_tiers(&World::new(model, 0)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_computes_a_middle_part_or_passes_on() {
    let world = World::new(fixtures::small_cnn(), 0);
    let places = world.places();
    let (first, last) = (places[1], places[places.len() - 1]);
    three_tiers(&world, &[(Place::Input, first), (first, last), (first, first)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_network_runs_on_two_and_three_tiers() {
    let Some(subject) = Subject::real(RESNET20) else { return };
    let world = World::of(subject.model, 0);
    two_tiers(&world).await;
    let places = world.places();
    let far = places[places.len() - 1];
    three_tiers(&world, &[(places[1], far), (places[2], far), (Place::Input, places[2])]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lossy_frames_of_learned_profiles_are_answered() {
    let world = World::new(fixtures::residual_block(), 24);
    let (server, address) = world.serve(ServerOptions::default());
    let options = patient().with_form(AnswerForm::Classes(2));
    let device = world.device(address, options).await;
    let cut = world.cuts().into_iter().find(|cut| cut.tensors.len() == 2).expect("two tensors");
    let coding = FeatureCoding::Learned {
        rate_index: 6,
        effort: aiflow_runtime::bundle::CodingEffort::Fast,
        rate: aiflow_runtime::bundle::FrameRate::Fixed,
    };
    let handover = aiflow_runtime::tier::net::Handover::Tensors { at: Place::Cut(cut.id), coding };
    device.prepare(handover, Duration::from_secs(5)).await.expect("an agreement");
    for sample in world.samples(4, 31) {
        let expected = Answer::Tensors(world.expected(&sample)).class();
        let outcome = device.infer(&Sample::new(sample), Choice::Remote(handover), None).await;
        let outcome = outcome.expect("an answer");
        assert_eq!(outcome.fallback, None);
        assert!(matches!(&outcome.answer, Answer::Classes(classes) if classes.len() == 2));
        assert_eq!(outcome.answer.class(), expected);
    }
    server.shutdown(Duration::from_secs(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn traces_add_up_to_what_was_measured() {
    let world = World::new(fixtures::small_cnn(), 0);
    // Slow enough that what nobody accounts for does not matter.
    let slow = 60.0;
    let (server, address) = world.serve(ServerOptions::default().with_slowdown(slow));
    let device = world.device(address, patient().with_slowdown(slow)).await;
    let at = world.places()[1];
    device.prepare(lossless(at), Duration::from_secs(5)).await.expect("an agreement");
    let mut shares = Vec::new();
    for sample in world.samples(9, 5) {
        let sample = Sample::new(sample).with_capture(Micros::from_millis(3));
        let outcome = device.infer(&sample, Choice::Remote(lossless(at)), None).await;
        let outcome = outcome.expect("an answer");
        assert_eq!(outcome.fallback, None);
        shares.push(outcome.trace.total().get() as f64 / outcome.total.get() as f64);
    }
    shares.sort_by(f64::total_cmp);
    let middle = shares[shares.len() / 2];
    assert!((0.97..=1.001).contains(&middle), "{shares:?}");
    server.shutdown(Duration::from_secs(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_with_other_models_or_profiles_do_not_meet() {
    let world = World::new(fixtures::residual_block(), 24);
    let (server, address) = world.serve(ServerOptions::default());
    // The same model, but profiles learned from other samples: only what needs none is served.
    let other = World::new(fixtures::residual_block(), 20);
    let uplink = world.uplink_of(&other.load(), &[address], patient());
    uplink.ready(Duration::from_secs(5)).await.expect("the input needs no profile");
    let device = Device::new(other.load(), Some(uplink), patient());
    let at = Place::Cut(other.cuts()[0].id);
    device.prepare(lossless(at), Duration::from_millis(300)).await.expect_err("other profiles");
    let sample = &other.samples(1, 3)[0];
    let choice = Choice::Remote(lossless(at));
    let outcome = device.infer(&Sample::new(sample.clone()), choice, None).await;
    let outcome = outcome.expect("an answer");
    assert!(outcome.fallback.is_some());
    assert_eq!(outcome.answer, Answer::Tensors(other.expected(sample)));
    let refused = World::new(fixtures::small_cnn(), 0);
    let uplink = world.uplink_of(&refused.load(), &[address], patient());
    let error = uplink.ready(Duration::from_secs(5)).await.expect_err("another model");
    let UplinkError::Session { why: SessionError::Ended { code, .. }, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(code, Code::ModelUnknown);
    assert!(matches!(uplink.status(), LinkStatus::Failed(_) | LinkStatus::Connecting));
    assert!(server.counters().sessions_refused >= 1);
    server.shutdown(Duration::from_secs(1)).await;
}

/// Takes so long for each part of a model, as a slow machine would.
#[derive(Debug, Default)]
struct Slow(std::sync::atomic::AtomicU64);

impl Pace for Slow {
    fn take(&self, effort: Effort, work: &mut dyn FnMut()) {
        work();
        if let Effort::Part(_) = effort {
            let millis = self.0.load(std::sync::atomic::Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(millis));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_takes_the_quicker_way() {
    let world = World::new(fixtures::small_cnn(), 0);
    let slow = |millis: u64| {
        let pace = Arc::new(Slow(millis.into()));
        let parts = Arc::into_inner(world.load()).expect("nobody else has them");
        (Arc::new(parts.with_pace(Arc::clone(&pace) as Arc<dyn Pace>)), pace)
    };
    let (parts, cloud_pace) = slow(5);
    let (cloud, behind) = world.serve_parts(localhost(), parts, ServerOptions::default());
    let uplink = world.uplink(&[behind], patient());
    uplink.ready(Duration::from_secs(10)).await.expect("a cloud");
    let options = ServerOptions::default().with_role(Role::Edge);
    let (parts, _) = slow(40);
    let options = options.with_upstream(uplink, Then::Quicker);
    let (edge, address) = world.serve_parts(localhost(), parts, options);
    let at = world.places()[1];
    let device = world.device_at(address, at, patient()).await;
    let inputs = &world.samples(1, 5)[0];
    let (sample, whole) = (Sample::new(inputs.clone()), Answer::Tensors(world.expected(inputs)));
    let ask = async |count: u64| {
        for _ in 0..count {
            let outcome = device.infer(&sample, Choice::Remote(lossless(at)), None).await;
            let outcome = outcome.expect("an answer");
            assert_eq!((outcome.fallback, &outcome.answer), (None, &whole));
        }
        edge.counters().forwarded
    };
    let quick = ask(20).await;
    assert!(quick >= 15, "{quick} of 20 were passed on");
    // The cloud has other things to do.
    cloud_pace.0.store(90, std::sync::atomic::Ordering::Relaxed);
    let slowed = ask(20).await - quick;
    assert!(slowed <= 10, "{slowed} of 20 were passed on");
    edge.shutdown(Duration::from_secs(1)).await;
    cloud.shutdown(Duration::from_secs(1)).await;
}
