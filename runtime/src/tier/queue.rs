//! What waits to be computed on a tier: admission, deadlines, fairness and batches.

use std::collections::BTreeMap;

use aiflow_units::{Micros, Timestamp};

use super::error::{Refusal, RefusalReason};
use super::place::Span;

/// Names whose work it is, for the limit per client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(pub u64);

/// A request that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work<T> {
    /// Whose it is.
    pub client: ClientId,
    /// The part of the model; requests of one part may run together.
    pub span: Span,
    /// When the answer is no longer of use; [`Timestamp::MAX`] for never.
    pub deadline: Timestamp,
    /// When it came.
    pub arrived: Timestamp,
    /// What it is.
    pub item: T,
}

/// How much a [`WorkQueue`] takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueLimits {
    waiting: usize,
    per_client: usize,
    batch: usize,
    wait: Micros,
    workers: usize,
}

impl Default for QueueLimits {
    /// 256 requests wait, 32 of one client are under way, one worker, and no batches: on processors
    /// the built-in engine takes as long for a batch as for its requests one by one, and copying them
    /// together costs 10 to 30 % of the throughput (ResNet-20, two cores).
    fn default() -> Self {
        Self { waiting: 256, per_client: 32, batch: 1, wait: Micros::ZERO, workers: 1 }
    }
}

impl QueueLimits {
    /// Sets how many requests may wait. More smooths bursts, fewer refuse early.
    #[must_use]
    pub const fn with_waiting(mut self, most: usize) -> Self {
        self.waiting = most;
        self
    }

    /// Sets how many requests of one client may wait or run.
    #[must_use]
    pub const fn with_per_client(mut self, most: usize) -> Self {
        self.per_client = most;
        self
    }

    /// Sets how many requests run together at most; 1 for no batches.
    #[must_use]
    pub const fn with_batch(mut self, most: usize) -> Self {
        self.batch = if most == 0 { 1 } else { most };
        self
    }

    /// Sets how long a request is held back for others to run with it. Zero, the default, never lets
    /// a worker idle: batches form while all of them are busy.
    #[must_use]
    pub const fn with_wait(mut self, longest: Micros) -> Self {
        self.wait = longest;
        self
    }

    /// Sets how many workers take from the queue, for estimates of the wait.
    #[must_use]
    pub const fn with_workers(mut self, workers: usize) -> Self {
        self.workers = if workers == 0 { 1 } else { workers };
        self
    }
}

/// What a worker gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken<T> {
    /// Requests of one part, to be run together; nothing when there is no work yet.
    pub batch: Vec<Work<T>>,
    /// Requests that cannot be answered in time any more. They are not to be started.
    pub late: Vec<Work<T>>,
    /// When to ask again, where requests are held back for others; `None` to wait for new ones.
    pub again: Option<Timestamp>,
}

/// Requests that wait for a worker.
///
/// What cannot be in time is refused at once, by what requests of the same part took until now and
/// by what waits before; what has become late while it waited is never started. Among the rest the
/// earliest deadline goes first, with all others of the same part that fit into the batch. Time
/// comes in as an argument.
#[derive(Clone, Debug)]
pub struct WorkQueue<T> {
    limits: QueueLimits,
    waiting: Vec<Work<T>>,
    /// Requests under way, waiting or running.
    clients: BTreeMap<ClientId, usize>,
    /// How long one request of a part takes, smoothed.
    times: BTreeMap<Span, f64>,
    running: usize,
    draining: bool,
}

impl<T> WorkQueue<T> {
    /// Starts empty.
    pub const fn new(limits: QueueLimits) -> Self {
        Self {
            limits,
            waiting: Vec::new(),
            clients: BTreeMap::new(),
            times: BTreeMap::new(),
            running: 0,
            draining: false,
        }
    }

    /// Returns how many requests wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Returns how many requests run.
    pub const fn running(&self) -> usize {
        self.running
    }

    /// Estimates how long a new request waits before it is begun.
    pub fn backlog(&self) -> Micros {
        let known = |work: &Work<T>| self.times.get(&work.span).copied().unwrap_or(0.0);
        let waiting: f64 = self.waiting.iter().map(known).sum();
        let busy = self.running.min(self.limits.workers) as f64 / self.limits.workers as f64;
        let running = busy * self.times.values().copied().fold(0.0, f64::max) / 2.0;
        Micros::new((waiting / self.limits.workers as f64 + running) as u64)
    }

    /// Returns how long a request of a part takes by itself, as far as it is known.
    pub fn usual(&self, span: Span) -> Micros {
        Micros::new(self.times.get(&span).copied().unwrap_or(0.0) as u64)
    }

    /// Estimates how long a new request of a part takes, with what waits before it.
    pub fn expected(&self, span: Span) -> Micros {
        self.backlog().saturating_add(self.usual(span))
    }

    /// Takes no new request from now on; those that wait are still done.
    pub const fn drain(&mut self) {
        self.draining = true;
    }

