//! Frames, layers, deadlines and results.

use aiflow_netsim::{LinkConfig, Rate};
use aiflow_units::{BitRate, Bytes, Micros};

use super::alone::{Alone, header, layer};
use super::pair::{Pair, Setting, frame};
use crate::wire::{
    FrameFlags, FrameHeader, Limit, Limits, ResultFlags, Sequence, SessionId, Stats, statistic,
};
use crate::{CallError, Code, Config, Direction, End, Event, Older, Outcome, Reply, RequestId};

/// Returns how requests of the client ended, in order, and forgets all other events.
fn outcomes(pair: &mut Pair) -> Vec<(u64, Outcome)> {
    let ended =
        std::mem::take(&mut pair.client.events).into_iter().filter_map(|(_, event)| match event {
            Event::Ended { request, outcome } => Some((request.sequence.0, outcome)),
            _ => None,
        });
    ended.collect()
}

/// A link of 1 Mbit/s: 12.5 kB take 100 ms.
fn slow() -> Setting {
    let link = LinkConfig::new()
        .with_rate(Rate::Constant(BitRate::megabits_per_second(1)))
        .with_delay(Micros::from_millis(10));
    Setting { up: link.clone(), down: link, window: Bytes::new(6_000), ..Setting::default() }
}

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
    let reply = Reply { payload: "cat".into(), layers: 3, ..Reply::default() };
    let now = pair.now;
    pair.server.core.reply(request, reply.clone(), now).expect("the base is whole");
    pair.until(|pair| {
        let event = pair.take_client();
        let Some(Event::Ended { request: ended, outcome: Outcome::Result(answer) }) = event else {
            return false;
        };
        ended == request && answer == reply
    });
    assert!(pair.now.since(start) < Micros::from_millis(50), "{}", pair.now.since(start));
}

#[test]
fn bases_of_all_frames_go_before_enhancements_of_any() {
    let (mut pair, session) = Pair::open(slow());
    for _ in 0..3 {
        pair.send(session, &[3_000, 9_000, 9_000], Micros::from_millis(900));
    }
    pair.run(Micros::from_millis(500));
    let order = pair.server.events.iter().filter_map(|(_, event)| match event {
        Event::Layer(layer) => Some((layer.header.layer.0, layer.request.sequence.0)),
        _ => None,
    });
    let order: Vec<_> = order.collect();
    assert_eq!(order[..3], [(0, 0), (0, 1), (0, 2)]);
    assert_eq!(order[3], (1, 0), "then the enhancements of the frame that is due first");
}

#[test]
fn earlier_deadlines_go_first() {
    let (mut pair, session) = Pair::open(slow());
    let late = pair.send(session, &[10_000], Micros::from_millis(900));
    let soon = pair.send(session, &[10_000], Micros::from_millis(300));
    pair.run(Micros::from_millis(400));
    let order: Vec<RequestId> = pair
        .server
        .events
        .iter()
        .filter_map(|(_, event)| match event {
            Event::Layer(layer) => Some(layer.request),
            _ => None,
        })
        .collect();
    assert_eq!(order, [soon, late]);
}

#[test]
fn what_is_late_is_given_up_and_never_started() {
    let (mut pair, session) = Pair::open(slow());
    for _ in 0..4 {
        pair.send(session, &[20_000, 1_000], Micros::from_millis(250));
    }
    pair.run(Micros::from_millis(400));
    let ended = outcomes(&mut pair);
    assert!(ended.iter().all(|(_, outcome)| *outcome == Outcome::Deadline) && ended.len() == 4);
    let stats = pair.client.core.stats();
    assert!(stats.layers_unsent >= 4 && stats.layers_reset >= 1, "{stats:?}");
    // 250 ms of the link, and what was in the window.
    assert!(stats.frame_bytes < Bytes::new(40_000), "{stats:?}");
    let lost = |event: &Event| matches!(event, Event::FrameLost { .. });
    assert!(pair.server.events.iter().any(|(_, event)| lost(event)));
}

