//! Levels to bit strings.

use super::bits::Writer;
use super::code::Code;
use super::group::{Width, activity, excess_token, index_of};
use super::{
    Bands, CLASS_LENGTHS, CONTEXTS, ESCAPE_GROUP, EXCESS_TOKENS, FastModel, GROUP_SYMBOLS, STREAMS,
    order_of,
};
use crate::bitstream::write_varint;

/// Buffers of the encoder, and the words of the rates that it used.
#[derive(Debug, Default)]
pub(crate) struct EncodeState {
    /// Levels in the order of the bands.
    pub(crate) banded: Vec<i32>,
    words: Vec<(u8, Vec<u16>)>,
    writers: [Writer; STREAMS],
    band: Band,
    excesses: Vec<u32>,
}

/// The symbols of a band.
#[derive(Debug, Default)]
pub(crate) struct Band {
    groups: Vec<u8>,
    /// What exceeds the largest digit, in order; the rest of the buffer is unspecified.
    excesses: Vec<u32>,
    excess_count: usize,
    activities: Vec<u8>,
}

impl Band {
    /// Takes levels apart.
    pub(crate) fn split(&mut self, width: Width, signed: bool, levels: &[i32]) {
        self.groups.clear();
        self.excesses.resize(levels.len() + 8, 0);
        match width {
            Width::One => self.split_by::<8>(signed, levels),
            Width::Two => self.split_by::<4>(signed, levels),
            Width::Four => self.split_by::<2>(signed, levels),
        }
    }

    fn split_by<const P: usize>(&mut self, signed: bool, levels: &[i32]) {
        let bits = 8 / P as u32;
        let top = (1 << bits) - 1;
        let mut count = 0;
        let (whole, rest) = levels.as_chunks::<P>();
        let mut last = [0; P];
        last.iter_mut().zip(rest).for_each(|(slot, &level)| *slot = level);
        let last = (!rest.is_empty()).then_some(&last);
        for group in whole.iter().chain(last) {
            let mut byte = 0;
            for (at, &level) in group.iter().enumerate() {
                let index = index_of(signed, level);
                byte |= index.min(top) << (at as u32 * bits);
                // Written in any case and kept or not: nobody can foresee which.
                if let Some(slot) = self.excesses.get_mut(count) {
                    *slot = index.wrapping_sub(top);
                }
                count += usize::from(index >= top);
            }
            self.groups.push(byte as u8);
        }
        self.excess_count = count;
    }

    pub(crate) fn excesses(&self) -> &[u32] {
        self.excesses.get(..self.excess_count).unwrap_or_default()
    }

    /// Visits groups with their contexts.
    pub(crate) fn visit(
        &mut self,
        above: usize,
        activity_of: &[u8; 256],
        mut group: impl FnMut(usize, u8),
    ) {
        self.activities.clear();
        self.activities.resize(above + 1, 0);
        let mut left = 0;
        for (at, &byte) in self.groups.iter().enumerate() {
            let up = |at: usize| self.activities.get(at).copied().unwrap_or(0);
            let context = left + (up(at) + up(at + 1)).div_ceil(2);
            group(usize::from(context), byte);
            left = activity_of[usize::from(byte)];
            self.activities.push(left);
        }
    }
}

/// How active each group is.
pub(crate) const fn activities(width: Width, signed: bool) -> [u8; 256] {
    let mut table = [0; 256];
    let mut group = 0;
    while group < 256 {
        table[group] = activity(width, signed, group as u8);
        group += 1;
    }
    table
}

/// All words of a model.
fn words_of(model: &FastModel) -> Vec<u16> {
    let mut words = Vec::with_capacity(model.lengths.len());
    for class in model.lengths.chunks(CLASS_LENGTHS) {
        let (groups, excesses) = class.split_at(class.len().saturating_sub(EXCESS_TOKENS));
        for lengths in groups.chunks(GROUP_SYMBOLS).chain([excesses]) {
            words.extend(Code::new(lengths).words);
        }
    }
    words
}

/// Codes the levels of `state.banded`; `rate` names the model.
pub(crate) fn encode(
    model: &FastModel,
    rate: u8,
    signed: bool,
    bands: Bands,
    state: &mut EncodeState,
    out: &mut Vec<u8>,
) {
    let EncodeState { banded, words, writers, band, excesses } = state;
    if words.iter().all(|&(known, _)| known != rate) {
        words.push((rate, words_of(model)));
    }
    let Some((_, words)) = words.iter().find(|&&(known, _)| known == rate) else { return };
    let streams = bands.streams(model.width);
    writers.iter_mut().for_each(Writer::clear);
    let activity_of = activities(model.width, signed);
    for set in order_of(model).chunks(streams) {
        // Bands that do not fill a set are sets of their own.
        let together = if set.len() == streams { streams } else { 1 };
        excesses.clear();
        for (lane, &index) in set.iter().enumerate() {
            let Some(writer) = writers.get_mut(lane) else { return };
            let levels = banded.get(index * bands.elements..(index + 1) * bands.elements);
            let words = words_of_band(model, words, index);
            band.split(model.width, signed, levels.unwrap_or_default());
            band.visit(bands.above(model.width), &activity_of, |context, byte| {
                put_group(writer, words, context, byte);
            });
            excesses.extend_from_slice(band.excesses());
            if together == 1 {
                excesses.drain(..).for_each(|excess| put_excess(writer, words, excess));
            }
        }
        let words = set.first().map_or(&[][..], |&first| words_of_band(model, words, first));
        for (at, &excess) in excesses.iter().enumerate() {
            if let Some(writer) = writers.get_mut(at % together) {
                put_excess(writer, words, excess);
            }
        }
    }
    for writer in writers.iter().take(streams - 1) {
        write_varint(writer.len() as u64, out);
    }
    writers.iter_mut().take(streams).for_each(|writer| writer.finish(out));
}

/// The words of a band's class.
fn words_of_band<'w>(model: &FastModel, words: &'w [u16], band: usize) -> &'w [u16] {
    let class = model.class_of.get(band).copied().unwrap_or(0);
    let first = usize::from(class) * CLASS_LENGTHS;
    words.get(first..first + CLASS_LENGTHS).unwrap_or_default()
}

#[inline]
fn put_excess(writer: &mut Writer, words: &[u16], excess: u32) {
    let (token, bits) = excess_token(excess);
    let word = words.get(CONTEXTS * GROUP_SYMBOLS + token).copied().unwrap_or(0);
    let (word, length) = (u32::from(word >> 4), u32::from(word & 15));
    // At most 10 and 15 bits.
    writer.put(word << bits | (excess & !(u32::MAX << bits)), length + bits);
}

#[inline]
fn put_group(writer: &mut Writer, words: &[u16], context: usize, byte: u8) {
    let first = context * GROUP_SYMBOLS;
    let word = u32::from(words.get(first + usize::from(byte)).copied().unwrap_or(0));
    if word != 0 {
        return writer.put(word >> 4, word & 15);
    }
    let escape = u32::from(words.get(first + ESCAPE_GROUP).copied().unwrap_or(0));
    writer.put(escape >> 4, escape & 15);
    writer.put(byte.into(), 8);
}
