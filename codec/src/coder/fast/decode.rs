//! Bit strings to levels, or straight to the values of channels.
#![deny(clippy::unwrap_used, clippy::expect_used)]

use super::bits::Cursor;
use super::code::{Code, LONGEST};
use super::encode::activities;
use super::group::{Width, excess_range, excesses, level_of, places};
use super::{
    Bands, CLASS_LENGTHS, CONTEXTS, ESCAPE_GROUP, EXCESS_TOKENS, FastModel, GROUP_SYMBOLS,
    MAX_CLASSES, STREAMS, order_of,
};
use crate::bitstream::Reader;
use crate::context::token::MAX_LEVEL;
use crate::error::{DecodeError, DecodeErrorKind};
use crate::reconstruct::Centroids;

const SECTION: &str = "codec.md 7.2";

/// Tables of a class: one per context and one of excesses.
const TABLES: usize = CONTEXTS + 1;
const SLOTS: usize = (MAX_CLASSES * TABLES) << LONGEST;

// An entry of a table: the symbol in the low byte, then what decoding needs to know of it.
const LENGTH: u32 = 8;
const ACTIVE: u16 = 0x3000;
const ESCAPES: u16 = 0x4000;

/// What each next bits mean, for all contexts of all classes.
type Tables = Box<[u16; SLOTS]>;

/// Buffers of the decoder, and the tables of the rates that it used.
#[derive(Debug, Default)]
pub(crate) struct DecodeState {
    tables: Vec<(u8, Tables)>,
    /// Entries of the groups of up to four bands, with room for what lies above the first.
    entries: Vec<[u16; STREAMS]>,
    /// Where the levels that exceed a digit are, per band.
    places: [Vec<u32>; STREAMS],
    /// What exceeds the largest digit, of those bands together.
    excesses: Vec<u32>,
    /// Levels in the order of the bands.
    banded: Vec<i32>,
}

/// How channels are reconstructed where each is coded as it is.
pub(crate) struct Channels<'a> {
    pub(crate) centroids: &'a Centroids,
    pub(crate) step: f32,
    pub(crate) gains: &'a [f32],
    pub(crate) mean: &'a [f32],
    pub(crate) range: (f32, f32),
}

impl Channels<'_> {
    #[inline]
    fn value(&self, channel: usize, level: i32) -> f32 {
        let mean = self.mean.get(channel).copied().unwrap_or(0.0);
        let gain = self.gains.get(channel).copied().unwrap_or(0.0);
        let value = mean + self.centroids.value(channel, level) * self.step * gain;
        value.max(self.range.0).min(self.range.1)
    }
}

/// A payload and what it takes to read it.
pub(crate) struct Job<'p, 'f> {
    pub(crate) model: &'p FastModel,
    /// Names the model among those of the profile.
    pub(crate) rate: u8,
    pub(crate) signed: bool,
    pub(crate) bands: Bands,
    pub(crate) payload: &'f [u8],
}

impl Job<'_, '_> {
    /// Decodes levels in the order of the bands.
    pub(crate) fn levels<'s>(&self, state: &'s mut DecodeState) -> Result<&'s [i32], DecodeError> {
        let mut banded = std::mem::take(&mut state.banded);
        let result = self.run(state, &mut banded, |_, level| level);
        state.banded = banded;
        result.map(|()| state.banded.as_slice())
    }

    /// Decodes the values of a map's channels, in the order of the tensor.
    pub(crate) fn channels(
        &self,
        state: &mut DecodeState,
        channels: &Channels<'_>,
        out: &mut Vec<f32>,
    ) -> Result<(), DecodeError> {
        self.run(state, out, |channel, level| channels.value(channel, level))
    }

    fn run<T: Copy + Default>(
        &self,
        state: &mut DecodeState,
        out: &mut Vec<T>,
        value: impl Fn(usize, i32) -> T,
    ) -> Result<(), DecodeError> {
        let (model, signed, bands, data) = (self.model, self.signed, self.bands, self.payload);
        let mut known = std::mem::take(&mut state.tables);
        if known.iter().all(|&(rate, _)| rate != self.rate) {
            known.push((self.rate, tables_of(model, signed)));
        }
        let missing = DecodeError::new(DecodeErrorKind::InvalidTable, 0, SECTION);
        let found = known.iter().find(|&&(rate, _)| rate == self.rate).ok_or(missing);
        let result = found.and_then(|(_, tables)| {
            let frame = FrameDecoder { model, signed, bands, tables, data, value };
            // Every level is written below, so that old ones may stay until then.
            out.resize(bands.count * bands.elements, T::default());
            match model.width {
                Width::One => frame.all::<T, 4, 8>(state, out),
                Width::Two => frame.all::<T, 2, 4>(state, out),
                Width::Four => frame.all::<T, 1, 2>(state, out),
            }
        });
        state.tables = known;
        result
    }
}

