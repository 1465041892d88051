//! Changes of the operating point: make before break, glare, rate, and a thousand of them.

use std::collections::BTreeMap;

use aiflow_netsim::Probability;
use aiflow_units::Micros;

use super::alone::{Alone, header, layer};
use super::pair::{Pair, Setting};
use crate::wire::{
    Accept, ControlMessage, Epoch, FrameHeader, Limit, Limits, PointId, Reason, Reject, Retire,
    Sequence, SessionId,
};
use crate::{Code, Config, Connection, Direction, End, Event, Outcome, RequestId, Side, Stream};

/// Answers the proposals of the peer at once, and tells of what happened.
fn react(core: &mut Connection, event: &Event, now: aiflow_units::Timestamp) {
    if let Event::Proposed { session, epoch, .. } = event {
        assert_eq!(core.accept(*session, *epoch, now), Ok(()));
    }
}

/// What a run of changes under load came to.
#[derive(Debug, Default)]
struct Tally {
    sent: BTreeMap<RequestId, PointId>,
    client_switches: u64,
    server_switches: u64,
    slowest: Micros,
    results: u64,
    others: u64,
    wrong: u64,
}

impl Tally {
    fn take(&mut self, pair: &mut Pair) {
        let now = pair.now;
        for (_, event) in std::mem::take(&mut pair.client.events) {
            react(&mut pair.client.core, &event, now);
            match event {
                Event::Switched { took, .. } => {
                    self.client_switches += 1;
                    self.slowest = self.slowest.max(took);
                }
                Event::Ended { outcome: Outcome::Result(_), .. } => self.results += 1,
                Event::Ended { .. } => self.others += 1,
                _ => {}
            }
        }
        for (_, event) in std::mem::take(&mut pair.server.events) {
            react(&mut pair.server.core, &event, now);
            match event {
                Event::Switched { took, .. } => {
                    self.server_switches += 1;
                    self.slowest = self.slowest.max(took);
                }
                Event::Layer(layer) if layer.header.layer.0 == 0 => {
                    let sent = self.sent.get(&layer.request);
                    self.wrong += u64::from(sent != Some(&layer.header.point));
                    let answer = pair.server.core.reply(layer.request, Default::default(), now);
                    assert_eq!(answer, Ok(()));
                }
                _ => {}
            }
        }
    }
}

/// Proposes 1,000 times, from both sides, while 20 frames a second flow.
fn thousand(setting: Setting) -> Tally {
    let (mut pair, session) = Pair::open(setting);
    let mut tally = Tally::default();
    for round in 0_u64..1_000 {
        let now = pair.now;
        let active = PointId((round % 3) as u16);
        let core = if round % 5 < 2 { &mut pair.server.core } else { &mut pair.client.core };
        let proposed = core.reconfigure(session, active, Vec::new(), Reason::Channel, now);
        assert_eq!(proposed, Ok(()));
        for _ in 0..2 {
            let info = pair.client.core.session(session).expect("the session is open");
            let point = info.active.expect("the session is active");
            let sizes: &[usize] =
                if point == PointId(0) { &[9_000] } else { &[4_000, 3_000, 2_000] };
            let request = pair.send(session, sizes, Micros::from_millis(400));
            tally.sent.insert(request, point);
            let end = pair.now.after(Micros::from_millis(50));
            while pair.step(end) {
                tally.take(&mut pair);
            }
            tally.take(&mut pair);
        }
    }
    let end = pair.now.after(Micros::from_secs(40));
    while pair.step(end) {
        tally.take(&mut pair);
    }
    tally.take(&mut pair);
    tally
}

fn fast() -> Setting {
    let limits = Limits::default().with(Limit::ReconfsPerSecond, 10);
    let config = Config::default().with_limits(limits);
    Setting { client: config.clone(), server: config, ..Setting::default() }
}

#[test]
fn a_thousand_changes_under_load_cost_a_round_trip_each() {
    let tally = thousand(fast());
    assert_eq!((tally.client_switches, tally.server_switches), (1_000, 1_000));
    assert_eq!((tally.results, tally.others, tally.wrong), (2_000, 0, 0));
    // 40 ms round trip, and at most one frame of 9 kB before them on the 20 Mbit/s link.
    assert!(tally.slowest <= Micros::from_millis(45), "{}", tally.slowest);
}

