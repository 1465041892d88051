//! Random problems, kept as plain numbers so that brute force can work from them.

use aiflow_units::{BitRate, Bytes, Micros};

use crate::bundle::{
    CodingEffort, FeatureCoding, FrameRate, OperatingPoint, Payload, PictureCoding, PictureFormat,
    PlanSheet, TaskLoss,
};
use crate::cut::CutId;
use crate::planner::{
    Admits, Confidence, Goal, LinkEstimate, LinkState, LossMeasure, Situation, Spread, Table,
    Terms, Tier, TierCosts, Wish,
};

/// SplitMix64: the same problems everywhere.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let value = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }

    /// A number of 0..1.
    pub(super) fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// A number between two, each factor of which is as likely.
    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        low * (high / low).powf(self.share())
    }
}

/// Times of one tier.
#[derive(Clone, Debug)]
pub(super) struct TierNumbers {
    /// Of each segment: mean and deviation.
    pub(super) segments: Vec<(f64, f64)>,
    pub(super) encode: Vec<(f64, f64)>,
    pub(super) decode: Vec<(f64, f64)>,
    pub(super) slowdown: f64,
    pub(super) wait: u64,
    pub(super) admits: bool,
}

/// One operating point: the place that it crosses at, bytes, 95th percentile, loss.
pub(super) type PointNumbers = (usize, f64, f64, f64);

#[derive(Clone, Debug)]
pub(super) struct Instance {
    pub(super) cuts: usize,
    pub(super) points: Vec<PointNumbers>,
    pub(super) tiers: Vec<TierNumbers>,
    pub(super) links: Vec<LinkEstimate>,
    pub(super) wish: Wish,
    pub(super) terms: Terms,
}

/// What a situation borrows from.
pub(super) struct Owned {
    pub(super) table: Table,
    pub(super) costs: Vec<TierCosts>,
    instance: Instance,
}

impl Instance {
    pub(super) fn random(seed: u64, tiers: usize) -> Self {
        let mut random = Random::new(seed);
        let cuts = 1 + random.below(5);
        let mut points: Vec<PointNumbers> = Vec::new();
        for place in 0..=cuts {
            for _ in 0..random.below(4) {
                let bytes = random.between(20.0, 40_000.0).round();
                let p95 = bytes * random.between(1.0, 2.0);
                let loss = if random.below(4) == 0 { 0.0 } else { random.between(1e-3, 0.2) };
                points.push((place, bytes, p95, loss));
            }
        }
        points.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let links = (1..tiers).map(|hop| Self::link(&mut random, hop as u64)).collect();
        let tiers =
            (0..tiers).map(|tier| Self::tier(&mut random, tier, cuts, points.len())).collect();
        let goal = match random.below(2) {
            0 => Goal::LeastTime,
            _ => Goal::Deadline {
                deadline: Micros::new(random.between(1e3, 1e6) as u64),
                confidence: Confidence::new(0.5 + 0.5 * random.share()),
            },
        };
        let terms = Terms {
            reply: Bytes::new(random.below(3000) as u64),
            pieces: 1 + random.below(3) as u32,
            byte_weight: if random.below(2) == 0 { 0.0 } else { random.between(0.01, 10.0) },
            energy_weight: if random.below(2) == 0 { 0.0 } else { random.between(1.0, 1e3) },
            ..Terms::default()
        };
        let wish = Wish { most_loss: random.between(1e-3, 0.3), goal };
        Self { cuts, points, tiers, links, wish, terms }
    }

    fn link(random: &mut Random, report: u64) -> LinkEstimate {
        let rate = random.between(5e4, 1e9);
        let low = rate * (0.2 + 0.8 * random.share());
        LinkEstimate {
            state: if random.below(12) == 0 { LinkState::Down } else { LinkState::Up },
            rate_p50: BitRate::bits_per_second(rate as u64),
            rate_p10: BitRate::bits_per_second(low as u64),
            rtt: Micros::new(random.between(100.0, 3e5) as u64),
            queue: Micros::new(random.below(30_000) as u64),
            age: Micros::new(random.between(1.0, 3e7) as u64),
            error: if random.below(2) == 0 { 0.0 } else { random.share() },
            report,
        }
    }

