//! How many bytes QUIC may hold.

use aiflow_units::{Bytes, Micros};

use crate::channel::Estimate;

/// Decides how many bytes QUIC takes that the peer has not acknowledged.
///
/// What QUIC holds can no longer be reordered and is only dropped by a reset. How much is under way is
/// decided by [`Flight`](crate::rate::Flight), which knows what a base is worth; this is the bound
/// behind it, for what is lost and sent again and for memory: half above what the path holds together
/// with what comes in while this process is not scheduled, and one base layer. Everything else waits
/// in the scheduler, where a frame that is late costs nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct SendWindow {
    current: Bytes,
}

impl SendWindow {
    /// Before anything is known: ten times QUIC's first congestion window.
    pub(super) const INITIAL: Bytes = Bytes::from_kib(128);

    pub(super) const fn new() -> Self {
        Self { current: Self::INITIAL }
    }

    /// Returns the new window if it differs enough from the present one to be told to QUIC.
    ///
    /// `congestion_window` is what the controller would send; the window is never below it while
    /// the path is not known, and never above twice of it.
    pub(super) fn update(
        &mut self,
        estimate: &Estimate,
        congestion_window: Bytes,
    ) -> Option<Bytes> {
        let wanted = wanted(estimate, congestion_window);
        let (wanted, current) = (wanted.get(), self.current.get());
        if wanted.abs_diff(current) <= current / 8 {
            return None;
        }
        self.current = Bytes::new(wanted);
        Some(self.current)
    }
}

fn wanted(estimate: &Estimate, congestion_window: Bytes) -> Bytes {
    let rate = estimate.p50.max(estimate.delivery_rate);
    if rate.get() == 0 || estimate.min_rtt == Micros::ZERO {
        return SendWindow::INITIAL.max(twice(congestion_window));
    }
    let round = estimate.min_rtt.saturating_add(PAUSE);
    let product = rate.bytes_in(round);
    let ample = Bytes::new(product.get().saturating_add(product.get() / 2));
    // While the controller still opens its window, it knows better what the path may carry.
    let most = twice(congestion_window).max(SendWindow::INITIAL);
    ample.saturating_add(SLICES).min(most).max(LEAST)
}

fn twice(size: Bytes) -> Bytes {
    size.saturating_add(size)
}

/// The time for which this process may not be scheduled while acknowledgements come in.
const PAUSE: Micros = Micros::from_millis(20);
/// QUIC counts a chunk as held until all of it is acknowledged: two chunks, and a base layer.
const SLICES: Bytes = Bytes::from_kib(48);
/// The least that keeps any path busy.
const LEAST: Bytes = Bytes::from_kib(64);

#[cfg(test)]
mod tests {
    use aiflow_units::BitRate;

    use super::*;

    fn known(rate: BitRate, min_rtt: Micros) -> Estimate {
        Estimate { p50: rate, min_rtt, ..Estimate::default() }
    }

    #[test]
    fn the_window_follows_the_product() {
        let estimate = known(BitRate::megabits_per_second(40), Micros::from_millis(80));
        let window = SendWindow::new().update(&estimate, Bytes::from_mib(1));
        // 1.5 * 5 MB/s * 100 ms, and the slices.
        assert_eq!(window, Some(Bytes::new(750_000 + 48 * 1024)));
    }

    #[test]
    fn slow_paths_hold_little() {
        let estimate = known(BitRate::megabits_per_second(1), Micros::from_millis(60));
        let window = SendWindow::new().update(&estimate, Bytes::from_mib(4));
        assert_eq!(window, Some(LEAST));
    }

    #[test]
    fn small_changes_are_ignored() {
        let mut window = SendWindow::new();
        let estimate = known(BitRate::megabits_per_second(40), Micros::from_millis(90));
        assert!(window.update(&estimate, Bytes::from_mib(1)).is_some());
        let estimate = known(BitRate::megabits_per_second(42), Micros::from_millis(90));
        assert_eq!(window.update(&estimate, Bytes::from_mib(1)), None);
    }

    #[test]
    fn what_is_unknown_is_left_to_the_controller() {
        let mut window = SendWindow::new();
        assert_eq!(window.update(&Estimate::default(), Bytes::new(12_000)), None);
        let grown = window.update(&Estimate::default(), Bytes::from_kib(512));
        assert_eq!(grown, Some(Bytes::from_mib(1)));
    }
}
