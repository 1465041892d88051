//! Random operations over random links: whatever happens, every request ends once, and no frame is
//! taken for what it is not.

use std::collections::{BTreeMap, BTreeSet};

use aiflow_netsim::{LinkConfig, Probability, Rate};
use aiflow_units::{BitRate, Bytes, Micros, Timestamp};
use bytes::Bytes as Buffer;

use super::pair::{Pair, Setting, offer};
use super::random::Random;
use crate::wire::{
    AcceptedPoint, Epoch, Health, HealthAnswer, PointId, Probe, RateIndex, Reason, SessionId,
};
use crate::{Code, Event, Frame, Older, Question, Reply, RequestId, SessionState, State};

/// Everything that is known of a run from outside of the cores.
struct World {
    pair: Pair,
    random: Random,
    sessions: BTreeSet<SessionId>,
    /// Requests that have not ended, and the point of each.
    open: BTreeMap<RequestId, PointId>,
    sent: BTreeMap<RequestId, (PointId, Vec<usize>)>,
    ended: u64,
    /// What the server's application knows of epochs.
    sets: BTreeMap<(SessionId, Epoch), Vec<PointId>>,
    /// Answers that the server's application gives later.
    later: Vec<(Timestamp, RequestId)>,
    /// Decisions about proposals that are made later: whose, and which.
    decisions: Vec<(Timestamp, bool, SessionId, Epoch)>,
    proposals: u64,
    settled: u64,
}