    /// Returns whether nothing waits and nothing runs.
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.running == 0
    }

    /// Takes a request in.
    ///
    /// # Errors
    /// Why it is not taken, with the request: a limit, a deadline that cannot be met, or draining.
    pub fn offer(&mut self, work: Work<T>, now: Timestamp) -> Result<(), (Refusal, Work<T>)> {
        let refuse = |reason, retry_after| Err((Refusal { reason, retry_after }, work.client));
        let backlog = self.backlog();
        let own = self.clients.get(&work.client).copied().unwrap_or(0);
        let verdict = if self.draining {
            refuse(RefusalReason::Draining, Micros::ZERO)
        } else if own >= self.limits.per_client {
            refuse(RefusalReason::ClientFull, backlog.max(LEAST_RETRY))
        } else if self.waiting.len() >= self.limits.waiting {
            refuse(RefusalReason::Full, backlog.max(LEAST_RETRY))
        } else if self.ends(&work, now.after(self.ahead_of(&work))) > work.deadline {
            refuse(RefusalReason::TooLate, Micros::ZERO)
        } else {
            Ok(())
        };
        match verdict {
            Err((refusal, _)) => Err((refusal, work)),
            Ok(()) => {
                *self.clients.entry(work.client).or_default() += 1;
                self.waiting.push(work);
                Ok(())
            }
        }
    }

    /// Gives a worker its next batch.
    pub fn take(&mut self, now: Timestamp) -> Taken<T> {
        let late = self.remove(|queue, work| queue.ends(work, now) > work.deadline);
        let mut taken = Taken { batch: Vec::new(), late, again: None };
        let ready = |work: &&Work<T>| self.is_ready(work, now);
        let urgent = |work: &&Work<T>| (work.deadline, work.arrived);
        let Some(first) = self.waiting.iter().filter(ready).min_by_key(urgent) else {
            let due = self.waiting.iter().map(|work| work.arrived.after(self.limits.wait)).min();
            taken.again = due;
            return taken;
        };
        let (span, now_due) = (first.span, urgent(&first));
        let mut same: Vec<_> =
            self.waiting.iter().filter(|w| w.span == span).map(|w| urgent(&w)).collect();
        same.sort_unstable();
        let last = same.get(self.limits.batch.min(same.len()).saturating_sub(1)).copied();
        let last = last.unwrap_or(now_due);
        let mut room = self.limits.batch;
        let mut rest = Vec::with_capacity(self.waiting.len());
        for work in std::mem::take(&mut self.waiting) {
            if work.span == span && room > 0 && (work.deadline, work.arrived) <= last {
                room -= 1;
                taken.batch.push(work);
            } else {
                rest.push(work);
            }
        }
        self.waiting = rest;
        taken.batch.sort_by_key(|work| (work.deadline, work.arrived));
        self.running += taken.batch.len();
        taken
    }

    /// Learns that a batch is done and what it took.
    pub fn done<'a>(
        &mut self,
        span: Span,
        clients: impl IntoIterator<Item = &'a ClientId>,
        took: Micros,
    ) {
        let mut count = 0_usize;
        for client in clients {
            self.forget(*client);
            count += 1;
        }
        self.running = self.running.saturating_sub(count);
        let each = took.get() as f64 / count.max(1) as f64;
        let known = self.times.entry(span).or_insert(each);
        *known += (each - *known) * SMOOTHING;
    }

    /// Takes requests out that nobody wants any more.
    pub fn cancel(&mut self, unwanted: impl Fn(&T) -> bool) -> Vec<Work<T>> {
        self.remove(|_, work| unwanted(&work.item))
    }

    fn remove(&mut self, out: impl Fn(&Self, &Work<T>) -> bool) -> Vec<Work<T>> {
        let all = std::mem::take(&mut self.waiting);
        let (gone, kept) = all.into_iter().partition(|work| out(self, work));
        self.waiting = kept;
        let gone: Vec<Work<T>> = gone;
        gone.iter().for_each(|work| self.forget(work.client));
        gone
    }

    fn forget(&mut self, client: ClientId) {
        if let Some(count) = self.clients.get_mut(&client) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.clients.remove(&client);
            }
        }
    }

    /// When a request would be done that is begun at `start`.
    fn ends(&self, work: &Work<T>, start: Timestamp) -> Timestamp {
        start.after(Micros::new(self.times.get(&work.span).copied().unwrap_or(0.0) as u64))
    }

    /// How long those that are more urgent take.
    fn ahead_of(&self, work: &Work<T>) -> Micros {
        let ahead = self.waiting.iter().filter(|other| other.deadline <= work.deadline);
        let times = ahead.map(|other| self.times.get(&other.span).copied().unwrap_or(0.0));
        Micros::new((times.sum::<f64>() / self.limits.workers as f64) as u64)
    }

    /// Tells whether a request need not be held back for others any longer.
    fn is_ready(&self, work: &Work<T>, now: Timestamp) -> bool {
        self.limits.wait == Micros::ZERO
            || self.draining
            || now >= work.arrived.after(self.limits.wait)
            || self.ends(work, now.after(self.limits.wait)) > work.deadline
            || self.waiting.iter().filter(|other| other.span == work.span).count()
                >= self.limits.batch
    }
}

/// Nobody needs to ask again sooner.
const LEAST_RETRY: Micros = Micros::from_millis(5);
/// Share of a new time in the smoothed one.
const SMOOTHING: f64 = 0.2;
