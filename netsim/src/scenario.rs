//! Paths that need no file: one name for each kind of trouble.

use std::sync::Arc;

use aiflow_units::{BitRate, Bytes, Micros, Timestamp};

use crate::{BurstLoss, Corruption, Duplex, LinkConfig, Probability, Rate, Trace};

/// A path that tests and demonstrations call by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scenario {
    /// No limit, no delay, no loss.
    Ideal,
    /// 10 Mbit/s, 15 ms each way, a queue of 25 packets: the plain case of interoperability tests.
    Plain,
    /// 10 Mbit/s with 750 ms each way, as over a satellite.
    LongDelay,
    /// 50 Mbit/s, 5 ms and up to 8 ms of jitter, losses in bursts: a crowded wireless LAN.
    Wireless,
    /// [`Scenario::Plain`] with 2 % of the packets lost, each on its own.
    Loss,
    /// [`Scenario::Plain`] with 2 % of the packets damaged by one bit.
    Corruption,
    /// 2 Mbit/s and 20 ms with 1 MiB of queue: 4 s of delay for who fills it.
    DeepQueue,
    /// 20 Mbit/s and 5 Mbit/s in turn, 5 s each, 30 ms each way.
    Steps,
    /// [`Scenario::Plain`] that is dead for 2 s after every 5 s, during the first 5 minutes.
    Blackhole,
    /// A drawn LTE drive ([`Trace::lte_like`], 140 s), 25 ms each way, 1 MiB of queue.
    Lte,
}

impl Scenario {
    /// All of them, the gentle ones first.
    pub const ALL: [Self; 10] = [
        Self::Ideal,
        Self::Plain,
        Self::LongDelay,
        Self::Wireless,
        Self::Loss,
        Self::Corruption,
        Self::DeepQueue,
        Self::Steps,
        Self::Blackhole,
        Self::Lte,
    ];

    /// Returns the name: lower case, words joined by hyphens.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ideal => "ideal",
            Self::Plain => "plain",
            Self::LongDelay => "long-delay",
            Self::Wireless => "wireless",
            Self::Loss => "loss",
            Self::Corruption => "corruption",
            Self::DeepQueue => "deep-queue",
            Self::Steps => "steps",
            Self::Blackhole => "blackhole",
            Self::Lte => "lte",
        }
    }

    /// Returns the scenario of a name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scenario| scenario.name() == name)
    }

    /// Makes the path; equal seeds give equal paths.
    pub fn path<P>(self, seed: u64) -> Duplex<P> {
        let (up, down) = self.links(seed);
        Duplex::new(up, down)
    }

    /// Returns the configuration of the uplink and of the downlink.
    pub fn links(self, seed: u64) -> (LinkConfig, LinkConfig) {
        let both = |config: LinkConfig| (config.clone().with_seed(seed), config.with_seed(seed));
        match self {
            Self::Ideal => both(LinkConfig::new()),
            Self::Plain => both(plain()),
            Self::LongDelay => both(
                at(10, 750).with_queue_limit(Bytes::new(1_875_000)), // one product of rate and RTT
            ),
            Self::Wireless => {
                let bursts = BurstLoss::new(Probability::ppm(2_000), Probability::percent(20));
                both(at(50, 5).with_jitter(Micros::from_millis(8)).with_burst_loss(bursts))
            }
            Self::Loss => both(plain().with_loss(Probability::percent(2))),
            Self::Corruption => {
                both(plain().with_corruption(Corruption::Flip(Probability::percent(2))))
            }
            Self::DeepQueue => both(at(2, 20)),
            Self::Steps => {
                let trace = Trace::steps(&[(seconds(5), mbit(20)), (seconds(5), mbit(5))]);
                both(of_trace(trace.unwrap_or_else(|_| Trace::constant(mbit(5))), 30))
            }
            Self::Blackhole => both((0..43).fold(plain(), |config, turn| {
                let from = Timestamp::from_origin(seconds(7 * turn + 5));
                config.with_outage(from, from.after(seconds(2)))
            })),
            Self::Lte => {
                let trace = |seed| of_trace(Trace::lte_like(seed, seconds(140)), 25);
                (trace(seed).with_seed(seed), trace(!seed).with_seed(seed))
            }
        }
    }
}

fn plain() -> LinkConfig {
    at(10, 15).with_queue_limit(Bytes::new(25 * 1500))
}

fn at(megabits: u64, delay_millis: u64) -> LinkConfig {
    LinkConfig::new()
        .with_rate(Rate::Constant(mbit(megabits)))
        .with_delay(Micros::from_millis(delay_millis))
}

fn of_trace(trace: Trace, delay_millis: u64) -> LinkConfig {
    LinkConfig::new()
        .with_rate(Rate::Trace(Arc::new(trace)))
        .with_delay(Micros::from_millis(delay_millis))
}

const fn mbit(megabits: u64) -> BitRate {
    BitRate::megabits_per_second(megabits)
}

const fn seconds(seconds: u64) -> Micros {
    Micros::from_secs(seconds)
}
