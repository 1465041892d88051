//! Computing away from the tasks of the network, as fast or as slow as it should be.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aiflow_units::Micros;

use crate::tier::PartError;

/// Computes on a thread that may take its time.
pub(super) async fn compute<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PartError> + Send + 'static,
) -> Result<T, PartError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Blocking work is only given up when the runtime shuts down.
            Err(_) => std::future::pending().await,
        },
    }
}

/// Rests as long as a slower machine would have computed; returns the time of both.
pub(super) fn rest(computed: Micros, slowdown: f64) -> Micros {
    let factor = if slowdown.is_finite() { (slowdown - 1.0).max(0.0) } else { 0.0 };
    let more = computed.to_duration().mul_f64(factor);
    if more > Duration::ZERO {
        std::thread::sleep(more);
    }
    computed.saturating_add(Micros::from_duration(more))
}

/// Says that somebody waits for what is computed; until it is dropped.
pub(super) struct Wanted(Arc<AtomicBool>);

/// Sees whether a [`Wanted`] is still there.
pub(super) struct Watch(Arc<AtomicBool>);

impl Wanted {
    pub(super) fn new() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }

    pub(super) fn watch(&self) -> Watch {
        Watch(Arc::clone(&self.0))
    }
}

impl Drop for Wanted {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

impl Watch {
    pub(super) fn is_up(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
