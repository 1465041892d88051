//! The path of an experiment.

use std::sync::Arc;

use aiflow_netsim::{LinkConfig, Rate, Trace, TraceError};
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
    /// of 140 s, `lte-like:SEED@2mbit` for one that carries so much on average, else the name of a trace file, with one delivery opportunity in milliseconds or
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
        if let Some(drawn) = spec.strip_prefix("lte-like:") {
            let wrong = || LinkError::Spec(spec.to_owned());
            let (seed, mean) = match drawn.split_once('@') {
                Some((seed, mean)) => (seed, Some(parse_rate(mean).ok_or_else(wrong)?)),
                None => (drawn, None),
            };
            let drive = Trace::lte_like(seed.parse().map_err(|_| wrong())?, Self::DRIVE);
            let trace = match mean {
                Some(mean) => scaled(&drive, mean).map_err(|_| wrong())?,
                None => drive,
            };
            return Ok(Self::new(spec, trace));
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

/// Makes a channel that carries another amount on average and varies in the same way.
fn scaled(trace: &Trace, mean: BitRate) -> Result<Trace, TraceError> {
    let factor = mean.get() as f64 / trace.mean().get().max(1) as f64;
    let windows = trace.period().get() / WINDOW.get();
    let step = |window: u64| {
        let from = Timestamp::from_origin(Micros::new(window * WINDOW.get()));
        let rate = BitRate::over(trace.capacity(from, from.after(WINDOW)), WINDOW);
        (WINDOW, BitRate::bits_per_second((rate.get() as f64 * factor) as u64))
    };
    Trace::steps(&(0..windows).map(step).collect::<Vec<_>>())
}

/// Rates of a scaled drive hold so long.
const WINDOW: Micros = Micros::from_millis(100);

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drive_can_be_made_to_carry_less() {
        let path = Path::open("lte-like:7@1500kbit").expect("a path");
        let mean = path.trace.mean().get();
        assert!((1_480_000..=1_520_000).contains(&mean), "{mean}");
        let whole = Path::open("lte-like:7").expect("a path");
        let at = |seconds| Timestamp::from_origin(Micros::from_secs(seconds));
        let second = Micros::from_secs(1);
        let factor = whole.trace.mean().get() as f64 / mean as f64;
        for moment in [3, 40, 90] {
            let (less, more) = (path.rate(at(moment), second), whole.rate(at(moment), second));
            assert!((less.get() as f64 * factor / more.get() as f64 - 1.0).abs() < 0.05);
        }
        assert!(Path::open("lte-like:7@fast").is_err() && Path::open("lte-like:x").is_err());
    }
}
