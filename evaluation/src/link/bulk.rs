//! Unadapted bulk transfer: one stream after another, as fast as the connection takes them.

use std::sync::Arc;
use std::time::Instant;

use aiflow_netsim::LinkConfig;
use aiflow_transport::channel::{Estimate, Estimator, EstimatorConfig, PathSample};
use aiflow_transport::proto::PathFeed;
use aiflow_units::{BitRate, Bytes, Micros, Timestamp};
use bytes::Bytes as Buffer;
use quinn_proto::congestion::{Bbr, BbrConfig, ControllerFactory, CubicConfig};
use quinn_proto::{Connection, Dir, Event, ReadError, StreamId, TransportConfig, VarInt};

use super::LinkError;
use super::world::{Application, World};

/// Which congestion controller a sender uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Congestion {
    /// CUBIC, which fills queues until they overflow.
    Cubic,
    /// The BBR of quinn-proto.
    Bbr,
}

/// What was seen at one time of a transfer.
#[derive(Debug, Clone, Copy)]
pub struct Observation {
    /// When.
    pub at: Timestamp,
    /// What the estimator said.
    pub estimate: Estimate,
    /// The congestion window over the smoothed round trip.
    pub window_rate: BitRate,
    /// The pacing rate of the congestion controller, if it has one.
    pub pacing_rate: Option<BitRate>,
    /// What had arrived by then.
    pub received: Bytes,
}

impl Observation {
    pub(super) fn new(
        at: Timestamp,
        estimate: Estimate,
        connection: &mut Connection,
        congestion: Congestion,
        received: Bytes,
    ) -> Self {
        let rtt = Micros::from_duration(connection.rtt());
        let state = connection.congestion_state();
        let bbr = (congestion == Congestion::Bbr).then(|| state.clone_box().into_any());
        let bbr = bbr.and_then(|state| state.downcast::<Bbr>().ok());
        let pacing_rate =
            bbr.and_then(|bbr| quinn_proto::congestion::Controller::metrics(&*bbr).pacing_rate);
        Self {
            at,
            estimate,
            window_rate: BitRate::over(Bytes::new(state.window()), rtt),
            pacing_rate: pacing_rate.map(BitRate::bits_per_second),
            received,
        }
    }
}

/// Sends as much as the connection takes for `length` over a link, and looks every `period`.
///
/// # Errors
///
/// See [`LinkError`].
pub fn bulk(
    link: (LinkConfig, LinkConfig),
    congestion: Congestion,
    length: Micros,
    period: Micros,
) -> Result<Vec<Observation>, LinkError> {
    let origin = Instant::now();
    let feed = PathFeed::new(origin);
    let factory: Arc<dyn ControllerFactory + Send + Sync> = match congestion {
        Congestion::Cubic => Arc::new(CubicConfig::default()),
        Congestion::Bbr => Arc::new(BbrConfig::default()),
    };
    let mut client_config = transport();
    client_config.congestion_controller_factory(feed.observe(factory));
    let mut world = World::new(origin, link, client_config, transport())?;
    let mut sender = Sender {
        feed,
        estimator: Estimator::new(EstimatorConfig::default()),
        connected: false,
        stream: None,
        samples: Vec::new(),
    };
    let mut receiver = Receiver::default();
    let mut seen = Vec::new();
    let mut at = Timestamp::ORIGIN;
    while at < Timestamp::from_origin(length) {
        at = at.after(period);
        world.run_until(at, &mut sender, &mut receiver);
        let Some(connection) = world.client() else { break };
        let estimate = sender.estimator.estimate(at);
        seen.push(Observation::new(at, estimate, connection, congestion, receiver.bytes));
    }
    Ok(seen)
}

fn transport() -> TransportConfig {
    let mut config = TransportConfig::default();
    let window = VarInt::from_u32(WINDOW);
    config.stream_receive_window(window).receive_window(window).send_window(WINDOW.into());
    config
}

struct Sender {
    feed: PathFeed,
    estimator: Estimator,
    connected: bool,
    /// The stream that is being written, and what it may still take.
    stream: Option<(StreamId, usize)>,
    samples: Vec<PathSample>,
}

impl Application for Sender {
    fn handle(&mut self, event: Event, _: &mut Connection, _: Timestamp) {
        self.connected |= matches!(event, Event::Connected);
    }

    fn act(&mut self, connection: &mut Connection, _: Timestamp) {
        self.feed.drain(&mut self.samples);
        for sample in self.samples.drain(..) {
            self.estimator.handle(sample);
        }
        while self.connected {
            if self.stream.is_none() {
                self.stream = connection.streams().open(Dir::Uni).map(|id| (id, STREAM_LENGTH));
            }
            let Some((id, left)) = &mut self.stream else { return };
            let mut stream = connection.send_stream(*id);
            let chunk = &CHUNK[..CHUNK.len().min(*left)];
            match stream.write_chunks(&mut [Buffer::from_static(chunk)]) {
                Ok(written) => *left -= written.bytes,
                Err(_) => return,
            }
            if *left == 0 {
                let _ = stream.finish();
                self.stream = None;
            }
        }
    }

    fn wake(&self) -> Timestamp {
        Timestamp::MAX
    }
}

#[derive(Default)]
struct Receiver {
    streams: Vec<StreamId>,
    bytes: Bytes,
}

impl Application for Receiver {
    fn handle(&mut self, _: Event, connection: &mut Connection, _: Timestamp) {
        self.streams.extend(std::iter::from_fn(|| connection.streams().accept(Dir::Uni)));
    }

    fn act(&mut self, connection: &mut Connection, _: Timestamp) {
        let bytes = &mut self.bytes;
        self.streams.retain(|&stream| {
            let mut stream = connection.recv_stream(stream);
            let Ok(mut chunks) = stream.read(true) else { return false };
            let goes_on = loop {
                match chunks.next(usize::MAX) {
                    Ok(Some(chunk)) => {
                        *bytes = bytes.saturating_add(Bytes::of_len(chunk.bytes.len()))
                    }
                    Ok(None) => break false,
                    Err(error) => break error == ReadError::Blocked,
                }
            };
            let _ = chunks.finalize();
            goes_on
        });
    }

    fn wake(&self) -> Timestamp {
        Timestamp::MAX
    }
}

/// Large enough for 100 Mbit/s over 200 ms with a queue of twice that.
const WINDOW: u32 = 16 << 20;

/// QUIC receivers give up on streams with a thousand gaps, which one long stream has after its
/// first overshoot on a long fat path.
const STREAM_LENGTH: usize = 1 << 20;

static CHUNK: [u8; 16 << 10] = [0; 16 << 10];
