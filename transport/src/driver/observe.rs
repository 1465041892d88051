//! What operators see of connections: counters, histograms, log lines and qlog.

use std::time::Instant;

use aiflow_units::{Bytes, Micros, Timestamp};
use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use serde_json::{Value, json};
use tracing::{debug, info, trace};

use super::ConnectionError;
use super::qlog::Qlog;
use crate::channel::{Estimate, Flags};
use crate::wire::{ChannelReport, FrameReport, PointId, Probe, Role, Setup};
use crate::{ClosedBy, Event, Layer, Outcome, RequestId, Side, Statistics};

/// Watches one connection.
pub(super) struct Observer {
    side: Side,
    origin: Instant,
    qlog: Option<(Qlog, u64)>,
    counters: Vec<Counter>,
    published: Statistics,
    open: Gauge,
    rates: [Histogram; 2],
    queue: Histogram,
    requests: [Histogram; 4],
    estimated: Option<Timestamp>,
}

/// A counter: its name and where its value stands.
type Row = (&'static str, fn(&Statistics) -> u64);

/// The counters; [`driver`](super) documents them.
const COUNTERS: [Row; 19] = [
    ("aiflow_frames_sent_total", |s| s.frames_sent),
    ("aiflow_layers_sent_total", |s| s.layers_sent),
    ("aiflow_layers_reset_total", |s| s.layers_reset),
    ("aiflow_layers_unsent_total", |s| s.layers_unsent),
    ("aiflow_frame_bytes_total", |s| s.frame_bytes.get()),
    ("aiflow_other_bytes_total", |s| s.other_bytes.get()),
    ("aiflow_padding_bytes_total", |s| s.padding_bytes.get()),
    ("aiflow_results_total", |s| s.results),
    ("aiflow_deadlines_total", |s| s.deadlines),
    ("aiflow_cancelled_total", |s| s.cancelled),
    ("aiflow_failed_total", |s| s.failed),
    ("aiflow_frames_received_total", |s| s.frames_received),
    ("aiflow_layers_received_total", |s| s.layers_received),
    ("aiflow_payload_received_bytes_total", |s| s.payload_received.get()),
    ("aiflow_frames_lost_total", |s| s.frames_lost),
    ("aiflow_switches_total", |s| s.switches),
    ("aiflow_refusals_total", |s| s.refusals),
    ("aiflow_reports_received_total", |s| s.reports_received),
    ("aiflow_outages_total", |s| s.outages),
];

impl Observer {
    pub(super) fn new(side: Side, qlog: Option<Qlog>, origin: Instant) -> Self {
        let label = side_name(side);
        counter!("aiflow_connections_total", "side" => label).increment(1);
        let open = gauge!("aiflow_connections", "side" => label);
        open.increment(1);
        let rate = |quantile| histogram!("aiflow_estimate_bits_per_second", "quantile" => quantile, "side" => label);
        Self {
            side,
            origin,
            qlog: qlog.map(|qlog| {
                let group = qlog.group();
                (qlog, group)
            }),
            counters: COUNTERS.iter().map(|(name, _)| counter!(*name, "side" => label)).collect(),
            published: Statistics::default(),
            open,
            rates: [rate("0.5"), rate("0.1")],
            requests: OUTCOMES
                .map(|outcome| histogram!("aiflow_request_seconds", "outcome" => outcome)),
            queue: histogram!("aiflow_queue_delay_seconds", "side" => label),
            estimated: None,
        }
    }

    /// Writes an event to qlog, if there is one.
    fn log(&self, now: Timestamp, name: &str, data: impl FnOnce() -> Value) {
        if let Some((qlog, group)) = &self.qlog {
            let at = self.origin + now.since_origin().to_duration();
            qlog.write(*group, qlog.millis(at), name, &data());
        }
    }

    /// The application sent a frame.
    pub(super) fn sent(
        &self,
        request: RequestId,
        size: Bytes,
        layers: usize,
        deadline: Timestamp,
        now: Timestamp,
    ) {
        trace!(%request, size = size.get(), layers, "frame");
        self.log(now, "frame_sent", || {
            let left = deadline.since(now).get();
            let left = if deadline == Timestamp::MAX { Value::Null } else { left.into() };
            json!({
                "session": request.session.0, "sequence": request.sequence.0,
                "bytes": size.get(), "layers": layers, "time_left_us": left,
            })
        });
    }

    /// A request of this side ended.
    pub(super) fn request_ended(&self, outcome: &Outcome, took: Micros) {
        if let Some(histogram) = self.requests.get(place(outcome)) {
            histogram.record(took.to_duration());
        }
    }

    /// The application probes the channel.
    pub(super) fn probe(&self, direction: &'static str, probe: &Probe, now: Timestamp) {
        debug!(direction, target = probe.target.get(), "probe");
        self.log(now, "probe", || {
            json!({
                "direction": direction, "target_bps": probe.target.get(),
                "cap_bytes": probe.cap.get(), "duration_us": probe.duration.get(),
            })
        });
    }

    /// The core told something.
    pub(super) fn event(&self, event: &Event, now: Timestamp) {
        match event {
            Event::Ready(setup) => {
                info!(side = side_name(self.side), peer = setup.implementation, "ready");
                self.log(now, "setup", || setup_data(setup));
            }
            Event::GoingAway(goaway) => {
                info!(drain_ms = goaway.drain.get() / 1000, "the peer goes away");
                self.log(now, "goaway", || json!({ "drain_us": goaway.drain.get() }));
            }
            Event::SessionOpened { session, epoch, active } => {
                info!(session = session.0, epoch = epoch.0, point = active.0, "session open");
                self.log(
                    now,
                    "open",
                    || json!({ "session": session.0, "epoch": epoch.0, "active": active.0 }),
                );
            }
            Event::SessionEnded { session, code, .. } => {
                info!(session = session.0, %code, "session ended");
                self.log(
                    now,
                    "session_ended",
                    || json!({ "session": session.0, "code": code.name() }),
                );
            }
            Event::Report(report) => self.log(now, "report", || report_data(report)),
            Event::FrameReport(report) => {
                self.log(now, "frame_report", || frame_report_data(report));
            }
            Event::Layer(layer) => {
                trace!(request = %layer.request, layer = layer.header.layer.0, "layer");
                self.log(now, "frame_received", || layer_data(layer, now));
            }
            Event::LayerLost { request, layer, code, .. } => {
                debug!(%request, layer, %code, "layer lost");
                self.log(now, "frame_dropped", || dropped(*request, Some(*layer), code.name()));
            }
            Event::FrameLost { request, code, .. } => {
                debug!(%request, %code, "frame lost");
                self.log(now, "frame_dropped", || dropped(*request, None, code.name()));
            }
            Event::Ended { request, outcome } => {
                let (name, _) = outcome_names(outcome);
                debug!(%request, outcome = name, "request ended");
                self.log(now, "frame_ended", || ended_data(*request, outcome));
            }
            Event::OutageBegan { since } => {
                info!("the peer acknowledges nothing");
                let silence = now.since(*since).get();
                self.log(now, "outage", || json!({ "state": "began", "silence_us": silence }));
            }
            Event::OutageEnded { lasted } => {
                info!(lasted_ms = lasted.get() / 1000, "the peer acknowledges again");
                let lasted = lasted.get();
                self.log(now, "outage", || json!({ "state": "ended", "silence_us": lasted }));
            }
            other => self.reconf(other, now),
        }
    }

    /// Changes of operating points.
    fn reconf(&self, event: &Event, now: Timestamp) {
        let (state, session, epoch, active, detail) = match event {
            Event::Proposed { session, epoch, active, .. } => {
                ("proposed", session, epoch, Some(active), Value::Null)
            }
            Event::Switched { session, epoch, active, took } => {
                if *took > Micros::ZERO {
                    histogram!("aiflow_switch_seconds").record(took.to_duration());
                }
                ("switched", session, epoch, Some(active), json!({ "took_us": took.get() }))
            }
            Event::Rejected { session, epoch, code } => {
                ("rejected", session, epoch, None, json!({ "code": code.name() }))
            }
            Event::EpochEnded { session, epoch } => ("ended", session, epoch, None, Value::Null),
            _ => return,
        };
        info!(session = session.0, epoch = epoch.0, point = active.map(|p| p.0), state, "epoch");
        self.log(now, "reconf", || {
            let active = active.map(|PointId(number)| *number);
            json!({
                "state": state, "session": session.0, "epoch": epoch.0, "active": active,
                "detail": detail,
            })
        });
    }

    /// Publishes what is known of the channel, at most every 100 ms.
    pub(super) fn estimate(
        &mut self,
        estimate: &Estimate,
        stats: impl FnOnce() -> Statistics,
        now: Timestamp,
    ) {
        if self.estimated.is_some_and(|last| now.since(last) < BETWEEN_ESTIMATES) {
            return;
        }
        self.estimated = Some(now);
        self.publish(&stats());
        if estimate.p50.get() == 0 {
            return;
        }
        for (histogram, rate) in self.rates.iter().zip([estimate.p50, estimate.p10]) {
            histogram.record(rate.get() as f64);
        }
        self.queue.record(estimate.queue_delay.to_duration());
        self.log(now, "estimate", || estimate_data(estimate));
    }

    /// Adds what was counted since the last time.
    fn publish(&mut self, stats: &Statistics) {
        for (counter, (_, value)) in self.counters.iter().zip(&COUNTERS) {
            counter.increment(value(stats).saturating_sub(value(&self.published)));
        }
        self.published = *stats;
    }

    /// The connection is over.
    pub(super) fn closed(&mut self, why: &ConnectionError, stats: &Statistics, now: Timestamp) {
        self.publish(stats);
        self.open.decrement(1);
        let (side, code) = (side_name(self.side), why.code().name());
        counter!("aiflow_connections_closed_total", "side" => side, "code" => code).increment(1);
        info!(side, %why, "connection over");
        self.log(now, "closed", || {
            let by = match why {
                ConnectionError::Closed { by: ClosedBy::Local, .. } => "local",
                ConnectionError::Closed { by: ClosedBy::Peer, .. } => "peer",
                _ => "carrier",
            };
            json!({
                "code": code, "by": by, "frames_sent": stats.frames_sent,
                "frames_received": stats.frames_received, "results": stats.results,
            })
        });
    }
}

/// The names of outcomes, in the order of [`place`].
const OUTCOMES: [&str; 4] = ["result", "deadline", "cancelled", "failed"];

const fn place(outcome: &Outcome) -> usize {
    match outcome {
        Outcome::Result(_) => 0,
        Outcome::Deadline => 1,
        Outcome::Cancelled => 2,
        Outcome::Failed(_) => 3,
    }
}

fn outcome_names(outcome: &Outcome) -> (&'static str, Option<&'static str>) {
    let code = match outcome {
        Outcome::Failed(code) => Some(code.name()),
        _ => None,
    };
    (OUTCOMES[place(outcome)], code)
}

fn side_name(side: Side) -> &'static str {
    match side {
        Side::Client => "client",
        Side::Server => "server",
    }
}