#[test]
fn no_change_is_lost_with_packets() {
    let mut setting = fast();
    setting.up = setting.up.with_loss(Probability::percent(5)).with_seed(1);
    setting.down = setting.down.with_loss(Probability::percent(5)).with_seed(2);
    let tally = thousand(setting);
    assert_eq!(tally.client_switches, tally.server_switches);
    // A proposal that waits for its turn is replaced by a newer one; nothing else gets lost.
    assert!(tally.client_switches >= 900, "{}", tally.client_switches);
    assert_eq!((tally.results + tally.others, tally.wrong), (2_000, 0));
    assert!(tally.results >= 1_980, "{}", tally.results);
}

#[test]
fn both_propose_at_once_and_the_server_goes_first() {
    let (mut pair, session) = Pair::open(Setting::default());
    let now = pair.now;
    for (end, active) in [(&mut pair.client, 0), (&mut pair.server, 2)] {
        let proposed =
            end.core.reconfigure(session, PointId(active), Vec::new(), Reason::Channel, now);
        assert_eq!(proposed, Ok(()));
    }
    let mut order = [Vec::new(), Vec::new()];
    let end = now.after(Micros::from_secs(2));
    while pair.step(end) {
        let now = pair.now;
        for (end, order) in [&mut pair.client, &mut pair.server].into_iter().zip(&mut order) {
            for (_, event) in std::mem::take(&mut end.events) {
                react(&mut end.core, &event, now);
                if let Event::Switched { epoch, active, .. } = event {
                    order.push((epoch, active));
                }
                assert!(!matches!(event, Event::Rejected { .. }), "glare is nobody's refusal");
            }
        }
    }
    let expected = vec![(Epoch(1), PointId(2)), (Epoch(2), PointId(0))];
    assert_eq!(order, [expected.clone(), expected]);
}

#[test]
fn nothing_switches_before_the_tail_is_warm() {
    let (mut pair, session) = Pair::open(Setting::default());
    let now = pair.now;
    let proposed =
        pair.client.core.reconfigure(session, PointId(2), Vec::new(), Reason::Channel, now);
    assert_eq!(proposed, Ok(()));
    pair.run(Micros::from_secs(1));
    let old = pair.send(session, &[100, 100, 100], Micros::from_millis(300));
    pair.run(Micros::from_millis(100));
    let seen = |event: &Event| matches!(event, Event::Layer(layer) if layer.request == old && layer.header.epoch == Epoch(0));
    assert!(pair.server.events.iter().any(|(_, event)| seen(event)));
    let now = pair.now;
    assert_eq!(pair.server.core.accept(session, Epoch(1), now), Ok(()));
    pair.until(|pair| matches!(pair.take_client(), Some(Event::Switched { epoch: Epoch(1), .. })));
    let new = pair.send(session, &[100], Micros::from_millis(300));
    pair.until(|pair| matches!(pair.take_server(), Some(Event::Layer(layer)) if layer.request == new && layer.header.epoch == Epoch(1)));
    // The old epoch ends two seconds after RETIRE.
    pair.server.events.clear();
    let start = pair.now;
    pair.until(|pair| {
        matches!(pair.take_server(), Some(Event::EpochEnded { epoch: Epoch(0), .. }))
    });
    assert!(pair.now.since(start) > Micros::from_millis(1_900));
}

#[test]
fn an_application_that_does_not_decide_has_rejected() {
    let (mut pair, session) = Pair::open(Setting::default());
    let now = pair.now;
    let proposed =
        pair.server.core.reconfigure(session, PointId(2), Vec::new(), Reason::Channel, now);
    assert_eq!(proposed, Ok(()));
    pair.until(|pair| {
        matches!(pair.take_server(), Some(Event::Rejected { code: Code::Timeout, .. }))
    });
    assert!(pair.now.since(now) >= Micros::from_secs(2));
    let now = pair.now;
    let late = pair.client.core.accept(session, Epoch(1), now);
    assert_eq!(late, Err(crate::CallError::UnknownRequest));
}

