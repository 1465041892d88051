//! How long parts of requests took, for a metrics endpoint.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use aiflow_units::Micros;

use crate::tier::{Part, Trace};

/// Upper ends of the buckets in microseconds: 1, 2 and 5 of each decade from 0.1 ms to 5 s, within
/// which answers to people and machines lie.
const ENDS: [u64; 15] = [
    100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000,
    1_000_000, 2_000_000, 5_000_000,
];

/// Counts times by their size.
#[derive(Debug, Default)]
struct Histogram {
    buckets: [AtomicU64; ENDS.len()],
    /// Those beyond the last bucket as well.
    count: AtomicU64,
    micros: AtomicU64,
}

impl Histogram {
    fn observe(&self, time: Micros) {
        let bucket = ENDS.iter().position(|&end| time.get() <= end);
        if let Some(bucket) = bucket.and_then(|index| self.buckets.get(index)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(time.get(), Ordering::Relaxed);
    }

    fn write(&self, name: &str, part: &str, out: &mut String) {
        let seconds = |micros: u64| micros as f64 / 1e6;
        let mut below = 0;
        for (bucket, &end) in self.buckets.iter().zip(&ENDS) {
            below += bucket.load(Ordering::Relaxed);
            let end = seconds(end);
            let _ = writeln!(out, "{name}_bucket{{part=\"{part}\",le=\"{end}\"}} {below}");
        }
        let count = self.count.load(Ordering::Relaxed);
        let sum = seconds(self.micros.load(Ordering::Relaxed));
        let _ = writeln!(out, "{name}_bucket{{part=\"{part}\",le=\"+Inf\"}} {count}");
        let _ = writeln!(out, "{name}_sum{{part=\"{part}\"}} {sum}");
        let _ = writeln!(out, "{name}_count{{part=\"{part}\"}} {count}");
    }
}

/// Where the time of requests went on this tier and behind it.
#[derive(Debug, Default)]
pub(super) struct PartTimes {
    parts: [Histogram; Part::ALL.len()],
    behind: Histogram,
    total: Histogram,
}

impl PartTimes {
    /// Counts the parts of an answered request; those of tiers behind this one count together.
    pub(super) fn observe(&self, trace: &Trace) {
        for (part, histogram) in Part::ALL.into_iter().zip(&self.parts) {
            let own = trace.parts().iter().filter(|(tier, p, _)| *tier == 0 && *p == part);
            if own.count() > 0 {
                histogram.observe(trace.of(0, part));
            }
        }
        let total = trace.total();
        let own = Part::ALL.into_iter().map(|part| trace.of(0, part));
        let behind = total.saturating_sub(own.fold(Micros::ZERO, Micros::saturating_add));
        if trace.parts().iter().any(|(tier, ..)| *tier > 0) {
            self.behind.observe(behind);
        }
        self.total.observe(total);
    }

    /// Writes the times in the text format of Prometheus; parts that never happened are left out.
    pub(super) fn prometheus(&self) -> String {
        let name = "aiflow_part_seconds";
        let mut out = format!(
            "# HELP {name} Where the time of answered requests went.\n# TYPE {name} histogram\n"
        );
        let parts = Part::ALL.into_iter().map(Part::name).zip(&self.parts);
        for (part, histogram) in parts.chain([("behind", &self.behind), ("total", &self.total)]) {
            if histogram.count.load(Ordering::Relaxed) > 0 {
                histogram.write(name, part, &mut out);
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_counted_by_part_and_size() {
        let times = PartTimes::default();
        let mut trace = Trace::new();
        trace.push(0, Part::Wait, Micros::new(150));
        trace.push(0, Part::Compute, Micros::from_millis(30));
        trace.push(1, Part::Compute, Micros::from_secs(9));
        times.observe(&trace);
        times.observe(&trace);
        let text = times.prometheus();
        for line in [
            "aiflow_part_seconds_bucket{part=\"wait\",le=\"0.0001\"} 0",
            "aiflow_part_seconds_bucket{part=\"wait\",le=\"0.0002\"} 2",
            "aiflow_part_seconds_bucket{part=\"compute\",le=\"0.02\"} 0",
            "aiflow_part_seconds_bucket{part=\"compute\",le=\"0.05\"} 2",
            "aiflow_part_seconds_bucket{part=\"behind\",le=\"5\"} 0",
            "aiflow_part_seconds_bucket{part=\"behind\",le=\"+Inf\"} 2",
            "aiflow_part_seconds_sum{part=\"compute\"} 0.06",
            "aiflow_part_seconds_count{part=\"total\"} 2",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert!(!text.contains("decode"), "{text}");
    }
}