fn setup_data(setup: &Setup) -> Value {
    let role = match setup.role {
        Role::Head => "head",
        Role::Tail => "tail",
        Role::Both => "both",
    };
    let codecs: Vec<u64> = setup.codecs.iter().map(|codec| codec.0).collect();
    json!({
        "implementation": setup.implementation, "role": role, "codecs": codecs,
        "channel_level": setup.channel_level as u64,
        "report_interval_us": setup.report_interval.get(),
    })
}

fn report_data(report: &ChannelReport) -> Value {
    json!({
        "sequence": report.sequence.0, "p50_bps": report.rate_p50.get(),
        "p10_bps": report.rate_p10.get(), "delivery_bps": report.delivery_rate.get(),
        "min_rtt_us": report.min_rtt.get(), "srtt_us": report.srtt.get(),
        "rttvar_us": report.rttvar.get(), "loss_ppm": report.loss.ppm(),
        "queue_us": report.queue_delay.get(), "backlog_bytes": report.backlog.get(),
        "flags": report.flags.bits(), "age_us": report.age.get(),
    })
}

fn frame_report_data(report: &FrameReport) -> Value {
    json!({
        "session": report.session.0, "sequence": report.sequence.0, "layers": report.layers,
        "transfer_us": report.transfer.get(), "wait_us": report.wait.get(),
        "decode_us": report.decode.get(), "infer_us": report.infer.get(),
        "status": report.status.name(),
    })
}

