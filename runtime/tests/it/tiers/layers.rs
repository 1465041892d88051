//! Frames in layers: what is late of them is not waited for.

use std::time::{Duration, Instant};

use aiflow_netsim::relay::{Relay, RelayConfig};
use aiflow_netsim::{LinkConfig, Rate};
use aiflow_runtime::Value;
use aiflow_runtime::bundle::{CodingEffort, FeatureCoding, FrameRate};
use aiflow_runtime::fixtures;
use aiflow_runtime::tier::net::{Choice, Handover, Layering, Sample, ServerOptions, Uplink};
use aiflow_runtime::tier::{Answer, Place};
use aiflow_transport::{Code, Frame};
use aiflow_units::{BitRate, Micros};

use super::world::{World, patient};

const CODING: FeatureCoding =
    FeatureCoding::Learned { rate_index: 4, effort: CodingEffort::High, rate: FrameRate::Fixed };

/// What the tail answers to each prefix of the layers, and the layers.
fn prefixes(world: &World, at: Place, sample: &[(String, Value)]) -> (Vec<Answer>, Vec<Vec<u8>>) {
    let named: Vec<(&str, Value)> =
        sample.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    let head = world.parts.head(&named, at).expect("a head");
    let coder = world.parts.coder(at).expect("a coder");
    let layers = coder.encode_layers(&head, CODING).expect("layers");
    let answer = |count: usize| {
        let there = coder.decode_prefix(&layers[..count].concat()).expect("a prefix");
        Answer::Tensors(world.parts.tail(at, &there).expect("a tail"))
    };
    ((1..=layers.len()).map(answer).collect(), layers)
}

#[tokio::test(flavor = "multi_thread")]
async fn layers_that_are_late_are_not_waited_for() {
    let world = World::new(fixtures::small_cnn(), 24);
    let at = Place::Cut(world.cuts()[0].id);
    let inputs = &world.samples(1, 9)[0];
    let (answers, layers) = prefixes(&world, at, inputs);
    assert_eq!(answers.len(), 2);
    let (server, address) = world.serve(ServerOptions::default());
    let options = patient().with_layering(Layering::Always);
    let handover = Handover::Tensors { at, coding: CODING };
    let sample = Sample::new(inputs.clone());
    // On a quick link all of it is there.
    let device = world.device(address, options).await;
    device.prepare(handover, Duration::from_secs(5)).await.expect("an agreement");
    let outcome = device.infer(&sample, Choice::Remote(handover), None).await;
    let outcome = outcome.expect("an answer");
    assert_eq!((outcome.fallback, &outcome.answer), (None, &answers[1]));
    assert_eq!(server.counters().partial, 0);
    // On a slow one a refinement takes seconds, whatever it holds: the base is answered without it.
    let slow = Rate::Constant(BitRate::megabits_per_second(2));
    let link = LinkConfig::new().with_rate(slow).with_delay(Micros::from_millis(5));
    let config = RelayConfig::new(address).with_links(link, LinkConfig::new());
    let relay = Relay::start(config).expect("a relay");
    let device = world.device_at(relay.address(), at, patient()).await;
    let session = device.uplink().and_then(Uplink::session).expect("a session");
    let base = layers[0].clone();
    let frame = Frame::new(vec![base.into(), vec![0; 1 << 20].into()], session.after(DEADLINE));
    let begun = Instant::now();
    let reply = session.send(frame).expect("room for it").await.expect("an answer");
    assert!(begun.elapsed() <= DEADLINE, "{:?}", begun.elapsed());
    let (answer, _) = Answer::decode(&reply.payload).expect("an answer");
    assert_eq!(answer, answers[0]);
    assert_eq!((server.counters().partial, server.counters().failed), (1, 0));
    server.stop(Code::NoError).await;
}

const DEADLINE: Duration = Duration::from_secs(3);
