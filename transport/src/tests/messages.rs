//! Every message in every state, played to a core and compared with the tables.

use aiflow_units::{BitRate, Bytes, Micros};
use bytes::Bytes as Buffer;

use super::alone::{Alone, header, layer, typed};
use super::pair::offer;
use crate::wire::{
    Accept, AcceptedPoint, Answer, Auth, Cancel, ChannelLevel, ChannelReport, ControlMessage,
    EarlyFrames, Epoch, FrameReport, Goaway, Health, HealthAnswer, MessageKind, Metadata, Open,
    OpenAnswer, PointId, Probe, Reason, Reconf, Reject, Request, ResultFlags, ResultHeader, Resume,
    Retire, Sequence, SequenceRange, SessionId, Setup, Stats, StreamType, Ticket, Token, TokenKind,
};
use crate::{Code, Config, Direction, End, SessionState, Side, State, Verification};

/// What a table says of a cell, as far as a peer can see it.
fn violates(table: &str, input: &str, state: &str, side: Side) -> bool {
    let tables = crate::tables();
    let table = tables.split("\n\n").find(|text| text.starts_with(&format!("| {table} |")));
    let mut rows = table.expect("there is such a table").lines();
    let mut heads = rows.next().expect("a table has a head").split('|').map(str::trim);
    let column = heads.position(|name| name == state).expect("there is such a state");
    let row = rows.find(|row| row.split('|').nth(1).map(str::trim) == Some(input));
    let row = row.unwrap_or_else(|| panic!("no row for {input}"));
    let cell = row.split('|').nth(column).expect("rows are whole");
    let side = if side == Side::Client { "client:" } else { "server:" };
    let cell = cell.split(';').find(|part| part.contains(side)).unwrap_or(cell);
    cell.contains("VIOLATION")
}

fn token() -> Token {
    Token { kind: TokenKind::Opaque, bytes: Buffer::from_static(b"secret") }
}

/// One control message of each kind, about session 0 and the next epoch.
fn control(kind: MessageKind) -> Option<ControlMessage> {
    let (session, epoch) = (SessionId(0), Epoch(1));
    let message = match kind {
        MessageKind::Setup => ControlMessage::Setup(Setup::default()),
        MessageKind::Reconf => ControlMessage::Reconf(Reconf {
            session,
            epoch,
            effective: Sequence(0),
            reason: Reason::Channel,
            active: PointId(2),
            points: vec![PointId(2)],
        }),
        MessageKind::Accept => ControlMessage::Accept(Accept { session, epoch }),
        MessageKind::Reject => {
            ControlMessage::Reject(Reject { session, epoch, code: Code::NotReady })
        }
        MessageKind::Retire => {
            ControlMessage::Retire(Retire { session, epoch: Epoch(0), last: Sequence(9) })
        }
        MessageKind::Goaway => ControlMessage::Goaway(Goaway {
            requests: 0,
            drain: Micros::from_secs(1),
            redirect: String::new(),
        }),
        MessageKind::Cancel => ControlMessage::Cancel(Cancel {
            session,
            code: Code::Cancelled,
            ranges: vec![SequenceRange { first: Sequence(1), last: Sequence(2) }],
        }),
        MessageKind::ChannelReport => ControlMessage::ChannelReport(ChannelReport::default()),
        MessageKind::Ticket => ControlMessage::Ticket(Ticket {
            session,
            lifetime: Micros::from_secs(60),
            early: EarlyFrames::Refused,
            ticket: Buffer::from_static(b"ticket"),
        }),
        MessageKind::FrameReport => ControlMessage::FrameReport(FrameReport {
            session,
            sequence: Sequence(0),
            layers: 1,
            since_previous: Micros::ZERO,
            transfer: Micros::ZERO,
            wait: Micros::ZERO,
            decode: Micros::ZERO,
            infer: Micros::ZERO,
            status: Code::NoError,
        }),
        MessageKind::Auth => ControlMessage::Auth(Auth { token: token() }),
        _ => return None,
    };
    Some(message)
}

fn request(kind: MessageKind) -> Option<Request> {
    Some(match kind {
        MessageKind::Health => Request::Health(Health::Live),
        MessageKind::Metadata => Request::Metadata(Metadata::Server),
        MessageKind::Open => Request::Open(Open { session: SessionId(7), ..offer(&[(0, 1)]) }),
        MessageKind::Resume => Request::Resume(Resume {
            session: SessionId(8),
            epoch: Epoch(0),
            next: Sequence(0),
            ticket: Buffer::from_static(b"ticket"),
        }),
        MessageKind::Stats => Request::Stats(Stats::Server),
        _ => return None,
    })
}

