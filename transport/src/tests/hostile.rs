//! Peers that break rules or use more than they may: what they cost, what they are told, and that
//! others do not suffer.

use aiflow_units::{BitRate, Bytes, Micros};
use bytes::Bytes as Buffer;

use super::alone::{Alone, header, layer};
use super::pair::{Pair, Setting, frame};
use crate::wire::{
    ChannelReport, ControlMessage, FrameHeader, Health, Limit, Limits, Probe, Request, SessionId,
    StreamType,
};
use crate::{CallError, Code, Config, Direction, End, Event, Outcome, Reply, Transmit};

/// What frames of one connection may hold here, and what everything else may cost beside.
const BUFFERED: u64 = 1 << 20;
const BESIDE: u64 = 1 << 20;

fn tight() -> Config {
    let limits = Limits::default()
        .with(Limit::BufferedBytes, BUFFERED)
        .with(Limit::FrameBytes, BUFFERED)
        .with(Limit::Streams, 256);
    Config::default().with_limits(limits)
}

/// Checks what is held for the peer.
fn check_memory(alone: &Alone) {
    let memory = alone.core.stats().memory;
    assert!(memory <= Bytes::new(BUFFERED + BESIDE), "{memory} are held");
}

/// Sends a whole frame in session 1 and checks that it is delivered.
fn others_are_served(alone: &mut Alone, sequence: u64) {
    let header = FrameHeader { session: SessionId(1), ..header(sequence, 0, 800) };
    alone.events.clear();
    alone.stream(Direction::Uni, &layer(&header, 800), End::Fin);
    let served = alone.events.iter().find_map(|event| match event {
        Event::Layer(layer) => Some(layer.request),
        _ => None,
    });
    let request = served.expect("frames of other sessions are delivered");
    assert_eq!(alone.core.reply(request, Reply::default(), alone.now), Ok(()));
    alone.settle();
}

#[test]
fn unfinished_streams_are_few_and_end() {
    let (mut alone, _) = Alone::server(tight());
    alone.open_session(1);
    let mut refused = 0;
    for sequence in 0..300 {
        let bytes = layer(&header(sequence, 0, 1000), 0);
        let cut = 1 + sequence as usize % (bytes.len() - 1);
        let stream = alone.stream(Direction::Uni, &bytes[..cut], End::Open);
        refused += usize::from(alone.stopped(stream) == Some(Code::ExcessiveLoad));
        check_memory(&alone);
    }
    assert_eq!(refused, 300 - (256 - 3), "what is open beside are control and two sessions");
    alone.pass(Micros::from_secs(11));
    let timeouts = alone
        .transmits
        .iter()
        .filter(|transmit| matches!(transmit, Transmit::Stop { code: Code::Timeout, .. }));
    assert_eq!(timeouts.count(), 253);
    others_are_served(&mut alone, 0);
    assert_eq!(alone.closed(), None);
}

#[test]
fn thousands_of_tiny_frames_cost_what_is_allowed_and_then_the_connection() {
    let (mut alone, _) = Alone::server(tight());
    alone.open_session(1);
    let mut sequence = 0;
    while alone.closed().is_none() && sequence < 10_000 {
        alone.stream(Direction::Uni, &layer(&header(sequence, 0, 1), 1), End::Fin);
        check_memory(&alone);
        if sequence % 50 == 0 && alone.closed().is_none() {
            others_are_served(&mut alone, sequence / 50);
        }
        sequence += 1;
    }
    assert_eq!(alone.closed(), Some(Code::ExcessiveLoad));
    assert!(sequence < 1_000, "{sequence} frames");
    assert!(alone.core.stats().memory < Bytes::from_kib(1), "nothing is held any more");
}

#[test]
fn announced_lengths_cost_nothing() {
    let (mut alone, _) = Alone::server(tight());
    alone.open_session(1);
    for sequence in 0..32 {
        alone.stream(Direction::Uni, &layer(&header(sequence, 0, BUFFERED), 100), End::Open);
        check_memory(&alone);
        others_are_served(&mut alone, sequence);
    }
    assert!(alone.core.stats().memory < Bytes::from_kib(64), "{}", alone.core.stats().memory);
    alone.pass(Micros::from_secs(1));
    assert!(alone.core.stats().memory < Bytes::from_kib(8), "{}", alone.core.stats().memory);
    assert_eq!(alone.closed(), None);
    let above = header(40, 0, BUFFERED + 1);
    alone.stream(Direction::Uni, &layer(&above, 0), End::Open);
    assert_eq!(alone.closed(), Some(Code::ExcessiveLoad));
}

