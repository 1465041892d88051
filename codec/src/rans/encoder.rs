//! The encoder: buffers spans and codes them backwards.

use super::lanes::{LOW_BYTES, LOW_WORDS};
use super::span::MAX_CHUNK;
use super::spread::spread;
use super::{CdfSet, Lanes, MAX_UNIFORM_BITS, PROB_BITS, Span};
use crate::error::EncodeError;

/// Collects the spans of a payload in decoding order and codes them.
///
/// rANS is a stack: what the decoder reads first must be coded last, so that all spans are kept
/// (4 bytes each) until [`finish`](Self::finish). The buffer is reused after [`clear`](Self::clear).
#[derive(Debug, Clone, Default)]
pub struct RansEncoder {
    spans: Vec<Span>,
    words: Vec<u16>,
}

impl RansEncoder {
    /// Creates an empty encoder.
    pub const fn new() -> Self {
        Self { spans: Vec::new(), words: Vec::new() }
    }

    /// Appends one symbol.
    #[inline]
    pub fn push(&mut self, span: Span) {
        self.spans.push(span);
    }

    /// Appends the lowest `count` bits of `value` at one bit each, most significant first; at
    /// most [`MAX_UNIFORM_BITS`] bits, further ones are ignored.
    pub fn push_bits(&mut self, value: u32, count: u32) {
        let mut left = count.min(MAX_UNIFORM_BITS);
        while left > 0 {
            let chunk = left.min(MAX_CHUNK);
            left -= chunk;
            self.spans.push(Span::uniform(value >> left, chunk));
        }
    }

    /// Appends `symbols`, each coded with the table of `tables` that `contexts` names.
    ///
    /// The lengths of both slices should agree; the shorter one counts.
    ///
    /// # Errors
    /// [`EncodeError::UnknownTable`] or [`EncodeError::UncodableSymbol`]; the symbols before the
    /// refused one have been appended.
    pub fn push_batch(
        &mut self,
        tables: &CdfSet,
        contexts: &[u16],
        symbols: &[u8],
    ) -> Result<(), EncodeError> {
        self.spans.reserve(symbols.len().min(contexts.len()));
        for (&context, &symbol) in contexts.iter().zip(symbols) {
            let table = tables
                .get(context)
                .ok_or(EncodeError::UnknownTable { table: context, count: tables.len() })?;
            let span = table
                .span(symbol)
                .ok_or(EncodeError::UncodableSymbol { symbol, table: context })?;
            self.spans.push(span);
        }
        Ok(())
    }

    /// Returns the number of coder steps so far; [`push_bits`](Self::push_bits) takes up to two.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Returns whether nothing was appended.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Returns the spans in decoding order.
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// Returns the ideal code length of what was appended, in bits.
    pub fn ideal_bits(&self) -> f64 {
        let sum: u64 = self.spans.iter().map(|span| u64::from(span.cost_q16())).sum();
        sum as f64 / 65_536.0
    }

    /// Forgets everything and keeps the buffers.
    pub fn clear(&mut self) {
        self.spans.clear();
    }

    /// Drops the spans from step `len` on: undoes what was appended since.
    pub fn truncate(&mut self, len: usize) {
        self.spans.truncate(len);
    }

    /// Codes everything that was appended and adds the payload to `out`.
    ///
    /// The payload does not hold its own length, its number of symbols or its lane count: the
    /// caller writes what the decoder cannot know.
    pub fn finish(&mut self, lanes: Lanes, out: &mut Vec<u8>) {
        match lanes {
            Lanes::One => code_single(&self.spans, out),
            Lanes::Four => code_interleaved::<4>(&self.spans, &mut self.words, out),
            Lanes::ThirtyTwo => code_interleaved::<32>(&self.spans, &mut self.words, out),
        }
    }
}

/// One coding step on a state that has been renormalised for `span`.
#[inline]
fn step(state: u32, span: Span) -> u32 {
    let width = core::num::NonZeroU32::from(span.width_nonzero());
    let quotient = state / width;
    let rest = state - quotient * width.get();
    (quotient << PROB_BITS) + rest + u32::from(span.start())
}

/// The single-lane form: see the module documentation for why starting from 0 is exact.
fn code_single(spans: &[Span], out: &mut Vec<u8>) {
    let first = out.len();
    let mut state = 0_u32;
    for &span in spans.iter().rev() {
        // (LOW >> 15) << 8 states per slot of width: the next state stays below LOW << 8.
        let bound = u32::from(span.width()) << (LOW_BYTES.ilog2() - PROB_BITS + 8);
        while state >= bound {
            out.push(state as u8);
            state >>= 8;
        }
        let (start, width) = (u32::from(span.start()), u32::from(span.width()));
        state = if state < width { spread(state, start, start + width) } else { step(state, span) };
    }
    while state > 0 {
        out.push(state as u8);
        state >>= 8;
    }
    if let Some(payload) = out.get_mut(first..) {
        payload.reverse();
    }
}

/// The interleaved forms: symbol `i` belongs to lane `i % N`.
fn code_interleaved<const N: usize>(spans: &[Span], words: &mut Vec<u16>, out: &mut Vec<u8>) {
    let mut states = [LOW_WORDS; N];
    // At most one word per symbol, written from the back so that no reversal is needed; and one
    // before them, since words are written before it is known whether they count.
    words.resize((spans.len() + 1).max(words.len()), 0);
    let total = words.len();
    let mut free = total;
    let (rounds, rest) = spans.as_chunks::<N>();
    for (state, &span) in states.iter_mut().zip(rest).rev() {
        *state = renormalise(*state, span, words, &mut free);
        *state = step(*state, span);
    }
    for round in rounds.iter().rev() {
        for (state, &span) in states.iter_mut().zip(round).rev() {
            *state = renormalise(*state, span, words, &mut free);
            *state = step(*state, span);
        }
    }
    let coded = words.get(free..).unwrap_or_default();
    out.reserve(4 * N + 2 * coded.len());
    for state in states {
        out.extend_from_slice(&state.to_le_bytes());
    }
    let start = out.len();
    out.resize(start + 2 * coded.len(), 0);
    let (pairs, _) = out[start..].as_chunks_mut::<2>();
    for (pair, word) in pairs.iter_mut().zip(coded) {
        *pair = word.to_le_bytes();
    }
}

/// Moves the low 16 bits of the state to the words if the next step would overflow.
#[inline]
fn renormalise(state: u32, span: Span, words: &mut [u16], free: &mut usize) -> u32 {
    // Nobody can foresee which: no branch.
    let moves = state >> (32 - PROB_BITS) >= u32::from(span.width());
    if let Some(word) = words.get_mut(free.wrapping_sub(1)) {
        *word = state as u16;
    }
    *free -= usize::from(moves);
    state >> (16 * u32::from(moves))
}
