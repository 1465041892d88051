//! Frames, layers, deadlines and results.

use aiflow_units::Micros;

use super::pair::{Pair, Setting};
use crate::{Event, Outcome};

#[test]
fn a_frame_is_answered_after_a_round_trip() {
    let (mut pair, session) = Pair::open(Setting::default());
    let start = pair.now;
    let request = pair.send(session, &[5_000, 3_000, 1_000], Micros::from_millis(300));
    let mut layers = Vec::new();
    pair.until(|pair| {
        if let Some(Event::Layer(layer)) = pair.take_server() {
            let bytes = layer.contiguous();
            assert!(bytes.iter().all(|byte| *byte == layer.header.layer.0));
            layers.push((layer.header.layer.0, bytes.len()));
        }
        layers.len() == 3
    });
    assert_eq!(layers, [(0, 5_000), (1, 3_000), (2, 1_000)]);
    let reply = crate::Reply { payload: "cat".into(), layers: 3, ..crate::Reply::default() };
    let now = pair.now;
    pair.server.core.reply(request, reply.clone(), now).expect("the base is whole");
    pair.until(|pair| {
        matches!(pair.take_client(), Some(Event::Ended { request: ended, outcome: Outcome::Result(answer) })
            if ended == request && answer == reply)
    });
    assert!(pair.now.since(start) < Micros::from_millis(50), "{}", pair.now.since(start));
}
