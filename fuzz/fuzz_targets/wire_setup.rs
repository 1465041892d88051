//! Two SETUPs and an OPEN of any content: negotiation gives no side more than it offered.
#![no_main]

use aiflow_fuzz::parts;
use aiflow_transport::negotiate::{Agreement, Policy, ServedCut, ServedModel, agree, choose};
use aiflow_transport::wire::{CodecId, Limit, Limits, Open, Point, Setup, decode, encode};
use aiflow_units::Micros;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let limits = Limits::default();
    let parts = parts(data, 3);
    let [client, server] =
        [parts[0], parts[1]].map(|part| decode::<Setup>(part, &limits).unwrap_or_default());
    let Ok(agreement) = agree(&client, &server) else { return };
    assert!(!agreement.codecs.is_empty());
    for codec in &agreement.codecs {
        assert!(client.codecs.contains(codec) && server.codecs.contains(codec));
    }
    assert_eq!(agreement.limits, server.limits.agreed_with(&client.limits));
    assert_eq!(agreement.limits.validate(), Ok(()));
    for limit in Limit::ALL.into_iter().filter(|limit| *limit != Limit::ProbeInterval) {
        assert!(agreement.limits.get(limit) <= client.limits.get(limit));
    }
    assert!(agreement.channel_level <= client.channel_level.min(server.channel_level));
    if let Ok(open) = decode::<Open>(parts[2], &limits) {
        offer(&open, &agreement);
    }
});

/// A server that serves every second cut of the offer.
fn offer(open: &Open, agreement: &Agreement) {
    let cut = |point: &Point| ServedCut {
        cut: point.cut,
        tensors: point.tensors.clone(),
        codecs: vec![(point.codec, point.profile), (CodecId::RAW, None)],
        tail: Micros::from_millis(1),
    };
    let cuts = open.points.iter().step_by(2).map(cut).collect();
    let models = vec![ServedModel { model: open.model, cuts }];
    let policy = Policy { models, ..Policy::default() };
    let Ok(answer) = choose(open, agreement, &policy) else { return };
    encode(&answer).expect("an answer that may be sent");
    assert_eq!(answer.session, open.session);
    for accepted in &answer.points {
        let point = open.points.iter().find(|point| point.id == accepted.point);
        assert!(agreement.knows(point.expect("a point of the offer").codec));
    }
}