#[test]
fn layers_together_keep_to_the_size_of_a_frame() {
    let (mut alone, _) = Alone::server(tight());
    alone.stream(Direction::Uni, &layer(&header(0, 0, BUFFERED / 2), 0), End::Open);
    alone.stream(Direction::Uni, &layer(&header(0, 1, BUFFERED / 2), 0), End::Open);
    assert_eq!(alone.closed(), None);
    alone.stream(Direction::Uni, &layer(&header(0, 2, 1), 0), End::Open);
    assert_eq!(alone.closed(), Some(Code::ExcessiveLoad));
}

#[test]
fn who_holds_most_loses_first() {
    let (mut alone, _) = Alone::server(tight());
    alone.open_session(1);
    let small = FrameHeader { session: SessionId(1), ..header(0, 0, 60_000) };
    let modest = alone.stream(Direction::Uni, &layer(&small, 50_000), End::Open);
    let mut greedy = Vec::new();
    for sequence in 0..20 {
        let bytes = layer(&header(sequence, 0, 200_000), 150_000);
        greedy.push(alone.stream(Direction::Uni, &bytes, End::Open));
        check_memory(&alone);
    }
    let lost = greedy.iter().filter(|stream| alone.stopped(**stream) == Some(Code::ExcessiveLoad));
    assert_eq!(lost.count(), 14, "six of 150 kB fit beside 50 kB");
    alone.data(modest, &[0; 10_000], End::Fin);
    let whole = |event: &Event| matches!(event, Event::Layer(layer) if layer.request.session == SessionId(1));
    assert_eq!(alone.count(whole), 1);
    assert_eq!(alone.closed(), None);
}

#[test]
fn long_messages_are_refused_by_their_length() {
    let (mut alone, _) = Alone::server(tight());
    // RECONF of 65,537 bytes, of which none follow.
    alone.say_bytes(&[0x02, 0x80, 0x01, 0x00, 0x01]);
    assert_eq!(alone.closed(), Some(Code::ExcessiveLoad));
    let (mut alone, _) = Alone::server(tight());
    let open = [StreamType::Request.number() as u8, 0x24, 0x80, 0x01, 0x00, 0x01];
    alone.stream(Direction::Bi, &open, End::Open);
    assert_eq!(alone.closed(), Some(Code::ExcessiveLoad));
}

#[test]
fn slow_requests_are_few() {
    let (mut alone, _) = Alone::server(tight());
    let request = Request::Open(super::pair::offer(&[(0, 1), (1, 3)]));
    let mut bytes = vec![StreamType::Request.number() as u8];
    bytes.extend_from_slice(&request.encode().expect("the request is valid"));
    let mut refused = 0;
    for _ in 0..60 {
        let stream = alone.stream(Direction::Bi, &bytes[..bytes.len() - 1], End::Open);
        refused += usize::from(alone.stopped(stream) == Some(Code::ExcessiveLoad));
        check_memory(&alone);
    }
    assert_eq!(refused, 60 - 16);
    assert_eq!(alone.closed(), None);
    alone.pass(Micros::from_secs(11));
    let stream = alone.ask(&Request::Health(Health::Live), End::Fin);
    assert_eq!(alone.stopped(stream), None, "there is room again");
}

