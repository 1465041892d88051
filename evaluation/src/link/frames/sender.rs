//! The end that captures frames.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Instant;

use aiflow_transport::channel::Estimate;
use aiflow_transport::proto::{Adapter, PathFeed};
use aiflow_transport::rate::{Budget, Flight};
use aiflow_transport::wire::{
    CodecId, CutId, ElementType, Fallback, FrameFlags, ModelId, Open, Point, PointId, RateEntry,
    RateIndex, Replay, SessionId, TensorSchema,
};
use aiflow_transport::{Config, Connection, Event, Frame, Side};
use aiflow_units::{Bytes, Micros, Timestamp};
use bytes::Bytes as Buffer;
use quinn_proto::{Connection as Quic, Event as QuicEvent};

use super::super::LinkError;
use super::super::policy::{Future, Policy, View};
use super::super::world::{Application, instant};
use super::{FrameOutcome, Step, Traffic, Usage};

/// When frames were captured, by their numbers on the wire; both ends are in one process.
pub(super) type Captures = Rc<RefCell<BTreeMap<u64, Timestamp>>>;

pub(super) struct Sender<'a> {
    origin: Instant,
    core: Connection,
    adapter: Adapter,
    traffic: Traffic,
    usage: Usage,
    policy: &'a mut dyn Policy,
    /// What the channel will do from the next capture on.
    pub(super) future: Future,
    session: Option<SessionId>,
    /// When the next frame is captured.
    next: Timestamp,
    captures: Captures,
    /// Frames with their numbers on the wire, if they have one.
    frames: Vec<(Option<u64>, FrameOutcome)>,
    steps: Vec<Step>,
}

impl<'a> Sender<'a> {
    pub(super) fn new(
        feed: PathFeed,
        flight: Flight,
        origin: Instant,
        traffic: Traffic,
        usage: Usage,
        policy: &'a mut dyn Policy,
        captures: Captures,
    ) -> Result<Self, LinkError> {
        let core = Connection::new(Config::default(), Side::Client, Timestamp::ORIGIN)?;
        Ok(Self {
            origin,
            core,
            adapter: Adapter::new(feed, flight),
            traffic,
            usage,
            policy,
            future: Future::default(),
            session: None,
            next: Traffic::START,
            captures,
            frames: Vec::new(),
            steps: Vec::new(),
        })
    }

    pub(super) fn estimate(&self, now: Timestamp) -> Estimate {
        self.core.estimate(now)
    }

    pub(super) fn finish(self) -> (Vec<(Option<u64>, FrameOutcome)>, Vec<Step>) {
        (self.frames, self.steps)
    }

    fn capture(&mut self, now: Timestamp) {
        let deadline = now.after(self.traffic.deadline);
        let estimate = self.core.estimate(now);
        let backlog = self.core.stats().backlog;
        let session = self.session;
        let offered = session.and_then(|session| self.core.budget(session, deadline, now));
        let view = View {
            now,
            estimate,
            budget: offered.unwrap_or_default(),
            backlog,
            period: self.traffic.period,
            future: self.future,
        };
        let budget = offered.and_then(|_| self.policy.budget(&view));
        let layers = budget.map(|budget| self.layers(budget)).unwrap_or_default();
        let size = layers.iter().map(|layer| Bytes::of_len(layer.len())).sum();
        let mut number = None;
        if let Some(session) = session.filter(|_| !layers.is_empty()) {
            let frame = Frame::new(layers, deadline).with_flags(FrameFlags::TRUNCATABLE);
            // A frame that the transport does not take is a late one.
            if let Ok(request) = self.core.send(session, frame, now) {
                let sequence = request.sequence.0;
                self.captures.borrow_mut().insert(sequence, now);
                number = Some(sequence);
            }
        }
        let rate = self.policy.rate();
        self.steps.push(Step { at: now, estimate, budget, rate, backlog });
        let frame = FrameOutcome { captured: now, size, base_at: None, in_time: Bytes::ZERO };
        self.frames.push((number, frame));
    }

    /// Makes the layers of a frame of the given size; what they hold does not matter.
    fn layers(&self, budget: Budget) -> Vec<Buffer> {
        let total = budget.total.get();
        if self.usage == Usage::Whole {
            return vec![zeros(total)];
        }
        let base = (total * self.traffic.base_percent / 100).clamp(1, budget.base.get().max(1));
        let base = base.max(total.min(LEAST_BASE));
        let mut layers = vec![zeros(base)];
        if total > base {
            layers.push(zeros(total - base));
        }
        layers
    }
}

impl Application for Sender<'_> {
    fn handle(&mut self, event: QuicEvent, quic: &mut Quic, now: Timestamp) {
        self.adapter.handle(event, quic, &mut self.core, now);
    }

    fn act(&mut self, quic: &mut Quic, now: Timestamp) {
        let at = instant(self.origin, now);
        self.adapter.drive(quic, &mut self.core, now, at);
        while let Some(event) = self.core.poll_event() {
            match event {
                // The offer holds what the protocol asks for; it cannot be refused.
                Event::Ready(_) => drop(self.core.open(offer(&self.traffic))),
                Event::SessionOpened { session, .. } => self.session = Some(session),
                _ => {}
            }
        }
        if now >= self.next {
            self.next = self.next.after(self.traffic.period);
            self.capture(now);
        }
        self.adapter.drive(quic, &mut self.core, now, at);
    }

    fn wake(&self) -> Timestamp {
        self.core.poll_timeout().map_or(self.next, |timeout| timeout.min(self.next))
    }
}

/// One point with two layers.
pub(crate) fn offer(traffic: &Traffic) -> Open {
    let point = Point {
        id: PointId(0),
        cut: CutId(0),
        codec: CodecId::RAW,
        profile: None,
        fallback: Fallback::No,
        layers: 2,
        tensors: vec![TensorSchema { element: ElementType::F32, dims: vec![1] }],
        head: Micros::ZERO,
        tail: Micros::ZERO,
        rates: vec![RateEntry {
            rate: RateIndex(0),
            base: Bytes::new(LEAST_BASE),
            total: Bytes::new(LEAST_BASE),
        }],
    };
    Open {
        session: SessionId(0),
        replay: Replay::Refused,
        model: ModelId([0; 32]),
        tenant: String::new(),
        deadline: traffic.deadline,
        period: traffic.period,
        points: vec![point],
    }
}

fn zeros(length: u64) -> Buffer {
    let length = length.min(ZEROS.len() as u64) as usize;
    Buffer::from_static(&ZEROS[..length])
}

/// The smallest base; a frame that is smaller is its base.
const LEAST_BASE: u64 = 1000;

/// The largest layer: 16 MiB in 100 ms are more than a gigabit per second.
static ZEROS: [u8; 16 << 20] = [0; 16 << 20];
