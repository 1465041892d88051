//! Threads that compute what waits.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use aiflow_transport::driver::Request;
use aiflow_transport::wire::ResultFlags;
use aiflow_transport::{Code, Reply, Timings};
use aiflow_units::{Micros, Timestamp};

use super::clock::{Lap, Origin};
use super::compute::rest;
use super::counters::{Counting, add, count, spend};
use super::histogram::PartTimes;
use super::menu::Dish;
use super::pass::{Parcel, pass};
use super::picture::PictureReader;
use super::uplink::Uplink;
use super::ways::{Way, Ways};
use crate::bundle::FeatureCoding;
use crate::tier::{
    Answer, AnswerForm, ClientId, Crossing, ModelParts, Part, PartError, Place, QueueLimits,
    RefusalReason, Span, Taken, Trace, Work, WorkQueue,
};
use crate::value::Value;

/// A request on its way through a server.
pub(super) struct Job {
    pub(super) request: Request,
    /// Whose it is.
    pub(super) client: u64,
    pub(super) payload: bytes::Bytes,
    /// Whether layers of the payload are missing.
    pub(super) partial: bool,
    pub(super) dish: Dish,
    /// What the payload decodes to, where that is known.
    pub(super) crossing: Option<Crossing>,
    pub(super) form: AnswerForm,
    /// How it goes on behind this tier; `None` when it is answered here.
    pub(super) onward: Option<Onward>,
}

/// How a request goes on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Onward {
    pub(super) coding: FeatureCoding,
}

/// What workers share.
pub(super) struct Shop {
    pub(super) parts: Arc<ModelParts>,
    pub(super) origin: Origin,
    pub(super) counters: Counting,
    pub(super) times: PartTimes,
    pub(super) ways: Ways,
    pub(super) pictures: Option<Arc<dyn PictureReader>>,
    pub(super) uplink: Option<Uplink>,
    pub(super) slowdown: f64,
    /// Requests that the tier behind has.
    passing: AtomicUsize,
    state: Mutex<State>,
    bell: Condvar,
}

struct State {
    queue: WorkQueue<Job>,
    open: bool,
}

impl Shop {
    pub(super) fn new(
        parts: Arc<ModelParts>,
        limits: QueueLimits,
        pictures: Option<Arc<dyn PictureReader>>,
        uplink: Option<Uplink>,
        slowdown: f64,
    ) -> Self {
        let state = State { queue: WorkQueue::new(limits), open: true };
        Self {
            parts,
            origin: Origin::new(),
            counters: Counting::default(),
            times: PartTimes::default(),
            ways: Ways::default(),
            pictures,
            uplink,
            slowdown,
            passing: AtomicUsize::new(0),
            state: Mutex::new(state),
            bell: Condvar::new(),
        }
    }