#[test]
fn floods_of_messages_close_the_connection() {
    type Flood = fn(&mut Alone, u64);
    let floods: [(&str, u64, Flood); 6] = [
        ("reports", 501, |alone, _| {
            alone.say(&ControlMessage::ChannelReport(ChannelReport::default()));
        }),
        ("proposals", 9, |alone, round| {
            alone.propose(0, round + 1, 2);
            let epoch = crate::wire::Epoch(round + 1);
            if alone.closed().is_none() {
                assert_eq!(alone.core.accept(SessionId(0), epoch, alone.now), Ok(()));
            }
        }),
        ("ignorable messages", 1_000, |alone, _| alone.say_bytes(&[0x40 | 0x1f, 0x01, 0])),
        ("requests", 256 + 256 + 2, |alone, _| {
            let stream = alone.ask(&Request::Health(Health::Live), End::Fin);
            if alone.stopped(stream).is_none()
                && let Some(Event::Asked { query, .. }) = alone.events.pop()
            {
                let answer = crate::wire::Answer::Health(crate::wire::HealthAnswer::Yes);
                assert_eq!(alone.core.answer(query, &answer), Ok(()));
            }
        }),
        ("resets", 2_001 + 20, |alone, round| {
            let bytes = layer(&header(round, 0, 100), 10);
            let stream = alone.stream(Direction::Uni, &bytes, End::Open);
            alone.core.handle_reset(stream, Code::Cancelled, alone.now);
            alone.settle();
        }),
        ("probes", 7, |alone, _| {
            let duration = Micros::from_millis(100);
            let cap = Bytes::from_kib(64);
            let probe = Probe { target: BitRate::megabits_per_second(50), cap, duration };
            let mut bytes = vec![StreamType::Probe.number() as u8];
            bytes.extend_from_slice(&probe.encode().expect("the probe is valid"));
            alone.stream(Direction::Bi, &bytes, End::Fin);
        }),
    ];
    for (name, most, flood) in floods {
        let (mut alone, _) = Alone::server(tight());
        alone.open_session(1);
        let mut rounds = 0;
        while alone.closed().is_none() && rounds < 10_000 {
            if rounds % 100 == 99 {
                others_are_served(&mut alone, rounds / 100);
            }
            flood(&mut alone, rounds);
            alone.transmits.retain(|transmit| {
                matches!(transmit, Transmit::Close { .. } | Transmit::Stop { .. })
            });
            check_memory(&alone);
            rounds += 1;
        }
        assert_eq!(alone.closed(), Some(Code::ExcessiveLoad), "{name}");
        assert!(rounds <= most, "{name} took {rounds} rounds");
    }
}

#[test]
fn what_keeps_to_the_rates_is_no_flood() {
    let (mut alone, _) = Alone::server(tight());
    for round in 0_u64..200 {
        for _ in 0..5 {
            alone.say(&ControlMessage::ChannelReport(ChannelReport::default()));
            alone.pass(Micros::from_millis(40));
        }
        if round % 3 == 0 {
            let epoch = round / 3 + 1;
            alone.propose(0, epoch, (epoch % 3) as u16);
            let epoch = crate::wire::Epoch(epoch);
            assert_eq!(alone.core.accept(SessionId(0), epoch, alone.now), Ok(()));
        }
        alone.transmits.clear();
    }
    assert_eq!(alone.closed(), None);
}

#[test]
fn streams_beyond_the_limit_are_refused_and_then_the_peer() {
    let (mut alone, _) = Alone::server(tight());
    let mut opened = 0;
    while alone.closed().is_none() && opened < 10_000 {
        alone.stream(Direction::Uni, &[], End::Open);
        check_memory(&alone);
        opened += 1;
    }
    assert_eq!(alone.closed(), Some(Code::ExcessiveLoad));
    assert_eq!(opened, 254 + 256 + 1);
}

#[test]
fn a_client_that_reads_no_results_does_not_fill_the_server() {
    let (mut alone, _) = Alone::server(tight().with_queue(Bytes::from_kib(256)));
    let mut refused = 0;
    for sequence in 0..2_000 {
        let bytes = layer(&header(sequence, 0, 10), 10);
        let stream = crate::Stream::remote(10 + sequence);
        alone.core.handle_opened(stream, Direction::Uni, alone.now);
        alone.core.handle_data(stream, Buffer::from(bytes), End::Fin, alone.now);
        while let Some(event) = alone.core.poll_event() {
            let Event::Layer(layer) = event else { continue };
            let reply = Reply { payload: Buffer::from(vec![0; 4_000]), ..Reply::default() };
            match alone.core.reply(layer.request, reply, alone.now) {
                Ok(()) => {}
                Err(CallError::LimitReached { .. }) => {
                    refused += 1;
                    let failed = alone.core.fail(layer.request, Code::ExcessiveLoad, alone.now);
                    assert_eq!(failed, Ok(()));
                }
                Err(error) => panic!("{error}"),
            }
        }
        // The carrier takes nothing.
        while let Some(transmit) = alone.core.poll_transmit(alone.now) {
            if let Transmit::Write { stream, .. } = transmit {
                alone.core.blocked(stream);
            }
        }
        let backlog = alone.core.stats().backlog;
        assert!(backlog <= Bytes::from_kib(300), "{backlog} wait");
    }
    assert!(refused > 1_500, "{refused} results were refused");
    assert_eq!(alone.core.state(), crate::State::Ready);
}