/// Builds the tables of a model.
fn tables_of(model: &FastModel, signed: bool) -> Tables {
    let activity_of = activities(model.width, signed);
    let mut tables = vec![0; SLOTS];
    let classes = tables.chunks_exact_mut(TABLES << LONGEST);
    for (tables, lengths) in classes.zip(model.lengths.chunks(CLASS_LENGTHS)) {
        let (groups, excesses) = lengths.split_at(lengths.len().saturating_sub(EXCESS_TOKENS));
        let sets = groups.chunks(GROUP_SYMBOLS).chain([excesses]);
        for (table, lengths) in tables.chunks_exact_mut(1 << LONGEST).zip(sets) {
            Code::new(lengths).slots(|symbol, length, slots| {
                let active = activity_of.get(symbol).map_or(0, |&active| u16::from(active) << 12);
                let escapes = if symbol == ESCAPE_GROUP { ESCAPES } else { 0 };
                let entry = symbol as u8 as u16 | (length as u16) << LENGTH | active | escapes;
                if let Some(slots) = table.get_mut(slots) {
                    slots.fill(entry);
                }
            });
        }
    }
    match tables.into_boxed_slice().try_into() {
        Ok(tables) => tables,
        Err(_) => Box::new([0; SLOTS]),
    }
}

/// One frame being decoded.
struct FrameDecoder<'a, V> {
    model: &'a FastModel,
    signed: bool,
    bands: Bands,
    tables: &'a [u16; SLOTS],
    data: &'a [u8],
    value: V,
}

