//! SETUP, OPEN, and who is refused with which code.

use aiflow_units::Micros;
use bytes::Bytes as Buffer;

use super::alone::Alone;
use super::pair::{Pair, Setting, offer};
use crate::negotiate::{Policy, ServedCut, ServedModel, choose};
use crate::wire::{
    AcceptedPoint, ChannelLevel, CodecId, ControlMessage, Health, HealthAnswer, Limit, Limits,
    ModelId, Open, PointId, ProfileHash, Request, Role, SessionId, Setup, Token, TokenKind, Writer,
};
use crate::{
    CallError, ClosedBy, Code, Config, Direction, End, Event, PeerIdentity, Question, Side, State,
    Transmit, Verification,
};

#[test]
fn both_are_ready_after_half_a_round_trip_each() {
    let mut pair = Pair::new(Setting::default());
    let start = pair.now;
    pair.connect();
    pair.until(|pair| {
        let ends = [&pair.client, &pair.server];
        ends.iter().all(|end| end.core.state() == State::Ready)
    });
    assert!(pair.now.since(start) < Micros::from_millis(21));
    assert!(matches!(pair.take_client(), Some(Event::Ready(_))));
    assert!(matches!(pair.take_server(), Some(Event::Ready(_))));
}

#[test]
fn the_first_frame_leaves_one_round_trip_after_connecting() {
    let mut pair = Pair::new(Setting::default());
    pair.connect();
    let start = pair.now;
    let session = pair.client.core.open(offer(&[(0, 1)])).expect("nothing waits for SETUP");
    pair.until(|pair| matches!(pair.take_server(), Some(Event::SessionOffered(_))));
    let points = vec![AcceptedPoint { point: PointId(0), tail: Micros::ZERO }];
    let now = pair.now;
    assert_eq!(pair.server.core.admit(session, points, now), Ok(()));
    pair.until(|pair| matches!(pair.take_client(), Some(Event::SessionOpened { .. })));
    pair.send(session, &[100], Micros::from_millis(300));
    assert!(pair.now.since(start) < Micros::from_millis(42), "{}", pair.now.since(start));
}

/// Plays an OPEN against a policy, as an application does; returns how it ended on both sides.
fn judge(open: Open, client: Config, server: Config, policy: &Policy) -> [Option<Code>; 2] {
    let mut pair = Pair::ready(Setting { client, server, ..Setting::default() });
    let mut codes = [None, None];
    if pair.client.core.state() == State::Ready {
        pair.client.core.open(open).expect("the session can be asked for");
    }
    let end = pair.now.after(Micros::from_secs(1));
    while pair.step(end) {}
    let now = pair.now;
    for (_, event) in std::mem::take(&mut pair.server.events) {
        if let Event::SessionOffered(open) = event {
            let agreement = pair.server.core.agreement().expect("SETUP came first");
            let answer = match choose(&open, agreement, policy) {
                Ok(answer) => pair.server.core.admit(open.session, answer.points, now),
                Err(code) => pair.server.core.refuse(open.session, code, Micros::ZERO, now),
            };
            assert_eq!(answer, Ok(()));
        } else {
            pair.server.events.push((now, event));
        }
    }
    pair.run(Micros::from_secs(1));
    for (code, end) in codes.iter_mut().zip([&mut pair.client, &mut pair.server]) {
        *code = std::mem::take(&mut end.events).into_iter().find_map(|(_, event)| match event {
            Event::SessionOpened { .. } => Some(Code::NoError),
            Event::SessionEnded { code, .. } | Event::Closed { code, .. } => Some(code),
            _ => None,
        });
    }
    codes
}

/// What fits the offer of these tests.
fn policy() -> Policy {
    let open = offer(&[(0, 1)]);
    let cuts = vec![ServedCut {
        cut: open.points[0].cut,
        tensors: open.points[0].tensors.clone(),
        codecs: vec![(CodecId::RAW, None)],
        tail: Micros::ZERO,
    }];
    let models = vec![ServedModel { model: open.model, cuts }];
    Policy { models, ..Policy::default() }
}

fn config() -> Config {
    Config::default()
}