    fn tier(random: &mut Random, tier: usize, cuts: usize, points: usize) -> TierNumbers {
        let mut times = |count: usize, low: f64, high: f64| -> Vec<(f64, f64)> {
            let mut time = || {
                let typical = random.between(low, high);
                (typical, typical * 0.2 * random.share())
            };
            (0..count).map(|_| time()).collect()
        };
        let segments = times(cuts + 1, 10.0, 20_000.0);
        let encode = times(points, 5.0, 3_000.0);
        let decode = times(points, 5.0, 3_000.0);
        TierNumbers {
            segments,
            encode,
            decode,
            slowdown: if tier == 0 { random.between(1.0, 50.0) } else { random.between(0.5, 5.0) },
            wait: if tier == 0 { 0 } else { random.below(20_000) as u64 },
            admits: random.below(12) != 0,
        }
    }

    /// The payload that stands for a point.
    pub(super) fn payload(&self, index: usize) -> Payload {
        let number = index as u8;
        match self.points[index].0 {
            0 => Payload::Picture(PictureCoding {
                format: PictureFormat::Webp,
                quality: Some(number),
                effort: None,
            }),
            place => Payload::Feature {
                cut: CutId::listed(place as u16),
                coding: FeatureCoding::Learned {
                    rate_index: number % 64,
                    effort: if number < 64 { CodingEffort::High } else { CodingEffort::Fast },
                    rate: FrameRate::Fixed,
                },
            },
        }
    }

    pub(super) fn owned(&self) -> Owned {
        let point = |(index, &(_, bytes, p95, loss)): (usize, &PointNumbers)| OperatingPoint {
            payload: self.payload(index),
            bytes_mean: bytes,
            bytes_p95: p95,
            loss: TaskLoss { kl: loss, ..TaskLoss::default() },
        };
        let sheet = PlanSheet {
            data: String::new(),
            samples: 1,
            confidence: 0.95,
            top1: None,
            points: self.points.iter().enumerate().map(point).collect(),
        };
        let cuts: Vec<CutId> = (1..=self.cuts).map(|n| CutId::listed(n as u16)).collect();
        let table = Table::new(&sheet, &cuts, LossMeasure::Divergence).expect("points of its cuts");
        let costs = self.tiers.iter().map(|tier| self.costs(tier, &table)).collect();
        Owned { table, costs, instance: self.clone() }
    }

    fn costs(&self, tier: &TierNumbers, table: &Table) -> TierCosts {
        let spread = |&(typical, deviation): &(f64, f64)| Spread { typical, deviation };
        let sum = |from: usize, to: usize| {
            let own = tier.segments.get(from..to)?;
            Some(own.iter().map(spread).fold(Spread::default(), Spread::and))
        };
        let own = |times: &[(f64, f64)], payload: Payload| {
            let index = (0..self.points.len()).find(|&i| self.payload(i) == payload)?;
            times.get(index).map(spread)
        };
        TierCosts::from_parts(
            table,
            |from, to| sum(from.index(), to.index()),
            |point| own(&tier.encode, point.payload),
            |point| own(&tier.decode, point.payload),
        )
    }
}

impl Owned {
    pub(super) fn tiers(&self) -> Vec<Tier<'_>> {
        let numbers = self.instance.tiers.iter().zip(&self.costs);
        numbers
            .map(|(numbers, costs)| Tier {
                costs,
                slowdown: numbers.slowdown,
                wait: Micros::new(numbers.wait),
                admits: if numbers.admits { Admits::Yes } else { Admits::No },
            })
            .collect()
    }

    pub(super) fn situation<'a>(&'a self, tiers: &'a [Tier<'a>]) -> Situation<'a> {
        Situation {
            table: &self.table,
            tiers,
            links: &self.instance.links,
            wish: self.instance.wish,
            terms: self.instance.terms,
        }
    }
}
