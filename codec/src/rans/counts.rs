//! From symbol counts to frequencies that sum to 2^15.

use core::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use super::table::MAX_ALPHABET;
use super::{CdfTable, PROB_SCALE};
use crate::error::TableError;

impl CdfTable {
    /// Builds the table that codes `counts` best while every symbol of the alphabet stays
    /// codable: a count of 0 still gets frequency 1.
    ///
    /// All counts zero gives equal frequencies. Deterministic: equal counts, equal tables.
    ///
    /// # Errors
    /// [`TableError::Alphabet`] for none or more than 256 counts.
    pub fn from_counts(counts: &[u32]) -> Result<Self, TableError> {
        Self::fit(counts, 1)
    }

    /// Builds the table that codes `counts` best; a symbol with count 0 cannot occur.
    ///
    /// # Errors
    /// [`TableError::Alphabet`] for none or more than 256 counts, [`TableError::Empty`] when all
    /// are zero.
    pub fn from_present_counts(counts: &[u32]) -> Result<Self, TableError> {
        if !counts.is_empty() && counts.iter().all(|&count| count == 0) {
            return Err(TableError::Empty);
        }
        Self::fit(counts, 0)
    }

    /// Rounds the frequencies to `precision` bits after the leading one, so that the table takes
    /// less space in a profile; the largest frequency absorbs what is left over.
    ///
    /// Each further bit takes about 2 bytes per 24 symbols and cuts the loss to a quarter: it is
    /// about 0.02 % of the code length with 3 bits and 0.005 % with 4. Frequencies stay above 0.
    #[must_use]
    pub fn rounded(&self, precision: u32) -> Self {
        let mut frequencies: Vec<u16> = self.frequencies().collect();
        let largest = frequencies.iter().copied().max().unwrap_or(0);
        let rest = frequencies.iter().position(|&frequency| frequency == largest).unwrap_or(0);
        // What rounding has taken so far; given back as soon as a step up is closer.
        let mut owed = 0_i32;
        for (symbol, frequency) in frequencies.iter_mut().enumerate() {
            if symbol == rest || *frequency == 0 {
                continue;
            }
            let exact = i32::from(*frequency);
            let step = 1 << exact.ilog2().saturating_sub(precision);
            let low = exact / step * step;
            let high = if exact == low { low } else { low + step };
            let wanted = exact + owed;
            let rounded = if high - wanted <= wanted - low { high } else { low };
            owed += exact - rounded;
            *frequency = rounded as u16;
        }
        let rounded_rest = i32::from(frequencies[rest]) + owed;
        match u16::try_from(rounded_rest) {
            Ok(left) if left > 0 => frequencies[rest] = left,
            _ => return self.clone(),
        }
        Self::new(&frequencies).unwrap_or_else(|_| self.clone())
    }

    fn fit(counts: &[u32], floor: u16) -> Result<Self, TableError> {
        if counts.is_empty() || counts.len() > MAX_ALPHABET {
            return Err(TableError::Alphabet(counts.len()));
        }
        let total: u64 = counts.iter().map(|&count| u64::from(count)).sum();
        let mut frequencies: Vec<u16> = counts
            .iter()
            .map(|&count| {
                let share = u64::from(count) * u64::from(PROB_SCALE) / total.max(1);
                // At most 2^15, since `count` is a part of `total`.
                (share as u16).max(if count > 0 { 1 } else { floor })
            })
            .collect();
        let sum: u32 = frequencies.iter().map(|&frequency| u32::from(frequency)).sum();
        let steps = sum.abs_diff(PROB_SCALE);
        if sum < PROB_SCALE {
            grow(counts, &mut frequencies, steps);
        } else {
            shrink(counts, &mut frequencies, steps);
        }
        Self::new(&frequencies)
    }
}

/// Adds `steps` to the frequencies, one at a time where the code shortens most.
fn grow(counts: &[u32], frequencies: &mut [u16], steps: u32) {
    let slope = |index: usize, frequency: u16| Slope {
        count: u64::from(counts[index]),
        middle: 2 * u64::from(frequency) + 1,
        index: Reverse(index),
    };
    let all = frequencies.iter().enumerate();
    let mut heap: BinaryHeap<Slope> =
        all.map(|(index, &frequency)| slope(index, frequency)).collect();
    for _ in 0..steps {
        let Some(mut best) = heap.peek_mut() else { return };
        let Reverse(index) = best.index;
        frequencies[index] += 1;
        *best = slope(index, frequencies[index]);
    }
}

/// Takes `steps` from the frequencies above 1, one at a time where the code lengthens least.
fn shrink(counts: &[u32], frequencies: &mut [u16], steps: u32) {
    let slope = |index: usize, frequency: u16| {
        let middle = 2 * u64::from(frequency) - 1;
        // The heap gives its largest entry: here the least slope.
        Reverse(Slope { count: u64::from(counts[index]), middle, index: Reverse(index) })
    };
    let all = frequencies.iter().enumerate().filter(|&(_, &frequency)| frequency > 1);
    let mut heap: BinaryHeap<Reverse<Slope>> =
        all.map(|(index, &frequency)| slope(index, frequency)).collect();
    for _ in 0..steps {
        let Some(Reverse(best)) = heap.pop() else { return };
        let Reverse(index) = best.index;
        frequencies[index] -= 1;
        if frequencies[index] > 1 {
            heap.push(slope(index, frequencies[index]));
        }
    }
}

/// How fast a code length changes with the frequency: `count / middle`, the slope of
/// `count * log2(frequency)` half-way to the next value, times two.
struct Slope {
    count: u64,
    middle: u64,
    index: Reverse<usize>,
}

impl Ord for Slope {
    fn cmp(&self, other: &Self) -> Ordering {
        let slopes = (self.count * other.middle).cmp(&(other.count * self.middle));
        // Without counts the smallest frequency counts as the steepest, which ends in equal shares.
        slopes.then(other.middle.cmp(&self.middle)).then(self.index.cmp(&other.index))
    }
}

impl PartialOrd for Slope {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Slope {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Slope {}