#[test]
fn what_was_given_up_of_a_frame_leaves_its_base() {
    let (mut pair, session) = Pair::open(slow());
    let answer_by = pair.now.after(Micros::from_secs(2));
    let frame = frame(&[10_000, 60_000, 100], pair.now.after(Micros::from_millis(300)));
    let request = pair.client.core.send(session, frame.with_answer_by(answer_by), pair.now);
    let request = request.expect("the frame can be sent");
    let mut lost = None;
    pair.until(|pair| {
        if let Some(Event::LayerLost { request: of, layer, partial, .. }) = pair.take_server() {
            lost = Some((of, layer, partial.concat().len()));
        }
        lost.is_some()
    });
    let (of, layer, partial) = lost.expect("the enhancement is lost");
    assert_eq!((of, layer), (request, 1));
    assert!((1_000..60_000).contains(&partial), "{partial} bytes of the enhancement arrived");
    let now = pair.now;
    assert_eq!(pair.server.core.reply(request, Reply::default(), now), Ok(()));
    pair.until(|pair| {
        matches!(pair.take_client(), Some(Event::Ended { outcome: Outcome::Result(_), .. }))
    });
}

#[test]
fn parts_of_a_frame_can_be_had_before_its_deadline() {
    let (mut pair, session) = Pair::open(slow());
    let request = pair.send(session, &[30_000], Micros::from_millis(900));
    pair.run(Micros::from_millis(150));
    let (layer, chunks) = pair.server.core.partial(request).expect("the frame is arriving");
    let size = chunks.concat().len();
    assert!(layer == 0 && (5_000..30_000).contains(&size), "{size} bytes of layer {layer}");
}

#[test]
fn a_frame_without_an_answer_ends_at_its_deadline() {
    let (mut pair, session) = Pair::open(Setting::default());
    let sent = pair.now;
    pair.send(session, &[1_000], Micros::from_millis(250));
    pair.until(|pair| outcomes(pair) == [(0, Outcome::Deadline)]);
    assert_eq!(pair.now.since(sent), Micros::from_millis(250));
    // The result that comes later is dropped without harm.
    pair.reply_all();
    pair.run(Micros::from_millis(200));
    assert_eq!(outcomes(&mut pair), []);
    assert_eq!(pair.client.core.stats().deadlines, 1);
}

#[test]
fn cancelling_stops_both_sides() {
    let (mut pair, session) = Pair::open(Setting::default());
    let request = pair.send(session, &[1_000, 1_000], Micros::from_secs(3));
    pair.run(Micros::from_millis(100));
    assert!(pair.server.core.partial(request).is_some());
    assert_eq!(pair.client.core.cancel(request), Ok(()));
    assert_eq!(pair.client.core.cancel(request), Err(CallError::UnknownRequest));
    pair.run(Micros::from_millis(100));
    assert_eq!(outcomes(&mut pair), [(0, Outcome::Cancelled)]);
    let lost = |event: &Event| matches!(event, Event::FrameLost { code: Code::Cancelled, request: lost, .. } if *lost == request);
    assert!(pair.server.events.iter().any(|(_, event)| lost(event)));
    let now = pair.now;
    let answer = pair.server.core.reply(request, Reply::default(), now);
    assert_eq!(answer, Err(CallError::UnknownRequest));
}

#[test]
fn a_newer_frame_takes_the_place_of_what_has_not_left() {
    let (mut pair, session) = Pair::open(slow());
    let deadline = pair.now.after(Micros::from_secs(2));
    for _ in 0..5 {
        let frame = frame(&[8_000], deadline).with_older(Older::Supersede);
        assert!(pair.client.core.send(session, frame, pair.now).is_ok());
    }
    pair.run(Micros::from_millis(300));
    pair.reply_all();
    pair.run(Micros::from_millis(100));
    let ended = outcomes(&mut pair);
    let cancelled = ended.iter().filter(|(_, outcome)| *outcome == Outcome::Cancelled).count();
    assert_eq!(cancelled, 4);
    assert!(matches!(ended.last(), Some((4, Outcome::Result(_)))), "{ended:?}");
}

