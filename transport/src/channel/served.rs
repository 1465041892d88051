//! The mean rate of a bottleneck, that starts over when the rate has changed.

use std::collections::VecDeque;

use aiflow_units::{BitRate, Bytes, Micros};

/// A mean with exponential forgetting, and the recent past beside it in which changes are found.
///
/// All times are times of service: a bottleneck that nobody uses does not age.
#[derive(Debug, Clone)]
pub(super) struct Served {
    memory: Micros,
    mean: Mean,
    /// The last pieces of service, each about [`PIECE`] long, the newest last.
    recent: VecDeque<Mean>,
    open: Mean,
    /// The mean over the last moments of service.
    last: Mean,
    /// How far the logarithms of pieces and mean are usually apart.
    scatter: f64,
}

impl Served {
    /// Remembers for `memory`.
    pub(super) fn new(memory: Micros) -> Self {
        let none = Mean::default();
        Self { memory, mean: none, recent: VecDeque::new(), open: none, last: none, scatter: 0.0 }
    }

    /// Takes bytes that were served in `time`.
    pub(super) fn add(&mut self, bytes: Bytes, time: Micros) {
        self.mean.add(bytes, time, self.memory);
        self.open.add(bytes, time, Micros::MAX);
        self.last.add(bytes, time, LAST);
        if self.open.micros < PIECE {
            return;
        }
        let piece = core::mem::take(&mut self.open);
        if self.recent.len() == PIECES {
            self.recent.pop_front();
        }
        self.recent.push_back(piece);
        self.scatter += (self.apart(piece).abs() - self.scatter) / SCATTER_MEMORY;
        if let Some(start) = self.change() {
            self.restart(start);
        }
    }

    /// Takes note that nobody used the bottleneck for a time: it could have gone on as it did last.
    pub(super) fn idle(&mut self, time: Micros) {
        let time = time.min(LONGEST_IDLE);
        let rate = self.last.rate().min(MOST_OF_MEAN * self.mean.rate());
        let bytes = Bytes::new((rate * time.get() as f64) as u64);
        self.mean.add(bytes, time, self.memory);
    }

    /// The forecast, if the bottleneck has served nothing for `silence` since.
    pub(super) fn rate(&self, silence: Micros) -> BitRate {
        let mut mean = self.mean;
        mean.add(Bytes::ZERO, silence, self.memory);
        BitRate::bits_per_second((mean.rate() * 8e6) as u64)
    }

    /// Keeps the rate and lets the next observations outweigh it.
    pub(super) fn weaken(&mut self) {
        self.mean.scale(0.1);
        self.recent.clear();
    }

    /// Returns how many of the last pieces belong to a new rate: the fewest that tell.
    fn change(&self) -> Option<usize> {
        let mut after = Mean::default();
        let mut before: Mean = self.recent.iter().copied().sum();
        for (index, &piece) in self.recent.iter().rev().take(LONGEST_CHANGE).enumerate() {
            after = after + piece;
            before = before - piece;
            let count = index + 1;
            let rest = self.recent.len() - count;
            if count < SHORTEST_CHANGE || rest < SHORTEST_CHANGE {
                continue;
            }
            let noise = self.scatter * (1.0 / count as f64 + 1.0 / rest as f64).sqrt();
            if ratio(after, before).abs() > LEAST_CHANGE.max(CHANGE * noise) {
                return Some(count);
            }
        }
        None
    }

    /// Forgets all but the last pieces.
    fn restart(&mut self, pieces: usize) {
        self.recent.drain(..self.recent.len() - pieces);
        self.mean = self.recent.iter().copied().sum();
    }

    fn apart(&self, piece: Mean) -> f64 {
        ratio(piece, self.mean)
    }
}

/// The logarithm of the ratio of two rates, as far as it is reasonable.
fn ratio(one: Mean, other: Mean) -> f64 {
    let (one, other) = (one.rate(), other.rate());
    if one <= 0.0 || other <= 0.0 {
        return if one == other { 0.0 } else { -FARTHEST };
    }
    (one / other).ln().clamp(-FARTHEST, FARTHEST)
}

/// Bytes over microseconds.
#[derive(Debug, Clone, Copy, Default)]
struct Mean {
    bytes: f64,
    micros: f64,
}

impl Mean {
    /// Adds, after forgetting with the time constant `memory`.
    fn add(&mut self, bytes: Bytes, time: Micros, memory: Micros) {
        self.scale((-(time.get() as f64) / memory.get() as f64).exp());
        self.bytes += bytes.get() as f64;
        self.micros += time.get() as f64;
    }