#[test]
fn what_does_not_fit_is_refused_before_the_first_frame_with_one_code_on_both_sides() {
    let both = |code| [Some(code), Some(code)];
    let open = offer(&[(0, 1)]);
    assert_eq!(judge(open.clone(), config(), config(), &policy()), both(Code::NoError));
    let model = Open { model: ModelId([8; 32]), ..open.clone() };
    assert_eq!(judge(model, config(), config(), &policy()), both(Code::ModelUnknown));
    let mut profile = open.clone();
    profile.points[0].profile = Some(ProfileHash([1; 32]));
    assert_eq!(judge(profile, config(), config(), &policy()), both(Code::ProfileMismatch));
    let cut = offer(&[(3, 1)]);
    assert_eq!(judge(cut, config(), config(), &policy()), both(Code::SplitRejected));
    let mut codec = open.clone();
    codec.points[0].codec = CodecId::AIFLOW;
    assert_eq!(judge(codec, config(), config(), &policy()), both(Code::CodecUnknown));
    let fcm = config().with_codecs(vec![CodecId::FCM]);
    assert_eq!(judge(open.clone(), fcm, config(), &policy()), both(Code::CodecUnknown));
    let tail = config().with_role(Role::Tail);
    assert_eq!(judge(open, tail, config(), &policy()), both(Code::Unsupported));
}

#[test]
fn an_unknown_version_is_refused_on_both_sides() {
    let mut pair = Pair::new(Setting::default());
    let now = pair.now;
    let protocol = Buffer::from_static(b"aiflow/2");
    let identity = PeerIdentity { protocol, ..PeerIdentity::default() };
    for end in [&mut pair.client, &mut pair.server] {
        end.core.handle_connected(identity.clone(), now);
    }
    pair.run(Micros::from_millis(100));
    for end in [&pair.client, &pair.server] {
        let (_, event) = end.events.last().expect("it was closed");
        assert!(matches!(event, Event::Closed { code: Code::VersionUnsupported, .. }));
        assert!(!end.events.iter().any(|(_, event)| matches!(event, Event::Ready(_))));
    }
}

fn token(text: &'static str) -> Token {
    Token { kind: TokenKind::Opaque, bytes: Buffer::from_static(text.as_bytes()) }
}

#[test]
fn nothing_is_done_for_a_peer_before_its_token_is_verified() {
    let server = config().with_verification(Verification::Always);
    let client = config().with_token(token("right"));
    let mut pair = Pair::new(Setting { client, server, ..Setting::default() });
    pair.connect();
    assert!(pair.client.core.open(offer(&[(0, 1)])).is_ok());
    let asked = pair.client.core.ask(Question::Health(Health::Ready));
    pair.run(Micros::from_secs(1));
    let events: Vec<_> = pair.server.events.drain(..).map(|(_, event)| event).collect();
    assert_eq!(events, [Event::Token(Some(token("right")))]);
    assert_eq!(pair.server.core.state(), State::Verifying);
    let now = pair.now;
    pair.server.core.authorize(now);
    pair.run(Micros::from_millis(50));
    let kinds = |pair: &Pair, kind: fn(&Event) -> bool| {
        pair.server.events.iter().filter(|(_, event)| kind(event)).count()
    };
    assert_eq!(kinds(&pair, |event| matches!(event, Event::Ready(_))), 1);
    assert_eq!(kinds(&pair, |event| matches!(event, Event::SessionOffered(_))), 1);
    assert_eq!(kinds(&pair, |event| matches!(event, Event::Asked { .. })), 1);
    assert!(asked.is_ok());
}

#[test]
fn a_wrong_token_closes_with_the_same_code_on_both_sides() {
    let server = config().with_verification(Verification::Always);
    for (shown, code) in [
        (Some("wrong"), Code::Unauthorized),
        (None, Code::Unauthorized),
        (Some("old"), Code::TokenExpired),
    ] {
        let client = shown.map_or(config(), |text| config().with_token(token(text)));
        let setting = Setting { client, server: server.clone(), ..Setting::default() };
        let mut pair = Pair::new(setting);
        pair.connect();
        pair.until(|pair| matches!(pair.take_server(), Some(Event::Token(_))));
        pair.server.core.deny(code);
        pair.run(Micros::from_millis(100));
        let closed = |events: &[(_, Event)]| events.last().map(|(_, event)| event.clone());
        let by = ClosedBy::Local;
        assert_eq!(closed(&pair.server.events), Some(Event::Closed { code, by }));
        let by = ClosedBy::Peer;
        assert_eq!(closed(&pair.client.events), Some(Event::Closed { code, by }));
    }
}

#[test]
fn a_fresher_token_is_shown_to_the_application() {
    let server = config().with_verification(Verification::Always);
    let mut pair = Pair::new(Setting { server, ..Setting::default() });
    pair.connect();
    pair.until(|pair| matches!(pair.take_server(), Some(Event::Token(None))));
    let now = pair.now;
    pair.server.core.authorize(now);
    assert_eq!(pair.client.core.refresh_token(token("fresh")), Ok(()));
    pair.until(|pair| pair.take_server() == Some(Event::Token(Some(token("fresh")))));
    assert_eq!(pair.server.core.state(), State::Ready);
    pair.server.core.deny(Code::TokenExpired);
    pair.until(|pair| {
        matches!(pair.take_client(), Some(Event::Closed { code: Code::TokenExpired, .. }))
    });
}

