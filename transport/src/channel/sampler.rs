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
        self.acked_several(now, sent_at, bytes, 1);
    }

    /// Takes note of `packets` that were sent at one time and are confirmed by one acknowledgement.
    pub fn acked_several(
        &mut self,
        now: Timestamp,
        sent_at: Timestamp,
        bytes: Bytes,
        packets: u32,
    ) {
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
        batch.packets += packets;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_origin(Micros::from_millis(millis))
    }

    const PACKET: Bytes = Bytes::new(1000);

    #[test]
    fn a_sample_spans_what_was_delivered_since_the_packet_left() {
        let mut sampler = Sampler::new();
        for millis in [0, 10, 20, 30] {
            sampler.sent(at(millis), PACKET, Supply::Ample);
        }
        sampler.acked(at(50), at(0), PACKET);
        let first = sampler.finish(at(50), None).and_then(|acked| acked.delivery);
        // Nothing was delivered before: the time runs from the first packet.
        let expected =
            Delivery { bytes: PACKET, interval: at(50).since(at(0)), supply: Supply::Ample };
        assert_eq!(first, Some(expected));
        // This one left after the first acknowledgement.
        sampler.sent(at(55), PACKET, Supply::Ample);
        for (now, sent) in [(60, 10), (70, 20), (80, 30), (105, 55)] {
            sampler.acked(at(now), at(sent), PACKET);
        }
        let last = sampler.finish(at(105), None).and_then(|acked| acked.delivery);
        let expected = Delivery {
            bytes: Bytes::new(4000),
            interval: at(105).since(at(50)),
            supply: Supply::Ample,
        };
        assert_eq!(last, Some(expected));
    }

    #[test]
    fn acknowledgements_that_come_at_once_do_not_make_a_path_faster() {
        let mut sampler = Sampler::new();
        for millis in 0..20 {
            sampler.sent(at(10 * millis), PACKET, Supply::Ample);
        }
        // Half of them come back in one piece, after the way back was blocked.
        sampler.acked(at(100), at(0), PACKET);
        sampler.finish(at(100), None);
        sampler.sent(at(200), PACKET, Supply::Ample);
        for millis in 1..20 {
            sampler.acked(at(300), at(10 * millis), PACKET);
        }
        sampler.acked(at(301), at(200), PACKET);
        let sample = sampler.finish(at(301), None).and_then(|acked| acked.delivery);
        let rate = sample.map(|sample| sample.rate().get());
        // 20 packets left in 200 ms and came in 201 ms: 0.8 Mbit/s.
        assert!(rate.is_some_and(|rate| rate < 810_000), "{sample:?}");
    }

    #[test]
    fn samples_are_marked_until_what_left_with_an_empty_queue_is_delivered() {
        let mut sampler = Sampler::new();
        sampler.sent(at(0), PACKET, Supply::Empty);
        sampler.sent(at(10), PACKET, Supply::Ample);
        sampler.acked(at(50), at(0), PACKET);
        sampler.finish(at(50), None);
        sampler.acked(at(60), at(10), PACKET);
        let marked = sampler.finish(at(60), None).and_then(|acked| acked.delivery);
        assert_eq!(marked.map(|sample| sample.supply), Some(Supply::Empty));
        sampler.sent(at(70), PACKET, Supply::Ample);
        sampler.acked(at(120), at(70), PACKET);
        let free = sampler.finish(at(120), None).and_then(|acked| acked.delivery);
        assert_eq!(free.map(|sample| sample.supply), Some(Supply::Ample));
    }

    #[test]
    fn what_is_under_way_is_known_by_its_oldest_packet() {
        let mut sampler = Sampler::new();
        for millis in [0, 5, 9] {
            sampler.sent(at(millis), PACKET, Supply::Ample);
        }
        sampler.acked(at(50), at(5), PACKET);
        let acked = sampler.finish(at(50), None);
        // The first packet was overtaken: it is lost, or as good as lost.
        assert_eq!(acked.and_then(|acked| acked.oldest_in_flight), Some(at(9)));
        sampler.lost(PACKET);
        sampler.acked(at(60), at(9), PACKET);
        let acked = sampler.finish(at(60), None);
        assert_eq!(
            acked.map(|acked| (acked.in_flight, acked.oldest_in_flight)),
            Some((Bytes::ZERO, None))
        );
    }

    #[test]
    fn records_are_bounded() {
        let mut sampler = Sampler::new();
        for millis in 0..40_000 {
            sampler.sent(at(millis), PACKET, Supply::Ample);
        }
        assert_eq!(sampler.records.len(), Sampler::MAX_RECORDS);
        // What nobody remembers counts as delivered, and makes no sample.
        sampler.acked(at(40_000), at(0), PACKET);
        assert_eq!(sampler.finish(at(40_000), None).map(|acked| acked.delivery), Some(None));
        assert_eq!(sampler.delivered(), PACKET);
        // What is long gone is forgotten.
        sampler.acked(at(40_001), at(39_999), PACKET);
        sampler.finish(at(40_001), None);
        assert!(sampler.records.len() <= 4001);
    }
}