#[test]
fn proposals_keep_to_two_a_second() {
    let (mut pair, session) = Pair::open(Setting::default());
    let start = pair.now;
    let mut switched = Vec::new();
    while pair.now < start.after(Micros::from_secs(10)) {
        let now = pair.now;
        let proposed =
            pair.client.core.reconfigure(session, PointId(2), Vec::new(), Reason::Channel, now);
        assert_eq!(proposed, Ok(()));
        let end = now.after(Micros::from_millis(20));
        while pair.step(end) {
            let now = pair.now;
            for (_, event) in std::mem::take(&mut pair.server.events) {
                react(&mut pair.server.core, &event, now);
                if let Event::Switched { .. } = event {
                    switched.push(now);
                }
            }
        }
    }
    assert!((19..=21).contains(&switched.len()), "{}", switched.len());
    assert!(switched.windows(2).all(|pair| pair[1].since(pair[0]) > Micros::from_millis(490)));
}

fn frame_of(epoch: u64, point: u16, sequence: u64) -> Vec<u8> {
    let epoch = Epoch(epoch);
    let header = FrameHeader { epoch, point: PointId(point), ..header(sequence, 0, 10) };
    layer(&header, 10)
}

#[test]
fn frames_outside_of_what_was_agreed_are_stopped() {
    let (mut alone, _) = Alone::server(Config::default());
    let try_frame = |alone: &mut Alone, epoch, point, sequence| -> Option<Code> {
        let bytes = frame_of(epoch, point, sequence);
        let stream: Stream = alone.stream(Direction::Uni, &bytes, End::Fin);
        alone.stopped(stream)
    };
    assert_eq!(try_frame(&mut alone, 1, 1, 0), Some(Code::EpochUnknown));
    assert_eq!(try_frame(&mut alone, 0, 7, 1), Some(Code::SplitRejected));
    assert_eq!(try_frame(&mut alone, 0, 1, 2), None);
    alone.propose(0, 1, 2);
    assert_eq!(try_frame(&mut alone, 1, 2, 3), Some(Code::EpochUnknown), "it is not accepted");
    let now = alone.now;
    assert_eq!(alone.core.accept(SessionId(0), Epoch(1), now), Ok(()));
    assert_eq!(try_frame(&mut alone, 1, 2, 4), None);
    assert_eq!(try_frame(&mut alone, 1, 1, 5), Some(Code::SplitRejected), "the old cut");
    assert_eq!(try_frame(&mut alone, 0, 1, 6), None, "both epochs are valid");
    let (session, epoch, last) = (SessionId(0), Epoch(0), Sequence(6));
    alone.say(&ControlMessage::Retire(Retire { session, epoch, last }));
    assert_eq!(try_frame(&mut alone, 0, 1, 7), Some(Code::EpochUnknown));
    alone.pass(Micros::from_millis(2_100));
    assert_eq!(try_frame(&mut alone, 0, 1, 3), Some(Code::EpochUnknown));
    assert_eq!(alone.closed(), None);
    assert_eq!(alone.count(|event| matches!(event, Event::Layer(_))), 3);
}

#[test]
fn answers_to_what_was_not_proposed_are_violations() {
    let (session, epoch, code) = (SessionId(0), Epoch(3), Code::NotReady);
    for message in [
        ControlMessage::Accept(Accept { session, epoch }),
        ControlMessage::Reject(Reject { session, epoch, code }),
    ] {
        let (mut alone, _) = Alone::server(Config::default());
        let now = alone.now;
        let proposed =
            alone.core.reconfigure(session, PointId(2), Vec::new(), Reason::Channel, now);
        assert_eq!(proposed, Ok(()));
        alone.settle();
        alone.say(&message);
        assert_eq!(alone.closed(), Some(Code::FormatError));
    }
    let (mut alone, _) = Alone::server(Config::default());
    alone.propose(0, 2, 2);
    assert_eq!(alone.closed(), Some(Code::FormatError), "an epoch was left out");
}

#[test]
fn unknown_points_are_rejected_without_the_application() {
    let (mut alone, _) = Alone::server(Config::default());
    alone.transmits.clear();
    alone.propose(0, 1, 9);
    assert_eq!(alone.count(|event| matches!(event, Event::Proposed { .. })), 0);
    let session = SessionId(0);
    let reject = Reject { session, epoch: Epoch(1), code: Code::SplitRejected };
    let expected = ControlMessage::Reject(reject).encode().expect("the message is valid");
    assert_eq!(alone.written(Stream::local(0)), expected);
    assert_eq!(alone.closed(), None);
    let refused =
        alone.core.reconfigure(session, PointId(9), Vec::new(), Reason::Channel, alone.now);
    assert_eq!(refused, Err(crate::CallError::UnknownPoint));
    assert_eq!(alone.core.side(), Side::Server);
}
