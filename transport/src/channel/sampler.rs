//! Delivery-rate samples from packets sent and acknowledged.

use std::collections::VecDeque;

use aiflow_units::{Bytes, Micros, Timestamp};

use super::{Acked, Delivery, Sent, Supply};

/// Condenses packets to samples as draft-ietf-ccwg-bbr (section "Delivery Rate Sampling") does,
/// with packets named by the time at which they were sent: what several packets of one time need
/// to remember is equal.
///
/// Call [`Sampler::sent`] for what leaves, [`Sampler::acked`] for each packet of an
/// acknowledgement and then [`Sampler::finish`], [`Sampler::lost`] for what is given up. Times do
/// not go backwards. Memory: one record of 56 bytes for each time of sending within the longest
/// round trip, [`Sampler::MAX_RECORDS`] at most; packets beyond count as delivered without a
/// sample.
#[derive(Debug, Clone, Default)]
pub struct Sampler {
    records: VecDeque<Record>,
    /// All bytes delivered so far.
    delivered: u64,
    delivered_at: Timestamp,
    /// When the packet was sent that was newest at the last acknowledgement.
    first_sent_at: Timestamp,
    /// The sending time of the newest packet that was acknowledged.
    newest_acked: Option<Timestamp>,
    in_flight: u64,
    /// The application limits samples until this much is delivered.
    limited_until: Option<u64>,
    batch: Option<Batch>,
}

/// What the packets of one sending time remember.
#[derive(Debug, Clone, Copy)]
struct Record {
    sent_at: Timestamp,
    bytes: u64,
    acked: u64,
    delivered: u64,
    delivered_at: Timestamp,
    first_sent_at: Timestamp,
    limited: Supply,
}

/// The acknowledgement under way.
#[derive(Debug, Clone, Copy)]
struct Batch {
    bytes: u64,
    packets: u32,
    first_sent: Timestamp,
    last_sent: Timestamp,
    /// Of the newest packet in the batch that has one.
    record: Option<Record>,
}

impl Sampler {
    /// The largest number of records, enough for 4 s of sending every 250 µs.
    pub const MAX_RECORDS: usize = 16_384;

    /// Starts with an empty path.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes note of packets that leave now.
    pub fn sent(&mut self, now: Timestamp, bytes: Bytes, supply: Supply) -> Sent {
        let size = bytes.get();
        if self.in_flight == 0 {
            self.first_sent_at = now;
            self.delivered_at = now;
        }
        self.in_flight += size;
        match self.records.back_mut() {
            Some(last) if last.sent_at == now => last.bytes += size,
            _ => {
                if self.records.len() == Self::MAX_RECORDS {
                    self.records.pop_front();
                }
                self.records.push_back(Record {
                    sent_at: now,
                    bytes: size,
                    acked: 0,
                    delivered: self.delivered,
                    delivered_at: self.delivered_at,
                    first_sent_at: self.first_sent_at,
                    limited: self.limited_until.map_or(Supply::Ample, |_| Supply::Empty),
                });
            }
        }
        if supply == Supply::Empty {
            self.limited_until = Some(self.delivered + self.in_flight);
        }
        Sent { at: now, bytes, supply }
    }

    /// Takes note of one packet that an acknowledgement confirms.
    pub fn acked(&mut self, now: Timestamp, sent_at: Timestamp, bytes: Bytes) {
        let size = bytes.get();
        self.delivered += size;
        self.delivered_at = now;
        self.in_flight = self.in_flight.saturating_sub(size);
        let record = self.records.binary_search_by_key(&sent_at, |record| record.sent_at).ok();
        let record = record.and_then(|index| self.records.get_mut(index)).map(|record| {
            record.acked += size;
            *record
        });
        let batch = self.batch.get_or_insert(Batch {
            bytes: 0,
            packets: 0,
            first_sent: sent_at,
            last_sent: sent_at,
            record: None,
        });
        batch.bytes += size;
        batch.packets += 1;
        batch.first_sent = batch.first_sent.min(sent_at);
        batch.last_sent = batch.last_sent.max(sent_at);
        if let Some(record) = record
            && batch.record.is_none_or(|newest| newest.sent_at <= sent_at)
        {
            batch.record = Some(record);
        }
    }

    /// Ends an acknowledgement. `in_flight` is what the sender counts as under way, if it knows
    /// better than the sum of what was sent, acknowledged and lost (packets that are never
    /// acknowledged by themselves). Returns `None` if nothing was confirmed.
    pub fn finish(&mut self, now: Timestamp, in_flight: Option<Bytes>) -> Option<Acked> {
        let batch = self.batch.take()?;
        if let Some(in_flight) = in_flight {
            self.in_flight = in_flight.get();
        }
        if self.limited_until.is_some_and(|until| self.delivered > until) {
            self.limited_until = None;
        }
        let delivery = batch.record.and_then(|record| {
            let sending = record.sent_at.since(record.first_sent_at);
            let acking = self.delivered_at.since(record.delivered_at);
            self.first_sent_at = self.first_sent_at.max(record.sent_at);
            let interval = sending.max(acking);
            // What was delivered faster than the path's round trip says nothing about its rate;
            // the estimator, which knows the round trip, drops such samples.
            (interval > Micros::ZERO).then(|| Delivery {
                bytes: Bytes::new(self.delivered - record.delivered),
                interval,
                supply: record.limited,
            })
        });
        self.newest_acked = self.newest_acked.max(Some(batch.last_sent));
        let oldest = if self.in_flight == 0 { None } else { self.oldest_in_flight() };
        self.prune();
        Some(Acked {
            at: now,
            bytes: Bytes::new(batch.bytes),
            packets: batch.packets,
            first_sent: batch.first_sent,
            last_sent: batch.last_sent,
            in_flight: Bytes::new(self.in_flight),
            oldest_in_flight: oldest,
            delivery,
        })
    }

    /// Takes note of packets that were given up.
    pub fn lost(&mut self, bytes: Bytes) {
        self.in_flight = self.in_flight.saturating_sub(bytes.get());
    }

    /// Returns all bytes delivered so far.
    pub fn delivered(&self) -> Bytes {
        Bytes::new(self.delivered)
    }

    /// The sending time of the first packet that can still be under way: paths deliver in order, so
    /// nothing before the newest acknowledged packet is.
    fn oldest_in_flight(&self) -> Option<Timestamp> {
        let newest = self.newest_acked.unwrap_or(Timestamp::ORIGIN);
        let index = self.records.partition_point(|record| record.sent_at < newest);
        let mut rest = self.records.range(index..);
        rest.find(|record| record.acked < record.bytes).map(|record| record.sent_at)
    }

    /// Forgets what no acknowledgement will ask for: records far behind the newest one.
    fn prune(&mut self) {
        let Some(newest) = self.newest_acked else { return };
        let horizon = newest.before(KEEP);
        while self.records.front().is_some_and(|record| {
            record.sent_at < horizon || (record.acked >= record.bytes && record.sent_at < newest)
        }) {
            self.records.pop_front();
        }
    }
}

/// For how long an acknowledgement may be overtaken by later ones.
const KEEP: Micros = Micros::from_secs(4);
