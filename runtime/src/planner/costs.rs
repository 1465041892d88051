//! How long the parts of a model and the coding of each operating point take on one tier.

use super::table::{Position, Table, TablePoint};
use crate::bundle::{FeatureCoding, FrameRate, Payload, PictureCoding};
use crate::profiler::{CodingTiming, Corrector, MachineProfile, Timing};

/// A time that varies: mean and standard deviation in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spread {
    /// What it is in the middle.
    pub typical: f64,
    /// Standard deviation.
    pub deviation: f64,
}

impl Spread {
    /// A time that does not vary.
    pub const fn exactly(micros: f64) -> Self {
        Self { typical: micros, deviation: 0.0 }
    }

    /// Adds a time that varies independently.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let deviation = self.deviation.hypot(other.deviation);
        Self { typical: self.typical + other.typical, deviation }
    }

    /// Stretches the time.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        Self { typical: self.typical * factor, deviation: self.deviation * factor }
    }

    fn of(timing: &Timing) -> Self {
        let micros = |time: core::time::Duration| time.as_nanos() as f64 / 1e3;
        let typical = micros(timing.typical());
        let deviation = (micros(timing.p90()) - typical).max(0.0) / Z90;
        // What else the machine did while it was measured says nothing about what it will do.
        Self { typical, deviation: if timing.is_noisy() { typical * UNSURE } else { deviation } }
    }

    /// The time that lies a share of the way from one to another.
    fn between(a: Self, b: Self, share: f64) -> Self {
        let mix = |a: f64, b: f64| a + (b - a) * share;
        Self { typical: mix(a.typical, b.typical), deviation: mix(a.deviation, b.deviation) }
    }
}

/// What one tier takes for every part between two places and for every operating point.
#[derive(Clone, Debug, PartialEq)]
pub struct TierCosts {
    /// Places along the model.
    places: usize,
    /// From each place (row) to each other; `None` where no part leads there.
    parts: Vec<Option<Spread>>,
    encode: Vec<Option<Spread>>,
    decode: Vec<Option<Spread>>,
}

impl TierCosts {
    /// Takes the times that a profile has for the points of a table.
    ///
    /// Rate indices and qualities between measured ones are interpolated. A part or a coding that was
    /// not measured is not planned with; [`missing`](Self::missing) tells which.
    pub fn new(profile: &MachineProfile, table: &Table) -> Self {
        let places = table.cuts().len() + 2;
        let joint = profile.joint().as_nanos() as f64 / 1e3;
        let mut parts = Vec::with_capacity(places * places);
        for from in 0..places {
            for to in 0..places {
                let (from, to) = (Position::new(from), Position::new(to));
                parts.push(part(profile, table, from, to, joint));
            }
        }
        let coded = |point: &TablePoint| coding(&profile.codings, &point.payload);
        let both: Vec<_> = table.points().iter().map(coded).collect();
        Self {
            places,
            parts,
            encode: both.iter().map(|both| Some(both.as_ref()?.0)).collect(),
            decode: both.iter().map(|both| Some(both.as_ref()?.1)).collect(),
        }
    }

    /// Builds the costs from plain numbers: `part(from, to)` for places in order, then encoding and
    /// decoding of each point of the table.
    pub fn from_parts(
        table: &Table,
        part: impl Fn(Position, Position) -> Option<Spread>,
        encode: impl Fn(&TablePoint) -> Option<Spread>,
        decode: impl Fn(&TablePoint) -> Option<Spread>,
    ) -> Self {
        let places = table.cuts().len() + 2;
        let all = (0..places * places).map(|i| (Position::new(i / places), i % places));
        Self {
            places,
            parts: all.map(|(from, to)| part(from, Position::new(to))).collect(),
            encode: table.points().iter().map(encode).collect(),
            decode: table.points().iter().map(decode).collect(),
        }
    }

    /// Applies what was learned from requests that really ran: parts by their segments, coding by the
    /// tier as a whole.
    ///
    /// The corrector's segments are those between neighbouring places, the first from the input.
    #[must_use]
    pub fn corrected(&self, corrector: &Corrector) -> Self {
        let weight = |place: usize| {
            let from_input = |to| self.part(Position::INPUT, Position::new(to));
            let (before, after) = (from_input(place), from_input(place + 1));
            let step = after.zip(before).map(|(after, before)| after.typical - before.typical);
            step.unwrap_or(0.0).max(1e-3)
        };
        let steps: Vec<(f64, f64)> = (0..self.places.saturating_sub(1))
            .map(|place| (weight(place), corrector.factor(place)))
            .collect();
        let factor = |index: usize| {
            let (from, to) = (index / self.places, index % self.places);
            let steps = steps.get(from..to).unwrap_or_default();
            let total: f64 = steps.iter().map(|(weight, _)| weight).sum();
            let slow: f64 = steps.iter().map(|(weight, factor)| weight * factor).sum();
            if total > 0.0 { slow / total } else { corrector.tier_factor() }
        };
        let tier = corrector.tier_factor();
        let coded = |times: &[Option<Spread>]| -> Vec<Option<Spread>> {
            times.iter().map(|time| time.map(|time| time.times(tier))).collect()
        };
        let parts = self.parts.iter().enumerate();
        Self {
            places: self.places,
            parts: parts.map(|(index, part)| part.map(|part| part.times(factor(index)))).collect(),
            encode: coded(&self.encode),
            decode: coded(&self.decode),
        }
    }

