//! Sessions that go on over another connection.

use aiflow_netsim::LinkConfig;
use aiflow_units::Micros;
use bytes::Bytes as Buffer;

use super::alone::{Alone, header, layer};
use super::pair::{Pair, Setting, frame};
use crate::wire::{
    EarlyFrames, Epoch, Health, PointId, Reason, Request, Resume, Sequence, SessionId, Ticket,
};
use crate::{
    CallError, Code, Config, Connection, Direction, Early, End, Event, Outcome, PeerIdentity,
    Question, Snapshot, State, Transmit,
};

/// Opens a session, moves it to epoch 1, and gives the client a ticket that holds the snapshot of
/// the server as it is.
fn leave(early: EarlyFrames) -> (Snapshot, Ticket) {
    let (mut pair, session) = Pair::open(Setting::default());
    let now = pair.now;
    let proposed =
        pair.client.core.reconfigure(session, PointId(2), vec![PointId(0)], Reason::Channel, now);
    assert_eq!(proposed, Ok(()));
    pair.until(|pair| matches!(pair.take_server(), Some(Event::Proposed { .. })));
    let now = pair.now;
    assert_eq!(pair.server.core.accept(session, Epoch(1), now), Ok(()));
    pair.until(|pair| matches!(pair.take_client(), Some(Event::Switched { .. })));
    for _ in 0..3 {
        pair.send(session, &[500, 500], Micros::from_millis(300));
    }
    pair.run(Micros::from_millis(100));
    pair.reply_all();
    let snapshot = pair.server.core.snapshot(session).expect("the session is open");
    let ticket = Ticket {
        session,
        lifetime: Micros::from_secs(600),
        early,
        ticket: snapshot.encode().expect("the snapshot can be written"),
    };
    assert_eq!(pair.server.core.issue_ticket(session, ticket), Ok(()));
    let mut given = None;
    pair.until(|pair| {
        if let Some(Event::Ticket(ticket)) = pair.take_client() {
            given = Some(ticket);
        }
        given.is_some()
    });
    let snapshot = pair.client.core.snapshot(session).expect("the session is open");
    let now = pair.now;
    pair.client.core.handle_closed(Code::Timeout, now);
    assert_eq!(pair.client.core.snapshot(session), None);
    (snapshot, given.expect("the ticket came"))
}

/// Admits what the client wants to resume, from what its ticket holds.
fn admit(pair: &mut Pair) {
    pair.until(|pair| {
        let Some(Event::ResumeOffered(resume)) = pair.take_server() else { return false };
        let snapshot = Snapshot::decode(&resume.ticket).expect("it is what was given");
        let now = pair.now;
        let admitted = pair.server.core.admit_resumed(resume.session, &snapshot, now);
        admitted == Ok(())
    });
}

#[test]
fn session_and_epoch_survive_a_lost_connection() {
    let (snapshot, ticket) = leave(EarlyFrames::Refused);
    assert_eq!((snapshot.epoch(), snapshot.active()), (Epoch(1), PointId(2)));
    let mut pair = Pair::ready(Setting::default());
    pair.server.events.clear();
    let session = pair.client.core.resume(&snapshot, ticket.ticket, ticket.early);
    let session = session.expect("it can be resumed");
    let deadline = pair.now.after(Micros::from_secs(1));
    let too_early = pair.client.core.send(session, frame(&[10], deadline), pair.now);
    assert!(matches!(too_early, Err(CallError::WrongState { .. })));
    admit(&mut pair);
    pair.until(|pair| {
        matches!(
            pair.take_client(),
            Some(Event::SessionOpened { epoch: Epoch(1), active: PointId(2), .. })
        )
    });
    let request = pair.send(session, &[100, 100, 100], Micros::from_millis(300));
    assert_eq!(request.sequence, Sequence(3), "numbers go on");
    pair.run(Micros::from_millis(30));
    pair.reply_all();
    pair.until(|pair| {
        matches!(pair.take_client(), Some(Event::Ended { outcome: Outcome::Result(_), .. }))
    });
    let now = pair.now;
    let proposed =
        pair.server.core.reconfigure(session, PointId(1), Vec::new(), Reason::Channel, now);
    assert_eq!(proposed, Ok(()));
    pair.until(|pair| matches!(pair.take_client(), Some(Event::Proposed { epoch: Epoch(2), .. })));
}