/// A link of the given wildness, which is a percentage of loss.
fn link(random: &mut Random, loss: u64) -> LinkConfig {
    let rate = BitRate::kilobits_per_second(500 + random.below(30_000));
    let delay = Micros::from_millis(2 + random.below(120));
    let jitter = Micros::from_millis(random.below(20));
    let mut link = LinkConfig::new()
        .with_rate(Rate::Constant(rate))
        .with_delay(delay)
        .with_jitter(jitter)
        .with_loss(Probability::percent(loss as u32))
        .with_seed(random.below(u64::MAX));
    for _ in 0..random.below(3) {
        let from = Timestamp::from_origin(Micros::from_millis(1000 + random.below(6_000)));
        link = link.with_outage(from, from.after(Micros::from_millis(random.below(2_500))));
    }
    link
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let loss = random.below(31);
        let up = link(&mut random, loss);
        let down = link(&mut random, loss);
        let window = Bytes::from_kib(16 + random.below(300));
        let setting = Setting { up, down, window, ..Setting::default() };
        let mut pair = Pair::new(setting);
        pair.connect();
        Self {
            pair,
            random,
            sessions: BTreeSet::new(),
            open: BTreeMap::new(),
            sent: BTreeMap::new(),
            ended: 0,
            sets: BTreeMap::new(),
            later: Vec::new(),
            decisions: Vec::new(),
            proposals: 0,
            settled: 0,
        }
    }

    /// Does one thing that an application may do.
    fn act(&mut self) {
        let now = self.pair.now;
        let session = self.random.pick(&self.sessions);
        match (self.random.below(100), session) {
            (0..4, _) | (_, None) => {
                let opened = self.pair.client.core.open(offer(&[(0, 1), (1, 3), (2, 2), (3, 8)]));
                self.sessions.extend(opened.ok());
            }
            (4..60, Some(session)) => self.send(session, now),
            (60..66, _) => {
                if let Some(request) = self.random.pick_key(&self.open) {
                    assert_eq!(self.pair.client.core.cancel(request), Ok(()));
                }
            }
            (66..80, Some(session)) => self.propose(session, now),
            (80..84, _) => {
                // Too many questions are refused, which is fine.
                let _ = self.pair.client.core.ask(Question::Health(Health::Live));
            }
            (84..88, _) => {
                let probe = Probe {
                    target: BitRate::megabits_per_second(20),
                    cap: Bytes::from_kib(100),
                    duration: Micros::from_millis(300),
                };
                let _ = self.pair.client.core.probe(probe, now);
                let _ = self.pair.client.core.pad(probe, now);
            }
            (88..90, Some(session)) => {
                let ended = self.pair.client.core.end(session, now);
                if ended.is_ok() {
                    self.sessions.remove(&session);
                }
            }
            (90..91, Some(session)) => {
                let _ = self.pair.server.core.end(session, now);
            }
            _ => {}
        }
    }

    fn send(&mut self, session: SessionId, now: Timestamp) {
        let active = self.pair.client.core.session(session).and_then(|session| session.active);
        let layers = match active {
            Some(PointId(1)) => 3,
            Some(PointId(2)) => 2,
            Some(PointId(3)) => 8,
            _ => 1,
        };
        let sizes: Vec<usize> = (0..layers).map(|_| self.random.below(12_000) as usize).collect();
        let deadline = now.after(Micros::from_millis(20 + self.random.below(600)));
        let sequence = self.pair.client.core.session(session).map_or(0, |info| info.next.0);
        let fill = |(layer, &size): (usize, &usize)| {
            let byte = pattern(sequence, layer as u64, active);
            Buffer::from(vec![byte; size])
        };
        let older = if self.random.below(8) == 0 { Older::Supersede } else { Older::Keep };
        let frame = Frame::new(sizes.iter().enumerate().map(fill).collect(), deadline)
            .with_rate(RateIndex(self.random.below(200) as u8))
            .with_older(older);
        if let Ok(request) = self.pair.client.core.send(session, frame, now) {
            let point = active.expect("frames can be sent in active sessions");
            assert_eq!(request.sequence.0, sequence);
            self.open.insert(request, point);
            self.sent.insert(request, (point, sizes));
        }
    }

    fn propose(&mut self, session: SessionId, now: Timestamp) {
        let active = PointId(self.random.below(4) as u16);
        let core = match self.random.below(2) {
            0 => &mut self.pair.client.core,
            _ => &mut self.pair.server.core,
        };
        if core.reconfigure(session, active, vec![PointId(0)], Reason::Channel, now).is_ok() {
            self.proposals += 1;
        }
    }

    /// Does what the applications do with what happened.
    fn react(&mut self) {
        let now = self.pair.now;
        for (_, event) in std::mem::take(&mut self.pair.client.events) {
            match event {
                Event::Ended { request, .. } => {
                    assert!(self.open.remove(&request).is_some(), "{request} ended twice");
                    self.ended += 1;
                }
                Event::SessionEnded { session, .. } => {
                    self.sessions.remove(&session);
                    assert!(!self.open.keys().any(|request| request.session == session));
                }
                Event::Proposed { session, epoch, .. } => self.decide(true, session, epoch, now),
                Event::Switched { .. } | Event::Rejected { .. } => self.settled += 1,
                Event::Closed { code, .. } => assert_eq!(code, Code::NoError),
                _ => {}
            }
        }
        for (_, event) in std::mem::take(&mut self.pair.server.events) {
            self.server_event(event, now);
        }
        let due = |at: &Timestamp| *at <= now;
        for (_, request) in self.later.extract_if(.., |(at, _)| due(at)).collect::<Vec<_>>() {
            let reply = Reply { payload: "result".into(), layers: 1, ..Reply::default() };
            let _ = self.pair.server.core.reply(request, reply, now);
        }
        let decided = self.decisions.extract_if(.., |(at, ..)| due(at)).collect::<Vec<_>>();
        for (_, by_client, session, epoch) in decided {
            let reject = self.random.below(6) == 0;
            let end = if by_client { &mut self.pair.client } else { &mut self.pair.server };
            let _ = match reject {
                true => end.core.reject(session, epoch, Code::NotReady, now),
                false => end.core.accept(session, epoch, now),
            };
        }
    }

    fn decide(&mut self, by_client: bool, session: SessionId, epoch: Epoch, now: Timestamp) {
        // Now and then an application never decides.
        if self.random.below(12) != 0 {
            let at = now.after(Micros::from_millis(self.random.below(60)));
            self.decisions.push((at, by_client, session, epoch));
        }
    }

    fn server_event(&mut self, event: Event, now: Timestamp) {
        let core = &mut self.pair.server.core;
        match event {
            Event::SessionOffered(open) => {
                let served = |id| AcceptedPoint { point: PointId(id), tail: Micros::ZERO };
                if self.random.below(10) == 0 {
                    let _ = core.refuse(open.session, Code::ModelUnknown, Micros::ZERO, now);
                } else if core.admit(open.session, [1, 0, 2, 3].map(served).into(), now).is_ok() {
                    let all = (0..4).map(PointId).collect();
                    self.sets.insert((open.session, Epoch::FIRST), all);
                }
            }
            Event::Proposed { session, epoch, .. } => self.decide(false, session, epoch, now),
            Event::Switched { session, epoch, active, .. } => {
                self.sets.insert((session, epoch), vec![PointId(0), active]);
            }
            Event::Layer(layer) => self.check_layer(&layer, now),
            Event::Asked { query, question: Question::Health(_) } => {
                let answer = crate::wire::Answer::Health(HealthAnswer::Yes);
                let _ = core.answer(query, &answer);
            }
            Event::Closed { code, .. } => assert_eq!(code, Code::NoError),
            _ => {}
        }
    }

    fn check_layer(&mut self, layer: &crate::Layer, now: Timestamp) {
        let request = layer.request;
        let (point, sizes) = self.sent.get(&request).expect("it was sent");
        assert_eq!(layer.header.point, *point, "{request} has the wrong cut");
        if let Some(points) = self.sets.get(&(request.session, layer.header.epoch)) {
            assert!(points.contains(point), "{request} came in the wrong epoch");
        } else {
            // A proposal of the server whose ACCEPT the frame overtook. The core is ahead of events.
            let info = self.pair.server.core.session(request.session);
            let epoch = info.and_then(|info| info.epoch).unwrap_or(layer.header.epoch);
            assert!([epoch, epoch.next()].contains(&layer.header.epoch), "{request} {epoch:?}");
        }
        let index = usize::from(layer.header.layer.0);
        let bytes = layer.contiguous();
        assert_eq!(bytes.len(), sizes[index]);
        let byte = pattern(request.sequence.0, index as u64, Some(*point));
        assert!(bytes.iter().all(|other| *other == byte), "{request} is damaged");
        if index == 0 {
            match self.random.below(10) {
                // Now and then an application never answers, or gives up.
                0 => {}
                1 => {
                    // It may have been cancelled at the same time.
                    let _ = self.pair.server.core.fail(request, Code::DecodeFailed, now);
                }
                _ => {
                    let at = now.after(Micros::from_millis(self.random.below(80)));
                    self.later.push((at, request));
                }
            }
        }
    }

    /// Lets time pass in small steps, so that applications react.
    fn pass(&mut self, span: Micros) {
        let end = self.pair.now.after(span);
        while self.pair.step(end) {
            self.react();
        }
        self.react();
    }
}

