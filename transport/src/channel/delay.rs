//! Round trips: the shortest, the usual, and what queues add.

use aiflow_units::{Bytes, Micros, Timestamp};

use super::estimate::QueueTrend;
use super::{Acked, Sent};

/// Follows the round trips of a path.
#[derive(Debug, Clone, Default)]
pub(super) struct DelayTracker {
    shortest: ShortestRtt,
    srtt: Option<Micros>,
    deviation: Micros,
    queue: Micros,
    trend: Trend,
    idle_start: Option<Timestamp>,
    in_flight: Bytes,
    idle: IdleRtt,
}

impl DelayTracker {
    pub(super) fn sent(&mut self, sent: &Sent) {
        if self.in_flight == Bytes::ZERO {
            self.idle_start = Some(sent.at);
        }
        self.in_flight = self.in_flight.saturating_add(sent.bytes);
    }

    pub(super) fn acked(&mut self, acked: &Acked) {
        let now = acked.at;
        let rtt = now.since(acked.last_sent);
        self.in_flight = acked.in_flight;
        self.shortest.observe(now, rtt);
        // One packet alone may have met the delayed-acknowledgement timer.
        if self.idle_start == Some(acked.first_sent)
            && acked.packets > 1
            && acked.first_sent == acked.last_sent
        {
            self.idle_start = None;
            if let Some(floor) = self.idle.observe(now, rtt)
                && floor > self.shortest.get()
            {
                self.shortest.replace(now, floor);
            }
        }
        let srtt = self.srtt.map_or(rtt, |srtt| blend(srtt, rtt, 8));
        self.deviation = match self.srtt {
            None => Micros::new(rtt.get() / 2),
            Some(srtt) => blend(self.deviation, distance(srtt, rtt), 4),
        };
        self.srtt = Some(srtt);
        let queue = rtt.saturating_sub(self.shortest.get());
        self.trend.observe(now, queue);
        self.queue = blend(self.queue, queue, 4);
    }

    /// The shortest round trip; zero before the first.
    pub(super) fn min_rtt(&self) -> Micros {
        self.shortest.get()
    }

    pub(super) fn srtt(&self) -> Micros {
        self.srtt.unwrap_or(Micros::ZERO)
    }

    pub(super) fn deviation(&self) -> Micros {
        self.deviation
    }

    pub(super) fn queue(&self) -> Micros {
        self.queue
    }

    pub(super) fn trend(&self) -> QueueTrend {
        self.trend.get()
    }
}

/// The shortest round trip over the present and the previous window.
#[derive(Debug, Clone, Copy, Default)]
struct ShortestRtt {
    started: Timestamp,
    current: Option<Micros>,
    previous: Option<Micros>,
}

impl ShortestRtt {
    fn observe(&mut self, now: Timestamp, rtt: Micros) {
        if now.since(self.started) >= WINDOW {
            self.previous = self.current.take();
            self.started = now;
        }
        self.current = Some(self.current.map_or(rtt, |shortest| shortest.min(rtt)));
    }

    fn get(&self) -> Micros {
        match (self.previous, self.current) {
            (Some(previous), Some(current)) => previous.min(current),
            (one, other) => one.or(other).unwrap_or(Micros::ZERO),
        }
    }

    fn replace(&mut self, now: Timestamp, rtt: Micros) {
        *self = Self { started: now, current: Some(rtt), previous: None };
    }
}

/// Round trips of packets that found the path empty: when all of them are longer than the shortest
/// one remembered, the path itself has become longer.
#[derive(Debug, Clone, Copy, Default)]
struct IdleRtt {
    since: Option<Timestamp>,
    count: u32,
    shortest: Micros,
}

impl IdleRtt {
    /// Returns the shortest of the samples once there are enough of them.
    fn observe(&mut self, now: Timestamp, rtt: Micros) -> Option<Micros> {
        let since = *self.since.get_or_insert(now);
        self.shortest = if self.count == 0 { rtt } else { self.shortest.min(rtt) };
        self.count += 1;
        let enough = self.count >= 8 && now.since(since) >= Micros::from_secs(2);
        enough.then(|| core::mem::take(self).shortest)
    }
}

