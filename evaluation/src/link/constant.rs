//! Links that do not change, or once: what the transport knows of them and makes of them.

use aiflow_netsim::{LinkConfig, Rate, Trace};
use aiflow_units::{BitRate, Bytes, Micros, Timestamp};
use serde::{Deserialize, Serialize};

use super::accuracy::quantile;
use super::policy::Aiflow;
use super::{
    Accuracy, Congestion, LinkError, Observation, Path, Traffic, Usage, bulk, frames, saturate,
};

/// What bare QUIC and the protocol achieve on a link of constant rate with a queue of twice its
/// bandwidth-delay product, both as fast as they can.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConstantRecord {
    /// The rate of the link in Mbit/s.
    pub rate_mbps: f64,
    /// The round trip of the empty path in milliseconds.
    pub rtt_ms: f64,
    /// Payload that bare QUIC delivered until the end, handshake and start included, in Mbit/s.
    pub raw_mbps: f64,
    /// The same of frames.
    pub goodput_mbps: f64,
    /// The same of frames after the first two seconds.
    pub settled_mbps: f64,
    /// The median relative error of the estimate after the first two seconds, under bare QUIC.
    pub estimate_error_p50: f64,
    /// The 95th percentile of the same.
    pub estimate_error_p95: f64,
    /// The median error of the congestion window over the smoothed round trip, at the same times.
    pub window_error_p50: f64,
    /// The median error of the estimate while frames are sent.
    pub frames_error_p50: f64,
}

impl ConstantRecord {
    /// How long each of the two sends.
    pub const LENGTH: Micros = Micros::from_secs(20);

    /// The rates that are looked at, in Mbit/s.
    pub const RATES: [u64; 5] = [1, 3, 10, 30, 100];

    /// The round trips that are looked at, in milliseconds.
    pub const RTTS: [u64; 4] = [10, 50, 100, 200];

    /// Measures one link.
    ///
    /// # Errors
    ///
    /// See [`LinkError`].
    pub fn measure(rate: BitRate, rtt: Micros) -> Result<Self, LinkError> {
        const PERIOD: Micros = Micros::from_millis(50);
        let raw = bulk(links(rate, rtt), Congestion::Cubic, Self::LENGTH, PERIOD)?;
        // With 32 of them under way, 1.6 s of sending are.
        let size = rate.bytes_in(PERIOD);
        let own = saturate(links(rate, rtt), size, Self::LENGTH, PERIOD)?;
        let estimate = |seen: &Observation| seen.estimate.p50;
        let errors = errors(&raw, rate, estimate);
        let window_errors = self::errors(&raw, rate, |seen| seen.window_rate);
        let frames_errors = self::errors(&own, rate, estimate);
        Ok(Self {
            rate_mbps: rate.get() as f64 / 1e6,
            rtt_ms: rtt.get() as f64 / 1e3,
            raw_mbps: goodput(&raw, Timestamp::ORIGIN),
            goodput_mbps: goodput(&own, Timestamp::ORIGIN),
            settled_mbps: goodput(&own, Accuracy::SETTLED),
            estimate_error_p50: quantile(&errors, 0.5),
            estimate_error_p95: quantile(&errors, 0.95),
            window_error_p50: quantile(&window_errors, 0.5),
            frames_error_p50: quantile(&frames_errors, 0.5),
        })
    }

    /// Returns what frames deliver as a share of what bare QUIC does.
    pub fn of_raw(&self) -> f64 {
        self.goodput_mbps / self.raw_mbps.max(1e-9)
    }
}

fn links(rate: BitRate, rtt: Micros) -> (LinkConfig, LinkConfig) {
    let both = LinkConfig::new().with_delay(Micros::new(rtt.get() / 2));
    let queue = Bytes::new((2 * rate.bytes_in(rtt).get()).max(LEAST_QUEUE));
    (both.clone().with_rate(Rate::Constant(rate)).with_queue_limit(queue), both)
}