    /// Stretches all times: those of a machine that is `factor` times slower.
    #[must_use]
    pub fn times(&self, factor: f64) -> Self {
        let stretch = |times: &[Option<Spread>]| -> Vec<Option<Spread>> {
            times.iter().map(|time| time.map(|time| time.times(factor))).collect()
        };
        Self {
            places: self.places,
            parts: stretch(&self.parts),
            encode: stretch(&self.encode),
            decode: stretch(&self.decode),
        }
    }

    /// Lists the points that have no time for encoding or decoding, by their place in the table.
    pub fn missing(&self) -> impl Iterator<Item = usize> + '_ {
        let both = self.encode.iter().zip(&self.decode).enumerate();
        both.filter(|(_, (encode, decode))| encode.is_none() || decode.is_none()).map(|(i, _)| i)
    }

    /// Returns the time from one place to another.
    pub fn part(&self, from: Position, to: Position) -> Option<Spread> {
        let index = from.index().checked_mul(self.places)?.checked_add(to.index())?;
        if to.index() >= self.places { None } else { self.parts.get(index).copied().flatten() }
    }

    /// Returns the time to encode a point of the table, by its place there.
    pub fn encode(&self, point: usize) -> Option<Spread> {
        self.encode.get(point).copied().flatten()
    }

    /// Returns the time to decode a point of the table, by its place there.
    pub fn decode(&self, point: usize) -> Option<Spread> {
        self.decode.get(point).copied().flatten()
    }
}

/// The time of a part: measured as a whole where it starts at the input or ends at the output, else
/// the sum of its segments, less the joints between them (in microseconds).
fn part(
    profile: &MachineProfile,
    table: &Table,
    from: Position,
    to: Position,
    joint: f64,
) -> Option<Spread> {
    if from > to {
        return None;
    }
    if from == to {
        return Some(Spread::default());
    }
    let prepare = profile.prepare.as_ref().map_or(Spread::default(), Spread::of);
    let (first, last) = (table.cut_at(from), table.cut_at(to));
    match (first, last) {
        (None, None) => Some(prepare.and(Spread::of(&profile.whole))),
        (None, Some(cut)) => Some(prepare.and(Spread::of(&profile.cut(cut)?.head))),
        (Some(cut), None) => Some(Spread::of(&profile.cut(cut)?.tail)),
        (Some(_), Some(_)) => {
            let chain = profile.chain(first, last)?;
            let joints = joint * chain.len().saturating_sub(1) as f64;
            let add = |sum: Spread, time: &Timing| sum.and(Spread::of(time));
            let sum = chain.iter().fold(Spread::default(), |sum, part| add(sum, &part.time));
            Some(Spread { typical: (sum.typical - joints).max(0.0), ..sum })
        }
    }
}

/// Times to encode and decode, interpolated between the nearest settings that were measured.
fn coding(codings: &[CodingTiming], payload: &Payload) -> Option<(Spread, Spread)> {
    let own = setting(payload)?;
    let measured = codings.iter().filter_map(|timing| {
        let other = setting(&timing.payload)?;
        (other.0 == own.0).then_some((other.1, timing))
    });
    let mut below: Option<(u8, &CodingTiming)> = None;
    let mut above: Option<(u8, &CodingTiming)> = None;
    for (at, timing) in measured {
        if at <= own.1 && below.is_none_or(|(best, _)| at > best) {
            below = Some((at, timing));
        }
        if at >= own.1 && above.is_none_or(|(best, _)| at < best) {
            above = Some((at, timing));
        }
    }
    let (low, high) = (below.or(above)?, above.or(below)?);
    let span = f64::from(high.0.abs_diff(low.0));
    let share = if span > 0.0 { f64::from(own.1.abs_diff(low.0)) / span } else { 0.0 };
    let mix = |time: fn(&CodingTiming) -> &Timing| {
        Spread::between(Spread::of(time(low.1)), Spread::of(time(high.1)), share)
    };
    Some((mix(|timing| &timing.encode), mix(|timing| &timing.decode)))
}

/// Divides a payload into what must be equal and the setting to interpolate over. A confidence head
/// costs next to nothing, so frames that it moves take the time of those that it does not.
fn setting(payload: &Payload) -> Option<(Payload, u8)> {
    Some(match *payload {
        Payload::Picture(coding) => {
            let quality = coding.quality.unwrap_or(0);
            let lossy = coding.quality.map(|_| 0);
            (Payload::Picture(PictureCoding { quality: lossy, ..coding }), quality)
        }
        Payload::Feature { cut, coding: FeatureCoding::Learned { rate_index, effort, .. } } => {
            let rate = FrameRate::Fixed;
            let coding = FeatureCoding::Learned { rate_index: 0, effort, rate };
            (Payload::Feature { cut, coding }, rate_index)
        }
        Payload::Feature { .. } => (*payload, 0),
    })
}

/// Deviation of a time that was measured while others held it up, as a share of it.
const UNSURE: f64 = 0.1;

/// Standard deviations from the median to the 90th percentile of a normal distribution.
const Z90: f64 = 1.2816;