/// Puts a core into a state of the connection.
fn link_in(side: Side, state: State) -> Alone {
    let config = match state {
        State::Verifying => Config::default().with_verification(Verification::Always),
        _ => Config::default(),
    };
    let mut alone = Alone::new(side, config);
    if state != State::Greeting {
        let level = ChannelLevel::Probe;
        let setup = Setup { channel_level: level, token: Some(token()), ..Setup::default() };
        alone.say(&ControlMessage::Setup(setup));
    }
    match state {
        State::Draining => {
            // A question that is open keeps it from closing at once.
            alone.say(&control(MessageKind::Goaway).expect("it is a control message"));
        }
        State::Closed => alone.core.close(Code::NoError),
        _ => {}
    }
    alone.settle();
    assert_eq!(alone.core.state(), state);
    alone
}

#[test]
fn every_message_in_every_state_of_a_connection() {
    let states = [State::Greeting, State::Verifying, State::Ready, State::Draining, State::Closed];
    let mut played = 0;
    for side in [Side::Client, Side::Server] {
        for state in states {
            for kind in MessageKind::ALL {
                let mut alone = link_in(side, state);
                let before = alone.closed();
                if let Some(message) = control(kind) {
                    alone.say(&message);
                } else if let Some(request) = request(kind) {
                    alone.ask(&request, End::Open);
                } else if kind == MessageKind::Probe {
                    let mut bytes = vec![StreamType::Probe.number() as u8];
                    bytes.extend_from_slice(&probe().encode().expect("the probe is valid"));
                    alone.stream(Direction::Bi, &bytes, End::Fin);
                } else {
                    // Answers need a request of this side; the sessions below play them.
                    continue;
                }
                played += 1;
                let closed = alone.closed() != before;
                let violated = closed && alone.closed() == Some(Code::ProtocolViolation);
                let expected = violates("connection", kind.name(), state.name(), side);
                assert_eq!(violated, expected, "{side:?} in {state:?} on {}", kind.name());
                assert!(violated || !closed, "{side:?} in {state:?} on {}", kind.name());
            }
            for (name, bytes) in streams() {
                let mut alone = link_in(side, state);
                let before = alone.closed();
                alone.stream(Direction::Uni, &bytes, End::Fin);
                played += 1;
                let violated =
                    alone.closed() != before && alone.closed() == Some(Code::ProtocolViolation);
                let expected = violates("connection", name, state.name(), side);
                assert_eq!(violated, expected, "{side:?} in {state:?} on {name}");
            }
        }
    }
    assert_eq!(played, 2 * 5 * (17 + 3));
}

fn probe() -> Probe {
    let duration = Micros::from_millis(100);
    Probe { target: BitRate::megabits_per_second(1), cap: Bytes::from_kib(8), duration }
}

