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
        let rate = cell.next_slot();
        for millisecond in 0..SLOT_MS {
            let number = cell.opportunities(rate);
            if number > 0 {
                list.push(((slot * SLOT_MS + millisecond) * 1000, number));
            }
        }
    }
    // A seed whose whole length is an outage still has to make a trace.
    if list.is_empty() {
        list.push((0, 1));
    }
    Trace::from_opportunities(&list, seconds * 1_000_000)
}

/// How often the rate changes.
const SLOT_MS: u64 = 20;

/// The state of the drawn radio cell.
struct Cell {
    random: Random,
    /// Slow fading: an index into [`RATES`], times 16.
    level: i64,
    /// How many slots of outage remain.
    outage: u64,
    /// Bytes that no opportunity has been made of yet, times 1000.
    carry: u64,
}

impl Cell {
    fn new(seed: u64) -> Self {
        Self { random: Random::new(seed, Purpose::Trace), level: MIDDLE * 16, outage: 0, carry: 0 }
    }

    /// Moves on by one slot and returns its rate in bit/ms.
    fn next_slot(&mut self) -> u64 {
        if self.outage > 0 {
            self.outage -= 1;
            return 0;
        }
        if self.random.below(OUTAGE_EVERY) == 0 {
            self.outage = 3 + self.random.below(40);
        }
        // A random walk that is pulled back to the middle.
        let step = self.random.below(33) as i64 - 16;
        let pull = (MIDDLE * 16 - self.level) / 24;
        self.level = (self.level + step + pull).clamp(0, (RATES.len() as i64 - 1) * 16);
        let rate = RATES[(self.level / 16) as usize];
        // Fast fading and the other users of the cell: 60 % to 140 %.
        rate * (600 + self.random.below(801)) / 1000
    }

    /// Returns how many opportunities the next millisecond has.
    fn opportunities(&mut self, rate: u64) -> u64 {
        self.carry += rate / 8;
        let number = self.carry / Trace::OPPORTUNITY.get();
        self.carry -= number * Trace::OPPORTUNITY.get();
        number
    }
}

/// Once in how many slots an outage begins.
const OUTAGE_EVERY: u64 = 400;

/// Rates in bit/ms, each a sixth above the one before.
const RATES: [u64; 16] = [
    1_500, 1_800, 2_200, 2_600, 3_100, 3_700, 4_400, 5_300, 6_400, 7_700, 9_200, 11_000, 13_200,
    15_800, 19_000, 22_800,
];

/// The index to which the walk returns.
const MIDDLE: i64 = 9;
