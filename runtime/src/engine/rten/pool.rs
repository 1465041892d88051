//! Thread pools for concurrent runs.

use std::sync::{Arc, Mutex, PoisonError};

use ::rten::ThreadPool;

use crate::engine::Threads;

/// Thread pools of one size, one for each run that is under way.
///
/// Two runs on one pool of one thread would wait for each other, so each concurrent run takes a
/// pool of its own; pools are kept for the next run.
pub(super) struct PoolSet {
    threads: Threads,
    idle: Mutex<Vec<Arc<ThreadPool>>>,
}

impl PoolSet {
    pub(super) fn new(threads: Threads) -> Self {
        Self { threads, idle: Mutex::new(Vec::new()) }
    }

    pub(super) fn take(&self) -> TakenPool<'_> {
        let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let pool =
            kept.unwrap_or_else(|| Arc::new(ThreadPool::with_num_threads(self.threads.get())));
        TakenPool { set: self, pool }
    }
}

/// A pool that goes back to its set when the run is over.
pub(super) struct TakenPool<'a> {
    set: &'a PoolSet,
    pool: Arc<ThreadPool>,
}

impl TakenPool<'_> {
    pub(super) fn pool(&self) -> &Arc<ThreadPool> {
        &self.pool
    }
}

impl Drop for TakenPool<'_> {
    fn drop(&mut self) {
        let mut idle = self.set.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(Arc::clone(&self.pool));
    }
}
