//! From samples to quantiles.

use std::collections::VecDeque;

use aiflow_units::{BitRate, Bytes, Micros, Timestamp};

use super::calibration::QuantileTracker;
use super::delay::DelayTracker;
use super::load::Load;
use super::loss::LossWindow;
use super::served::Served;
use super::service::{Interval, ServiceMeter};
use super::{Acked, Estimate, Flags, PathSample, Supply};

/// How an [`Estimator`] remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EstimatorConfig {
    memory: Micros,
    stale_after: Micros,
}

impl Default for EstimatorConfig {
    fn default() -> Self {
        Self { memory: Micros::from_millis(300), stale_after: Micros::from_secs(10) }
    }
}

impl EstimatorConfig {
    /// Sets the time constant of the mean over what the bottleneck served. Default: 300 ms, which
    /// forecasts the next half second of LTE drives best; shorter follows noise, longer lags.
    #[must_use]
    pub const fn with_memory(mut self, memory: Micros) -> Self {
        self.memory = memory;
        self
    }

    /// Sets how long the path may go unmeasured before the estimate counts as stale. Default: 10 s.
    #[must_use]
    pub const fn with_stale_after(mut self, span: Micros) -> Self {
        self.stale_after = span;
        self
    }
}

/// Estimates what a channel carries.
///
/// * feed: [`handle`](Estimator::handle), [`handle_migrated`](Estimator::handle_migrated), in the
///   order of time;
/// * read: [`estimate`](Estimator::estimate), at any time not before the last sample.
#[derive(Debug, Clone)]
pub struct Estimator {
    config: EstimatorConfig,
    delay: DelayTracker,
    loss: LossWindow,
    meter: ServiceMeter,
    served: Served,
    delivery_rate: BitRate,
    oldest_in_flight: Option<Timestamp>,
    /// Samples of this path, as far as they matter for staleness.
    samples: u32,
    last_limit: Option<Timestamp>,
    last_sample: Timestamp,
    forecasts: Forecasts,
    load: Load,
}

impl Estimator {
    /// How many samples an estimate needs on a new path.
    pub const SAMPLES_NEEDED: u32 = 3;

    /// The time ahead of which quantiles speak.
    pub const HORIZON: Micros = Micros::from_millis(500);

    /// Starts without knowledge.
    pub fn new(config: EstimatorConfig) -> Self {
        Self {
            config,
            delay: DelayTracker::default(),
            loss: LossWindow::default(),
            meter: ServiceMeter::default(),
            served: Served::new(config.memory),
            delivery_rate: BitRate::ZERO,
            oldest_in_flight: None,
            samples: 0,
            last_limit: None,
            last_sample: Timestamp::ORIGIN,
            forecasts: Forecasts::new(),
            load: Load::default(),
        }
    }

    /// Takes what the carrier saw.
    pub fn handle(&mut self, sample: PathSample) {
        match sample {
            PathSample::Sent(sent) => {
                self.advance(sent.at);
                self.delay.sent(&sent);
                self.oldest_in_flight.get_or_insert(sent.at);
            }
            PathSample::Acked(acked) => {
                self.advance(acked.at);
                self.handle_acked(&acked);
            }
            PathSample::Lost(lost) => self.loss.lost(lost.at, lost.bytes),
            PathSample::Migrated(at) => self.handle_migrated(at),
        }
    }

    /// Starts over on a new path: what was known becomes a guess.
    pub fn handle_migrated(&mut self, now: Timestamp) {
        self.delay = DelayTracker::default();
        self.loss = LossWindow::default();
        self.meter.reset();
        self.served.weaken();
        self.oldest_in_flight = None;
        self.samples = 0;
        self.last_limit = None;
        self.last_sample = now;
    }

    /// Starts from what an earlier connection over the same path had found, halved: the path may
    /// have changed since.
    pub fn resume(&mut self, rate: BitRate) {
        self.served = Served::new(self.config.memory);
        self.served.add(
            BitRate::bits_per_second(rate.get() / 2).bytes_in(Micros::from_millis(20)),
            Micros::from_millis(20),
        );
    }

    /// Says what is known at `now`.
    pub fn estimate(&self, now: Timestamp) -> Estimate {
        let base = self.forecast(now);
        let age = self.last_limit.map_or(Micros::MAX, |last| now.since(last));
        let mut flags = Flags::NONE;
        if age > APP_LIMITED_AFTER {
            flags |= Flags::APP_LIMITED;
        }
        let silence = now.since(self.last_sample);
        if self.samples < Self::SAMPLES_NEEDED || silence > self.config.stale_after {
            flags |= Flags::STALE;
        }
        Estimate {
            p50: scaled(base, self.forecasts.p10.median().clamp(0.8, 1.1)),
            p10: scaled(base, self.forecasts.p10.get().min(1.0)),
            delivery_rate: self.delivery_rate,
            min_rtt: self.delay.min_rtt(),
            srtt: self.delay.srtt(),
            rtt_deviation: self.delay.deviation(),
            queue_delay: self.delay.queue(),
            queue_trend: self.delay.trend(),
            loss: self.loss.rate(),
            busy: self.load.share(if self.oldest_in_flight.is_none() {
                silence
            } else {
                Micros::ZERO
            }),
            age,
            flags,
        }
    }