fn pattern(sequence: u64, layer: u64, point: Option<PointId>) -> u8 {
    (sequence * 31 + layer * 7 + point.map_or(0, |point| u64::from(point.0)) * 3) as u8
}

fn scenario(seed: u64) -> (u64, u64, u64) {
    let mut world = World::new(seed);
    for _ in 0..80 {
        world.act();
        let pause = Micros::from_millis(world.random.below(80));
        world.pass(pause);
    }
    // Everything ends by itself: deadlines are below one second, frames live for thirty, and slow
    // links have queues of up to sixteen.
    world.pass(Micros::from_secs(60));
    assert!(world.open.is_empty(), "requests without an end: {:?}", world.open);
    assert_eq!(world.ended as usize, world.sent.len());
    let client = world.pair.client.core.stats();
    let ends = client.results + client.deadlines + client.cancelled + client.failed;
    assert_eq!(ends, client.frames_sent);
    assert_eq!(client.backlog, Bytes::ZERO);
    for session in &world.sessions {
        for core in [&world.pair.client.core, &world.pair.server.core] {
            let info = core.session(*session).expect("the session is open on both sides");
            assert_eq!((info.state, info.in_flight), (SessionState::Active, 0));
        }
    }
    let now = world.pair.now;
    let goaway = world.pair.server.core.goaway(String::new(), Micros::from_secs(2), now);
    assert_eq!(goaway, Ok(()));
    // Last words get lost like others.
    world.pass(Micros::from_secs(60));
    assert_eq!(world.pair.client.core.state(), State::Closed);
    assert_eq!(world.pair.server.core.state(), State::Closed);
    (client.frames_sent, client.results, world.settled)
}

#[test]
fn every_request_ends_once_whatever_happens() {
    let mut totals = (0, 0, 0);
    for seed in 0..SCENARIOS {
        let outcome = std::panic::catch_unwind(|| scenario(seed));
        let (sent, results, settled) = outcome.unwrap_or_else(|_| panic!("seed {seed} failed"));
        totals = (totals.0 + sent, totals.1 + results, totals.2 + settled);
    }
    let (sent, results, settled) = totals;
    // The scenarios are worth something only if most of what they try happens.
    assert!(sent > 20 * SCENARIOS && results > sent / 5 && settled > 3 * SCENARIOS, "{totals:?}");
}

#[test]
fn equal_seeds_have_equal_ends() {
    assert_eq!(scenario(77), scenario(77));
}

const SCENARIOS: u64 = 1_000;
