//! Every cut of every network: over two processes' worth of endpoints, and over three.

use std::time::Duration;

use aiflow_runtime::bundle::FeatureCoding;
use aiflow_runtime::cut::{CutList, CutOptions, MiddleModel};
use aiflow_runtime::learning::NamedInputs;
use aiflow_runtime::tier::net::{Choice, Device, Outcome, Role, Sample, ServerOptions, Then};
use aiflow_runtime::tier::{Answer, Part, Place};
use aiflow_units::Micros;

use super::world::{World, lossless, patient};
use crate::suite::{Subject, built, real};

/// Hands one sample over, and requires that the tiers behind gave the answer of one process.
async fn ask(device: &Device, at: Place, sample: &NamedInputs, whole: &Answer) -> Outcome {
    let sample = Sample::new(sample.clone());
    let outcome = device.infer(&sample, Choice::Remote(lossless(at)), None).await;
    let outcome = outcome.expect("an answer");
    assert_eq!(outcome.fallback, None, "{at}");
    assert!(outcome.answer == *whole, "{at}: another answer");
    outcome
}

async fn two_tiers(world: &World, sample: &NamedInputs, whole: &Answer) -> usize {
    let (server, address) = world.serve(ServerOptions::default());
    let places = world.places();
    for &at in &places {
        let device = world.device_at(address, at, patient()).await;
        ask(&device, at, sample, whole).await;
    }
    assert_eq!(server.counters().answered, places.len() as u64);
    server.shutdown(Duration::ZERO).await;
    places.len()
}

async fn three_tiers(
    world: &World,
    (first, second): (Place, Place),
    sample: &NamedInputs,
    whole: &Answer,
) {
    let (cloud, behind) = world.serve(ServerOptions::default());
    let uplink = world.uplink(&[behind], patient());
    uplink.ready(Duration::from_secs(10)).await.expect("a cloud");
    let to = second.cut().expect("a cut");
    let then = Then::Compute { to, coding: FeatureCoding::Lossless };
    let options = ServerOptions::default().with_role(Role::Edge).with_upstream(uplink, then);
    let (edge, address) = world.serve(options);
    let device = world.device_at(address, first, patient()).await;
    let outcome = ask(&device, first, sample, whole).await;
    for tier in [0, 1, 2] {
        let computed = outcome.trace.of(tier, Part::Compute);
        let computes = tier > 0 || first != Place::Input;
        assert!(!computes || computed > Micros::ZERO, "{tier}: {}", outcome.trace);
    }
    assert_eq!((edge.counters().forwarded, cloud.counters().answered), (1, 1));
    edge.shutdown(Duration::ZERO).await;
    cloud.shutdown(Duration::ZERO).await;
}

/// Pairs of cuts between which an edge computes: the widest apart, two neighbours, and the input
/// with a cut in the middle.
fn pairs(subject: &Subject, list: &CutList) -> Vec<(Place, Place)> {
    let cuts = &list.cuts;
    let follows = |from: usize, to: usize| {
        let (program, graph) = (subject.program.clone(), &subject.graph);
        MiddleModel::new(program, graph, &cuts[from], &cuts[to]).is_ok()
    };
    let last = cuts.len() - 1;
    let place = |index: usize| Place::Cut(cuts[index].id);
    let widest = (1..=last).rev().find(|&to| follows(0, to)).map(|to| (place(0), place(to)));
    let near = (1..last).find(|&from| follows(from, from + 1));
    let near = near.map(|from| (place(from), place(from + 1)));
    let whole = (Place::Input, place(last / 2));
    widest.into_iter().chain(near).chain([whole]).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_cut_of_every_network_gives_the_answer_of_one_process() {
    for subject in built().into_iter().chain(real()) {
        let list = subject.search(&CutOptions::default());
        let (sample, pairs) = (subject.inputs(11), pairs(&subject, &list));
        let name = subject.name;
        let cuts = list.cuts.len();
        let world = World::with_cuts(subject.model, list, 0);
        assert_eq!(world.places().len(), cuts + 1, "{name}: a cut is not served");
        let whole = Answer::Tensors(world.expected(&sample));
        two_tiers(&world, &sample, &whole).await;
        assert!(pairs.len() >= 2, "{name}: {pairs:?}");
        for pair in pairs {
            three_tiers(&world, pair, &sample, &whole).await;
        }
    }
}