/// One stream of each kind of data.
fn streams() -> [(&'static str, Vec<u8>); 3] {
    let frame = layer(&header(0, 0, 10), 10);
    [("FRAME", frame), ("RESULT", result()), ("PADDING", vec![StreamType::Padding.number() as u8])]
}

fn result() -> Vec<u8> {
    let header = ResultHeader {
        session: SessionId(0),
        epoch: Epoch(0),
        sequence: Sequence(0),
        status: Code::NoError,
        flags: ResultFlags::NONE,
        layers: 1,
        wait: Micros::ZERO,
        decode: Micros::ZERO,
        infer: Micros::ZERO,
        length: Bytes::ZERO,
    };
    typed(StreamType::Result, &header)
}

/// Puts a core into a state of session 0; `None` where its side has no such state.
fn session_in(side: Side, state: SessionState) -> Option<Alone> {
    let mut alone = Alone::ready(side, Config::default());
    let now = alone.now;
    let id = SessionId(0);
    if side == Side::Client {
        if state == SessionState::Offered {
            return None;
        }
        assert_eq!(alone.core.open(offer(&[(0, 1), (1, 3), (2, 3)])), Ok(id));
        alone.settle();
        if state != SessionState::Requested {
            let bytes = answer(MessageKind::OpenAnswer).expect("it is an answer");
            alone.data(session_stream(&alone), &bytes, End::Open);
        }
    } else {
        match state {
            SessionState::Requested => return None,
            SessionState::Offered => drop(alone.request_open(0)),
            _ => drop(alone.open_session(0)),
        }
    }
    match state {
        SessionState::Proposed => {
            let proposed = alone.core.reconfigure(id, PointId(2), Vec::new(), Reason::Channel, now);
            assert_eq!(proposed, Ok(()));
        }
        SessionState::Asked => alone.propose(0, 1, 2),
        SessionState::Ended => assert_eq!(alone.core.end(id, now), Ok(())),
        _ => {}
    }
    alone.settle();
    let found = alone.core.session(id).map_or(SessionState::Ended, |session| session.state);
    assert_eq!(found, state);
    Some(alone)
}

/// Finds the stream on which a client asked for its session.
fn session_stream(alone: &Alone) -> crate::Stream {
    let mut opens = alone.transmits.iter().filter_map(|transmit| match transmit {
        crate::Transmit::Open { stream, direction: Direction::Bi, .. } => Some(*stream),
        _ => None,
    });
    opens.next().expect("the session was asked for")
}

fn answer(kind: MessageKind) -> Option<Vec<u8>> {
    let session = SessionId(0);
    let answer = match kind {
        MessageKind::OpenAnswer => {
            let point = |id| AcceptedPoint { point: PointId(id), tail: Micros::ZERO };
            Answer::Open(OpenAnswer { session, points: [1, 0, 2].map(point).into() })
        }
        MessageKind::HealthAnswer => Answer::Health(HealthAnswer::Yes),
        MessageKind::Refusal => Answer::Refusal(crate::wire::Refusal {
            code: Code::ModelUnknown,
            retry_after: Micros::ZERO,
            reason: String::new(),
        }),
        _ => return None,
    };
    Some(answer.encode().expect("the answer is valid").to_vec())
}

const SESSION_STATES: [SessionState; 6] = [
    SessionState::Requested,
    SessionState::Offered,
    SessionState::Active,
    SessionState::Proposed,
    SessionState::Asked,
    SessionState::Ended,
];

#[test]
fn every_message_in_every_state_of_a_session() {
    let kinds = [
        MessageKind::Reconf,
        MessageKind::Accept,
        MessageKind::Reject,
        MessageKind::Retire,
        MessageKind::Cancel,
        MessageKind::Ticket,
        MessageKind::FrameReport,
    ];
    for side in [Side::Client, Side::Server] {
        for state in SESSION_STATES {
            for kind in kinds {
                let Some(mut alone) = session_in(side, state) else { continue };
                alone.say(&control(kind).expect("it is a control message"));
                let expected = violates("session", kind.name(), state.name(), side);
                // An active epoch cannot retire, wherever RETIRE itself is allowed.
                let retired = kind == MessageKind::Retire && alone.closed().is_some();
                let violated = alone.closed() == Some(Code::ProtocolViolation);
                assert!(
                    violated == expected || retired,
                    "{side:?} in {state:?} on {}: {:?}",
                    kind.name(),
                    alone.closed(),
                );
            }
        }
    }
}

#[test]
fn answers_come_once_and_fit_their_request() {
    for (state, kind, closed) in [
        (SessionState::Requested, MessageKind::OpenAnswer, None),
        (SessionState::Requested, MessageKind::Refusal, None),
        (SessionState::Requested, MessageKind::HealthAnswer, Some(Code::ProtocolViolation)),
        (SessionState::Active, MessageKind::OpenAnswer, Some(Code::ProtocolViolation)),
        (SessionState::Proposed, MessageKind::Refusal, Some(Code::ProtocolViolation)),
        (SessionState::Asked, MessageKind::OpenAnswer, Some(Code::ProtocolViolation)),
        (SessionState::Ended, MessageKind::OpenAnswer, None),
    ] {
        let mut alone = session_in(Side::Client, state).expect("clients have this state");
        let stream = session_stream(&alone);
        alone.data(stream, &answer(kind).expect("it is an answer"), End::Open);
        assert_eq!(alone.closed(), closed, "{state:?} on {}", kind.name());
    }
}

#[test]
fn calls_in_the_wrong_state_are_refused() {
    for side in [Side::Client, Side::Server] {
        for state in SESSION_STATES {
            let Some(mut alone) = session_in(side, state) else { continue };
            let (id, now) = (SessionId(0), alone.now);
            let accepted = alone.core.accept(id, Epoch(1), now).is_ok();
            assert_eq!(accepted, state == SessionState::Asked, "{side:?} in {state:?}");
            let Some(mut alone) = session_in(side, state) else { continue };
            let proposed = alone.core.reconfigure(id, PointId(0), Vec::new(), Reason::Channel, now);
            let live = [SessionState::Active, SessionState::Proposed, SessionState::Asked];
            assert_eq!(proposed.is_ok(), live.contains(&state), "{side:?} in {state:?}");
            let Some(mut alone) = session_in(side, state) else { continue };
            let refused = alone.core.refuse(id, Code::ModelUnknown, Micros::ZERO, now).is_ok();
            assert_eq!(refused, state == SessionState::Offered, "{side:?} in {state:?}");
            let Some(mut alone) = session_in(side, state) else { continue };
            assert_eq!(alone.core.end(id, now).is_ok(), state != SessionState::Ended);
            assert_eq!(alone.closed(), None);
        }
    }
}
