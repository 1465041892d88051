//! One direction of a path.

mod config;
mod server;
mod stats;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use aiflow_units::{Bytes, Micros, Timestamp};

pub use config::{BurstLoss, Corruption, LinkConfig, Outage, Rate};
pub use stats::{Count, LinkStats};

use crate::random::{Purpose, Random};
use server::Server;

/// What is handed to a link: anything, and how large it is on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<P> {
    /// What comes out at the other end.
    pub payload: P,
    /// The size with which it uses the link; zero counts as one byte.
    pub size: Bytes,
}

impl<P> Packet<P> {
    /// Makes a packet of a size.
    pub const fn new(payload: P, size: Bytes) -> Self {
        Self { payload, size }
    }
}

/// What comes out of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivered<P> {
    /// What was handed in.
    pub payload: P,
    /// Its size.
    pub size: Bytes,
    /// When it was handed in.
    pub sent_at: Timestamp,
    /// When its last byte left the queue: the time of service.
    pub served_at: Timestamp,
    /// When it arrived; later calls than that do not change it.
    pub at: Timestamp,
    /// The damage that the caller has to do to it, if any.
    pub flip: Option<BitFlip>,
}

/// A bit that the channel turned over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BitFlip(u64);

impl BitFlip {
    /// Flips the bit. Where `bytes` are fewer than the size of the packet (headers that count and
    /// are not there), the position wraps; nothing happens to an empty slice.
    pub fn apply(self, bytes: &mut [u8]) {
        let Some(last) = (bytes.len() as u64).checked_sub(1) else { return };
        if let Some(byte) = bytes.get_mut((self.0 / 8 % (last + 1)) as usize) {
            *byte ^= 1 << (self.0 % 8);
        }
    }
}

/// One direction of a path: a queue with a limit, a server with a rate, and a wire that delays,
/// loses and damages. See [`LinkConfig`] for the order in which a packet meets them.
///
/// # Use
///
/// The link reads no clock. Time is the argument `now` and does not go backwards; a `now` before
/// the latest one counts as the latest one. Packets come out in the order in which they went in.
///
/// * [`send`](Link::send) hands a packet in.
/// * [`poll_delivery`](Link::poll_delivery) takes out what has arrived; call it until `None`.
/// * [`next_event`](Link::next_event) says when to call it again.
///
/// [`stats`](Link::stats), [`capacity`](Link::capacity) and [`queue_delay`](Link::queue_delay) tell
/// what no endpoint can know: the truth against which estimates are judged.
///
/// ```
/// use aiflow_netsim::{Link, LinkConfig, Packet, Rate};
/// use aiflow_units::{BitRate, Bytes, Micros, Timestamp};
///
/// let config = LinkConfig::new()
///     .with_rate(Rate::Constant(BitRate::megabits_per_second(12)))
///     .with_delay(Micros::from_millis(20));
/// let mut link = Link::new(config);
/// for number in 1..=3 {
///     link.send(Timestamp::ORIGIN, Packet::new(number, Bytes::new(1500)));
/// }
/// let mut arrivals = Vec::new();
/// while let Some(now) = link.next_event() {
///     while let Some(packet) = link.poll_delivery(now) {
///         arrivals.push((packet.payload, packet.at.since_origin()));
///     }
/// }
/// assert_eq!(arrivals, [21, 22, 23].map(Micros::from_millis).into_iter().enumerate()
///     .map(|(index, at)| (index + 1, at)).collect::<Vec<_>>());
/// ```
#[derive(Debug, Clone)]
pub struct Link<P> {
    server: Server,
    queue_limit: Bytes,
    wire: Wire,
    /// The latest time that the link was told.
    now: Timestamp,
    /// Everything on its way, in order; those that have left the queue come first.
    held: VecDeque<Held<P>>,
    /// How many of them have left the queue.
    left: usize,
    /// When the packet before arrives.
    last_arrival: Timestamp,
    stats: LinkStats,
}

/// A packet on its way, whose future is known from the moment it was accepted.
#[derive(Debug, Clone)]
struct Held<P> {
    packet: Packet<P>,
    sent_at: Timestamp,
    served_at: Timestamp,
    at: Timestamp,
    fate: Fate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Arrives,
    Flipped(BitFlip),
    Lost,
    Corrupt,
}

/// What happens after the queue.
#[derive(Debug, Clone)]
struct Wire {
    delay: Micros,
    jitter: (Micros, Random),
    loss: (crate::Probability, Random),
    burst: Option<BurstLoss>,
    burst_random: Random,
    bad: bool,
    corruption: (Corruption, Random),
}

impl<P> Link<P> {
    /// Makes an empty link whose clock is at the origin.
    pub fn new(config: LinkConfig) -> Self {
        let wire = Wire::new(&config);
        Self {
            server: Server::new(config.rate, config.outages),
            queue_limit: config.queue_limit,
            wire,
            now: Timestamp::ORIGIN,
            held: VecDeque::new(),
            left: 0,
            last_arrival: Timestamp::ORIGIN,
            stats: LinkStats::default(),
        }
    }