#[test]
fn the_server_gives_up_with_a_code() {
    let (mut pair, session) = Pair::open(Setting::default());
    for (code, outcome) in [
        (Code::DecodeFailed, Outcome::Failed(Code::DecodeFailed)),
        (Code::TooLate, Outcome::Deadline),
        (Code::Superseded, Outcome::Cancelled),
        (Code::ExcessiveLoad, Outcome::Failed(Code::ExcessiveLoad)),
    ] {
        let request = pair.send(session, &[1_000, 2_000], Micros::from_secs(1));
        pair.until(|pair| matches!(pair.take_server(), Some(Event::Layer(_))));
        let now = pair.now;
        assert_eq!(pair.server.core.fail(request, code, now), Ok(()));
        pair.run(Micros::from_millis(100));
        pair.server.events.clear();
        assert_eq!(outcomes(&mut pair), [(request.sequence.0, outcome)]);
    }
}

#[test]
fn a_provisional_result_does_not_end_a_request() {
    let (mut pair, session) = Pair::open(Setting::default());
    let request = pair.send(session, &[1_000, 2_000], Micros::from_secs(1));
    pair.until(|pair| matches!(pair.take_server(), Some(Event::Layer(_))));
    let now = pair.now;
    let first =
        Reply { flags: ResultFlags::PROVISIONAL, payload: "dog".into(), ..Reply::default() };
    assert_eq!(pair.server.core.reply(request, first.clone(), now), Ok(()));
    let second = Reply { payload: "cat".into(), ..Reply::default() };
    assert_eq!(pair.server.core.reply(request, second.clone(), now), Ok(()));
    pair.run(Micros::from_millis(100));
    let events = std::mem::take(&mut pair.client.events);
    let mut events = events.into_iter().map(|(_, event)| event);
    let provisional = Event::Provisional { request, reply: first };
    let ended = Event::Ended { request, outcome: Outcome::Result(second) };
    assert!(events.any(|event| event == provisional) && events.any(|event| event == ended));
}

#[test]
fn limits_of_the_peer_are_kept_by_the_sender() {
    let limits = Limits::default()
        .with(Limit::FramesInFlight, 3)
        .with(Limit::FrameBytes, 1 << 16)
        .with(Limit::BufferedBytes, 1 << 17);
    let server = Config::default().with_limits(limits);
    let (mut pair, session) = Pair::open(Setting { server, ..Setting::default() });
    let deadline = pair.now.after(Micros::from_secs(1));
    let now = pair.now;
    let core = &mut pair.client.core;
    let limit_of = |result: Result<RequestId, CallError>| match result {
        Err(CallError::LimitReached { limit, .. }) => Some(limit),
        _ => None,
    };
    assert_eq!(
        limit_of(core.send(session, frame(&[70_000], deadline), now)),
        Some(Limit::FrameBytes)
    );
    assert_eq!(limit_of(core.send(session, frame(&[1; 4], deadline), now)), Some(Limit::Layers));
    assert_eq!(limit_of(core.send(session, frame(&[], deadline), now)), Some(Limit::Layers));
    for _ in 0..2 {
        assert!(core.send(session, frame(&[60_000], deadline), now).is_ok());
    }
    let full = core.send(session, frame(&[60_000], deadline), now);
    assert_eq!(limit_of(full), Some(Limit::BufferedBytes));
    assert!(core.send(session, frame(&[100], deadline), now).is_ok());
    let many = core.send(session, frame(&[100], deadline), now);
    assert_eq!(limit_of(many), Some(Limit::FramesInFlight));
    let unknown = core.send(SessionId(9), frame(&[100], deadline), now);
    assert_eq!(unknown, Err(CallError::UnknownSession));
    pair.run(Micros::from_secs(2));
    assert_eq!(outcomes(&mut pair).len(), 3);
    assert_eq!(pair.server.core.stats().refusals, 0, "the server had nothing to refuse");
}

