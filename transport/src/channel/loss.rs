//! The share of bytes lost.

use aiflow_units::{Bytes, Micros, Timestamp};

use super::Share;

/// Delivered and lost bytes of the last two windows.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LossWindow {
    started: Timestamp,
    current: Counts,
    previous: Counts,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    delivered: u64,
    lost: u64,
}

impl LossWindow {
    pub(super) fn delivered(&mut self, now: Timestamp, bytes: Bytes) {
        self.advance(now);
        self.current.delivered += bytes.get();
    }

    pub(super) fn lost(&mut self, now: Timestamp, bytes: Bytes) {
        self.advance(now);
        self.current.lost += bytes.get();
    }

    pub(super) fn rate(&self) -> Share {
        let lost = self.current.lost + self.previous.lost;
        let all = lost + self.current.delivered + self.previous.delivered;
        let parts = u128::from(lost) * 1_000_000 / u128::from(all.max(1));
        Share::parts_per_million(u32::try_from(parts).unwrap_or(u32::MAX))
    }

    fn advance(&mut self, now: Timestamp) {
        let passed = now.since(self.started);
        if passed >= WINDOW.saturating_add(WINDOW) {
            *self = Self { started: now, ..Self::default() };
        } else if passed >= WINDOW {
            let previous = core::mem::take(&mut self.current);
            *self = Self { started: now, previous, ..Self::default() };
        }
    }
}

/// Long enough for some hundred packets at 1 Mbit/s; the rate is over one to two of them.
const WINDOW: Micros = Micros::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_forgotten_after_two_windows() {
        let at = |seconds| Timestamp::from_origin(Micros::from_secs(seconds));
        let mut window = LossWindow::default();
        window.delivered(at(0), Bytes::new(900));
        window.lost(at(1), Bytes::new(100));
        assert_eq!(window.rate(), Share::parts_per_million(100_000));
        window.delivered(at(3), Bytes::new(1000));
        assert_eq!(window.rate(), Share::parts_per_million(50_000));
        window.delivered(at(9), Bytes::new(1000));
        assert_eq!(window.rate(), Share::NONE);
    }
}