impl<V> FrameDecoder<'_, V> {
    /// Decodes all bands; `N` levels fill half a byte, `P` a whole one.
    fn all<T: Copy + Default, const N: usize, const P: usize>(
        &self,
        state: &mut DecodeState,
        out: &mut [T],
    ) -> Result<(), DecodeError>
    where
        V: Fn(usize, i32) -> T,
    {
        let streams = self.bands.streams(self.model.width);
        let (mut cursors, ends) = self.strings(streams)?;
        let elements = self.bands.elements;
        if elements > 0 {
            let order = order_of(self.model);
            for bands in order.chunks(streams) {
                if let Ok(bands) = <&[usize; STREAMS]>::try_from(bands) {
                    self.set::<T, STREAMS, N, P>(state, &mut cursors, bands, out)?;
                    continue;
                }
                for (band, cursor) in bands.iter().zip(&mut cursors) {
                    let (band, cursor) = (std::array::from_ref(band), std::array::from_mut(cursor));
                    self.set::<T, 1, N, P>(state, cursor, band, out)?;
                }
            }
        }
        for (cursor, end) in cursors.iter().zip(ends).take(streams) {
            let fail = |(kind, at)| DecodeError::new(kind, at, SECTION);
            cursor.check_end(self.data, end).map_err(fail)?;
        }
        Ok(())
    }

    /// Where the bit strings start and end.
    fn strings(
        &self,
        streams: usize,
    ) -> Result<([Cursor; STREAMS], [usize; STREAMS]), DecodeError> {
        let mut reader = Reader::new(self.data, SECTION);
        let mut lengths = [0; STREAMS];
        for length in lengths.iter_mut().take(streams.saturating_sub(1)) {
            *length = usize::try_from(reader.varint_u32()?).unwrap_or(usize::MAX);
        }
        let mut at = reader.offset();
        let mut cursors = [Cursor::default(); STREAMS];
        let mut ends = [self.data.len(); STREAMS];
        let strings = cursors.iter_mut().zip(&mut ends).zip(lengths).take(streams);
        for (lane, ((cursor, end), length)) in strings.enumerate() {
            *cursor = Cursor::at(at);
            if lane + 1 < streams {
                at = at.saturating_add(length);
                *end = at;
            }
        }
        if at > self.data.len() {
            let kind = DecodeErrorKind::Truncated;
            return Err(DecodeError::new(kind, self.data.len(), SECTION));
        }
        Ok((cursors, ends))
    }

    /// Decodes as many bands as there are cursors, in step.
    fn set<T: Copy + Default, const L: usize, const N: usize, const P: usize>(
        &self,
        state: &mut DecodeState,
        cursors: &mut [Cursor; L],
        bands: &[usize; L],
        out: &mut [T],
    ) -> Result<(), DecodeError>
    where
        V: Fn(usize, i32) -> T,
    {
        let elements = self.bands.elements;
        let above = self.bands.above(self.model.width) + 1;
        let room = above + elements.div_ceil(P);
        state.entries.clear();
        state.entries.resize(room, [0; STREAMS]);
        let class = |band: usize| self.model.class_of.get(band).copied().unwrap_or(0);
        let bases = bands.map(|band| (usize::from(class(band)) * TABLES) << LONGEST);
        self.groups(cursors, &bases, above, &mut state.entries);
        let groups = state.entries.get(above..).unwrap_or_default();
        let mut counts = [0; L];
        for ((lane, &band), places) in bands.iter().enumerate().zip(&mut state.places) {
            counts[lane] = self.expand::<T, N, P>(band, (groups, lane), out, places)?;
        }
        let [base, ..] = bases.as_slice() else { return Ok(()) };
        self.exceed(cursors, *base, bands, &counts, state, out)
    }

    /// Decodes the groups of some bands.
    #[inline(never)]
    fn groups<const L: usize>(
        &self,
        cursors: &mut [Cursor; L],
        bases: &[usize; L],
        above: usize,
        rows: &mut [[u16; STREAMS]],
    ) {
        let (mut lanes, bases) = (*cursors, *bases);
        let mut lefts = [0u16; STREAMS];
        let count = rows.len().saturating_sub(above);
        let mut at = 0;
        while at < count {
            lanes.iter_mut().for_each(|cursor| cursor.refill(self.data));
            for at in at..count.min(at + 4) {
                let (Some(a), Some(b)) = (rows.get(at), rows.get(at + 1)) else { return };
                let ups: [u16; STREAMS] = std::array::from_fn(|lane| {
                    (((a[lane] & ACTIVE) + (b[lane] & ACTIVE) + 0x1000) >> (13 - LONGEST))
                        & (3 << LONGEST)
                });
                for lane in 0..L.min(STREAMS) {
                    let cursor = &mut lanes[lane];
                    let context =
                        usize::from(ups[lane] + ((lefts[lane] & ACTIVE) >> (12 - LONGEST)));
                    let entry = self.entry(bases[lane] + context + cursor.peek(LONGEST) as usize);
                    cursor.skip(u32::from(entry >> LENGTH & 15));
                    lefts[lane] = entry;
                }
                if lefts.iter().fold(0, |any, entry| any | entry) & ESCAPES != 0 {
                    (lanes, lefts) = self.escaped(lanes, lefts);
                }
                if let Some(row) = rows.get_mut(above + at) {
                    *row = lefts;
                }
            }
            at += 4;
        }
        *cursors = lanes;
    }

    #[inline]
    #[allow(clippy::indexing_slicing, reason = "the mask keeps the index inside")]
    fn entry(&self, slot: usize) -> u16 {
        self.tables[slot & (SLOTS - 1)]
    }

    /// Groups without a word.
    #[cold]
    fn escaped<const L: usize>(
        &self,
        mut cursors: [Cursor; L],
        mut entries: [u16; STREAMS],
    ) -> ([Cursor; L], [u16; STREAMS]) {
        for (cursor, entry) in cursors.iter_mut().zip(&mut entries) {
            if *entry & ESCAPES != 0 {
                cursor.refill(self.data);
                let byte = cursor.peek(8) as u8;
                cursor.skip(8);
                let active = super::activity(self.model.width, self.signed, byte);
                *entry = u16::from(byte) | u16::from(active) << 12;
            }
            cursor.refill(self.data);
        }
        (cursors, entries)
    }

    /// Puts the digits of a band in their places; returns how many are the largest, and where they are.
    #[inline(never)]
    fn expand<T: Copy + Default, const N: usize, const P: usize>(
        &self,
        band: usize,
        (groups, lane): (&[[u16; STREAMS]], usize),
        out: &mut [T],
        places: &mut Vec<u32>,
    ) -> Result<usize, DecodeError>
    where
        V: Fn(usize, i32) -> T,
    {
        let bits = 4 / N as u32;
        let digit =
            |half: usize, at: usize| (half as u32 >> (at as u32 * bits)) & ((1 << bits) - 1);
        let halves: [[T; N]; 16] = std::array::from_fn(|half| {
            std::array::from_fn(|at| (self.value)(band, level_of(self.signed, digit(half, at))))
        });
        let base = band * self.bands.elements;
        let plane = out.get_mut(base..base + self.bands.elements).unwrap_or_default();
        if places.len() < plane.len() + P {
            places.resize(plane.len() + P, 0);
        }
        let mut count = 0;
        let (whole, rest) = plane.as_chunks_mut::<P>();
        let mut at = base as u32;
        for (slots, entries) in whole.iter_mut().zip(groups) {
            let entry = entries[lane % STREAMS];
            let (low, high) = slots.split_at_mut(N);
            low.copy_from_slice(&halves[usize::from(entry & 15)]);
            high.copy_from_slice(&halves[usize::from(entry >> 4 & 15)]);
            let group = usize::from(entry & 0xff);
            if let Some(slots) = places.get_mut(count..).and_then(|s| s.first_chunk_mut::<P>()) {
                *slots = Places::<P>::OF[group].map(|place| at + place);
            }
            count += usize::from(Places::<P>::COUNT[group]);
            at += P as u32;
        }
        if let (Some(last), false) = (groups.last(), rest.is_empty()) {
            let group = usize::from(last[lane % STREAMS] & 0xff);
            if group >> (rest.len() * 8 / P) != 0 {
                return Err(DecodeError::new(DecodeErrorKind::InvalidSymbol, 0, SECTION));
            }
            let digits = halves[group & 15].iter().chain(&halves[group >> 4]);
            rest.iter_mut().zip(digits).for_each(|(slot, &value)| *slot = value);
            let slots = places.get_mut(count..).and_then(|s| s.first_chunk_mut::<P>());
            if let Some(slots) = slots {
                *slots = Places::<P>::OF[group].map(|place| at + place);
            }
            count += usize::from(Places::<P>::COUNT[group]);
        }
        Ok(count)
    }

    /// Decodes what exceeds the largest digit: by turns from all strings, then put in place.
    fn exceed<T: Copy + Default, const L: usize>(
        &self,
        cursors: &mut [Cursor; L],
        base: usize,
        bands: &[usize; L],
        counts: &[usize; L],
        state: &mut DecodeState,
        out: &mut [T],
    ) -> Result<(), DecodeError>
    where
        V: Fn(usize, i32) -> T,
    {
        let total = counts.iter().sum();
        if state.excesses.len() < total {
            state.excesses.resize(total, 0);
        }
        let excesses = state.excesses.get_mut(..total).unwrap_or_default();
        self.excesses(cursors, base, excesses);
        let top = self.model.width.top();
        let mut rest: &[u32] = excesses;
        for ((&band, &count), places) in bands.iter().zip(counts).zip(&state.places) {
            let value = |excess: u32| {
                let level = level_of(self.signed, top.saturating_add(excess));
                (level, (self.value)(band, level))
            };
            let near: [T; 16] = std::array::from_fn(|excess| value(excess as u32).1);
            let (own, others) = rest.split_at(count.min(rest.len()));
            rest = others;
            for (&excess, &place) in own.iter().zip(places) {
                let value = match near.get(excess as usize) {
                    Some(&value) => value,
                    None => match value(excess) {
                        (level, value) if level.unsigned_abs() <= MAX_LEVEL as u32 => value,
                        _ => {
                            return Err(DecodeError::new(
                                DecodeErrorKind::InvalidSymbol,
                                0,
                                SECTION,
                            ));
                        }
                    },
                };
                if let Some(slot) = out.get_mut(place as usize) {
                    *slot = value;
                }
            }
        }
        Ok(())
    }

    /// Decodes excesses, one from each string in turn.
    #[inline(never)]
    fn excesses<const L: usize>(&self, cursors: &mut [Cursor; L], base: usize, out: &mut [u32]) {
        let mut lanes = *cursors;
        let base = base + (CONTEXTS << LONGEST);
        let (turns, rest) = out.as_chunks_mut::<L>();
        for turns in turns.chunks_mut(4) {
            lanes.iter_mut().for_each(|cursor| cursor.refill(self.data));
            for turn in turns {
                for (slot, cursor) in turn.iter_mut().zip(&mut lanes) {
                    *slot = self.token(base, cursor);
                }
                // Those with bits of their own are few, and looked at together.
                if turn.iter().fold(0, |most, &token| token.max(most)) >= 8 {
                    lanes = self.far(lanes, turn);
                }
            }
        }
        for (slot, cursor) in rest.iter_mut().zip(&mut lanes) {
            cursor.refill(self.data);
            *slot = self.token(base, cursor);
        }
        *cursors = self.far(lanes, rest);
    }

    #[inline]
    fn token(&self, base: usize, cursor: &mut Cursor) -> u32 {
        let entry = self.entry(base + cursor.peek(LONGEST) as usize);
        cursor.skip(u32::from(entry >> LENGTH & 15));
        u32::from(entry & 0xff)
    }

    /// Adds the bits that follow large tokens.
    #[cold]
    fn far<const L: usize>(&self, mut cursors: [Cursor; L], turn: &mut [u32]) -> [Cursor; L] {
        for (cursor, excess) in cursors.iter_mut().zip(turn) {
            let (smallest, bits) = excess_range(*excess);
            cursor.refill(self.data);
            if bits > 0 {
                *excess = smallest + cursor.peek(bits);
                cursor.skip(bits);
                cursor.refill(self.data);
            }
        }
        cursors
    }
}

/// What a byte of `P` digits says about those that are the largest.
struct Places<const P: usize>;

impl<const P: usize> Places<P> {
    const OF: &'static [[u32; P]; 256] = &places::<P>();
    const COUNT: &'static [u8; 256] = &excesses::<P>();
}
