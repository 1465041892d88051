//! Traces that are drawn from a seed.

use aiflow_units::Micros;

use super::Trace;
use crate::random::{Purpose, Random};

/// See [`Trace::lte_like`].
pub(super) fn lte_like(seed: u64, length: Micros) -> Trace {
    let seconds = length.get().div_ceil(1_000_000).clamp(1, 3600);
    let mut cell = Cell::new(seed);
    let mut list = Vec::new();
    for slot in 0..seconds * 1000 / SLOT_MS {
        let rate = cell.next_rate();
        for millisecond in 0..SLOT_MS {
            let number = cell.opportunities(rate);
            if number > 0 {
                list.push(((slot * SLOT_MS + millisecond) * 1000, number));
            }
        }
    }
    // A trace that is one outage would be none.
    if list.is_empty() {
        list.push((0, 1));
    }
    Trace::from_opportunities(&list, seconds * 1_000_000)
}

/// A drawn radio cell, seen by one moving user. The logarithm of the rate is the sum of two walks
/// that are pulled back to zero; outages interrupt it.
struct Cell {
    random: Random,
    /// Distance to the antenna and shadows: forgotten within seconds. In 1/4096 of a step of
    /// [`RATES`].
    slow: i64,
    /// Multipath and the other users of the cell: forgotten within a fifth of a second.
    fast: i64,
    /// How many slots of the outage remain.
    outage: u64,
    /// Millibytes that have not become an opportunity yet.
    carry: u64,
}

impl Cell {
    fn new(seed: u64) -> Self {
        Self { random: Random::new(seed, Purpose::Trace), slow: 0, fast: 0, outage: 0, carry: 0 }
    }

    /// Moves on by one slot and returns its rate in bit/ms.
    fn next_rate(&mut self) -> u64 {
        self.slow += self.step(SLOW_STEP) - self.slow / SLOW_MEMORY;
        self.fast += self.step(FAST_STEP) - self.fast / FAST_MEMORY;
        if self.outage > 0 {
            self.outage -= 1;
            return 0;
        }
        if self.random.below(OUTAGE_EVERY) == 0 {
            let longest = if self.random.below(6) == 0 { LONG_OUTAGE } else { SHORT_OUTAGE };
            self.outage = 4 + self.random.below(longest);
        }
        let level = MIDDLE + (self.slow + self.fast).div_euclid(4096);
        RATES[level.clamp(0, RATES.len() as i64 - 1) as usize]
    }

    /// Draws a uniform step from `-largest` to `largest`.
    const fn step(&mut self, largest: i64) -> i64 {
        self.random.below(2 * largest as u64 + 1) as i64 - largest
    }

    /// Returns how many opportunities the next millisecond has: the scheduler of the cell serves
    /// this user in every third one.
    const fn opportunities(&mut self, rate: u64) -> u64 {
        self.carry += rate * 125;
        if self.random.below(3) != 0 {
            return 0;
        }
        let opportunity = Trace::OPPORTUNITY.get() * 1000;
        let number = self.carry / opportunity;
        self.carry -= number * opportunity;
        number
    }
}

/// How long a rate holds.
const SLOT_MS: u64 = 20;

/// The steps of the walks, and after how many slots they are mostly forgotten.
const SLOW_STEP: i64 = 2_000;
const SLOW_MEMORY: i64 = 200;
const FAST_STEP: i64 = 4_200;
const FAST_MEMORY: i64 = 10;

/// One slot in how many begins an outage, and how many slots it may last beyond four.
const OUTAGE_EVERY: u64 = 160;
const SHORT_OUTAGE: u64 = 8;
const LONG_OUTAGE: u64 = 50;

/// Rates in bit/ms, each a fifth above the one before.
const RATES: [u64; 20] = [
    720, 870, 1_040, 1_250, 1_500, 1_800, 2_200, 2_600, 3_100, 3_700, 4_400, 5_300, 6_400, 7_700,
    9_200, 11_000, 13_200, 15_800, 19_000, 22_800,
];

/// The index of the rate around which the walks move.
const MIDDLE: i64 = 12;