/// The slope of the queueing delay by exponentially forgetting least squares over about 200 ms.
#[derive(Debug, Clone, Copy, Default)]
struct Trend {
    at: Timestamp,
    weight: f64,
    time: f64,
    delay: f64,
    time_time: f64,
    time_delay: f64,
}

impl Trend {
    fn observe(&mut self, now: Timestamp, delay: Micros) {
        // Sums are kept relative to the last observation, so that they stay small.
        let step = now.since(self.at).get() as f64 / 1e6;
        self.at = now;
        let keep = (-step / 0.2).exp();
        self.time_time =
            keep * (self.time_time - 2.0 * step * self.time + step * step * self.weight);
        self.time_delay = keep * (self.time_delay - step * self.delay);
        self.time = keep * (self.time - step * self.weight);
        self.weight = keep * self.weight + 1.0;
        self.delay = keep * self.delay + delay.get() as f64;
    }

    fn get(&self) -> QueueTrend {
        let spread = self.time_time * self.weight - self.time * self.time;
        if self.weight < 4.0 || spread < 1e-6 {
            return QueueTrend::default();
        }
        let slope = (self.time_delay * self.weight - self.time * self.delay) / spread;
        QueueTrend::micros_per_second(slope as i64)
    }
}

/// Moves `old` by `1 / parts` towards `new`.
fn blend(old: Micros, new: Micros, parts: u64) -> Micros {
    let sum = u128::from(old.get()) * u128::from(parts - 1) + u128::from(new.get());
    Micros::new((sum / u128::from(parts)) as u64)
}

fn distance(one: Micros, other: Micros) -> Micros {
    one.saturating_sub(other).max(other.saturating_sub(one))
}

/// Half of the span over which the shortest round trip is remembered.
const WINDOW: Micros = Micros::from_secs(15);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_origin(Micros::from_millis(millis))
    }

    /// Sends two packets into an empty path and acknowledges them after `rtt`.
    fn round_trip(tracker: &mut DelayTracker, now: u64, rtt: u64) {
        let bytes = Bytes::new(2000);
        tracker.sent(&Sent { at: at(now), bytes, supply: crate::channel::Supply::Empty });
        tracker.acked(&Acked {
            at: at(now + rtt),
            bytes,
            packets: 2,
            first_sent: at(now),
            last_sent: at(now),
            in_flight: Bytes::ZERO,
            oldest_in_flight: None,
            delivery: None,
        });
    }

    #[test]
    fn queues_are_what_exceeds_the_shortest_round_trip() {
        let mut tracker = DelayTracker::default();
        for step in 0..50 {
            round_trip(&mut tracker, 100 * step, 40);
        }
        assert_eq!(
            (tracker.min_rtt(), tracker.srtt()),
            (Micros::from_millis(40), Micros::from_millis(40))
        );
        assert_eq!(tracker.queue(), Micros::ZERO);
        for step in 0..40 {
            round_trip(&mut tracker, 5000 + 20 * step, 40 + step);
        }
        assert!(tracker.queue() > Micros::from_millis(20), "{:?}", tracker.queue());
        // 1 ms more in each 21 ms.
        let growth = tracker.trend().get();
        assert!((40_000..55_000).contains(&growth), "{growth}");
    }

    #[test]
    fn a_longer_path_is_noticed_where_it_is_empty() {
        let mut tracker = DelayTracker::default();
        round_trip(&mut tracker, 0, 40);
        for step in 1..40 {
            round_trip(&mut tracker, 200 * step, 90);
        }
        assert_eq!(tracker.min_rtt(), Micros::from_millis(90));
    }

    #[test]
    fn the_shortest_round_trip_is_forgotten_after_half_a_minute() {
        let mut tracker = DelayTracker::default();
        round_trip(&mut tracker, 0, 40);
        for second in 1..40 {
            // Never into an empty path: something is always under way.
            tracker.acked(&Acked {
                at: at(1000 * second + 60),
                bytes: Bytes::new(1000),
                packets: 1,
                first_sent: at(1000 * second),
                last_sent: at(1000 * second),
                in_flight: Bytes::new(5000),
                oldest_in_flight: None,
                delivery: None,
            });
        }
        assert_eq!(tracker.min_rtt(), Micros::from_millis(60));
    }
}