#[test]
fn frames_go_with_the_request_where_the_ticket_allows_it() {
    let (snapshot, ticket) = leave(EarlyFrames::Allowed);
    let mut pair = Pair::new(Setting::default());
    let protocol = Buffer::from_static(Connection::PROTOCOL);
    let identity = PeerIdentity { protocol, ..PeerIdentity::default() };
    let now = pair.now;
    let early = PeerIdentity { early: Early::Early, ..identity.clone() };
    pair.client.core.handle_connected(early.clone(), now);
    pair.server.core.handle_connected(early, now);
    assert!(pair.client.core.is_early());
    let refused = pair.client.core.open(super::pair::offer(&[(0, 1)]));
    assert!(matches!(refused, Err(CallError::WrongState { .. })), "OPEN can be replayed");
    let session = pair.client.core.resume(&snapshot, ticket.ticket, ticket.early);
    let session = session.expect("it can be resumed");
    let request = pair.send(session, &[3_000, 3_000], Micros::from_millis(300));
    admit(&mut pair);
    // The frame came with the RESUME: half a round trip and what the link takes for it.
    pair.until(
        |pair| matches!(pair.take_server(), Some(Event::Layer(layer)) if layer.request == request),
    );
    assert!(pair.now.since(now) < Micros::from_millis(25), "{}", pair.now.since(now));
    let now = pair.now;
    for end in [&mut pair.client, &mut pair.server] {
        end.core.handle_connected(identity.clone(), now);
        assert!(!end.core.is_early());
    }
    let reply = pair.server.core.reply(request, Default::default(), now);
    assert_eq!(reply, Ok(()));
    pair.until(|pair| {
        matches!(pair.take_client(), Some(Event::Ended { outcome: Outcome::Result(_), .. }))
    });
}

#[test]
fn a_refused_ticket_ends_what_was_sent_with_it() {
    let (snapshot, ticket) = leave(EarlyFrames::Allowed);
    let mut pair = Pair::ready(Setting::default());
    pair.server.events.clear();
    let session = pair.client.core.resume(&snapshot, ticket.ticket, ticket.early);
    let session = session.expect("it can be resumed");
    pair.send(session, &[3_000, 3_000], Micros::from_secs(3));
    pair.until(|pair| {
        let Some(Event::ResumeOffered(resume)) = pair.take_server() else { return false };
        let now = pair.now;
        let refused =
            pair.server.core.refuse(resume.session, Code::TicketRefused, Micros::ZERO, now);
        refused == Ok(())
    });
    pair.until(|pair| {
        let failed = Outcome::Failed(Code::TicketRefused);
        matches!(pair.take_client(), Some(Event::Ended { outcome, .. }) if outcome == failed)
    });
    pair.run(Micros::from_millis(100));
    assert_eq!(pair.server.core.stats().frames_received, 0);
    assert_eq!(pair.server.core.sessions().count(), 0);
}

