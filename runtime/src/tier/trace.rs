//! Where the time of a request went.

use std::fmt;

use aiflow_units::Micros;

/// What a part of a request's time was spent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Part {
    /// Getting and preparing the input.
    Capture,
    /// Computing a part of the model: the head on a device, a middle or the tail behind it.
    Compute,
    /// Encoding what is handed over.
    Encode,
    /// Waiting on the sending side until the last byte had left.
    Queue,
    /// The way over the network to the next tier.
    Wire,
    /// Waiting on a tier from the last byte to the start of decoding.
    Wait,
    /// Decoding what was handed over.
    Decode,
    /// The way of the answer back over the network.
    Reply,
}

impl Part {
    /// All of them, in the order in which they happen.
    pub const ALL: [Self; 8] = [
        Self::Capture,
        Self::Compute,
        Self::Encode,
        Self::Queue,
        Self::Wire,
        Self::Wait,
        Self::Decode,
        Self::Reply,
    ];

    /// Returns the name that reports use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Capture => "capture",
            Self::Compute => "compute",
            Self::Encode => "encode",
            Self::Queue => "queue",
            Self::Wire => "wire",
            Self::Wait => "wait",
            Self::Decode => "decode",
            Self::Reply => "reply",
        }
    }

    /// Returns the number on the wire.
    pub(super) const fn number(self) -> u8 {
        self as u8
    }

    pub(super) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.number() == number)
    }
}

/// Where the time of a request went: parts with the tier that spent them, in the order in which they
/// happened. Spans only; no two clocks are compared.
///
/// A tier says how long it waited, decoded and computed, and what the tiers behind it said. What the
/// tier in front measured beyond that is the network, so parts are never counted twice and the sum
/// is the total but for what no part covers (hand-over between tasks, mostly).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    parts: Vec<(u8, Part, Micros)>,
}

impl Trace {
    /// The most parts that a trace keeps; further ones are left out.
    pub const MOST: usize = 64;

    /// Starts without parts.
    pub const fn new() -> Self {
        Self { parts: Vec::new() }
    }

    /// Adds a part; `tier` is 0 for the device, one more for each tier behind it, and for the network
    /// the tier that sends requests over it.
    pub fn push(&mut self, tier: u8, part: Part, time: Micros) {
        if self.parts.len() < Self::MOST {
            self.parts.push((tier, part, time));
        }
    }

    /// Adds what a tier behind said, whose own numbers start at 0, after shifting them by `tiers`.
    pub fn extend(&mut self, behind: &Self, tiers: u8) {
        for &(tier, part, time) in &behind.parts {
            self.push(tier.saturating_add(tiers), part, time);
        }
    }

    /// Returns the parts: tier, what, and for how long.
    pub fn parts(&self) -> &[(u8, Part, Micros)] {
        &self.parts
    }

    /// Returns the sum of all parts.
    pub fn total(&self) -> Micros {
        self.parts.iter().fold(Micros::ZERO, |sum, (_, _, time)| sum.saturating_add(*time))
    }

    /// Returns the sum of one part on one tier.
    pub fn of(&self, tier: u8, part: Part) -> Micros {
        let own = self.parts.iter().filter(|(t, p, _)| *t == tier && *p == part);
        own.fold(Micros::ZERO, |sum, (_, _, time)| sum.saturating_add(*time))
    }
}

impl fmt::Display for Trace {
    /// Writes the parts in order, such as `compute 2.1 ms, wire 8.0 ms`, with the number of the tier
    /// where it changes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut last = None;
        for (tier, part, time) in &self.parts {
            let gap = if last.is_some() { ", " } else { "" };
            write!(f, "{gap}")?;
            if last != Some(*tier) {
                write!(f, "{tier}: ")?;
            }
            last = Some(*tier);
            write!(f, "{} {:.1} ms", part.name(), time.get() as f64 / 1e3)?;
        }
        Ok(())
    }
}
