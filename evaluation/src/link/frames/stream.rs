//! Frames that do not adapt: one QUIC stream, as an application would write it first.

use std::sync::Arc;
use std::time::Instant;

use aiflow_transport::channel::Estimate;
use aiflow_units::{BitRate, Bytes, Micros, Timestamp};
use bytes::Bytes as Buffer;
use quinn_proto::congestion::CubicConfig;
use quinn_proto::{Connection, Dir, Event, StreamId, TransportConfig};

use super::super::world::{Application, World};
use super::super::{LinkError, Path};
use super::{FrameOutcome, FrameRun, LOOK, Traffic};

/// Writes frames of one size to one stream of a connection with default settings. What stands for an
/// estimate is the congestion window over the round trip.
///
/// # Errors
///
/// See [`LinkError`].
pub fn stream(
    path: &Path,
    traffic: &Traffic,
    rate: BitRate,
    seen: &mut dyn FnMut(Timestamp, &Estimate),
) -> Result<FrameRun, LinkError> {
    let mut client = TransportConfig::default();
    client.congestion_controller_factory(Arc::new(CubicConfig::default()));
    let server = TransportConfig::default();
    let mut world = World::new(Instant::now(), path.links(), client, server)?;
    let size = rate.bytes_in(traffic.period).max(Bytes::new(1)).get();
    let mut sender = Writer { traffic: *traffic, size, ..Writer::default() };
    let mut receiver = Reader::default();
    let mut run = FrameRun::default();
    let end = Timestamp::from_origin(traffic.length);
    let mut at = Timestamp::ORIGIN;
    while at < end {
        at = at.after(LOOK);
        world.run_until(at, &mut sender, &mut receiver);
        let estimate = world.client().map_or_else(Estimate::default, window_over_round_trip);
        seen(at, &estimate);
        run.estimates.push((at, estimate));
    }
    // Nothing is given up, so that all that is late comes after the end.
    sender.end = Some(end);
    let patience = end.after(Micros::from_secs(30));
    while at < patience && receiver.total < sender.captures.len() as u64 * size {
        at = at.after(LOOK);
        world.run_until(at, &mut sender, &mut receiver);
    }
    let in_run = |captured: &&Timestamp| captured.after(traffic.deadline) <= end;
    let captures = sender.captures.iter().filter(in_run).zip(0..);
    run.frames = captures.map(|(&at, number)| receiver.frame(number, at, size, traffic)).collect();
    Ok(run)
}

fn window_over_round_trip(connection: &mut Connection) -> Estimate {
    let window = Bytes::new(connection.congestion_state().window());
    let mut estimate = Estimate::default();
    estimate.p50 = BitRate::over(window, Micros::from_duration(connection.rtt()));
    estimate
}

#[derive(Default)]
struct Writer {
    traffic: Traffic,
    size: u64,
    connected: bool,
    stream: Option<StreamId>,
    captures: Vec<Timestamp>,
    written: u64,
    /// When no more frames are captured.
    end: Option<Timestamp>,
}

impl Writer {
    fn next(&self) -> Timestamp {
        let before = Micros::new(self.captures.len() as u64 * self.traffic.period.get());
        let next = Traffic::START.after(before);
        if self.end.is_some_and(|end| next >= end) { Timestamp::MAX } else { next }
    }
}

impl Application for Writer {
    fn handle(&mut self, event: Event, _: &mut Connection, _: Timestamp) {
        self.connected |= matches!(event, Event::Connected);
    }

    fn act(&mut self, connection: &mut Connection, now: Timestamp) {
        if now >= self.next() {
            self.captures.push(now);
        }
        if self.stream.is_none() && self.connected {
            self.stream = connection.streams().open(Dir::Uni);
        }
        let Some(stream) = self.stream else { return };
        let mut stream = connection.send_stream(stream);
        let all = self.captures.len() as u64 * self.size;
        while self.written < all {
            let length = (all - self.written).min(CHUNK.len() as u64) as usize;
            match stream.write_chunks(&mut [Buffer::from_static(&CHUNK[..length])]) {
                Ok(written) => self.written += written.bytes as u64,
                Err(_) => return,
            }
        }
    }

    fn wake(&self) -> Timestamp {
        self.next()
    }
}

#[derive(Default)]
struct Reader {
    stream: Option<StreamId>,
    total: u64,
    /// When how much had arrived.
    arrivals: Vec<(Timestamp, u64)>,
}

impl Reader {
    fn frame(
        &self,
        number: u64,
        captured: Timestamp,
        size: u64,
        traffic: &Traffic,
    ) -> FrameOutcome {
        // A quarter of the frame is what others send as its base.
        let base = number * size + (size * traffic.base_percent / 100).max(1);
        let index = self.arrivals.partition_point(|(_, total)| *total < base);
        let base_at = self.arrivals.get(index).map(|(at, _)| *at);
        let deadline = captured.after(traffic.deadline);
        let index = self.arrivals.partition_point(|(at, _)| *at <= deadline);
        let there = index.checked_sub(1).and_then(|index| self.arrivals.get(index));
        let there = there.map_or(0, |(_, total)| *total).saturating_sub(number * size).min(size);
        let on_time = base_at.is_some_and(|at| at <= deadline);
        let in_time = if on_time { Bytes::new(there) } else { Bytes::ZERO };
        FrameOutcome { captured, size: Bytes::new(size), base_at, in_time }
    }
}

impl Application for Reader {
    fn handle(&mut self, _: Event, connection: &mut Connection, _: Timestamp) {
        if let Some(stream) = connection.streams().accept(Dir::Uni) {
            self.stream = Some(stream);
        }
    }

    fn act(&mut self, connection: &mut Connection, now: Timestamp) {
        let Some(stream) = self.stream else { return };
        let mut stream = connection.recv_stream(stream);
        let Ok(mut chunks) = stream.read(true) else { return };
        let before = self.total;
        while let Ok(Some(chunk)) = chunks.next(usize::MAX) {
            self.total += chunk.bytes.len() as u64;
        }
        let _ = chunks.finalize();
        if self.total > before {
            self.arrivals.push((now, self.total));
        }
    }

    fn wake(&self) -> Timestamp {
        Timestamp::MAX
    }
}

static CHUNK: [u8; 16 << 10] = [0; 16 << 10];
