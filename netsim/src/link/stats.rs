//! What happened on a link.

use core::ops::AddAssign;

use aiflow_units::Bytes;

/// A number of packets and the sum of their sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// How many packets.
    pub packets: u64,
    /// Their sizes together.
    pub bytes: Bytes,
}

impl Count {
    pub(crate) fn add(&mut self, size: Bytes) {
        self.packets = self.packets.saturating_add(1);
        self.bytes = self.bytes.saturating_add(size);
    }

    pub(crate) fn remove(&mut self, size: Bytes) {
        self.packets = self.packets.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(size);
    }
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.packets = self.packets.saturating_add(other.packets);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

/// What a [`Link`](crate::Link) has done until the latest time it was told.
///
/// Always `sent = delivered + dropped() + queued + in_flight`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct LinkStats {
    /// What was handed to the link.
    pub sent: Count,
    /// What was taken from its other end, damaged packets included.
    pub delivered: Count,
    /// What found the queue full.
    pub dropped_queue: Count,
    /// What was lost at random or in a burst.
    pub dropped_loss: Count,
    /// What was damaged and dropped for it.
    pub dropped_corrupt: Count,
    /// The part of `delivered` with a flipped bit.
    pub corrupted: Count,
    /// What waits in the queue, the packet in service included.
    pub queued: Count,
    /// What has left the queue and has not been taken yet, lost packets included until their time
    /// of arrival.
    pub in_flight: Count,
    /// The most bytes that ever waited.
    pub max_queued: Bytes,
}

impl LinkStats {
    /// Returns what was dropped for any cause.
    pub fn dropped(&self) -> Count {
        let mut sum = self.dropped_queue;
        sum += self.dropped_loss;
        sum += self.dropped_corrupt;
        sum
    }
}