    fn handle_acked(&mut self, acked: &Acked) {
        let now = acked.at;
        self.delay.acked(acked);
        self.loss.delivered(now, acked.bytes);
        self.oldest_in_flight = acked.oldest_in_flight;
        let gap = now.since(self.last_sample);
        self.last_sample = now;
        let min_rtt = self.delay.min_rtt();
        let interval = self.meter.observe(acked, min_rtt);
        match interval {
            Interval::Busy(bytes, time) => self.handle_service(now, bytes, time),
            Interval::Idle(time) => {
                self.served.idle(time);
                self.load.idle(time);
            }
            Interval::Unclear => {}
        }
        let Some(delivery) = acked.delivery.filter(|sample| sample.interval >= min_rtt) else {
            return;
        };
        self.delivery_rate = delivery.rate();
        if delivery.supply == Supply::Ample {
            self.samples = self.samples.saturating_add(1);
        }
        let proven = matches!(interval, Interval::Busy(..));
        if !proven && delivery.rate() > self.served.rate(Micros::ZERO) {
            self.served.add(acked.bytes, gap.min(delivery.interval));
        }
    }

    fn handle_service(&mut self, now: Timestamp, bytes: Bytes, time: Micros) {
        if self.last_limit.is_none() {
            // All there was so far are lower bounds, or guesses of an earlier path.
            self.served = Served::new(self.config.memory);
        }
        self.served.add(bytes, time);
        self.load.busy(time);
        self.forecasts.served(bytes, time);
        self.last_limit = Some(now);
        self.samples = self.samples.saturating_add(1);
    }

    /// Brings predictions and what came of them up to `now`.
    fn advance(&mut self, now: Timestamp) {
        while let Some(at) = self.forecasts.due(now) {
            let silence = self.silence(at);
            let rate = self.forecast(at);
            self.forecasts.note(at, rate, silence);
        }
    }

    /// The mean of what the bottleneck serves, as seen at `now`.
    fn forecast(&self, now: Timestamp) -> BitRate {
        self.served.rate(self.silence(now))
    }

    /// For how long the bottleneck has owed an answer.
    fn silence(&self, now: Timestamp) -> Micros {
        self.oldest_in_flight.map_or(Micros::ZERO, |oldest| {
            let since = self.meter.waiting_since(oldest, self.delay.min_rtt());
            now.since(since).saturating_sub(GRACE)
        })
    }
}

/// Predictions that wait for their outcome, and what the outcomes taught.
#[derive(Debug, Clone)]
struct Forecasts {
    pending: VecDeque<Forecast>,
    next: Timestamp,
    /// All that the bottleneck has served, and the time in which it was known to be busy.
    bytes: u64,
    busy: Micros,
    p10: QuantileTracker,
}

#[derive(Debug, Clone, Copy)]
struct Forecast {
    at: Timestamp,
    rate: BitRate,
    bytes: u64,
    busy: Micros,
}

impl Forecasts {
    fn new() -> Self {
        Self {
            pending: VecDeque::new(),
            next: Timestamp::ORIGIN,
            bytes: 0,
            busy: Micros::ZERO,
            p10: QuantileTracker::new(0.1, 0.5),
        }
    }

    fn served(&mut self, bytes: Bytes, time: Micros) {
        self.bytes += bytes.get();
        self.busy = self.busy.saturating_add(time);
    }

    /// Returns the time of the next prediction if it has come.
    fn due(&mut self, now: Timestamp) -> Option<Timestamp> {
        if now.since(self.next) > LONGEST_GAP {
            self.pending.clear();
            self.next = now;
        }
        (self.next <= now).then_some(self.next)
    }

    /// Takes the prediction for `at`, and settles the one whose horizon ends there. `silence` is
    /// busy time that no acknowledgement has confirmed yet.
    fn note(&mut self, at: Timestamp, rate: BitRate, silence: Micros) {
        self.next = at.after(PERIOD);
        let busy = self.busy.saturating_add(silence);
        while let Some(&old) = self.pending.front()
            && at.since(old.at) >= Estimator::HORIZON
        {
            self.pending.pop_front();
            let time = busy.saturating_sub(old.busy);
            if old.rate > BitRate::ZERO && time.get() * 2 >= Estimator::HORIZON.get() {
                self.settle(old.rate, BitRate::over(Bytes::new(self.bytes - old.bytes), time));
            }
        }
        self.pending.push_back(Forecast { at, rate, bytes: self.bytes, busy });
    }

    fn settle(&mut self, predicted: BitRate, came: BitRate) {
        let ratio = (came.get() as f64 / predicted.get() as f64).clamp(0.01, 100.0).ln();
        self.p10.observe(ratio);
    }
}

fn scaled(rate: BitRate, factor: f64) -> BitRate {
    BitRate::bits_per_second((rate.get() as f64 * factor) as u64)
}

/// How often a prediction is noted.
const PERIOD: Micros = Micros::from_millis(100);

/// After a longer pause predictions start over.
const LONGEST_GAP: Micros = Micros::from_secs(5);

/// How long an answer may be late before its lack counts: the timer of delayed acknowledgements,
/// which is 25 ms unless endpoints agree on another.
const GRACE: Micros = Micros::from_millis(25);

/// How long ago the path may have been at its limit for the estimate to speak of it.
const APP_LIMITED_AFTER: Micros = Micros::from_secs(1);
