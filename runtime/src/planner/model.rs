//! The model of time: what each stage of a request takes.
//!
//! ```text
//! head, encode | queue, send, travel | decode, wait, part | ... | reply
//!    device           hop 0                tier 1                 all hops back
//! ```
//!
//! Stages add up; their deviations are taken as independent and add in squares. Where requests are
//! coded in pieces, encoding, sending and decoding run at the same time but for one piece.

use aiflow_units::Micros;

use super::costs::Spread;
use super::link::Wire;
use super::problem::{Admits, MOST_TIERS, Situation, Tier};
use super::route::{Hop, MOST_HOPS, Route};
use super::table::{PointId, Position, TablePoint};

/// What a stage of a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// A tier computes its part of the model.
    Compute,
    /// A tier encodes what it sends.
    Encode,
    /// A request waits behind others before it is sent.
    Queue,
    /// The bytes of a request pass.
    Send,
    /// A byte travels.
    Travel,
    /// A tier decodes what it received.
    Decode,
    /// A request waits at a tier before it is begun.
    Wait,
    /// The answer comes back over a hop.
    Reply,
    /// What is saved by coding and sending at the same time; it counts against the others.
    Overlap,
}

/// One stage of a plan.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Term {
    /// What it is.
    pub stage: Stage,
    /// The tier that does it, 0 for the device; for the network the tier that sends.
    pub tier: usize,
    /// How long it takes; what is saved for [`Stage::Overlap`].
    pub time: Micros,
}

/// What a route adds up to so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sum {
    /// Expected time in microseconds.
    pub(super) time: f64,
    /// Variance of the time.
    pub(super) variance: f64,
    /// Millijoules of the device.
    pub(super) energy: f64,
    /// Bytes on the first hop.
    pub(super) bytes: f64,
    pub(super) loss: f64,
}

impl Sum {
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            time: self.time + other.time,
            variance: self.variance + other.variance,
            energy: self.energy + other.energy,
            bytes: self.bytes + other.bytes,
            loss: self.loss + other.loss,
        }
    }
}

/// A situation with its links worked out.
pub(super) struct Model<'a> {
    pub(super) situation: &'a Situation<'a>,
    wires: [Option<Wire>; MOST_HOPS],
}

/// Times of handing a request over, before overlap.
struct Handing {
    encode: Spread,
    queue: f64,
    send: Spread,
    travel: f64,
    decode: Spread,
    /// Bytes on the wire.
    bytes: f64,
}

impl<'a> Model<'a> {
    pub(super) fn new(situation: &'a Situation<'a>) -> Self {
        let wire = |hop: usize| situation.links.get(hop)?.wire();
        Self { situation, wires: [wire(0), wire(1)] }
    }

    /// Returns the number of tiers that are looked at.
    pub(super) fn tiers(&self) -> usize {
        self.situation.tiers.len().min(MOST_TIERS)
    }