    /// Starts the threads; they end after [`close`](Self::close).
    pub(super) fn start(self: &Arc<Self>, workers: usize) -> std::io::Result<Vec<JoinHandle<()>>> {
        let runtime = tokio::runtime::Handle::current();
        let worker = |index| {
            let (shop, runtime) = (Arc::clone(self), runtime.clone());
            Builder::new().name(format!("aiflow-worker-{index}")).spawn(move || {
                let _entered = runtime.enter();
                shop.work();
            })
        };
        (0..workers).map(worker).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The queue is whole between two calls, whoever panicked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request that arrived.
    pub(super) fn arrived(&self, bytes: usize) {
        count(&self.counters.requests);
        add(&self.counters.bytes, bytes as u64);
    }

    /// Counts a request as being with the tier behind for as long as what is returned lives.
    pub(super) fn passing(self: &Arc<Self>) -> Passing {
        self.passing.fetch_add(1, Ordering::Relaxed);
        Passing(Arc::clone(self))
    }

    /// Takes a request in, or says no.
    pub(super) fn offer(&self, work: Work<Job>) {
        let now = self.origin.now();
        match self.lock().queue.offer(work, now) {
            Ok(()) => self.bell.notify_one(),
            Err((refusal, work)) => {
                let (counter, code) = match refusal.reason {
                    RefusalReason::TooLate => (&self.counters.late, Code::TooLate),
                    RefusalReason::Draining => (&self.counters.refused, Code::GoingAway),
                    RefusalReason::Full | RefusalReason::ClientFull => {
                        (&self.counters.refused, Code::ExcessiveLoad)
                    }
                };
                count(counter);
                give_up(work.item.request, code);
            }
        }
    }

    /// Estimates how long a new request would wait.
    pub(super) fn backlog(&self) -> Micros {
        self.lock().queue.backlog()
    }

    /// Estimates how long a new request takes.
    pub(super) fn expected(&self, span: Span) -> Micros {
        self.lock().queue.expected(span)
    }

    /// Returns how many requests wait and run.
    pub(super) fn load(&self) -> (usize, usize) {
        let state = self.lock();
        (state.queue.waiting(), state.queue.running())
    }

    /// Takes nothing new.
    pub(super) fn drain(&self) {
        self.lock().queue.drain();
        self.bell.notify_all();
    }

    pub(super) fn is_idle(&self) -> bool {
        self.passing.load(Ordering::Relaxed) == 0 && self.lock().queue.is_idle()
    }

    /// Lets the threads end.
    pub(super) fn close(&self) {
        self.lock().open = false;
        self.bell.notify_all();
    }

    fn work(self: &Arc<Self>) {
        while let Some(taken) = self.next() {
            for work in taken.late {
                count(&self.counters.late);
                give_up(work.item.request, Code::TooLate);
            }
            let Some(first) = taken.batch.first() else { continue };
            let (span, clients) =
                (first.span, taken.batch.iter().map(|work| work.client).collect::<Vec<ClientId>>());
            let mut lap = Lap::start();
            self.run(span, taken.batch);
            self.lock().queue.done(span, &clients, lap.next());
        }
    }

    /// Waits for work; `None` when there will be none.
    fn next(&self) -> Option<Taken<Job>> {
        let mut state = self.lock();
        loop {
            if !state.open {
                return None;
            }
            let now = self.origin.now();
            for work in state.queue.cancel(|job| job.request.is_abandoned()) {
                count(&self.counters.cancelled);
                give_up(work.item.request, Code::Cancelled);
            }
            let taken = state.queue.take(now);
            if !taken.batch.is_empty() || !taken.late.is_empty() {
                return Some(taken);
            }
            let due = taken.again.map_or(LONGEST_SLEEP, |at| at.since(now).to_duration());
            let waited = self.bell.wait_timeout(state, due.min(LONGEST_SLEEP));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Decodes and computes a batch, and answers or hands on.
    fn run(self: &Arc<Self>, span: Span, batch: Vec<Work<Job>>) {
        count(&self.counters.batches);
        add(&self.counters.batched, batch.len() as u64);
        let mut ready: Vec<(Job, Crossing, Spent)> = Vec::with_capacity(batch.len());
        for mut work in batch {
            let mut spent = Spent::new(work.arrived, self.origin.now());
            let mut lap = Lap::start();
            match self.decode(&mut work.item) {
                Ok(crossing) => {
                    spent.decode = lap.next();
                    ready.push((work.item, crossing, spent));
                }
                Err(error) => {
                    tracing::info!(%error, "a frame cannot be decoded");
                    count(&self.counters.failed);
                    give_up(work.item.request, Code::DecodeFailed);
                }
            }
        }
        // What nobody wants any more is not computed.
        let (ready, unwanted): (Vec<_>, Vec<_>) =
            ready.into_iter().partition(|(job, ..)| !job.request.is_abandoned());
        for (job, ..) in unwanted {
            count(&self.counters.cancelled);
            give_up(job.request, Code::Cancelled);
        }
        match span.to {
            Place::Output => self.answer(span.from, ready),
            to => ready.into_iter().for_each(|(job, what, spent)| {
                self.hand_on(Span { from: span.from, to }, job, what, spent);
            }),
        }
    }

    fn decode(&self, job: &mut Job) -> Result<Crossing, PartError> {
        if let Some(known) = job.crossing.take() {
            return Ok(known);
        }
        match job.dish {
            Dish::Tensors(place) if job.partial => {
                count(&self.counters.partial);
                self.parts.coder(place)?.decode_prefix(&job.payload)
            }
            Dish::Tensors(place) => self.parts.coder(place)?.decode(&job.payload),
            Dish::Picture(format) => {
                let unserved = PartError::UnknownPlace { place: Place::Input };
                let reader = self.pictures.as_ref().ok_or(unserved)?;
                let inputs = reader.read(format, &job.payload).map_err(|_| PartError::Picture)?;
                let named: Vec<(&str, Value)> =
                    inputs.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
                self.parts.head(&named, Place::Input)
            }
        }
    }

    fn answer(&self, from: Place, ready: Vec<(Job, Crossing, Spent)>) {
        let (mut jobs, mut all) =
            (Vec::with_capacity(ready.len()), Vec::with_capacity(ready.len()));
        for (job, what, spent) in ready {
            jobs.push((job, spent));
            all.push(what);
        }
        jobs.iter_mut().for_each(|(_, spent)| spent.wait_until(self.origin.now()));
        let mut lap = Lap::start();
        let outputs = match (jobs.as_slice(), all.as_slice()) {
            ([(job, _)], [what]) if self.lock().queue.usual(Span::tail(from)) >= LONG => {
                let wanted = || !job.request.is_abandoned();
                vec![self.parts.tail_in_steps(from, what, &wanted)]
            }
            _ => self.tails(from, &all),
        };
        let compute = rest(lap.next(), self.slowdown);
        for ((job, mut spent), outputs) in jobs.into_iter().zip(outputs) {
            spent.compute = compute;
            let took = spent.decode.saturating_add(compute);
            self.ways.learn(from, Way::Here, took, self.origin.now());
            match outputs {
                Ok(Some(outputs)) => self.reply(job, &spent, outputs),
                Ok(None) => {
                    count(&self.counters.cancelled);
                    give_up(job.request, Code::Cancelled);
                }
                Err(error) => {
                    tracing::warn!(%error, "a request cannot be computed");
                    count(&self.counters.failed);
                    give_up(job.request, Code::Internal);
                }
            }
        }
    }

    /// Runs what is behind a place for several requests.
    fn tails(&self, from: Place, all: &[Crossing]) -> Vec<Result<Option<Vec<Value>>, PartError>> {
        match self.parts.tails(from, all) {
            Ok(outputs) => outputs.into_iter().map(|outputs| Ok(Some(outputs))).collect(),
            // One of them may be at fault: each alone then.
            Err(_) => all.iter().map(|what| self.parts.tail(from, what).map(Some)).collect(),
        }
    }

    fn reply(&self, job: Job, spent: &Spent, outputs: Vec<Value>) {
        self.send(job.request, spent, &Answer::new(outputs, job.form), &spent.trace());
    }

    /// Sends an answer; counts it as cancelled where nobody wants it any more. The trace begins with
    /// what was spent on this tier.
    pub(super) fn send(&self, request: Request, spent: &Spent, answer: &Answer, trace: &Trace) {
        spend(&self.counters.wait_micros, spent.wait);
        spend(&self.counters.decode_micros, spent.decode);
        spend(&self.counters.compute_micros, spent.compute);
        self.times.observe(trace);
        // To the client all that happened behind the decoder is one.
        let infer = trace.total().saturating_sub(spent.wait.saturating_add(spent.decode));
        let timings = Timings { wait: spent.wait, decode: spent.decode, infer };
        let payload = answer.encode(trace).into();
        let reply = Reply { payload, layers: 1, flags: ResultFlags::NONE, timings };
        // Before it leaves: who has an answer finds it counted.
        count(&self.counters.answered);
        if request.reply(reply).is_err() {
            self.counters.answered.fetch_sub(1, Ordering::Relaxed);
            count(&self.counters.cancelled);
        }
    }

    /// Computes the part that is left to this tier, and hands over to the next one.
    fn hand_on(self: &Arc<Self>, span: Span, job: Job, what: Crossing, mut spent: Spent) {
        let (Some(uplink), Some(onward)) = (self.uplink.clone(), job.onward) else {
            return self.answer(span.from, vec![(job, what, spent)]);
        };
        spent.wait_until(self.origin.now());
        let mut lap = Lap::start();
        let middle = self.parts.middle(span, &what);
        spent.compute = rest(lap.next(), self.slowdown);
        lap.next();
        let coded = middle.and_then(|middle| {
            let bytes = self.parts.coder(span.to)?.encode(&middle, onward.coding)?;
            spent.encode = lap.next();
            Ok((middle, bytes))
        });
        match coded {
            Ok((middle, bytes)) => {
                let rate = super::menu::rate_of(onward.coding);
                let (dish, own) = (Dish::Tensors(span.to), Some(middle));
                let parcel = Parcel { bytes: bytes.into(), dish, rate, spent, own };
                pass(Arc::clone(self), uplink, job, parcel);
            }
            Err(error) => {
                tracing::warn!(%error, "a part cannot be computed");
                count(&self.counters.failed);
                give_up(job.request, Code::Internal);
            }
        }
    }
}

/// A request that the tier behind has.
pub(super) struct Passing(Arc<Shop>);

impl Drop for Passing {
    fn drop(&mut self) {
        self.0.passing.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Where the time of a request went on this tier.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spent {
    pub(super) arrived: Timestamp,
    pub(super) wait: Micros,
    pub(super) decode: Micros,
    pub(super) compute: Micros,
    pub(super) encode: Micros,
}

impl Spent {
    fn new(arrived: Timestamp, begun: Timestamp) -> Self {
        Self { arrived, wait: begun.since(arrived), ..Self::default() }
    }

    /// Counts everything until now but decoding as waiting: others of the batch were decoded too.
    fn wait_until(&mut self, now: Timestamp) {
        self.wait = now.since(self.arrived).saturating_sub(self.decode);
    }

    pub(super) fn trace(&self) -> Trace {
        let mut trace = Trace::new();
        trace.push(0, Part::Wait, self.wait);
        trace.push(0, Part::Decode, self.decode);
        trace.push(0, Part::Compute, self.compute);
        if self.encode > Micros::ZERO {
            trace.push(0, Part::Encode, self.encode);
        }
        trace
    }
}

/// Fails a request; it may have been given up by the other side meanwhile.
pub(super) fn give_up(request: Request, code: Code) {
    let _ = request.fail(code);
}

/// What takes longer than this is run in steps: it may turn out on the way that nobody waits for it.
const LONG: Micros = Micros::from_millis(100);
/// Workers look for requests that nobody wants any more at least so often.
const LONGEST_SLEEP: Duration = Duration::from_secs(5);
