//! When packets leave the queue.

use std::sync::Arc;

use aiflow_units::{Bytes, Micros, Timestamp};

use super::config::{Outage, Rate};
use crate::Trace;
use crate::trace::{MICROBITS_PER_BYTE, Work, bytes_of, instant};

/// Serves packets one after the other.
///
/// The channel offers work whether or not somebody takes it. `position` is the point in all that
/// work up to which it was used; where a queue runs empty, the position jumps to what the channel
/// has offered by then, and what lay between is lost.
#[derive(Debug, Clone)]
pub(super) struct Server {
    channel: Channel,
    /// Sorted and disjoint.
    outages: Vec<Gap>,
    /// The first outage that is not over.
    next_outage: usize,
    position: Work,
    /// When the packet before left.
    last: Timestamp,
}

#[derive(Debug, Clone)]
enum Channel {
    Unlimited,
    Constant(u64),
    Trace(Arc<Trace>),
}

/// An outage with the work that the channel would have offered before its ends.
#[derive(Debug, Clone, Copy)]
struct Gap {
    time: Outage,
    from: Work,
    to: Work,
}

impl Server {
    pub(super) fn new(rate: Rate, mut outages: Vec<Outage>) -> Self {
        let channel = match rate {
            Rate::Unlimited => Channel::Unlimited,
            Rate::Constant(rate) => Channel::Constant(rate.get()),
            Rate::Trace(trace) => Channel::Trace(trace),
        };
        outages.retain(|outage| outage.from < outage.to);
        outages.sort_unstable_by_key(|outage| outage.from);
        outages.dedup_by(|next, kept| {
            let touches = next.from <= kept.to;
            if touches {
                kept.to = kept.to.max(next.to);
            }
            touches
        });
        let gap = |time: Outage| Gap {
            time,
            from: channel.before(time.from),
            to: channel.before(time.to),
        };
        let outages = outages.into_iter().map(gap).collect();
        Self { channel, outages, next_outage: 0, position: 0, last: Timestamp::ORIGIN }
    }

    /// Returns when a packet that comes at `now` will have left; [`Timestamp::MAX`] if never.
    pub(super) fn serve(&mut self, now: Timestamp, size: Bytes) -> Timestamp {
        while self.outages.get(self.next_outage).is_some_and(|gap| gap.time.to <= now) {
            self.next_outage += 1;
        }
        let left = match self.channel {
            Channel::Unlimited => self.after_outage(now.max(self.last)),
            _ => self.use_work(now, size),
        };
        self.last = left.max(self.last).max(now);
        self.last
    }

    fn use_work(&mut self, now: Timestamp, size: Bytes) -> Timestamp {
        let mut needed = Work::from(size.get().max(1)) * MICROBITS_PER_BYTE;
        let mut position = self.position.max(self.channel.before(now));
        for gap in &self.outages[self.next_outage..] {
            if position.saturating_add(needed) <= gap.from {
                break;
            }
            if position < gap.to {
                needed -= gap.from.saturating_sub(position);
                position = gap.to;
            }
        }
        self.position = position.saturating_add(needed);
        self.channel.time_of(self.position)
    }

    /// Returns `time`, or the end of the outage in which it lies.
    fn after_outage(&self, time: Timestamp) -> Timestamp {
        let index = self.outages.partition_point(|gap| gap.time.to <= time);
        match self.outages.get(index) {
            Some(gap) if gap.time.from <= time => gap.time.to,
            _ => time,
        }
    }

    /// Returns how long the queue takes to run empty, or the outage to end.
    pub(super) fn delay(&self, now: Timestamp) -> Micros {
        match self.last.max(self.after_outage(now)) {
            Timestamp::MAX => Micros::MAX,
            end => end.since(now),
        }
    }

    /// Returns what can pass from `from` until just before `to`.
    pub(super) fn capacity(&self, from: Timestamp, to: Timestamp) -> Bytes {
        let mut work = self.channel.before(to).saturating_sub(self.channel.before(from));
        let index = self.outages.partition_point(|gap| gap.time.to <= from);
        for gap in self.outages[index..].iter().take_while(|gap| gap.time.from < to) {
            let (from, to) = (gap.time.from.max(from), gap.time.to.min(to));
            work -= self.channel.before(to).saturating_sub(self.channel.before(from));
        }
        bytes_of(work)
    }
}

impl Channel {
    /// What is offered until just before `time`.
    fn before(&self, time: Timestamp) -> Work {
        match self {
            Self::Unlimited => Work::from(time.since_origin().get()) * UNLIMITED,
            Self::Constant(rate) => Work::from(*rate) * Work::from(time.since_origin().get()),
            Self::Trace(trace) => trace.before(time),
        }
    }

    fn time_of(&self, work: Work) -> Timestamp {
        match self {
            Self::Unlimited => Timestamp::ORIGIN,
            Self::Constant(0) => Timestamp::MAX,
            Self::Constant(rate) => instant(work.div_ceil(Work::from(*rate))),
            Self::Trace(trace) => trace.time_of(work),
        }
    }
}

/// The work that an unlimited channel offers in a microsecond: [`Bytes::MAX`], nearly.
const UNLIMITED: Work = u64::MAX as Work;