#[test]
fn a_server_that_reads_nothing_does_not_fill_the_client() {
    let setting = Setting { window: Bytes::ZERO, ..Setting::default() };
    let (mut pair, session) = Pair::open(Setting::default());
    pair.client.carrier = super::carrier::Carrier::new(true, setting.window);
    let mut sent = 0;
    for _ in 0..200 {
        let deadline = pair.now.after(Micros::from_millis(500));
        let frame = frame(&[20_000, 30_000], deadline);
        sent += u64::from(pair.client.core.send(session, frame, pair.now).is_ok());
        pair.run(Micros::from_millis(33));
        let backlog = pair.client.core.stats().backlog;
        assert!(backlog <= Bytes::new(16 * 51_000), "{backlog} wait");
    }
    assert!(sent >= 150, "old frames make room for new ones: {sent}");
    let late = pair
        .client
        .events
        .iter()
        .filter(|(_, event)| matches!(event, Event::Ended { outcome: Outcome::Deadline, .. }));
    assert!(late.count() as u64 >= sent - 16);
}

#[test]
fn bytes_after_the_end_of_a_layer_are_refused() {
    let (mut alone, _) = Alone::server(tight());
    alone.stream(Direction::Uni, &layer(&header(0, 0, 100), 101), End::Open);
    assert_eq!(alone.closed(), Some(Code::FormatError));
}

#[test]
fn layers_that_contradict_each_other_are_refused() {
    let base = header(0, 0, 100);
    for other in [
        FrameHeader { layers: 2, ..header(0, 1, 100) },
        FrameHeader { deadline: Micros::from_millis(1), ..header(0, 1, 100) },
        FrameHeader { rate: crate::wire::RateIndex(9), ..header(0, 1, 100) },
        header(0, 0, 100),
        FrameHeader { layers: 4, layer: crate::wire::LayerIndex(3), ..header(1, 0, 100) },
    ] {
        let (mut alone, _) = Alone::server(tight());
        alone.stream(Direction::Uni, &layer(&base, 50), End::Open);
        alone.stream(Direction::Uni, &layer(&other, 50), End::Open);
        assert_eq!(alone.closed(), Some(Code::FormatError), "{other:?}");
    }
}

#[test]
fn the_end_of_the_control_stream_ends_the_connection() {
    let control = crate::Stream::remote(0);
    for act in 0..3 {
        let (mut alone, _) = Alone::server(tight());
        match act {
            0 => alone.data(control, &[], End::Fin),
            1 => alone.core.handle_reset(control, Code::NoError, alone.now),
            _ => alone.core.handle_stop(crate::Stream::local(0), Code::NoError, alone.now),
        }
        alone.settle();
        assert_eq!(alone.closed(), Some(Code::ControlClosed));
    }
    let (mut alone, _) = Alone::server(tight());
    alone.stream(Direction::Uni, &[StreamType::Control.number() as u8], End::Open);
    assert_eq!(alone.closed(), Some(Code::ProtocolViolation), "a second one");
}

#[test]
fn random_bytes_never_panic_and_never_cost_more_than_allowed() {
    let mut random = super::random::Random::new(1);
    for _ in 0..2_000 {
        let (mut alone, _) = Alone::server(tight());
        for _ in 0..random.below(20) {
            let length = random.below(64) as usize;
            let mut bytes: Vec<u8> = (0..length).map(|_| random.below(256) as u8).collect();
            if let Some(first) = bytes.first_mut() {
                *first = [0x00, 0x01, 0x02, 0x03, 0x10, 0x11][random.below(6) as usize];
            }
            let end = if random.below(2) == 0 { End::Fin } else { End::Open };
            match random.below(3) {
                0 => alone.say_bytes(&bytes),
                1 => drop(alone.stream(Direction::Uni, &bytes, end)),
                _ => drop(alone.stream(Direction::Bi, &bytes, end)),
            }
            check_memory(&alone);
        }
    }
}
