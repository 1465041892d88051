//! Peers that do not keep to what they say.

use std::sync::Arc;
use std::time::Duration;

use aiflow_runtime::bundle::{CodingEffort, FeatureCoding, FrameRate};
use aiflow_runtime::fixtures;
use aiflow_runtime::tier::net::{
    Choice, Device, DeviceOptions, Fallback, Handover, Sample, ServerOptions,
};
use aiflow_runtime::tier::{Answer, ModelParts, Place};
use aiflow_transport::Code;

use super::world::{World, lossless, remote};

/// A device that names the model and the profiles of the world, and has others.
async fn liar(world: &World, own: Arc<ModelParts>, address: std::net::SocketAddr) -> Device {
    let uplink = world.uplink(&[address], DeviceOptions::default());
    uplink.ready(Duration::from_secs(5)).await.expect("nothing is wrong with the names");
    Device::new(own, Some(uplink), DeviceOptions::default())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_lies_about_its_hashes_harms_only_itself() {
    let world = World::new(fixtures::residual_block(), 24);
    let (server, address) = world.serve(ServerOptions::default());
    let honest = world.device(address, DeviceOptions::default()).await;
    let at = Place::Cut(world.cuts()[0].id);
    let sample = &world.samples(1, 9)[0];
    let whole = Answer::Tensors(world.expected(sample));
    assert_eq!(remote(&honest, sample, at).await, whole);
    // Profiles learned from other samples.
    let other = World::new(fixtures::residual_block(), 20);
    let device = liar(&world, other.load(), address).await;
    let (rate_index, rate) = (12, FrameRate::Fixed);
    let mut lies = 0;
    for effort in [CodingEffort::Fast, CodingEffort::High] {
        let coding = FeatureCoding::Learned { rate_index, effort, rate };
        let handover = Handover::Tensors { at, coding };
        device.prepare(handover, Duration::from_secs(5)).await.expect("an agreement");
        for sample in world.samples(5, 77) {
            // What it gets for its frames is its own affair: an error, or an answer to other features.
            let outcome = device.infer(&Sample::new(sample), Choice::Remote(handover), None).await;
            outcome.expect("an answer");
            lies += 1;
        }
    }
    // Another model, with tensors of other shapes.
    let foreign = World::new(fixtures::small_cnn(), 0);
    let device = liar(&world, foreign.load(), address).await;
    let sample_of_foreign = &foreign.samples(1, 3)[0];
    let expected = Answer::Tensors(foreign.expected(sample_of_foreign));
    device.prepare(lossless(at), Duration::from_secs(5)).await.expect("an agreement");
    let foreign_sample = Sample::new(sample_of_foreign.clone());
    let outcome = device.infer(&foreign_sample, Choice::Remote(lossless(at)), None).await;
    let outcome = outcome.expect("an answer");
    assert_eq!(outcome.fallback, Some(Fallback::Failed(Code::DecodeFailed)));
    assert_eq!(outcome.answer, expected);
    lies += 1;
    // Nobody else noticed.
    assert_eq!(remote(&honest, sample, at).await, whole);
    let counters = server.counters();
    assert_eq!(counters.answered + counters.failed, lies + 2, "{counters:?}");
    assert!(counters.failed >= 1);
    server.shutdown(Duration::from_secs(1)).await;
}