#[test]
fn a_peer_that_says_nothing_is_left() {
    let mut alone = Alone::new(Side::Server, config());
    alone.pass(Micros::from_millis(9_900));
    assert_eq!(alone.closed(), None);
    alone.pass(Micros::from_millis(200));
    assert_eq!(alone.closed(), Some(Code::Timeout));
}

#[test]
fn requests_that_overtake_the_setup_are_held() {
    let mut alone = Alone::new(Side::Server, config());
    alone.request_open(0);
    alone.ask(&Request::Health(Health::Live), End::Fin);
    assert_eq!(alone.events, []);
    alone.say(&ControlMessage::Setup(Setup::default()));
    let events: Vec<_> = alone.events.iter().map(std::mem::discriminant).collect();
    assert_eq!(events.len(), 3);
    assert!(matches!(alone.events[0], Event::Ready(_)));
    assert!(matches!(alone.events[1], Event::SessionOffered(_)));
    assert!(matches!(alone.events[2], Event::Asked { .. }));
}

#[test]
fn health_is_asked_and_answered() {
    let mut pair = Pair::ready(Setting::default());
    pair.server.events.clear();
    let query = pair.client.core.ask(Question::Health(Health::Ready)).expect("it can be asked");
    let mut asked = None;
    pair.until(|pair| {
        if let Some(Event::Asked { query, question }) = pair.take_server() {
            assert_eq!(question, Question::Health(Health::Ready));
            asked = Some(query);
        }
        asked.is_some()
    });
    let asked = asked.expect("it was asked");
    let wrong = crate::wire::Answer::Stats(Default::default());
    assert!(matches!(pair.server.core.answer(asked, &wrong), Err(CallError::WrongState { .. })));
    let answer = crate::wire::Answer::Health(HealthAnswer::Yes);
    assert_eq!(pair.server.core.answer(asked, &answer), Ok(()));
    assert_eq!(pair.server.core.answer(asked, &answer), Err(CallError::UnknownRequest));
    let expected = Event::Answered { query, answer: Some(Box::new(answer)) };
    pair.until(|pair| pair.take_client() == Some(expected.clone()));
    let dropped = pair.client.core.ask(Question::Health(Health::Live)).expect("it can be asked");
    assert_eq!(pair.client.core.forget(dropped), Ok(()));
    assert_eq!(pair.client.core.forget(dropped), Err(CallError::UnknownRequest));
    assert!(pair.server.core.ask(Question::Health(Health::Live)).is_err(), "only clients ask");
}

#[test]
fn reserved_numbers_are_sent_and_ignored() {
    let mut alone = Alone::new(Side::Client, config().with_grease(Some(5)));
    let opened = |transmit: &&Transmit| matches!(transmit, Transmit::Open { .. });
    assert_eq!(alone.transmits.iter().filter(opened).count(), 2, "control, and one of no use");
    let quiet = Alone::new(Side::Client, config().with_grease(None));
    assert_eq!(quiet.transmits.iter().filter(opened).count(), 1);
    // What this side sends, the other side takes: both do so in all pairs of these tests.
    let mut writer = Writer::new();
    writer.varint("stream type", 0x1f * 5 + 0x21);
    writer.raw(b"whatever");
    let bytes = writer.finish().expect("it can be written");
    let stream = alone.stream(Direction::Bi, &bytes, End::Open);
    assert_eq!(alone.stopped(stream), Some(Code::UnknownStream));
    assert_eq!(alone.closed(), None);
    let mut seeds: Vec<_> = (0..4)
        .map(|seed| {
            let alone = Alone::new(Side::Client, config().with_grease(Some(seed)));
            alone.written(crate::Stream::local(0))
        })
        .collect();
    seeds.dedup();
    assert_eq!(seeds.len(), 4, "seeds differ");
}

#[test]
fn who_goes_away_finishes_what_has_begun() {
    let (mut pair, session) = Pair::open(Setting::default());
    let request = pair.send(session, &[1_000], Micros::from_secs(1));
    pair.run(Micros::from_millis(50));
    let now = pair.now;
    let redirect = "https://elsewhere.example".to_owned();
    assert_eq!(pair.server.core.goaway(redirect.clone(), Micros::from_secs(5), now), Ok(()));
    pair.until(|pair| {
        matches!(pair.take_client(), Some(Event::GoingAway(goaway)) if goaway.redirect == redirect)
    });
    assert!(matches!(pair.client.core.open(offer(&[(0, 1)])), Err(CallError::WrongState { .. })));
    pair.reply_all();
    pair.until(|pair| {
        matches!(pair.take_client(), Some(Event::Ended { request: ended, .. }) if ended == request)
    });
    assert_eq!(pair.server.core.state(), State::Draining);
    let now = pair.now;
    assert_eq!(pair.client.core.end(session, now), Ok(()));
    pair.until(|pair| pair.take_server() == Some(Event::Drained));
    pair.run(Micros::from_millis(100));
    assert_eq!(pair.client.core.state(), State::Closed);
}

