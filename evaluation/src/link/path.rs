//! The path of an experiment.

use std::sync::Arc;

use aiflow_netsim::{LinkConfig, Rate, Trace};
use aiflow_units::{BitRate, Bytes, Micros, Timestamp};

use super::LinkError;

/// A path: an uplink that follows a trace, and a downlink that only delays.
#[derive(Debug, Clone)]
pub struct Path {
    /// What to call it in records.
    pub name: String,
    /// What the uplink carries.
    pub trace: Arc<Trace>,
    /// The round trip of an empty path, half of it in each direction.
    pub rtt: Micros,
    /// What the queue before the uplink holds.
    pub queue: Bytes,
}

impl Path {
    /// Makes a path with the 60 ms and the queue of 1 MiB of a cellular uplink.
    pub fn new(name: impl Into<String>, trace: Trace) -> Self {
        let (trace, rtt) = (Arc::new(trace), Micros::from_millis(60));
        Self { name: name.into(), trace, rtt, queue: LinkConfig::QUEUE_LIMIT }
    }

    /// Makes the path of a description: `const:10mbit` for one rate, `lte-like:SEED` for a drawn drive
    /// of 140 s, else the name of a trace file, with one delivery opportunity in milliseconds or
    /// with `seconds Mbit/s` on each line.
    ///
    /// # Errors
    ///
    /// [`LinkError::Spec`] for a rate or seed that is none, [`LinkError::Read`] and
    /// [`LinkError::Trace`] for a file that cannot be read.
    pub fn open(spec: &str) -> Result<Self, LinkError> {
        if let Some(rate) = spec.strip_prefix("const:") {
            let rate = parse_rate(rate).ok_or_else(|| LinkError::Spec(spec.to_owned()))?;
            return Ok(Self::new(spec, Trace::constant(rate)));
        }
        if let Some(seed) = spec.strip_prefix("lte-like:") {
            let seed = seed.parse().map_err(|_| LinkError::Spec(spec.to_owned()))?;
            return Ok(Self::new(spec, Trace::lte_like(seed, Self::DRIVE)));
        }
        let text = std::fs::read_to_string(spec)
            .map_err(|source| LinkError::Read { file: spec.to_owned(), source })?;
        let trace = Trace::parse(&text)
            .map_err(|source| LinkError::Trace { file: spec.to_owned(), source })?;
        let name = std::path::Path::new(spec).file_name().map(|name| name.to_string_lossy());
        Ok(Self::new(name.unwrap_or_default(), trace))
    }

    /// How long a drive is followed: longer traces are cut.
    pub const DRIVE: Micros = Micros::from_secs(140);

    /// Returns for how long it makes sense to look at the path: as long as its trace does not repeat,
    /// but not beyond [`Path::DRIVE`]; a minute where nothing changes.
    pub fn span(&self) -> Micros {
        let period = self.trace.period();
        let second = Micros::from_secs(1);
        if period <= second { Micros::from_secs(60) } else { period.min(Self::DRIVE) }
    }

    /// Sets the round trip of an empty path.
    #[must_use]
    pub const fn with_rtt(mut self, rtt: Micros) -> Self {
        self.rtt = rtt;
        self
    }

    /// Sets what the queue holds.
    #[must_use]
    pub const fn with_queue(mut self, queue: Bytes) -> Self {
        self.queue = queue;
        self
    }

    /// Returns the time from the queue to the other end.
    pub const fn one_way(&self) -> Micros {
        Micros::new(self.rtt.get() / 2)
    }

    /// Returns the mean rate of the uplink over `span` from `from`.
    pub fn rate(&self, from: Timestamp, span: Micros) -> BitRate {
        BitRate::over(self.trace.capacity(from, from.after(span)), span)
    }

    /// Returns the configurations of both directions.
    pub(crate) fn links(&self) -> (LinkConfig, LinkConfig) {
        let both = LinkConfig::new().with_delay(self.one_way());
        let up = both.clone().with_rate(Rate::Trace(Arc::clone(&self.trace)));
        (up.with_queue_limit(self.queue), both)
    }
}

/// Reads a rate such as `10mbit` or `800kbit`.
fn parse_rate(text: &str) -> Option<BitRate> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let number: u64 = text.get(..split)?.parse().ok()?;
    let rate = match text.get(split..)? {
        "kbit" => BitRate::kilobits_per_second(number),
        "mbit" => BitRate::megabits_per_second(number),
        _ => return None,
    };
    (BitRate::ZERO < rate && rate <= Trace::MAX_RATE).then_some(rate)
}
