//! Bit strings to levels, or straight to the values of channels.
#![deny(clippy::unwrap_used, clippy::expect_used)]

use super::bits::{Cursor, PADDING};
use super::group::{Width, excesses, level_of, places};
use super::symbols::{Row, Symbols, group_of};
use super::tables::Tables;
use super::{Bands, FastModel, STREAMS, order_of};
use crate::bitstream::Reader;
use crate::context::token::MAX_LEVEL;
use crate::error::{DecodeError, DecodeErrorKind};
use crate::reconstruct::Centroids;

const SECTION: &str = "codec.md 7.2";

/// Buffers of the decoder, and the tables of the rates that it used.
#[derive(Debug, Default)]
pub(crate) struct DecodeState {
    tables: Vec<(u8, Tables)>,
    /// Entries of the groups of up to four bands, with room for what lies above the first.
    entries: Vec<Row>,
    /// The payload, with bytes after its end.
    padded: Vec<u8>,
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
            known.push((self.rate, Tables::new(model, signed)));
        }
        let missing = DecodeError::new(DecodeErrorKind::InvalidTable, 0, SECTION);
        let found = known.iter().find(|&&(rate, _)| rate == self.rate).ok_or(missing);
        let result = found.and_then(|(_, tables)| {
            let mut padded = std::mem::take(&mut state.padded);
            padded.clear();
            padded.extend_from_slice(data);
            padded.extend_from_slice(&[0; PADDING]);
            let symbols = Symbols { tables, data: &padded };
            let frame = FrameDecoder { model, signed, bands, symbols, data, value };
            // Every level is written below, so that old ones may stay until then.
            out.resize(bands.count * bands.elements, T::default());
            if data.len() >= LONG {
                tables.touch(model);
            }
            let result = match model.width {
                Width::One => frame.all::<T, 4, 8>(state, out),
                Width::Two => frame.all::<T, 2, 4>(state, out),
                Width::Four => frame.all::<T, 1, 2>(state, out),
            };
            state.padded = padded;
            result
        });
        state.tables = known;
        result
    }
}