#[test]
fn draining_ends_when_its_time_is_over() {
    let (mut pair, session) = Pair::open(Setting::default());
    pair.send(session, &[1_000], Micros::from_secs(30));
    let now = pair.now;
    assert_eq!(pair.server.core.goaway(String::new(), Micros::from_secs(1), now), Ok(()));
    pair.run(Micros::from_millis(1_100));
    assert_eq!(pair.client.core.state(), State::Closed);
    let failed = |event: &Event| {
        matches!(event, Event::Ended { outcome: crate::Outcome::Failed(Code::NoError), .. })
    };
    assert!(pair.client.events.iter().any(|(_, event)| failed(event)));
}

#[test]
fn requests_beyond_a_goaway_are_refused() {
    let (mut alone, _) = Alone::server(config());
    let now = alone.now;
    assert_eq!(alone.core.goaway(String::new(), Micros::from_secs(5), now), Ok(()));
    let stream = alone.request_open(1);
    let answer = alone.written(stream);
    let refusal = crate::wire::Refusal {
        code: Code::GoingAway,
        retry_after: Micros::ZERO,
        reason: String::new(),
    };
    let expected = crate::wire::Answer::Refusal(refusal).encode().expect("it can be written");
    assert_eq!(answer, expected);
}

#[test]
fn the_session_ends_with_its_stream_on_both_sides() {
    for by_client in [true, false] {
        let (mut pair, session) = Pair::open(Setting::default());
        pair.send(session, &[1_000], Micros::from_secs(5));
        pair.run(Micros::from_millis(50));
        let now = pair.now;
        let end = if by_client { &mut pair.client } else { &mut pair.server };
        assert_eq!(end.core.end(session, now), Ok(()));
        assert_eq!(end.core.end(session, now), Err(CallError::UnknownSession));
        pair.run(Micros::from_millis(100));
        for end in [&pair.client, &pair.server] {
            let ended = |event: &Event| matches!(event, Event::SessionEnded { session: of, code: Code::NoError, .. } if *of == session);
            assert_eq!(end.events.iter().filter(|(_, event)| ended(event)).count(), 1);
            assert_eq!(end.core.sessions().count(), 0);
        }
        let failed = |event: &Event| matches!(event, Event::Ended { .. });
        assert_eq!(pair.client.events.iter().filter(|(_, event)| failed(event)).count(), 1);
    }
}

#[test]
fn sessions_have_a_limit_and_numbers_are_used_once() {
    let limits = Limits::default().with(Limit::Sessions, 2);
    let (mut alone, _) = Alone::server(config().with_limits(limits));
    alone.open_session(1);
    let stream = alone.request_open(2);
    assert!(!alone.written(stream).is_empty(), "it was refused");
    assert_eq!(alone.core.sessions().count(), 2);
    assert_eq!(alone.core.end(SessionId(1), alone.now), Ok(()));
    alone.request_open(1);
    assert_eq!(alone.closed(), Some(Code::FormatError));
}

#[test]
fn settings_that_both_have_are_agreed_on() {
    let client = config().with_channel_level(ChannelLevel::Report);
    let pair = Pair::ready(Setting { client, ..Setting::default() });
    for end in [&pair.client, &pair.server] {
        let agreement = end.core.agreement().expect("both SETUPs came");
        assert_eq!(agreement.channel_level, ChannelLevel::Report);
    }
}

#[test]
fn last_words_leave_before_the_end() {
    let mut pair = Pair::ready(Setting::default());
    pair.server.events.clear();
    let query = pair.client.core.ask(Question::Health(Health::Live)).expect("it can be asked");
    let mut asked = None;
    pair.until(|pair| {
        if let Some(Event::Asked { query, .. }) = pair.take_server() {
            asked = Some(query);
        }
        asked.is_some()
    });
    let now = pair.now;
    assert_eq!(pair.server.core.goaway(String::new(), Micros::from_secs(9), now), Ok(()));
    pair.run(Micros::from_secs(1));
    assert_eq!(pair.server.core.state(), State::Draining);
    let answer = crate::wire::Answer::Health(HealthAnswer::Yes);
    assert_eq!(pair.server.core.answer(asked.expect("it was asked"), &answer), Ok(()));
    pair.run(Micros::from_secs(1));
    let expected = Event::Answered { query, answer: Some(Box::new(answer)) };
    assert!(pair.client.events.iter().any(|(_, event)| *event == expected));
    assert_eq!(pair.client.core.state(), State::Closed);
}
