//! What a link does to packets.

use std::sync::Arc;

use aiflow_units::{BitRate, Bytes, Micros, Timestamp};

use crate::{Probability, Trace};

/// How fast a link serves its queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rate {
    /// Packets never wait, except during outages.
    Unlimited,
    /// One rate, exact to the microsecond: what rounding takes from one packet is given to the next.
    Constant(BitRate),
    /// The rate of a trace, from its beginning at the origin of the clock.
    Trace(Arc<Trace>),
}

/// Loss in bursts: the model of Gilbert and Elliott.
///
/// The channel is good or bad; before each packet it may change, and each state loses packets at
/// its own share. It begins good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BurstLoss {
    pub(crate) enter: Probability,
    pub(crate) leave: Probability,
    pub(crate) loss_in_good: Probability,
    pub(crate) loss_in_bad: Probability,
}

impl BurstLoss {
    /// Takes how likely the channel turns bad before a packet, and how likely it turns good again;
    /// it loses everything while it is bad and nothing while it is good.
    ///
    /// Bursts are `1 / leave` packets long on average, and the share of lost packets is
    /// `enter / (enter + leave)`: 0.5 % and 25 % lose 2 % of the packets, 4 at a time.
    pub const fn new(enter: Probability, leave: Probability) -> Self {
        let (loss_in_good, loss_in_bad) = (Probability::NEVER, Probability::ALWAYS);
        Self { enter, leave, loss_in_good, loss_in_bad }
    }

    /// Sets the share that is lost while the channel is good (default: nothing).
    #[must_use]
    pub const fn with_loss_in_good(mut self, share: Probability) -> Self {
        self.loss_in_good = share;
        self
    }

    /// Sets the share that is lost while the channel is bad (default: everything).
    #[must_use]
    pub const fn with_loss_in_bad(mut self, share: Probability) -> Self {
        self.loss_in_bad = share;
        self
    }
}

/// What happens to packets that the channel damages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Corruption {
    /// They arrive with one bit flipped: see [`Delivered::flip`](crate::Delivered::flip).
    Flip(Probability),
    /// They are dropped, as by a link that has checksums of its own.
    Drop(Probability),
}

/// A time without service: nothing leaves the queue, what has left it still arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outage {
    /// When service stops.
    pub from: Timestamp,
    /// When service goes on; an outage that ends before it begins is none.
    pub to: Timestamp,
}

/// What a [`Link`](crate::Link) does to packets. The default lets everything pass at once.
///
/// A packet meets, in this order: the limit of the queue, the service of the queue at
/// [`rate`](Rate) with its outages, loss and damage on the wire, delay and jitter. So a lost packet
/// has used capacity, as it has on a radio channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkConfig {
    pub(crate) rate: Rate,
    pub(crate) delay: Micros,
    pub(crate) jitter: Micros,
    pub(crate) loss: Probability,
    pub(crate) burst_loss: Option<BurstLoss>,
    pub(crate) corruption: Corruption,
    pub(crate) queue_limit: Bytes,
    pub(crate) outages: Vec<Outage>,
    pub(crate) seed: u64,
}

impl LinkConfig {
    /// The default limit of the queue, 1 MiB: at the 10 Mbit/s of a cellular uplink it fills
    /// after 0.8 s, which is how deep the queues of base stations are.
    pub const QUEUE_LIMIT: Bytes = Bytes::from_mib(1);

    /// Makes the default link: no limit of rate, no delay, no loss, seed 0.
    pub fn new() -> Self {
        Self {
            rate: Rate::Unlimited,
            delay: Micros::ZERO,
            jitter: Micros::ZERO,
            loss: Probability::NEVER,
            burst_loss: None,
            corruption: Corruption::Flip(Probability::NEVER),
            queue_limit: Self::QUEUE_LIMIT,
            outages: Vec::new(),
            seed: 0,
        }
    }

    /// Sets how fast the queue is served (default: at once).
    #[must_use]
    pub fn with_rate(mut self, rate: Rate) -> Self {
        self.rate = rate;
        self
    }

    /// Sets the time from leaving the queue to arrival (default: none).
    #[must_use]
    pub fn with_delay(mut self, delay: Micros) -> Self {
        self.delay = delay;
        self
    }

    /// Sets the longest extra delay (default: none). It is uniform from zero, and later packets
    /// wait for earlier ones: jitter never reorders.
    #[must_use]
    pub fn with_jitter(mut self, longest: Micros) -> Self {
        self.jitter = longest;
        self
    }

    /// Sets the share of packets that get lost, each on its own (default: none).
    #[must_use]
    pub fn with_loss(mut self, share: Probability) -> Self {
        self.loss = share;
        self
    }

    /// Adds loss in bursts (default: none), besides that of [`LinkConfig::with_loss`].
    #[must_use]
    pub fn with_burst_loss(mut self, burst_loss: BurstLoss) -> Self {
        self.burst_loss = Some(burst_loss);
        self
    }

    /// Sets how many packets are damaged, and what comes of them (default: none).
    #[must_use]
    pub fn with_corruption(mut self, corruption: Corruption) -> Self {
        self.corruption = corruption;
        self
    }

    /// Sets how many bytes may wait, the packet in service included (default:
    /// [`LinkConfig::QUEUE_LIMIT`]). What does not fit is dropped: too small a limit keeps the rate
    /// from being used, too large a one lets delay grow without end. A packet that is larger than
    /// the limit passes when the queue is empty, so that no limit makes a link dead.
    #[must_use]
    pub fn with_queue_limit(mut self, limit: Bytes) -> Self {
        self.queue_limit = limit;
        self
    }

    /// Adds a time without service, from `from` until just before `to`. Outages may overlap.
    #[must_use]
    pub fn with_outage(mut self, from: Timestamp, to: Timestamp) -> Self {
        self.outages.push(Outage { from, to });
        self
    }

    /// Sets the seed of everything random (default: 0).
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}

impl Default for LinkConfig {
    fn default() -> Self {
        Self::new()
    }
}