/// One frame being decoded.
struct FrameDecoder<'a, V> {
    model: &'a FastModel,
    signed: bool,
    bands: Bands,
    symbols: Symbols<'a>,
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
        let above = self.bands.above(self.model.width);
        let room = above + 1 + elements.div_ceil(P);
        state.entries.resize(room, 0);
        state.entries.iter_mut().take(above + 1).for_each(|row| *row = 0);
        let class = |band: usize| self.model.class_of.get(band).copied().unwrap_or(0);
        let classes = bands.map(|band| Tables::class(class(band)));
        self.symbols.groups(cursors, &classes, above, &mut state.entries);
        let groups = state.entries.get(above + 1..).unwrap_or_default();
        let mut counts = [0; L];
        for ((lane, &band), places) in bands.iter().enumerate().zip(&mut state.places) {
            counts[lane] = self.expand::<T, N, P>(band, (groups, lane), out, places)?;
        }
        let [class, ..] = classes.as_slice() else { return Ok(()) };
        self.exceed(cursors, *class, bands, &counts, state, out)
    }

    /// Puts the digits of a band in their places; returns how many are the largest, and where they are.
    fn expand<T: Copy + Default, const N: usize, const P: usize>(
        &self,
        band: usize,
        (groups, lane): (&[Row], usize),
        out: &mut [T],
        places: &mut Vec<u32>,
    ) -> Result<usize, DecodeError>
    where
        V: Fn(usize, i32) -> T,
    {
        let bits = 8 / P as u32;
        let value = |digit: usize| (self.value)(band, level_of(self.signed, digit as u32));
        let mut digits = [T::default(); 16];
        digits
            .iter_mut()
            .take(1 << bits)
            .enumerate()
            .for_each(|(digit, slot)| *slot = value(digit));
        let halves: [[T; N]; 16] = std::array::from_fn(|half| {
            std::array::from_fn(|at| digits[half >> (at as u32 * bits) & ((1 << bits) - 1)])
        });
        let base = band * self.bands.elements;
        let plane = out.get_mut(base..base + self.bands.elements).unwrap_or_default();
        if places.len() < plane.len() + P {
            places.resize(plane.len() + P, 0);
        }
        let (whole, rest) = plane.as_chunks_mut::<P>();
        let (body, last) = groups.split_at(whole.len().min(groups.len()));
        let mut found = Found { places, count: 0, at: [base as u32; P] };
        let both = |group: usize| {
            let mut values = [T::default(); P];
            let (low, high) = values.split_at_mut(N);
            low.copy_from_slice(&halves[group & 15]);
            high.copy_from_slice(&halves[group >> 4 & 15]);
            values
        };
        if whole.len() >= MANY_GROUPS {
            let mut values = [[T::default(); P]; 256];
            for (values, high) in values.as_chunks_mut::<16>().0.iter_mut().zip(&halves) {
                for (values, low) in values.iter_mut().zip(&halves) {
                    let (lower, upper) = values.split_at_mut(N);
                    lower.copy_from_slice(low);
                    upper.copy_from_slice(high);
                }
            }
            place(whole, body, lane, &mut found, |group| values[group & 255]);
        } else {
            place(whole, body, lane, &mut found, both);
        }
        if let Some(&row) = last.first() {
            let group = group_of(row, lane);
            if group >> (rest.len() * 8 / P) != 0 {
                return Err(DecodeError::new(DecodeErrorKind::InvalidSymbol, 0, SECTION));
            }
            rest.iter_mut().zip(both(group)).for_each(|(slot, value)| *slot = value);
            found.push(group);
        }
        Ok(found.count as usize)
    }

    /// Decodes what exceeds the largest digit: by turns from all strings, then put in place.
    fn exceed<T: Copy + Default, const L: usize>(
        &self,
        cursors: &mut [Cursor; L],
        class: u16,
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
        self.symbols.excesses(cursors, class, excesses);
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
}

/// Bytes of a payload from which on it pays to have all tables in the cache.
const LONG: usize = 8192;

/// Groups of a band from which on it pays to know the values of every group.
const MANY_GROUPS: usize = 512;

/// Writes the values of groups, and notes where the largest digits are.
#[inline(never)]
fn place<T: Copy, const P: usize>(
    out: &mut [[T; P]],
    rows: &[Row],
    lane: usize,
    found: &mut Found<'_, P>,
    values: impl Fn(usize) -> [T; P],
) {
    let mut local = Found { places: &mut *found.places, ..*found };
    for (slots, &row) in out.iter_mut().zip(rows) {
        let group = group_of(row, lane);
        *slots = values(group);
        local.push(group);
    }
    (found.count, found.at) = (local.count, local.at);
}

/// Where the largest digits of a band are.
struct Found<'p, const P: usize> {
    places: &'p mut [u32],
    count: u32,
    /// Where the next group starts.
    at: [u32; P],
}

impl<const P: usize> Found<'_, P> {
    #[inline]
    fn push(&mut self, group: usize) {
        let count = self.count as usize;
        let slots = self.places.get_mut(count..count + P);
        if let Some(slots) = slots.and_then(|slots| slots.first_chunk_mut::<P>()) {
            let places = &Places::<P>::OF[group & 255];
            *slots = std::array::from_fn(|rank| self.at[rank] + places[rank]);
        }
        self.count += u32::from(Places::<P>::COUNT[group & 255]);
        self.at = self.at.map(|at| at + P as u32);
    }
}

/// What a byte of `P` digits says about those that are the largest.
struct Places<const P: usize>;

impl<const P: usize> Places<P> {
    const OF: &'static [[u32; P]; 256] = &places::<P>();
    const COUNT: &'static [u8; 256] = &excesses::<P>();
}