fn layer_data(layer: &Layer, now: Timestamp) -> Value {
    let header = &layer.header;
    json!({
        "session": header.session.0, "sequence": header.sequence.0, "epoch": header.epoch.0,
        "layer": header.layer.0, "layers": header.layers, "point": header.point.0,
        "rate": header.rate.0, "bytes": header.length.get(), "age_us": header.age.get(),
        "transfer_us": now.since(layer.arrived).get(),
    })
}

fn dropped(request: RequestId, layer: Option<u8>, code: &str) -> Value {
    json!({
        "session": request.session.0, "sequence": request.sequence.0, "layer": layer,
        "code": code,
    })
}

fn ended_data(request: RequestId, outcome: &Outcome) -> Value {
    let (name, code) = outcome_names(outcome);
    let bytes = match outcome {
        Outcome::Result(reply) => Some(reply.payload.len()),
        _ => None,
    };
    json!({
        "session": request.session.0, "sequence": request.sequence.0, "outcome": name,
        "code": code, "bytes": bytes,
    })
}

fn estimate_data(estimate: &Estimate) -> Value {
    json!({
        "p50_bps": estimate.p50.get(), "p10_bps": estimate.p10.get(),
        "delivery_bps": estimate.delivery_rate.get(), "min_rtt_us": estimate.min_rtt.get(),
        "srtt_us": estimate.srtt.get(), "queue_us": estimate.queue_delay.get(),
        "loss_ppm": estimate.loss.get(), "age_us": estimate.age.get(),
        "app_limited": estimate.flags.contains(Flags::APP_LIMITED),
        "probing": estimate.flags.contains(Flags::PROBING),
        "stale": estimate.flags.contains(Flags::STALE),
    })
}