/// Returns relative errors after the first two seconds, sorted.
fn errors(seen: &[Observation], rate: BitRate, said: impl Fn(&Observation) -> BitRate) -> Vec<f64> {
    let settled = seen.iter().filter(|seen| seen.at >= Accuracy::SETTLED);
    let error = |seen| (said(seen).get() as f64 / rate.get() as f64 - 1.0).abs();
    let mut errors: Vec<f64> = settled.map(error).collect();
    errors.sort_by(f64::total_cmp);
    errors
}

fn goodput(seen: &[Observation], from: Timestamp) -> f64 {
    let before = seen.iter().take_while(|seen| seen.at <= from).last();
    let before = before.map_or(Bytes::ZERO, |seen| seen.received);
    let Some(last) = seen.last() else { return 0.0 };
    let bytes = last.received.saturating_sub(before);
    BitRate::over(bytes, last.at.since(from)).get() as f64 / 1e6
}

/// How fast the transport follows a link that falls to a quarter of its rate and rises again, while
/// ten frames a second take the budget that it offers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// The rate before and after in Mbit/s.
    pub high_mbps: f64,
    /// The rate between in Mbit/s.
    pub low_mbps: f64,
    /// The round trip of the empty path in milliseconds.
    pub rtt_ms: f64,
    /// The time from the fall until the estimate is no more than a twentieth above the new rate, for
    /// good; `None` if it never is.
    pub fall_ms: Option<f64>,
    /// The time from the rise until the estimate reaches 90 % of the new rate; `None` if it never
    /// does.
    pub rise_ms: Option<f64>,
    /// The share of bases on time.
    pub base_on_time: f64,
}

impl StepRecord {
    /// The high rates that are looked at, in Mbit/s.
    pub const RATES: [u64; 3] = [4, 20, 80];

    /// Measures one link at a round trip of 60 ms.
    ///
    /// # Errors
    ///
    /// See [`LinkError`].
    pub fn measure(high: BitRate) -> Result<Self, LinkError> {
        let low = BitRate::bits_per_second(high.get() / 4);
        let part = Micros::from_secs(8);
        // The trace repeats after its last part, which the run does not reach.
        let steps = [(part, high), (part, low), (part, high)];
        let trace = Trace::steps(&steps).map_err(|source| {
            let file = format!("a step from {high} to {low}");
            LinkError::Trace { file, source }
        })?;
        let path = Path::new("step", trace);
        let (fall, rise) = (Timestamp::from_origin(part), Timestamp::from_origin(part).after(part));
        let end = rise.after(part);
        let traffic = Traffic { length: end.since_origin(), ..Traffic::default() };
        let mut policy = Aiflow::default();
        let run = frames(&path, &traffic, Usage::Layers, &mut policy, &mut |_, _| {})?;
        let millis = |span: Micros| span.get() as f64 / 1e3;
        let above = |rate: BitRate| rate.get() * 20 > low.get() * 21;
        let between = run.estimates.iter().filter(|(at, _)| (fall..rise).contains(at));
        let mut late = between.filter(|(_, seen)| above(seen.p50)).map(|(at, _)| *at);
        let last_above = late.next_back();
        let fell = last_above.map_or(fall, |at| at.after(LOOK));
        let after = run.estimates.iter().filter(|(at, _)| *at >= rise);
        let mut there = after.filter(|(_, seen)| seen.p50.get() * 10 >= high.get() * 9);
        let on_time = run.frames.iter().filter(|frame| frame.on_time(traffic.deadline)).count();
        Ok(Self {
            high_mbps: high.get() as f64 / 1e6,
            low_mbps: low.get() as f64 / 1e6,
            rtt_ms: millis(path.rtt),
            fall_ms: (fell < rise).then(|| millis(fell.since(fall))),
            rise_ms: there.next().map(|(at, _)| millis(at.since(rise))),
            base_on_time: on_time as f64 / run.frames.len().max(1) as f64,
        })
    }
}

/// 25 packets: less than that is no queue.
const LEAST_QUEUE: u64 = 25 * 1500;

/// The time between two estimates that are looked at.
const LOOK: Micros = Micros::from_millis(40);