    fn rate(self) -> f64 {
        if self.micros > 0.0 { self.bytes / self.micros } else { 0.0 }
    }

    fn scale(&mut self, factor: f64) {
        self.bytes *= factor;
        self.micros *= factor;
    }
}

impl core::ops::Add for Mean {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { bytes: self.bytes + other.bytes, micros: self.micros + other.micros }
    }
}

impl core::ops::Sub for Mean {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self { bytes: self.bytes - other.bytes, micros: self.micros - other.micros }
    }
}

impl core::iter::Sum for Mean {
    fn sum<I: Iterator<Item = Self>>(pieces: I) -> Self {
        pieces.fold(Self::default(), |sum, piece| sum + piece)
    }
}

/// The length of a piece in microseconds.
const PIECE: f64 = 20_000.0;

/// How many pieces are kept.
const PIECES: usize = 25;

/// A change is told from two pieces, when it is large, up to ten, when it is small.
const SHORTEST_CHANGE: usize = 2;
const LONGEST_CHANGE: usize = 10;

/// The smallest change that counts, as a logarithm.
const LEAST_CHANGE: f64 = 0.1;

/// The smallest change that counts, in units of the scatter of a piece over the root of their
/// number. Rates of radio channels wander, so that this is more than for independent pieces.
const CHANGE: f64 = 9.0;

/// The largest logarithm of a ratio.
const FARTHEST: f64 = 2.0;

/// Memory of the scatter, in pieces.
const SCATTER_MEMORY: f64 = 200.0;

/// Memory of what was seen last. Radio channels serve in bursts some milliseconds apart: shorter, and
/// it would be the rate of a burst.
const LAST: Micros = Micros::from_millis(30);

/// For how long what was seen last is taken to go on.
const LONGEST_IDLE: Micros = Micros::from_millis(300);

/// How far what was seen last may be above the mean and be believed.
const MOST_OF_MEAN: f64 = 5.0;

#[cfg(test)]
mod tests {
    use super::*;

    /// Serves `rate` kilobytes per second for `millis`, in pieces of 5 ms.
    fn serve(served: &mut Served, rate: u64, millis: u64) {
        for _ in 0..millis / 5 {
            served.add(Bytes::new(5 * rate), Micros::from_millis(5));
        }
    }

    fn kilobytes(served: &Served) -> u64 {
        served.rate(Micros::ZERO).get() / 8000
    }

    #[test]
    fn a_change_is_found_within_its_first_pieces() {
        let mut served = Served::new(Micros::from_millis(300));
        serve(&mut served, 1000, 2000);
        assert_eq!(kilobytes(&served), 1000);
        serve(&mut served, 250, 80);
        assert!(kilobytes(&served) <= 260, "{}", kilobytes(&served));
        serve(&mut served, 1000, 80);
        assert!(kilobytes(&served) >= 900, "{}", kilobytes(&served));
    }

    #[test]
    fn a_channel_that_always_changes_is_averaged() {
        let mut served = Served::new(Micros::from_millis(300));
        for _ in 0..60 {
            serve(&mut served, 1500, 40);
            serve(&mut served, 500, 40);
        }
        let after_slow = kilobytes(&served);
        serve(&mut served, 1500, 40);
        let after_fast = kilobytes(&served);
        assert!((850..=1000).contains(&after_slow), "{after_slow}");
        assert!((1000..=1150).contains(&after_fast), "{after_fast}");
    }

    #[test]
    fn idle_times_count_as_what_was_seen_last() {
        let mut served = Served::new(Micros::from_millis(300));
        serve(&mut served, 1000, 1000);
        // A slow time takes long, and then a fast one is over before it was seen for long.
        serve(&mut served, 100, 200);
        serve(&mut served, 2000, 40);
        let before = kilobytes(&served);
        served.idle(Micros::from_millis(160));
        assert!(kilobytes(&served) > before, "{before} {}", kilobytes(&served));
    }

    #[test]
    fn silence_lowers_the_forecast_and_leaves_no_trace() {
        let mut served = Served::new(Micros::from_millis(300));
        serve(&mut served, 1000, 1000);
        assert!(served.rate(Micros::from_secs(1)).get() < 400_000);
        assert_eq!(kilobytes(&served), 1000);
    }
}
