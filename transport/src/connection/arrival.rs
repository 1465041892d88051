//! A frame as it arrives.

use aiflow_units::{Bytes, Micros, Timestamp};
use bytes::Bytes as Buffer;

use super::Stream;
use super::pieces::Pieces;
use crate::wire::FrameHeader;

/// A frame that has begun to arrive and is not answered.
#[derive(Debug)]
pub(super) struct Arrival {
    /// The header of the layer that came first: what all layers have in common.
    pub(super) header: FrameHeader,
    pub(super) arrived: Timestamp,
    /// When the last whole layer was whole.
    pub(super) whole_at: Timestamp,
    pub(super) deadline: Timestamp,
    pub(super) slots: Vec<Slot>,
    /// How many layers the application has.
    pub(super) delivered: u8,
}

/// How far a layer is.
#[derive(Debug)]
pub(super) enum Slot {
    Missing,
    Arriving { stream: Stream, header: FrameHeader, pieces: Pieces },
    Whole { header: FrameHeader, chunks: Vec<Buffer> },
    Delivered,
    Lost,
}

impl Arrival {
    /// Begins a frame that took `transit` at least to get here, and is held until `lifetime`.
    pub(super) fn new(
        header: FrameHeader,
        now: Timestamp,
        transit: Micros,
        lifetime: Timestamp,
    ) -> Self {
        let left = header.time_left().map(|left| left.saturating_sub(transit));
        let deadline = left.map_or(lifetime, |left| now.after(left));
        let slots = (0..header.layers).map(|_| Slot::Missing).collect();
        let deadline = deadline.min(lifetime);
        Self { header, arrived: now, whole_at: now, deadline, slots, delivered: 0 }
    }

    /// Says whether a header belongs to the same frame.
    pub(super) fn fits(&self, other: &FrameHeader) -> bool {
        let FrameHeader { epoch, layers, point, rate, deadline, .. } = self.header;
        (epoch, layers, point, rate, deadline)
            == (other.epoch, other.layers, other.point, other.rate, other.deadline)
    }

    /// Returns the announced size of all layers.
    pub(super) fn announced(&self) -> Bytes {
        let lengths = self.slots.iter().map(|slot| match slot {
            Slot::Arriving { header, .. } | Slot::Whole { header, .. } => header.length,
            _ => Bytes::ZERO,
        });
        lengths.sum()
    }

    /// Returns what is held of payloads.
    pub(super) fn held(&self) -> Bytes {
        let held = self.slots.iter().map(|slot| match slot {
            Slot::Arriving { pieces, .. } => pieces.length(),
            Slot::Whole { chunks, .. } => chunks.iter().map(|c| Bytes::of_len(c.len())).sum(),
            _ => Bytes::ZERO,
        });
        held.sum()
    }

    /// Returns what it costs to hold this.
    pub(super) fn cost(&self) -> u64 {
        let slots = self.slots.iter().map(|slot| match slot {
            Slot::Arriving { pieces, .. } => 256 + pieces.cost(),
            Slot::Whole { chunks, .. } => {
                256 + chunks.iter().map(|chunk| chunk.len() as u64 + 32).sum::<u64>()
            }
            _ => 64,
        });
        256 + slots.sum::<u64>()
    }

    /// Returns the streams on which layers are arriving.
    pub(super) fn streams(&self) -> Vec<Stream> {
        let arriving = self.slots.iter().filter_map(|slot| match slot {
            Slot::Arriving { stream, .. } => Some(*stream),
            _ => None,
        });
        arriving.collect()
    }

    /// Returns the first layer that the application does not have, and what arrived of it.
    pub(super) fn partial(&self) -> (u8, Vec<Buffer>) {
        let chunks = match self.slots.get(usize::from(self.delivered)) {
            Some(Slot::Arriving { pieces, .. }) => pieces.peek(),
            _ => Vec::new(),
        };
        (self.delivered, chunks)
    }
}