    pub(super) fn point(&self, id: PointId) -> Option<&'a TablePoint> {
        self.situation.table.point(id)
    }

    /// Tells whether a tier may be given work; the device always may.
    pub(super) fn admits(&self, tier: usize) -> bool {
        let admits = |tier: &Tier<'_>| tier.admits == Admits::Yes;
        tier == 0 || self.situation.tiers.get(tier).is_some_and(admits)
    }

    fn slowed(&self, tier: usize, time: Option<Spread>) -> Option<Spread> {
        Some(time?.times(self.situation.tiers.get(tier)?.slowdown))
    }

    /// Computing a part on a tier.
    pub(super) fn compute(&self, tier: usize, from: Position, to: Position) -> Option<Sum> {
        let part = self.situation.tiers.get(tier)?.costs.part(from, to);
        let time = self.slowed(tier, part)?;
        Some(self.working(tier, time))
    }

    fn working(&self, tier: usize, time: Spread) -> Sum {
        let power = self.situation.terms.power;
        let watts = if tier == 0 { power.active } else { power.idle };
        Sum {
            time: time.typical,
            variance: time.deviation * time.deviation,
            energy: time.typical * watts * MILLI,
            ..Sum::default()
        }
    }

    /// Waiting at a tier before a request is begun.
    pub(super) fn wait(&self, tier: usize) -> Option<Sum> {
        let wait = self.situation.tiers.get(tier)?.wait.get() as f64;
        Some(self.working(tier, Spread::exactly(wait)))
    }

    /// The answer on its way back over a hop.
    pub(super) fn reply(&self, hop: usize) -> Option<Sum> {
        let wire = self.wires.get(hop).copied().flatten()?;
        let terms = &self.situation.terms;
        let bytes = terms.on_the_wire(terms.reply.get() as f64);
        let time = Spread { typical: wire.travel + wire.per_byte * bytes, deviation: 0.0 };
        // The device waits; it does not send.
        Some(self.working(hop + 1, time))
    }

    /// Handing a point over from one tier to the next: encoding, the wire, decoding.
    pub(super) fn hand_over(&self, hop: usize, id: PointId) -> Option<Sum> {
        let handing = self.handing(hop, id)?;
        let decode = self.slowed(hop + 1, Some(handing.decode))?;
        let encode = self.slowed(hop, Some(handing.encode))?;
        let stages = [encode.typical, handing.send.typical, decode.typical];
        let saved = self.saved(&stages);
        let mut sum = self.working(hop, encode);
        sum = sum.and(self.on_the_way(hop, &handing)).and(self.working(hop + 1, decode));
        sum.time -= saved;
        sum.loss = self.point(id)?.loss;
        Some(sum)
    }

    /// Handing a point over from the device to the tier behind the next one, which passes it on.
    pub(super) fn pass_on(&self, id: PointId) -> Option<Sum> {
        let (first, second) = (self.handing(0, id)?, self.handing(1, id)?);
        let encode = self.slowed(0, Some(first.encode))?;
        let decode = self.slowed(2, Some(second.decode))?;
        let stages = [encode.typical, first.send.typical, second.send.typical, decode.typical];
        let saved = self.saved(&stages);
        let mut sum = self.working(0, encode).and(self.on_the_way(0, &first));
        sum = sum.and(self.on_the_way(1, &second)).and(self.working(2, decode));
        sum.time -= saved;
        sum.loss = self.point(id)?.loss;
        Some(sum)
    }

    fn handing(&self, hop: usize, id: PointId) -> Option<Handing> {
        let wire = self.wires.get(hop).copied().flatten()?;
        let point = self.point(id)?;
        let terms = &self.situation.terms;
        let bytes = terms.on_the_wire(point.bytes);
        let more = terms.on_the_wire(point.bytes + point.bytes_deviation) - bytes;
        let send = Spread {
            typical: wire.per_byte * bytes,
            deviation: (wire.deviation * bytes).hypot(wire.per_byte * more),
        };
        Some(Handing {
            encode: self.situation.tiers.get(hop)?.costs.encode(id.index())?,
            queue: wire.queue,
            send,
            travel: wire.travel,
            decode: self.situation.tiers.get(hop + 1)?.costs.decode(id.index())?,
            bytes,
        })
    }

    fn on_the_way(&self, hop: usize, handing: &Handing) -> Sum {
        let power = self.situation.terms.power;
        let waiting = (handing.queue + handing.travel) * power.idle;
        let sending = handing.send.typical * if hop == 0 { power.radio } else { power.idle };
        Sum {
            time: handing.queue + handing.send.typical + handing.travel,
            variance: handing.send.deviation * handing.send.deviation,
            energy: (waiting + sending) * MILLI,
            bytes: if hop == 0 { handing.bytes } else { 0.0 },
            loss: 0.0,
        }
    }

    /// What is saved when stages that follow each other work on pieces at the same time.
    fn saved(&self, stages: &[f64]) -> f64 {
        let pieces = f64::from(self.situation.terms.pieces.max(1));
        let (total, longest) =
            stages.iter().fold((0.0, 0.0_f64), |(sum, most), &time| (sum + time, most.max(time)));
        (1.0 - 1.0 / pieces) * (total - longest)
    }

    /// Adds a whole route up; `None` where a hop is down, a tier refuses or a time is not known.
    pub(super) fn evaluate(&self, route: &Route) -> Option<Sum> {
        let output = self.situation.table.output();
        let compute = |tier, from, to| self.compute(tier, from, to);
        match (route.hop(0), route.hop(1)) {
            (Hop::Idle, Hop::Idle) => compute(0, Position::INPUT, output),
            (Hop::Send(first), second) => {
                let at = self.point(first)?.at;
                let head = compute(0, Position::INPUT, at)?;
                let back = self.reply(0)?;
                match second {
                    Hop::Idle => {
                        let handed = head.and(self.hand_over(0, first)?).and(self.wait(1)?);
                        Some(handed.and(compute(1, at, output)?).and(back))
                    }
                    Hop::Forward(_) => {
                        let handed = head.and(self.pass_on(first)?).and(self.wait(2)?);
                        let back = back.and(self.reply(1)?);
                        Some(handed.and(compute(2, at, output)?).and(back))
                    }
                    Hop::Send(second) => {
                        let next = self.point(second)?.at;
                        let handed = head.and(self.hand_over(0, first)?).and(self.wait(1)?);
                        let middle = compute(1, at, next)?.and(self.hand_over(1, second)?);
                        let tail = self.wait(2)?.and(compute(2, next, output)?);
                        let back = back.and(self.reply(1)?);
                        Some(handed.and(middle).and(tail).and(back))
                    }
                }
            }
            _ => None,
        }
    }

    /// Lists the stages of a route in the order in which they happen.
    pub(super) fn terms(&self, route: &Route) -> Vec<Term> {
        self.try_terms(route).unwrap_or_default()
    }

    fn try_terms(&self, route: &Route) -> Option<Vec<Term>> {
        let output = self.situation.table.output();
        let mut list = Listing { terms: Vec::new() };
        let mut at = Position::INPUT;
        let mut tier = 0;
        let computes = |list: &mut Listing, tier, from, to| {
            list.push(Stage::Compute, tier, self.compute(tier, from, to)?.time);
            Some(())
        };
        for hop in 0..MOST_HOPS {
            let Hop::Send(id) = route.hop(hop) else { break };
            let next = self.point(id)?.at;
            computes(&mut list, tier, at, next)?;
            at = next;
            let handing = self.handing(hop, id)?;
            let encode = self.slowed(hop, Some(handing.encode))?.typical;
            list.push(Stage::Encode, hop, encode);
            list.on_the_way(hop, &handing);
            let mut stages = vec![encode, handing.send.typical];
            tier = hop + 1;
            if let Hop::Forward(id) = route.hop(hop + 1) {
                let handing = self.handing(hop + 1, id)?;
                list.on_the_way(hop + 1, &handing);
                stages.push(handing.send.typical);
                tier = hop + 2;
            }
            let decode =
                self.slowed(tier, self.situation.tiers.get(tier)?.costs.decode(id.index()));
            stages.push(decode?.typical);
            list.push(Stage::Decode, tier, decode?.typical);
            list.push(Stage::Overlap, hop, self.saved(&stages));
            list.push(Stage::Wait, tier, self.wait(tier)?.time);
        }
        computes(&mut list, tier, at, output)?;
        for hop in (0..tier).rev() {
            list.push(Stage::Reply, hop + 1, self.reply(hop)?.time);
        }
        Some(list.terms)
    }
}

/// Terms that are being listed; those that take no time are left out.
struct Listing {
    terms: Vec<Term>,
}

impl Listing {
    fn push(&mut self, stage: Stage, tier: usize, time: f64) {
        let time = to_micros(time);
        if time > Micros::ZERO || stage == Stage::Compute {
            self.terms.push(Term { stage, tier, time });
        }
    }

    fn on_the_way(&mut self, hop: usize, handing: &Handing) {
        self.push(Stage::Queue, hop, handing.queue);
        self.push(Stage::Send, hop, handing.send.typical);
        self.push(Stage::Travel, hop, handing.travel);
    }
}

/// Rounds a time to whole microseconds.
pub(super) fn to_micros(time: f64) -> Micros {
    Micros::new(if time.is_finite() { time.max(0.0).round() as u64 } else { u64::MAX })
}

/// Microseconds times watts to millijoules.
const MILLI: f64 = 1e-3;
