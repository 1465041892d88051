//! What would have been best, looking back.

use aiflow_netsim::Trace;
use aiflow_runtime::bundle::Payload;
use aiflow_runtime::planner::{Position, TierCosts};
use aiflow_units::{Micros, Timestamp};

use super::plans::Plans;

/// Knows what the channel carried after a request began, and so what each plan would have taken.
///
/// Times are those of both machines as they are emulated, the bytes of the plan sheet through the
/// trace, half a round trip each way, and the mean time that requests really waited at the server.
pub(super) struct Oracle<'a> {
    plans: &'a Plans,
    trace: &'a Trace,
    rtt: f64,
    wait: f64,
}

/// A plan with its time in microseconds.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Looked {
    pub(super) time: f64,
    pub(super) what: Option<Payload>,
}

impl<'a> Oracle<'a> {
    pub(super) fn new(plans: &'a Plans, trace: &'a Trace, rtt: Micros, wait: f64) -> Self {
        Self { plans, trace, rtt: rtt.get() as f64, wait }
    }

    /// Returns the best plan for a request that began at a time.
    pub(super) fn best(&self, at: Timestamp) -> Looked {
        let mut best = Looked { time: self.local(), what: None };
        for index in self.plans.allowed() {
            let Some(time) = self.point(at, index).filter(|time| *time < best.time) else {
                continue;
            };
            best = Looked { time, what: self.plans.table.points().get(index).map(|p| p.payload) };
        }
        best
    }

    /// Returns the time of everything on the device.
    pub(super) fn local(&self) -> f64 {
        part(&self.plans.device, Position::INPUT, self.plans.table.output())
    }

    /// Returns the time of a point of the table; nothing where it was not profiled.
    pub(super) fn point(&self, at: Timestamp, index: usize) -> Option<f64> {
        let point = self.plans.table.points().get(index)?;
        let encode = self.plans.device.encode(index)?.typical;
        let decode = self.plans.server.decode(index)?.typical;
        self.sent(at, point.at, encode, point.bytes, decode)
    }

    /// Returns the time of handing over so many bytes at a place; nothing where they never arrive.
    pub(super) fn sent(
        &self,
        at: Timestamp,
        place: Position,
        encode: f64,
        bytes: f64,
        decode: f64,
    ) -> Option<f64> {
        let output = self.plans.table.output();
        let head = part(&self.plans.device, Position::INPUT, place);
        let tail = part(&self.plans.server, place, output);
        let begun = at.after(Micros::new((head + encode) as u64));
        let passing = self.passing(begun, self.plans.terms.on_the_wire(bytes))?;
        Some(head + encode + passing + self.rtt + decode + self.wait + tail)
    }

    /// Returns how long bytes take to pass an empty queue, in microseconds.
    fn passing(&self, from: Timestamp, bytes: f64) -> Option<f64> {
        let carried = |span: u64| self.trace.capacity(from, from.after(Micros::new(span))).get();
        let enough = |span: u64| carried(span) as f64 >= bytes;
        let mut high = 1000_u64;
        while !enough(high) {
            high = high.checked_mul(2).filter(|span| *span <= LONGEST)?;
        }
        let mut low = 0;
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if enough(middle) { high = middle } else { low = middle }
        }
        Some(high as f64)
    }
}

fn part(costs: &TierCosts, from: Position, to: Position) -> f64 {
    costs.part(from, to).map_or(f64::INFINITY, |spread| spread.typical)
}

/// What has not passed after this, in microseconds, never does.
const LONGEST: u64 = 600_000_000;
