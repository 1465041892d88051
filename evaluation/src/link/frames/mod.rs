//! Frames in layers over an emulated path.

mod receiver;
mod sender;
mod stream;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use aiflow_transport::channel::Estimate;
use aiflow_transport::proto::PathFeed;
use aiflow_transport::rate::{Budget, Flight};
use aiflow_units::{BitRate, Bytes, Micros, Timestamp};
use quinn_proto::congestion::CubicConfig;
use quinn_proto::{AckFrequencyConfig, TransportConfig, VarInt};

use super::policy::{Future, Policy};
use super::world::World;
use super::{LinkError, Path};
use receiver::Receiver;
pub(super) use sender::offer;
use sender::{Captures, Sender};
pub use stream::stream;

/// What is sent, and by when it must be there.
#[derive(Debug, Clone, Copy)]
pub struct Traffic {
    /// The time between frames.
    pub period: Micros,
    /// The time from capture after which a frame is late.
    pub deadline: Micros,
    /// The share of a frame that is its base where it has more than one layer, in percent.
    pub base_percent: u64,
    /// For how long frames are sent.
    pub length: Micros,
}

impl Traffic {
    /// When the first frame is captured: by then the connection is there.
    pub const START: Timestamp = Timestamp::from_origin(Micros::from_millis(500));

    /// Returns what a path carries on average while frames are sent; the whole trace may be faster or
    /// slower than this piece of it.
    pub fn mean_rate(&self, path: &Path) -> BitRate {
        path.rate(Self::START, Timestamp::from_origin(self.length).since(Self::START))
    }
}

impl Default for Traffic {
    /// 10 frames a second for 60 s, 300 ms, a quarter of each frame in its base.
    fn default() -> Self {
        Self {
            period: Micros::from_millis(100),
            deadline: Micros::from_millis(300),
            base_percent: 25,
            length: Micros::from_secs(60),
        }
    }
}

/// How the transport is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    /// As it is meant: base and enhancement, bytes kept at the source.
    Layers,
    /// Frames of one layer.
    Whole,
    /// Base and enhancement, and nothing in the way of who knows what the channel will do.
    Unlimited,
}

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameOutcome {
    /// When it was captured.
    pub captured: Timestamp,
    /// What the transport was asked to send; nothing if the policy left the frame out.
    pub size: Bytes,
    /// When the last byte of the base was there.
    pub base_at: Option<Timestamp>,
    /// What was there of all layers at the deadline.
    pub in_time: Bytes,
}

impl FrameOutcome {
    /// Returns the time from capture to the last byte of the base; of a base that never came, the
    /// time after which it was given up.
    pub fn delay(&self, deadline: Micros) -> Micros {
        self.base_at.map_or(deadline, |at| at.since(self.captured))
    }

    /// Returns whether the base was there in time.
    pub fn on_time(&self, deadline: Micros) -> bool {
        self.base_at.is_some_and(|at| at.since(self.captured) <= deadline)
    }
}

/// What was known when a frame was captured.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// When.
    pub at: Timestamp,
    /// What the estimator said.
    pub estimate: Estimate,
    /// What the policy asked for.
    pub budget: Option<Budget>,
    /// The rate that it follows.
    pub rate: BitRate,
    /// What waited at the sender.
    pub backlog: Bytes,
}

/// What happened while frames were sent.
#[derive(Debug, Clone, Default)]
pub struct FrameRun {
    /// The frames whose deadline lies within the run, oldest first.
    pub frames: Vec<FrameOutcome>,
    /// What was known at their captures.
    pub steps: Vec<Step>,
    /// What was estimated, every 40 ms.
    pub estimates: Vec<(Timestamp, Estimate)>,
    /// How often the rate changed.
    pub switches: u64,
}

/// Sends frames over a path; `seen` is told the time every 40 ms.
///
/// # Errors
///
/// See [`LinkError`].
pub fn frames(
    path: &Path,
    traffic: &Traffic,
    usage: Usage,
    policy: &mut dyn Policy,
    seen: &mut dyn FnMut(Timestamp, &Estimate),
) -> Result<FrameRun, LinkError> {
    let origin = Instant::now();
    let feed = PathFeed::new(origin);
    let mut cubic = CubicConfig::default();
    let flight = if usage == Usage::Unlimited {
        cubic.initial_window(16 << 20);
        Flight::unlimited()
    } else {
        Flight::default()
    };
    let mut client = transport();
    client.congestion_controller_factory(feed.observe(Arc::new(cubic)));
    let mut world = World::new(origin, path.links(), client, transport())?;
    let captures = Captures::default();
    let mut sender =
        Sender::new(feed, flight, origin, *traffic, usage, policy, Rc::clone(&captures))?;
    let mut receiver = Receiver::new(origin, *traffic, captures)?;
    let mut run = FrameRun::default();
    let end = Timestamp::from_origin(traffic.length);
    let (mut at, mut capture, mut look) = (Timestamp::ORIGIN, Traffic::START, Timestamp::ORIGIN);
    while at < end {
        at = capture.min(look);
        if at == capture {
            capture = capture.after(traffic.period);
            sender.future = future(path, traffic, &world, at);
        }
        world.run_until(at, &mut sender, &mut receiver);
        if at == look {
            look = look.after(LOOK);
            let estimate = sender.estimate(at);
            seen(at, &estimate);
            run.estimates.push((at, estimate));
        }
    }
    world.run_until(end.after(traffic.deadline), &mut sender, &mut receiver);
    let (sent, steps) = sender.finish();
    run.switches = policy.switches();
    run.frames = sent
        .into_iter()
        .map(|(number, frame)| receiver.complete(number, frame))
        .filter(|frame| frame.captured.after(traffic.deadline) <= end)
        .collect();
    run.steps = steps;
    run.steps.truncate(run.frames.len());
    Ok(run)
}

/// What the channel will carry beyond what is queued in it.
fn future(path: &Path, traffic: &Traffic, world: &World, at: Timestamp) -> Future {
    let view = world.path();
    let free = at.after(view.wait(at));
    let until = |span: Micros| view.capacity(free, at.after(span));
    Future {
        until_next: until(traffic.period),
        until_deadline: until(traffic.deadline.saturating_sub(path.one_way())),
    }
}

pub(super) fn transport() -> TransportConfig {
    let mut config = TransportConfig::default();
    let mut acknowledgements = AckFrequencyConfig::default();
    // The last packet of a frame is not kept waiting, which would look like a slow path.
    acknowledgements
        .ack_eliciting_threshold(VarInt::from_u32(1))
        .max_ack_delay(Some(Micros::from_millis(2).to_duration()));
    config
        .ack_frequency_config(Some(acknowledgements))
        .max_concurrent_uni_streams(VarInt::from_u32(256))
        .send_fairness(false);
    config
}

/// How often estimates are looked at.
const LOOK: Micros = Micros::from_millis(40);
