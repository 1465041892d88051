//! The decoder: panic-free on any bytes.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use super::lanes::{LOW_BYTES, LOW_WORDS};
use super::span::MAX_CHUNK;
use super::spread::{rank, reversed};
use super::{CdfSet, CdfTable, Lanes, MAX_UNIFORM_BITS, PROB_BITS, PROB_SCALE, Span};
use crate::error::{DecodeError, DecodeErrorKind};

const SECTION_SINGLE: &str = "codec.md 5.2";
const SECTION_INTERLEAVED: &str = "codec.md 5.3";
const SECTION_TABLES: &str = "codec.md 5.5";
const MAX_LANES: usize = 32;

/// Reads symbols from a payload.
///
/// The caller repeats [`slot`](Self::slot), finds the symbol whose span contains the slot, and
/// calls [`advance`](Self::advance); it knows the number of symbols and calls
/// [`finish`](Self::finish) after the last one. A payload that ends too early decodes on with
/// zeros and is reported there, so that no step has to be checked.
#[derive(Debug, Clone)]
pub struct RansDecoder<'a> {
    states: [u32; MAX_LANES],
    lane: usize,
    lanes: Lanes,
    /// The rest of the payload of the single-lane form.
    bytes: &'a [u8],
    /// The rest of the payload of the interleaved forms.
    words: &'a [[u8; 2]],
    length: usize,
    overrun: bool,
}

impl<'a> RansDecoder<'a> {
    /// Starts to read `payload`, which holds nothing else.
    ///
    /// # Errors
    /// [`DecodeErrorKind::Truncated`] when the start states are missing or a word is cut in half,
    /// [`DecodeErrorKind::InvalidState`] when a start state is below 2^16, and
    /// [`DecodeErrorKind::NonCanonical`] when a single-lane payload starts with a zero byte.
    /// Offsets count from the start of `payload`.
    pub fn new(payload: &'a [u8], lanes: Lanes) -> Result<Self, DecodeError> {
        let mut decoder = Self {
            states: [0; MAX_LANES],
            lane: 0,
            lanes,
            bytes: &[],
            words: &[],
            length: payload.len(),
            overrun: false,
        };
        if lanes == Lanes::One {
            if payload.first() == Some(&0) {
                return Err(DecodeError::new(DecodeErrorKind::NonCanonical, 0, SECTION_SINGLE));
            }
            decoder.bytes = payload;
            decoder.states[0] = refill(0, &mut decoder.bytes);
            return Ok(decoder);
        }
        let (units, half) = payload.as_chunks::<2>();
        if !half.is_empty() {
            let offset = payload.len().saturating_sub(1);
            return Err(DecodeError::new(DecodeErrorKind::Truncated, offset, SECTION_INTERLEAVED));
        }
        let missing =
            DecodeError::new(DecodeErrorKind::Truncated, payload.len(), SECTION_INTERLEAVED);
        let (start, words) =
            units.split_at_checked(lanes.count().saturating_mul(2)).ok_or(missing)?;
        let (start, _) = start.as_chunks::<2>();
        for (index, (state, [low, high])) in decoder.states.iter_mut().zip(start).enumerate() {
            *state = u32::from_le_bytes([low[0], low[1], high[0], high[1]]);
            if *state < LOW_WORDS {
                let offset = index.saturating_mul(4);
                return Err(DecodeError::new(
                    DecodeErrorKind::InvalidState,
                    offset,
                    SECTION_INTERLEAVED,
                ));
            }
        }
        decoder.words = words;
        Ok(decoder)
    }

    /// Returns the slot of the next symbol, 0 to 2^15 - 1.
    #[inline]
    #[allow(clippy::indexing_slicing, reason = "the mask keeps the index below 32")]
    pub fn slot(&self) -> u32 {
        let state = self.states[self.lane % MAX_LANES];
        // The interleaved forms have no states below 2^16.
        if state < PROB_SCALE { reversed(state) } else { state % PROB_SCALE }
    }

    /// Consumes the symbol whose span contains [`slot`](Self::slot).
    ///
    /// A span that does not contain it yields garbage, which [`finish`](Self::finish) mostly
    /// reports; it never panics.
    #[inline]
    pub fn advance(&mut self, span: Span) {
        self.consume(u32::from(span.start()), u32::from(span.width()));
    }

    #[inline]
    #[allow(clippy::indexing_slicing, reason = "the mask keeps the index below 32")]
    fn consume(&mut self, start: u32, width: u32) {
        let state = &mut self.states[self.lane % MAX_LANES];
        if *state < PROB_SCALE {
            // Only the single lane gets here, and only after its last byte.
            *state = rank(*state, start, start.saturating_add(width));
            return;
        }
        let next = step(*state, start, width);
        if self.lanes == Lanes::One {
            *state = refill(next, &mut self.bytes);
            return;
        }
        let small = next < LOW_WORDS;
        let word = self.words.first().map_or(0, |&word| u32::from(u16::from_le_bytes(word)));
        *state = if small { (next << 16) | word } else { next };
        self.overrun |= small && self.words.is_empty();
        self.words = self.words.get(usize::from(small)..).unwrap_or_default();
        self.lane = self.lane.wrapping_add(1) & self.lanes.count().wrapping_sub(1);
    }

    /// Reads `count` equally likely bits, most significant first; at most
    /// [`MAX_UNIFORM_BITS`], more are not read.
    pub fn bits(&mut self, count: u32) -> u32 {
        let mut left = count.min(MAX_UNIFORM_BITS);
        let mut value = 0;
        while left > 0 {
            let chunk = left.min(MAX_CHUNK);
            left = left.saturating_sub(chunk);
            let part = self.slot() >> PROB_BITS.saturating_sub(chunk);
            self.advance(Span::uniform(part, chunk));
            value = (value << chunk) | part;
        }
        value
    }

