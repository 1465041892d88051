//! A congestion controller that tells what it sees.

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use aiflow_units::Bytes;
use quinn_proto::RttEstimator;
use quinn_proto::congestion::{Controller, ControllerFactory, ControllerMetrics};

use super::PathFeed;
use crate::channel::{Lost, PathSample, Sampler};

/// Makes observed controllers.
pub(super) struct ObservedFactory {
    inner: Arc<dyn ControllerFactory + Send + Sync>,
    feed: PathFeed,
}

impl ObservedFactory {
    pub(super) fn new(inner: Arc<dyn ControllerFactory + Send + Sync>, feed: PathFeed) -> Self {
        Self { inner, feed }
    }
}

impl ControllerFactory for ObservedFactory {
    fn build(self: Arc<Self>, now: Instant, current_mtu: u16) -> Box<dyn Controller> {
        let inner = Arc::clone(&self.inner).build(now, current_mtu);
        Box::new(Observed::new(inner, self.feed.clone()))
    }
}

/// Decides what the inner controller decides, within the limit that the feed sets.
struct Observed {
    inner: Box<dyn Controller>,
    feed: PathFeed,
    id: u64,
    sampler: Sampler,
    /// Whether this controller has sent; copies that only show a state never do.
    speaks: bool,
    /// Packets that were sent at one time and are acknowledged together: there are many of them.
    run: Option<Run>,
}

#[derive(Debug, Clone, Copy)]
struct Run {
    now: Instant,
    sent: Instant,
    bytes: u64,
    packets: u32,
}

impl Observed {
    fn new(inner: Box<dyn Controller>, feed: PathFeed) -> Self {
        let id = feed.next_id();
        Self { inner, feed, id, sampler: Sampler::new(), speaks: false, run: None }
    }

    fn limited(&self) -> bool {
        let limit = self.feed.window_limit();
        limit < u64::MAX && limit < self.inner.window()
    }

    /// Hands on the packets that were acknowledged.
    fn end_run(&mut self) {
        if let Some(Run { now, sent, bytes, packets }) = self.run.take() {
            let (now, sent) = (self.feed.timestamp(now), self.feed.timestamp(sent));
            self.sampler.acked_several(now, sent, Bytes::new(bytes), packets);
        }
    }

    fn publish_window(&self) {
        if self.speaks {
            self.feed.set_window(self.inner.window());
        }
    }
}

impl Controller for Observed {
    fn on_sent(&mut self, now: Instant, bytes: u64, last_packet_number: u64) {
        self.inner.on_sent(now, bytes, last_packet_number);
        self.end_run();
        let at = self.feed.timestamp(now);
        self.speaks = true;
        if self.feed.speak(self.id, at) {
            self.sampler = Sampler::new();
        }
        if bytes <= LARGEST_ACK {
            return;
        }
        let sent = self.sampler.sent(at, Bytes::new(bytes), self.feed.supply());
        self.feed.push(self.id, PathSample::Sent(sent));
        self.publish_window();
    }

    fn on_ack(
        &mut self,
        now: Instant,
        sent: Instant,
        bytes: u64,
        app_limited: bool,
        rtt: &RttEstimator,
    ) {
        let app_limited = app_limited || self.limited();
        self.inner.on_ack(now, sent, bytes, app_limited, rtt);
        match &mut self.run {
            _ if !self.speaks => {}
            Some(run) if (run.now, run.sent) == (now, sent) => {
                run.bytes += bytes;
                run.packets += 1;
            }
            _ => {
                self.end_run();
                self.run = Some(Run { now, sent, bytes, packets: 1 });
            }
        }
    }

    fn on_end_acks(
        &mut self,
        now: Instant,
        in_flight: u64,
        app_limited: bool,
        largest_packet_num_acked: Option<u64>,
    ) {
        let limited = app_limited || self.limited();
        self.inner.on_end_acks(now, in_flight, limited, largest_packet_num_acked);
        self.end_run();
        let acked = self.sampler.finish(self.feed.timestamp(now), Some(Bytes::new(in_flight)));
        if let Some(acked) = acked {
            self.feed.push(self.id, PathSample::Acked(acked));
        }
        self.publish_window();
    }

    fn on_congestion_event(
        &mut self,
        now: Instant,
        sent: Instant,
        is_persistent_congestion: bool,
        lost_bytes: u64,
    ) {
        self.inner.on_congestion_event(now, sent, is_persistent_congestion, lost_bytes);
        let bytes = Bytes::new(lost_bytes);
        self.end_run();
        self.sampler.lost(bytes);
        let at = self.feed.timestamp(now);
        self.feed.push(self.id, PathSample::Lost(Lost { at, bytes }));
        self.publish_window();
    }

    fn on_mtu_update(&mut self, new_mtu: u16) {
        self.inner.on_mtu_update(new_mtu);
    }

    fn window(&self) -> u64 {
        self.inner.window().min(self.feed.window_limit())
    }

    fn metrics(&self) -> ControllerMetrics {
        self.inner.metrics()
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(Self::new(self.inner.clone_box(), self.feed.clone()))
    }

    fn initial_window(&self) -> u64 {
        self.inner.initial_window()
    }

    /// Gives the inner controller, so that those who know its type still find it.
    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self.inner.into_any()
    }
}

/// What is no larger is taken for a bare acknowledgement. Those are reported like all packets but are
/// never acknowledged themselves, so that the path would seem to be silent.
const LARGEST_ACK: u64 = 80;