#[test]
fn a_layer_that_may_be_shorter_is_delivered_so_and_another_one_is_lost() {
    let (mut alone, _) = Alone::server(Config::default());
    let short = FrameHeader { flags: FrameFlags::TRUNCATABLE, ..header(0, 0, 1_000) };
    alone.stream(Direction::Uni, &layer(&short, 700), End::Fin);
    let sizes = alone.events.iter().filter_map(|event| match event {
        Event::Layer(layer) => Some(layer.contiguous().len()),
        _ => None,
    });
    assert_eq!(sizes.collect::<Vec<_>>(), [700]);
    alone.stream(Direction::Uni, &layer(&header(1, 0, 1_000), 700), End::Fin);
    let lost = |event: &Event| matches!(event, Event::FrameLost { code: Code::FormatError, .. });
    assert_eq!(alone.count(lost), 1);
    assert_eq!(alone.closed(), None);
}

#[test]
fn layers_come_in_order_whatever_the_order_of_streams() {
    let (mut alone, _) = Alone::server(Config::default());
    for number in [2, 1, 0] {
        alone.stream(Direction::Uni, &layer(&header(0, number, 100), 100), End::Fin);
    }
    let order = alone.events.iter().filter_map(|event| match event {
        Event::Layer(layer) => Some(layer.header.layer.0),
        _ => None,
    });
    assert_eq!(order.collect::<Vec<_>>(), [0, 1, 2]);
}

#[test]
fn bytes_arrive_however_they_are_cut() {
    let bytes = layer(&header(0, 0, 300), 300);
    for size in [1, 2, 3, 7, 50, 299] {
        let (mut alone, _) = Alone::server(Config::default());
        let stream = alone.stream(Direction::Uni, &bytes[..1], End::Open);
        for piece in bytes[1..].chunks(size) {
            alone.data(stream, piece, End::Open);
        }
        alone.data(stream, &[], End::Fin);
        let zeros = [0; 300];
        let whole = |event: &Event| matches!(event, Event::Layer(layer) if layer.contiguous() == zeros.as_slice());
        assert_eq!(alone.count(whole), 1, "pieces of {size}");
    }
}

#[test]
fn a_server_of_the_present_gives_older_frames_up() {
    let server = Config::default().with_arrivals(Older::Supersede);
    let (mut alone, _) = Alone::server(server);
    let old = alone.stream(Direction::Uni, &layer(&header(0, 0, 500), 100), End::Open);
    alone.stream(Direction::Uni, &layer(&header(1, 0, 500), 500), End::Fin);
    let superseded = |event: &Event| {
        let lost = RequestId::new(SessionId(0), Sequence(0));
        matches!(event, Event::FrameLost { request, code: Code::Superseded, .. } if *request == lost)
    };
    assert_eq!(alone.count(superseded), 1);
    assert_eq!(alone.stopped(old), Some(Code::Superseded));
}

#[test]
fn what_was_counted_can_be_asked_for() {
    let (mut pair, session) = Pair::open(Setting::default());
    for _ in 0..3 {
        pair.send(session, &[1_000, 500], Micros::from_millis(300));
    }
    pair.run(Micros::from_millis(100));
    pair.reply_all();
    let of = |pair: &Pair, scope| {
        let answer = pair.server.core.counted(scope).expect("the session is open");
        [statistic::FRAMES, statistic::RESULTS, statistic::PAYLOAD_BYTES, statistic::SESSIONS]
            .map(|number| answer.values.get(number))
    };
    let expected = [3, 3, 4_500, 1].map(Some);
    assert_eq!(of(&pair, Stats::Session(session)), expected);
    assert_eq!(of(&pair, Stats::Server), expected);
    let now = pair.now;
    assert_eq!(pair.server.core.end(session, now), Ok(()));
    assert_eq!(pair.server.core.counted(Stats::Session(session)), None);
    assert_eq!(of(&pair, Stats::Server), [3, 3, 4_500, 0].map(Some));
}