    /// Reads one symbol with the given table.
    #[inline]
    pub fn symbol(&mut self, table: &CdfTable) -> u8 {
        let (symbol, start, end) = table.find(self.slot());
        self.consume(u32::from(start), u32::from(end.wrapping_sub(start)));
        symbol
    }

    /// Reads `out.len()` symbols whose tables are known beforehand, faster than one by one.
    ///
    /// # Errors
    /// [`DecodeErrorKind::InvalidTable`] when `contexts` is shorter than `out` or names a table
    /// that does not exist; the offset is then the length of the payload.
    pub fn decode_batch(
        &mut self,
        tables: &CdfSet,
        contexts: &[u16],
        out: &mut [u8],
    ) -> Result<(), DecodeError> {
        let missing = DecodeError::new(DecodeErrorKind::InvalidTable, self.length, SECTION_TABLES);
        let contexts = contexts.get(..out.len()).ok_or(missing)?;
        // No symbol is above 255.
        self.decode_until(tables, contexts, u8::MAX, out).ok_or(missing).map(|_| ())
    }

    /// Reads symbols up to the first above `last`, or as many as both slices have, and returns
    /// their number; `None` when a table does not exist.
    pub(crate) fn decode_until(
        &mut self,
        tables: &CdfSet,
        contexts: &[u16],
        last: u8,
        out: &mut [u8],
    ) -> Option<usize> {
        if self.lanes != Lanes::One {
            return self.decode_lanes(tables, contexts, last, out);
        }
        let mut done = 0_usize;
        for (&context, symbol) in contexts.iter().zip(out) {
            *symbol = self.symbol(tables.get(context)?);
            done = done.saturating_add(1);
            if *symbol > last {
                break;
            }
        }
        Some(done)
    }

    /// [`decode_until`](Self::decode_until) for the interleaved forms.
    ///
    /// No step waits for a branch: the word is read in any case and taken or not by selection.
    /// Lanes do not wait for each other, so that their order may stay a loop.
    #[allow(clippy::indexing_slicing, reason = "the mask keeps the index below 32")]
    fn decode_lanes(
        &mut self,
        tables: &CdfSet,
        contexts: &[u16],
        last: u8,
        out: &mut [u8],
    ) -> Option<usize> {
        let mask = self.lanes.count().wrapping_sub(1);
        let (words, states) = (self.words, &mut self.states);
        let (mut lane, mut taken, mut done) = (self.lane, 0_usize, 0_usize);
        for (&context, out) in contexts.iter().zip(out) {
            let state = &mut states[lane % MAX_LANES];
            let (symbol, start, end) = tables.get(context)?.find_ahead(*state);
            let next = step(*state, u32::from(start), u32::from(end.wrapping_sub(start)));
            let word = words.get(taken).map_or(0, |&word| u32::from(u16::from_le_bytes(word)));
            let small = next < LOW_WORDS;
            *state = if small { (next << 16) | word } else { next };
            taken = taken.wrapping_add(usize::from(small));
            lane = lane.wrapping_add(1) & mask;
            *out = symbol;
            done = done.wrapping_add(1);
            if symbol > last {
                break;
            }
        }
        self.lane = lane;
        self.overrun |= taken > words.len();
        self.words = words.get(taken..).unwrap_or_default();
        Some(done)
    }

    /// Returns whether more was read than the payload holds; see [`finish`](Self::finish).
    pub const fn overrun(&self) -> bool {
        self.overrun
    }

    /// Passes over what is left of an interleaved payload if it is nothing but zeros.
    pub(crate) fn skip_zeros(&mut self) {
        if self.words.iter().all(|word| *word == [0, 0]) {
            self.words = &[];
        }
    }

    /// Ends the payload.
    ///
    /// # Errors
    /// [`DecodeErrorKind::Truncated`] when more was read than there is,
    /// [`DecodeErrorKind::TrailingBytes`] when less was, and [`DecodeErrorKind::InvalidState`]
    /// when a state is not the one an encoder starts from. Offsets count from the payload's start.
    pub fn finish(self) -> Result<(), DecodeError> {
        let single = self.lanes == Lanes::One;
        let section = if single { SECTION_SINGLE } else { SECTION_INTERLEAVED };
        let fail = |kind, offset| Err(DecodeError::new(kind, offset, section));
        if self.overrun {
            return fail(DecodeErrorKind::Truncated, self.length);
        }
        let left = self.bytes.len().saturating_add(self.words.len().saturating_mul(2));
        if left > 0 {
            return fail(DecodeErrorKind::TrailingBytes, self.length.saturating_sub(left));
        }
        let start = if single { 0 } else { LOW_WORDS };
        if self.states.iter().take(self.lanes.count()).any(|&state| state != start) {
            return fail(DecodeErrorKind::InvalidState, self.length);
        }
        Ok(())
    }
}

/// The decoding step: for a slot inside the span, at most `width * 2^17 - 1`, so no overflow.
#[inline]
fn step(state: u32, start: u32, width: u32) -> u32 {
    let slot = state % PROB_SCALE;
    width.wrapping_mul(state >> PROB_BITS).wrapping_add(slot).wrapping_sub(start)
}

/// Renormalises the single lane: takes bytes while the state is small and bytes are left.
#[inline]
fn refill(mut state: u32, bytes: &mut &[u8]) -> u32 {
    while state < LOW_BYTES {
        let Some((&byte, rest)) = bytes.split_first() else { break };
        *bytes = rest;
        state = (state << 8) | u32::from(byte);
    }
    state
}