/// The time between two published estimates.
const BETWEEN_ESTIMATES: Micros = Micros::from_millis(100);

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::{Arc, Mutex};

    use metrics::{Key, KeyName, Metadata, Recorder, SharedString, Unit};

    use super::*;
    use crate::Code;

    /// Keeps counters by name; what else is recorded only leaves its name.
    #[derive(Default)]
    struct Kept(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

    impl Kept {
        fn cell(&self, key: &Key) -> Arc<AtomicU64> {
            let mut cells = self.0.lock().expect("nobody panics");
            Arc::clone(cells.entry(key.name().to_owned()).or_default())
        }
    }

    impl Recorder for Kept {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            Counter::from_arc(self.cell(key))
        }

        fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
            self.cell(key);
            Gauge::noop()
        }

        fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
            self.cell(key);
            Histogram::noop()
        }
    }

    #[test]
    fn what_is_counted_is_published_under_documented_names() {
        let kept = Kept::default();
        metrics::with_local_recorder(&kept, || {
            let mut observer = Observer::new(Side::Client, None, Instant::now());
            let mut stats = Statistics { frames_sent: 3, results: 2, ..Statistics::default() };
            let at = |millis| Timestamp::from_origin(Micros::from_millis(millis));
            observer.estimate(&Estimate::default(), || stats, at(0));
            stats.frames_sent = 5;
            observer.estimate(&Estimate::default(), || stats, at(50));
            stats.results = 4;
            let code = Code::NoError;
            let why = ConnectionError::Closed { code, by: ClosedBy::Local };
            observer.closed(&why, &stats, at(60));
        });
        let kept = kept.0.into_inner().expect("nobody panics");
        let value = |name: &str| kept.get(name).map(|cell| cell.load(Ordering::Relaxed));
        assert_eq!(value("aiflow_frames_sent_total"), Some(5));
        assert_eq!(value("aiflow_results_total"), Some(4));
        assert_eq!(value("aiflow_failed_total"), Some(0));
        assert_eq!(value("aiflow_connections_closed_total"), Some(1));
        let documented = include_str!("mod.rs");
        for name in kept.keys().map(String::as_str).chain(["aiflow_switch_seconds"]) {
            assert!(documented.contains(&format!("`{name}`")), "{name} is not documented");
        }
    }
}
