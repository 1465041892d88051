//! From symbol counts to frequencies that sum to 2^15.

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
    /// Each further bit takes about 3 bytes per 24 symbols and cuts the loss to a quarter: it is
    /// about 0.02 % of the code length with 4 bits and 0.1 % with 3. Frequencies stay above 0.
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
        let mut sum: u32 = frequencies.iter().map(|&frequency| u32::from(frequency)).sum();
        while sum < PROB_SCALE {
            let best = best_to_grow(counts, &frequencies);
            frequencies[best] += 1;
            sum += 1;
        }
        while sum > PROB_SCALE {
            let best = best_to_shrink(counts, &frequencies);
            frequencies[best] -= 1;
            sum -= 1;
        }
        Self::new(&frequencies)
    }
}

/// The symbol whose code shortens most when its frequency grows by one: the largest
/// `count / (frequency + 1/2)`, the slope of `count * log2(frequency)` half-way to the next value.
fn best_to_grow(counts: &[u32], frequencies: &[u16]) -> usize {
    let mut best = 0;
    for index in 1..counts.len() {
        let gain = u64::from(counts[index]) * (2 * u64::from(frequencies[best]) + 1);
        let best_gain = u64::from(counts[best]) * (2 * u64::from(frequencies[index]) + 1);
        // Without counts the smallest frequency grows, which ends in equal shares.
        let tie = gain == best_gain && frequencies[index] < frequencies[best];
        if gain > best_gain || tie {
            best = index;
        }
    }
    best
}

/// The symbol whose code lengthens least when its frequency, at least 2, shrinks by one.
fn best_to_shrink(counts: &[u32], frequencies: &[u16]) -> usize {
    let mut best = None;
    for (index, (&count, &frequency)) in counts.iter().zip(frequencies).enumerate() {
        if frequency < 2 {
            continue;
        }
        let slope = (u64::from(count), 2 * u64::from(frequency) - 1);
        let better = match best {
            None => true,
            Some((_, (other_count, other_span))) => slope.0 * other_span < other_count * slope.1,
        };
        if better {
            best = Some((index, slope));
        }
    }
    best.map_or(0, |(index, _)| index)
}