    /// Hands a packet in. Whether it is dropped, only [`Link::stats`] tells.
    pub fn send(&mut self, now: Timestamp, packet: Packet<P>) {
        self.advance(now);
        let (now, size) = (self.now, packet.size);
        self.stats.sent.add(size);
        let fate = self.wire.fate(size);
        let extra = self.wire.extra_delay();
        let queued = self.stats.queued;
        if queued.packets > 0 && queued.bytes.saturating_add(size) > self.queue_limit {
            self.stats.dropped_queue.add(size);
            return;
        }
        let served_at = self.server.serve(now, size);
        let at = served_at.after(self.wire.delay).after(extra).max(self.last_arrival);
        self.last_arrival = at;
        self.stats.queued.add(size);
        self.stats.max_queued = self.stats.max_queued.max(self.stats.queued.bytes);
        self.held.push_back(Held { packet, sent_at: now, served_at, at, fate });
        self.advance(now);
    }

    /// Takes out the next packet that has arrived by `now`.
    pub fn poll_delivery(&mut self, now: Timestamp) -> Option<Delivered<P>> {
        self.discard(now);
        let Held { packet, sent_at, served_at, at, fate } = self.take_if(|_| true)?;
        let Packet { payload, size } = packet;
        let flip = match fate {
            Fate::Flipped(flip) => Some(flip),
            Fate::Arrives | Fate::Lost | Fate::Corrupt => None,
        };
        if flip.is_some() {
            self.stats.corrupted.add(size);
        }
        self.stats.delivered.add(size);
        Some(Delivered { payload, size, sent_at, served_at, at, flip })
    }

    /// Moves the clock, and counts what would have arrived by then before anything else does.
    pub(crate) fn discard(&mut self, now: Timestamp) {
        self.advance(now);
        while let Some(held) = self.take_if(|fate| matches!(fate, Fate::Lost | Fate::Corrupt)) {
            match held.fate {
                Fate::Corrupt => self.stats.dropped_corrupt.add(held.packet.size),
                _ => self.stats.dropped_loss.add(held.packet.size),
            }
        }
    }

    /// Takes the first packet off the wire if its time has come and its fate fits.
    fn take_if(&mut self, fits: fn(Fate) -> bool) -> Option<Held<P>> {
        let held = self.held.pop_front_if(|held| held.at <= self.now && fits(held.fate))?;
        // What has arrived has left the queue before.
        self.left -= 1;
        self.stats.in_flight.remove(held.packet.size);
        Some(held)
    }

    /// Returns when [`Link::poll_delivery`] may have something next; `None` if nothing is on its
    /// way, or nothing that will ever arrive. For a lost packet it then returns nothing.
    pub fn next_event(&self) -> Option<Timestamp> {
        self.held.front().map(|held| held.at).filter(|&at| at != Timestamp::MAX)
    }

    /// Returns what has happened until the latest time that the link was told.
    pub fn stats(&self) -> LinkStats {
        self.stats
    }

    /// Returns how much the link can serve from `from` until just before `to`, rounded down and
    /// outages taken off: the truth, whatever is sent, lost or dropped. An unlimited link has more
    /// than any sender.
    pub fn capacity(&self, from: Timestamp, to: Timestamp) -> Bytes {
        self.server.capacity(from, to)
    }

    /// Returns how long a packet of no size that is sent at `now` waits until it is served:
    /// until all before it have left and an outage is over. [`Micros::MAX`] if for ever.
    pub fn queue_delay(&self, now: Timestamp) -> Micros {
        self.server.delay(now)
    }

    /// Moves the clock, and out of the queue what has left it by then.
    fn advance(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        while let Some(held) = self.held.get(self.left).filter(|held| held.served_at <= self.now) {
            self.stats.queued.remove(held.packet.size);
            self.stats.in_flight.add(held.packet.size);
            self.left += 1;
        }
    }
}

impl Wire {
    fn new(config: &LinkConfig) -> Self {
        let random = |purpose| Random::new(config.seed, purpose);
        Self {
            delay: config.delay,
            jitter: (config.jitter, random(Purpose::Jitter)),
            loss: (config.loss, random(Purpose::Loss)),
            burst: config.burst_loss,
            burst_random: random(Purpose::Burst),
            bad: false,
            corruption: (config.corruption, random(Purpose::Corruption)),
        }
    }

    /// Draws what becomes of the next packet. Each packet takes as many numbers from each stream
    /// as any other, so that a dropped one does not move the fate of those behind it.
    fn fate(&mut self, size: Bytes) -> Fate {
        let (loss, random) = &mut self.loss;
        let lost = random.happens(*loss);
        let in_burst = self.burst.is_some_and(|burst| {
            let change = if self.bad { burst.leave } else { burst.enter };
            self.bad ^= self.burst_random.happens(change);
            let share = if self.bad { burst.loss_in_bad } else { burst.loss_in_good };
            self.burst_random.happens(share)
        });
        let (corruption, random) = &mut self.corruption;
        let (Corruption::Flip(share) | Corruption::Drop(share)) = *corruption;
        let corrupt = random.happens(share);
        let bit = random.below(size.bits());
        match corruption {
            _ if lost || in_burst => Fate::Lost,
            Corruption::Flip(_) if corrupt => Fate::Flipped(BitFlip(bit)),
            Corruption::Drop(_) if corrupt => Fate::Corrupt,
            _ => Fate::Arrives,
        }
    }

    fn extra_delay(&mut self) -> Micros {
        let (longest, random) = &mut self.jitter;
        random.up_to(*longest)
    }
}
