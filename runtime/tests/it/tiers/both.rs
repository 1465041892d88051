//! Requests that are handed over while the device answers them as well.

use std::sync::Arc;
use std::time::Duration;

use aiflow_runtime::fixtures;
use aiflow_runtime::tier::net::{Choice, Device, Sample, ServerOptions};
use aiflow_runtime::tier::{Answer, Effort, Pace, Place, Span};
use aiflow_transport::Code;
use aiflow_units::{Bytes, Micros};

use super::deaths::{Gate, gated};
use super::world::{World, lossless, patient};

/// Holds up whatever ends at the output.
#[derive(Debug, Default)]
struct Ends(Gate);

impl Pace for Ends {
    fn take(&self, effort: Effort, work: &mut dyn FnMut()) {
        match effort {
            Effort::Part(Span { to: Place::Output, .. }) => self.0.take(effort, work),
            _ => work(),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_answers_the_first_one_counts() {
    let world = World::new(fixtures::small_cnn(), 0);
    let (server, address, gate) = gated(&world, ServerOptions::default());
    let ends = Arc::new(Ends::default());
    let parts = Arc::into_inner(world.load()).expect("nobody else has them");
    let parts = Arc::new(parts.with_pace(Arc::clone(&ends) as Arc<dyn Pace>));
    let options = patient();
    let uplink = world.uplink(&[address], options);
    uplink.ready(Duration::from_secs(10)).await.expect("a connection");
    let device = Device::new(parts, Some(uplink), options);
    let at = world.places()[1];
    device.prepare(lossless(at), Duration::from_secs(5)).await.expect("an agreement");
    let inputs = &world.samples(1, 5)[0];
    let (sample, expected) = (Sample::new(inputs.clone()), Answer::Tensors(world.expected(inputs)));
    let both = Choice::Both(lossless(at));

    ends.0.set(true);
    let outcome = device.infer(&sample, both, None).await.expect("an answer");
    assert!(outcome.answer == expected);
    assert_eq!((outcome.choice, outcome.fallback), (Choice::Remote(lossless(at)), None));
    assert!(outcome.spare > Micros::ZERO && outcome.bytes > Bytes::ZERO);
    ends.0.set(false);

    gate.set(true);
    let outcome = device.infer(&sample, both, None).await.expect("an answer");
    assert!(outcome.answer == expected);
    assert_eq!((outcome.choice, outcome.fallback), (Choice::Local, None));
    assert!(outcome.spare == Micros::ZERO && outcome.bytes > Bytes::ZERO);
    gate.set(false);

    // Nothing failed, so the server is not avoided.
    let outcome = device.infer(&sample, Choice::Remote(lossless(at)), None).await;
    assert_eq!(outcome.expect("an answer").fallback, None);
    drop(device);
    server.stop(Code::NoError).await;
}
