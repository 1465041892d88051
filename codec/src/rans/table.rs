//! Static probability tables: from symbol to span, and from slot back to symbol.

use super::{PROB_SCALE, Span};
use crate::error::TableError;

/// The largest alphabet: symbols are bytes.
pub const MAX_ALPHABET: usize = 256;

const GUESS_BITS: u32 = 8;
const GUESSES: usize = 1 << GUESS_BITS;
const GUESS_SHIFT: u32 = super::PROB_BITS - GUESS_BITS;
/// Symbols that a search passes without a branch.
const AHEAD: usize = 3;

/// The distribution of one context: up to 256 symbols whose frequencies sum to 2^15.
///
/// Takes 778 bytes, of which decoding touches the cache lines of the symbols that occur.
#[derive(Clone, PartialEq, Eq)]
pub struct CdfTable {
    /// Symbol `s` owns the slots `bounds[s]..bounds[s + 1]`; 2^15 behind the last symbol.
    bounds: [u16; MAX_ALPHABET + 1 + AHEAD],
    /// The symbol of the first slot of each of 256 equal parts of the scale.
    guess: [u8; GUESSES],
    alphabet: u16,
}

impl core::fmt::Debug for CdfTable {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.frequencies()).finish()
    }
}

impl CdfTable {
    /// Builds the table of `frequencies`, one per symbol; a symbol with frequency 0 cannot occur.
    ///
    /// # Errors
    /// [`TableError::Alphabet`] for none or more than 256 symbols, [`TableError::Sum`] when the
    /// sum is not 2^15.
    pub fn new(frequencies: &[u16]) -> Result<Self, TableError> {
        if frequencies.is_empty() || frequencies.len() > MAX_ALPHABET {
            return Err(TableError::Alphabet(frequencies.len()));
        }
        let sum: u64 = frequencies.iter().map(|&frequency| u64::from(frequency)).sum();
        if sum != u64::from(PROB_SCALE) {
            return Err(TableError::Sum(sum));
        }
        let mut table = Self {
            bounds: [PROB_SCALE as u16; MAX_ALPHABET + 1 + AHEAD],
            guess: [0; GUESSES],
            alphabet: frequencies.len() as u16,
        };
        let mut start = 0;
        for (bound, &frequency) in table.bounds.iter_mut().zip(frequencies) {
            *bound = start;
            start += frequency;
        }
        let mut symbol = 0_u8;
        for (part, guess) in table.guess.iter_mut().enumerate() {
            let slot = (part << GUESS_SHIFT) as u16;
            while table.bounds[usize::from(symbol) + 1] <= slot {
                symbol += 1;
            }
            *guess = symbol;
        }
        Ok(table)
    }

    /// Returns the number of symbols, 1 to 256.
    pub const fn alphabet(&self) -> usize {
        self.alphabet as usize
    }

    /// Returns the frequency of each symbol in turn.
    pub fn frequencies(&self) -> impl Iterator<Item = u16> + '_ {
        self.bounds.windows(2).take(self.alphabet()).map(|pair| pair[1] - pair[0])
    }

    /// Returns the span of a symbol, or `None` when it cannot occur.
    #[inline]
    pub fn span(&self, symbol: u8) -> Option<Span> {
        let start = self.bounds[usize::from(symbol)];
        Span::new(start, self.bounds[usize::from(symbol) + 1] - start)
    }

    /// Returns the symbol that owns a slot, and its span; higher bits of `slot` are ignored.
    #[inline]
    pub fn lookup(&self, slot: u32) -> (u8, Span) {
        let (symbol, start, end) = self.find(slot);
        (symbol, Span::new(start, end.wrapping_sub(start)).unwrap_or(Span::CERTAIN))
    }

    /// Returns the symbol that owns a slot, and its two bounds: the shortest wait for one symbol.
    #[inline]
    pub(super) fn find(&self, slot: u32) -> (u8, u16, u16) {
        let slot = (slot % PROB_SCALE) as u16;
        self.search(self.guess[usize::from(slot >> GUESS_SHIFT)], slot)
    }

    /// As [`find`](Self::find), for many symbols at a time: mostly without a branch, since how far
    /// the search goes cannot be foreseen where symbols are about equally likely.
    #[inline]
    pub(super) fn find_ahead(&self, slot: u32) -> (u8, u16, u16) {
        let slot = (slot % PROB_SCALE) as u16;
        let guess = self.guess[usize::from(slot >> GUESS_SHIFT)];
        let passed = |ahead: usize| u8::from(slot >= self.bounds[usize::from(guess) + ahead]);
        self.search(guess.wrapping_add(passed(1) + passed(2) + passed(3)), slot)
    }

    /// Goes on from `symbol`, which does not lie behind the one that owns the slot.
    #[inline]
    fn search(&self, mut symbol: u8, slot: u16) -> (u8, u16, u16) {
        // Ends at the last symbol at the latest: the bound behind it is above every slot.
        loop {
            let end = self.bounds[usize::from(symbol) + 1];
            if slot < end {
                return (symbol, self.bounds[usize::from(symbol)], end);
            }
            symbol = symbol.wrapping_add(1);
        }
    }

    /// Returns the ideal code length of each symbol in bits, infinite where it cannot occur.
    pub fn costs(&self) -> impl Iterator<Item = f32> + '_ {
        (0..self.alphabet)
            .map(|symbol| self.span(symbol as u8).map_or(f32::INFINITY, Span::cost_bits))
    }
}

/// A list of tables, numbered from 0: what a profile holds for all its contexts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CdfSet {
    tables: Vec<CdfTable>,
}

impl CdfSet {
    /// Builds a set.
    ///
    /// # Errors
    /// [`TableError::Tables`] for more than 65,536 tables.
    pub fn new(tables: Vec<CdfTable>) -> Result<Self, TableError> {
        if tables.len() > 1 << 16 {
            return Err(TableError::Tables(tables.len()));
        }
        Ok(Self { tables })
    }

    /// Returns the table of a context.
    #[inline]
    pub fn get(&self, context: u16) -> Option<&CdfTable> {
        self.tables.get(usize::from(context))
    }

    /// Returns all tables in order.
    pub fn tables(&self) -> &[CdfTable] {
        &self.tables
    }

    /// Returns the number of tables.
    pub fn len(&self) -> usize {
        self.tables.len()
    }

    /// Returns the memory that the tables take, in bytes: what a reader charges to its budget.
    pub const fn memory(&self) -> usize {
        self.tables.len().saturating_mul(size_of::<CdfTable>())
    }

    /// Returns whether there is no table.
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }
}
