//! How many bytes may be under way.

use aiflow_units::{Bytes, Micros};

use crate::channel::{Estimate, PathSample};
use crate::connection::Priority;

/// Keeps bytes at the sender that the path could not serve yet anyway.
///
/// What is under way can neither be overtaken by the base of the next frame nor be dropped when it
/// becomes late, and when the channel collapses it stands before everything that follows. So
/// enhancements and padding get what fills the path and a short queue; bases may go beyond it by
/// half; what comes before bases is not held back.
///
/// This is no congestion control, which stays in force below it, and it works at the source rather
/// than in the congestion window: a small window would pace the first packets after an outage at
/// the round trips of the outage. QUIC's send window does not do either, as it forgets bytes of
/// streams that were reset while their packets are still under way.
#[derive(Debug, Clone, Copy)]
pub struct Flight {
    /// The queue that is kept in the path; without one, nothing is held back.
    queue: Option<Micros>,
    /// What left and is neither acknowledged nor given up.
    under_way: u64,
    /// What was handed over and has not left.
    handed: u64,
}

impl Flight {
    /// The default queue. Measured on LTE drives: 6 ms more or less move the bytes that arrive in time
    /// by 3 % and the bases that are late by one in a thousand, both the same way.
    pub const QUEUE: Micros = Micros::from_millis(14);

    /// Starts with an empty path, in which a queue of a length is to be kept.
    pub const fn new(queue: Micros) -> Self {
        Self { queue: Some(queue), under_way: 0, handed: 0 }
    }

    /// Holds nothing back.
    pub const fn unlimited() -> Self {
        Self { queue: None, under_way: 0, handed: 0 }
    }

    /// Takes what the carrier saw.
    pub fn handle(&mut self, sample: &PathSample) {
        match sample {
            PathSample::Sent(sent) => {
                self.under_way += sent.bytes.get();
                self.handed = self.handed.saturating_sub(sent.bytes.get());
            }
            PathSample::Acked(acked) => self.under_way = acked.in_flight.get(),
            PathSample::Lost(lost) => {
                self.under_way = self.under_way.saturating_sub(lost.bytes.get());
            }
            PathSample::Migrated(_) => self.under_way = 0,
        }
        if self.under_way == 0 {
            // What is handed over leaves at once on an empty path, or was taken back by a reset.
            self.handed = 0;
        }
    }

    /// Takes note that QUIC took bytes. What is so short that its packet could be taken for a bare
    /// acknowledgement does not count, as nobody would tell that it left.
    pub fn written(&mut self, bytes: Bytes) {
        if bytes > UNNOTICED {
            self.handed = self.handed.saturating_add(bytes.get());
        }
    }

    /// Takes note that a stream was reset to which so many bytes had been written: those that had not
    /// left never will. QUIC does not tell how many these were. As many as can be are taken to be
    /// theirs: bytes that are wrongly believed to wait would hold enhancements back for good.
    pub fn taken_back(&mut self, written: Bytes) {
        self.handed = self.handed.saturating_sub(written.get());
    }

    /// Nothing was seen of the path for a while: what was handed over and has not left was taken back
    /// by resets, if nothing is under way.
    pub fn settle(&mut self) {
        if self.under_way == 0 {
            self.handed = 0;
        }
    }

    /// Returns how many bytes of a priority may be handed over now.
    pub fn room(&self, priority: Priority, estimate: &Estimate) -> Bytes {
        // A path whose limit was never seen is left to congestion control.
        let unknown = estimate.age == Micros::MAX || estimate.min_rtt == Micros::ZERO;
        let Some(queue) = self.queue.filter(|_| priority >= Priority::Base && !unknown) else {
            return Bytes::MAX;
        };
        let window = estimate.p50.bytes_in(estimate.min_rtt.saturating_add(queue));
        let window = window.saturating_add(ROUNDING).max(LEAST);
        let limit = match priority {
            Priority::Base => {
                window.saturating_add(Bytes::new(window.get() / 2)).saturating_add(SPARE)
            }
            _ => window,
        };
        limit.saturating_sub(Bytes::new(self.under_way.saturating_add(self.handed)))
    }

    /// Returns how many bytes are good to hand over at once where there is `room`: QUIC counts a piece
    /// as held until all of it is acknowledged, and looks through the pieces of a stream for each
    /// packet. So pieces are small where little is under way, and larger on fast paths.
    pub fn piece(room: Bytes) -> Bytes {
        let share = match room {
            Bytes::MAX => Bytes::ZERO,
            known => Bytes::new(known.get() / 64),
        };
        share.clamp(PIECES.0, PIECES.1).min(room)
    }
}

impl Default for Flight {
    fn default() -> Self {
        Self::new(Self::QUEUE)
    }
}

/// The smallest and the largest piece.
const PIECES: (Bytes, Bytes) = (Bytes::from_kib(16), Bytes::from_kib(128));

/// Packets are whole, so that on average half of one stays behind; this makes up for it on slow paths.
const ROUNDING: Bytes = Bytes::new(600);

/// Two packets: with less, nothing moves.
const LEAST: Bytes = Bytes::new(3000);

/// What bases may go beyond the path beside half of it: one of a few packets always finds room.
const SPARE: Bytes = Bytes::new(4000);

/// Up to this size a write may leave in a packet of no more than 80 bytes, which
/// [`PathFeed`](crate::proto::PathFeed) takes for a bare acknowledgement.
const UNNOTICED: Bytes = Bytes::new(60);
