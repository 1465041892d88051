//! Everything a plan depends on.

use aiflow_units::{Bytes, Micros};

use super::costs::TierCosts;
use super::link::LinkEstimate;
use super::table::Table;

/// The most tiers of a chain: device, edge, cloud.
pub const MOST_TIERS: usize = 3;

/// What is known when a plan is made. Planning is a pure function of it.
#[derive(Clone, Debug)]
pub struct Situation<'a> {
    /// The operating points.
    pub table: &'a Table,
    /// The tiers of the chain, the device first: one to [`MOST_TIERS`]; more are not looked at.
    pub tiers: &'a [Tier<'a>],
    /// The hop behind each tier but the last. A missing one counts as down.
    pub links: &'a [LinkEstimate],
    /// What is wanted.
    pub wish: Wish,
    /// What sending and computing cost beside the time.
    pub terms: Terms,
}

/// What is known of one tier.
#[derive(Clone, Copy, Debug)]
pub struct Tier<'a> {
    /// Times of the machine, corrected by what was seen.
    pub costs: &'a TierCosts,
    /// How many times slower than its costs say it is: 1 as measured, 10 for a machine with a tenth
    /// of the speed.
    pub slowdown: f64,
    /// How long a request waits there before it is begun, as the tier reports it.
    pub wait: Micros,
    /// Whether it takes requests.
    pub admits: Admits,
}

/// Whether a tier takes requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Admits {
    /// It does.
    #[default]
    Yes,
    /// It is full, draining or gone; what is sent through it still passes.
    No,
}

impl<'a> Tier<'a> {
    /// A tier that is as fast as its costs say and waits for nothing.
    pub const fn new(costs: &'a TierCosts) -> Self {
        Self { costs, slowdown: 1.0, wait: Micros::ZERO, admits: Admits::Yes }
    }

    /// Sets how many times slower it is; values that are no positive number count as 1.
    #[must_use]
    pub fn with_slowdown(mut self, slowdown: f64) -> Self {
        self.slowdown = if slowdown.is_finite() && slowdown > 0.0 { slowdown } else { 1.0 };
        self
    }

    /// Sets how long a request waits there.
    #[must_use]
    pub const fn with_wait(mut self, wait: Micros) -> Self {
        self.wait = wait;
        self
    }
}

/// What is wanted of a plan.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wish {
    /// The most loss that is allowed, in the measure of the table. A hard limit: where nothing else
    /// keeps it, everything stays on the device.
    pub most_loss: f64,
    /// What counts among the plans that keep it.
    pub goal: Goal,
}

/// What counts among the plans that keep the loss budget.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// The least expected cost, which is the time when nothing else is weighed.
    LeastTime,
    /// The least loss among the plans that meet the deadline with this confidence, and of those with
    /// equal loss the cheapest. Where none meets it, the least cost.
    Deadline {
        /// Time from the capture of the input to the answer.
        deadline: Micros,
        /// How sure the deadline must be met.
        confidence: Confidence,
    },
}

/// A probability from one half to nearly one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Confidence {
    probability: f64,
    deviations: f64,
}

impl Confidence {
    /// Takes a probability, clamped to 0.5 to 0.9999; what is no number counts as 0.9.
    pub fn new(probability: f64) -> Self {
        let probability = if probability.is_nan() { 0.9 } else { probability.clamp(0.5, 0.9999) };
        Self { probability, deviations: deviations(probability) }
    }

    /// Returns the probability.
    pub const fn probability(self) -> f64 {
        self.probability
    }

    /// Returns the standard deviations above the mean at which a normal distribution has it.
    pub const fn deviations(self) -> f64 {
        self.deviations
    }
}

impl Default for Confidence {
    /// Nine times in ten.
    fn default() -> Self {
        Self::new(0.9)
    }
}

/// The normal quantile for probabilities of at least one half, off by less than 0.0005.
///
/// The rational approximation 26.2.23 of Abramowitz and Stegun, Handbook of Mathematical Functions.
fn deviations(probability: f64) -> f64 {
    if probability <= 0.5 {
        return 0.0;
    }
    let t = (-2.0 * (1.0 - probability).ln()).sqrt();
    let top = 2.515_517 + t * (0.802_853 + t * 0.010_328);
    let bottom = 1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308));
    (t - top / bottom).max(0.0)
}

/// What sending and computing cost beside the time, and how they overlap.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Terms {
    /// Bytes that each request carries beside its payload.
    pub request_overhead: Bytes,
    /// Bytes that each packet carries beside its content.
    pub packet_overhead: Bytes,
    /// Content of a full packet.
    pub packet_content: Bytes,
    /// Bytes of an answer, on every hop back.
    pub reply: Bytes,
    /// Pieces in which a request is encoded, sent and decoded at the same time; 1 for one after the
    /// other.
    pub pieces: u32,
    /// What a byte on the first hop is worth, in microseconds of latency.
    pub byte_weight: f64,
    /// What a millijoule of the device is worth, in microseconds of latency.
    pub energy_weight: f64,
    /// The device's power.
    pub power: Power,
}

/// Power of the device in watts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Power {
    /// While it computes.
    pub active: f64,
    /// While its radio sends.
    pub radio: f64,
    /// While it waits.
    pub idle: f64,
}

impl Default for Terms {
    /// 32 bytes for each request (frame and stream headers) and 60 for each packet of 1,160 bytes of
    /// content (IP, UDP, QUIC, its tag), answers of 64 bytes, no overlap; only time counts.
    fn default() -> Self {
        Self {
            request_overhead: Bytes::new(32),
            packet_overhead: Bytes::new(60),
            packet_content: Bytes::new(1160),
            reply: Bytes::new(64),
            pieces: 1,
            byte_weight: 0.0,
            energy_weight: 0.0,
            power: Power::default(),
        }
    }
}

impl Default for Power {
    /// A small single-board computer: 3 W computing, 1.2 W sending, 0.5 W waiting.
    fn default() -> Self {
        Self { active: 3.0, radio: 1.2, idle: 0.5 }
    }
}

impl Terms {
    /// Returns the bytes that cross the network for a payload, headers of packets included.
    pub fn on_the_wire(&self, payload: f64) -> f64 {
        let content = payload + self.request_overhead.get() as f64;
        let full = (self.packet_content.get() as f64).max(1.0);
        content + (content / full).ceil().max(1.0) * self.packet_overhead.get() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confidence_gives_the_normal_quantile() {
        for (probability, expected) in
            [(0.5, 0.0), (0.9, 1.281_55), (0.95, 1.644_85), (0.99, 2.326_35), (0.999, 3.090_23)]
        {
            let found = Confidence::new(probability).deviations();
            assert!((found - expected).abs() < 6e-4, "{probability}: {found}");
        }
        assert_eq!(Confidence::new(0.1).deviations(), 0.0);
        assert_eq!(Confidence::new(f64::NAN), Confidence::default());
        assert!(Confidence::new(7.0).deviations() < 4.0);
    }

    #[test]
    fn small_payloads_take_one_packet_with_its_headers() {
        let terms = Terms::default();
        assert_eq!(terms.on_the_wire(100.0), 192.0);
        assert_eq!(terms.on_the_wire(1128.0), 1220.0);
        assert_eq!(terms.on_the_wire(1129.0), 1281.0);
    }
}