#[test]
fn rejected_early_data_is_sent_again() {
    let (snapshot, ticket) = leave(EarlyFrames::Allowed);
    let quick = LinkConfig::new().with_delay(Micros::from_millis(5));
    let setting = Setting { up: quick.clone(), down: quick, ..Setting::default() };
    let mut pair = Pair::new(setting);
    let protocol = Buffer::from_static(Connection::PROTOCOL);
    let identity = PeerIdentity { protocol, ..PeerIdentity::default() };
    let now = pair.now;
    let early = PeerIdentity { early: Early::Early, ..identity.clone() };
    pair.client.core.handle_connected(early, now);
    let given_up = pair.client.core.ask(Question::Health(Health::Live)).expect("it may be asked");
    pair.client.core.forget(given_up).expect("nobody has answered");
    let session = pair.client.core.resume(&snapshot, ticket.ticket, ticket.early);
    let session = session.expect("it can be resumed");
    pair.send(session, &[3_000], Micros::from_secs(3));
    let query = pair.client.core.ask(Question::Health(Health::Ready)).expect("it too");
    // Nothing of it leaves: the carrier takes it back before the first packet.
    let mut bytes = 0;
    while let Some(transmit) = pair.client.core.poll_transmit(now) {
        if let Transmit::Write { stream, data, .. } = transmit {
            bytes += data.len();
            pair.client.core.written(stream, data.len());
        }
    }
    assert!(bytes > 3_000, "{bytes}");
    pair.client.core.handle_early_rejected(identity.clone(), now);
    pair.server.core.handle_connected(identity, now);
    let (mut asked, mut arrived) = (0, 0);
    pair.until(|pair| {
        let now = pair.now;
        match pair.take_server() {
            Some(Event::Asked { .. }) => asked += 1,
            Some(Event::ResumeOffered(resume)) => {
                assert_eq!(resume.session, session);
                let admitted = pair.server.core.admit_resumed(session, &snapshot, now);
                admitted.expect("it waits");
            }
            Some(Event::Layer(layer)) => arrived += layer.header.length.get(),
            _ => {}
        }
        (asked, arrived) == (1, 3_000)
    });
    pair.run(Micros::from_millis(100));
    let client = &pair.client;
    let ended = |event: &Event| matches!(event, Event::Ended { .. } | Event::SessionEnded { .. });
    assert!(!client.events.iter().any(|(_, event)| ended(event)), "{:?}", client.events);
    assert_eq!((client.core.state(), client.core.stats().frames_sent), (State::Ready, 1));
    assert!(pair.client.core.forget(query).is_ok(), "it still waits for its answer");
    assert!(pair.client.core.open(super::pair::offer(&[(0, 1)])).is_ok());
}

#[test]
fn frames_that_overtake_their_session_are_held_and_then_given_up() {
    let mut alone = Alone::ready(crate::Side::Server, Config::default());
    let stream = alone.stream(Direction::Uni, &layer(&header(0, 0, 500), 500), End::Fin);
    let other = alone.stream(Direction::Uni, &layer(&header(1, 0, 500), 100), End::Open);
    assert_eq!((alone.stopped(stream), alone.stopped(other)), (None, None));
    alone.open_session(0);
    let layers = |event: &Event| matches!(event, Event::Layer(_));
    assert_eq!(alone.count(layers), 1);
    alone.data(other, &[0; 400], End::Fin);
    assert_eq!(alone.count(layers), 2);
    // Nobody asks for session 5.
    let unknown = crate::wire::FrameHeader { session: SessionId(5), ..header(0, 0, 500) };
    let stream = alone.stream(Direction::Uni, &layer(&unknown, 500), End::Fin);
    assert_eq!(alone.stopped(stream), None);
    alone.pass(Micros::from_millis(2_100));
    assert_eq!(alone.stopped(stream), Some(Code::SessionUnknown));
    assert_eq!(alone.closed(), None);
}

#[test]
fn tickets_are_the_servers() {
    let (mut pair, session) = Pair::open(Setting::default());
    let ticket = Ticket {
        session,
        lifetime: Micros::from_secs(1),
        early: EarlyFrames::Refused,
        ticket: Buffer::from_static(b"x"),
    };
    assert!(pair.client.core.issue_ticket(session, ticket.clone()).is_err());
    assert!(pair.server.core.issue_ticket(SessionId(9), ticket.clone()).is_err());
    let empty = Ticket { ticket: Buffer::new(), ..ticket };
    assert!(matches!(pair.server.core.issue_ticket(session, empty), Err(CallError::Encode(_))));
}

#[test]
fn a_resumption_in_another_epoch_takes_the_servers() {
    let mut alone = Alone::ready(crate::Side::Server, Config::default());
    let (snapshot, _) = leave(EarlyFrames::Refused);
    let request = Request::Resume(Resume {
        session: SessionId(0),
        epoch: Epoch(9),
        next: Sequence(50),
        ticket: Buffer::from_static(b"x"),
    });
    alone.ask(&request, End::Open);
    let now = alone.now;
    assert_eq!(alone.core.admit_resumed(SessionId(0), &snapshot, now), Ok(()));
    let info = alone.core.session(SessionId(0)).expect("it is open");
    assert_eq!((info.epoch, info.next), (Some(Epoch(1)), Sequence(50)));
}
