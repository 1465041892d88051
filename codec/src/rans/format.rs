//! How a set of tables is stored in a profile (`codec.md` 5.6).
//!
//! A frequency is a short binary float: its number of bits, predicted from its neighbour, and a
//! few bits after the leading one. The largest frequency is not stored, it is what the others
//! leave. A table of 24 symbols with four bits of precision takes about 15 bytes.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use super::table::MAX_ALPHABET;
use super::{CdfSet, CdfTable, PROB_SCALE};
use crate::bitstream::{BitReader, BitWriter, Reader, write_varint};
use crate::error::{DecodeError, DecodeErrorKind};
use crate::limits::{DecodeLimits, Limit};

const SECTION: &str = "codec.md 5.6";

/// The largest bit length of a stored frequency.
const MAX_LENGTH: u32 = 15;

/// The bit lengths of the frequencies of the table before, the prediction for the next one.
type Lengths = [u8; MAX_ALPHABET];

impl CdfSet {
    /// Appends the set to `out`; [`read`](Self::read) gives back an equal one.
    pub fn write(&self, out: &mut Vec<u8>) {
        write_varint(self.len() as u64, out);
        let mut bits = BitWriter::new();
        let mut before: Option<&CdfTable> = None;
        for table in self.tables() {
            write_table(table, before, &mut bits);
            before = Some(table);
        }
        bits.finish(out);
    }

    /// Reads a set.
    ///
    /// # Errors
    /// [`DecodeErrorKind::LimitExceeded`] for more tables than allowed,
    /// [`DecodeErrorKind::InvalidTable`] for one that is no distribution, and the errors of the
    /// fields. Memory grows with the bytes that were read, about 800 bytes per table.
    pub fn read(reader: &mut Reader<'_>, limits: &DecodeLimits) -> Result<Self, DecodeError> {
        reader.set_section(SECTION);
        let at = reader.offset();
        let count = usize::try_from(reader.varint_u32()?).unwrap_or(usize::MAX);
        limits.check(Limit::Tables, count, at, SECTION)?;
        let mut bits = BitReader::new(reader);
        let mut tables = Vec::new();
        let mut before: Option<(CdfTable, Lengths)> = None;
        for _ in 0..count {
            let next = read_table(&mut bits, before)?;
            tables.push(next.0.clone());
            before = Some(next);
        }
        bits.finish()?;
        let invalid = DecodeError::new(DecodeErrorKind::InvalidTable, at, SECTION);
        Self::new(tables).map_err(|_| invalid)
    }
}

/// The number of bits of a frequency, 0 for 0.
const fn length_of(frequency: u16) -> u32 {
    u16::BITS.saturating_sub(frequency.leading_zeros())
}

/// The number of bits that name one of `alphabet` symbols.
const fn index_bits(alphabet: usize) -> u32 {
    usize::BITS.saturating_sub(alphabet.saturating_sub(1).leading_zeros())
}

/// The number of mantissa bits that are stored for a frequency of the given bit length.
const fn kept_bits(length: u32, precision: u32) -> u32 {
    let mantissa = length.saturating_sub(1);
    if mantissa < precision { mantissa } else { precision }
}

const fn zigzag(delta: i32) -> u32 {
    ((delta << 1) ^ (delta >> 31)) as u32
}

const fn unzigzag(code: u32) -> i32 {
    (code >> 1) as i32 ^ (code as i32 & 1).wrapping_neg()
}

/// Each symbol but the one at `rest`, with the predicted and the actual bit length.
fn lengths<'t>(
    table: &'t CdfTable,
    before: Option<&'t CdfTable>,
    rest: usize,
) -> impl Iterator<Item = (u32, u32)> + 't {
    let mut last = MAX_LENGTH;
    let mut column = before.map(CdfTable::frequencies);
    table.frequencies().enumerate().filter_map(move |(symbol, frequency)| {
        let above = column.as_mut().map(|column| column.next().map_or(0, stored_length));
        if symbol == rest {
            return None;
        }
        let actual = stored_length(frequency);
        let predicted = above.unwrap_or(last);
        last = actual;
        Some((predicted, actual))
    })
}

/// The bit length as a prediction: the certain symbol counts as the longest that is stored.
fn stored_length(frequency: u16) -> u32 {
    length_of(frequency).min(MAX_LENGTH)
}

fn write_table(table: &CdfTable, before: Option<&CdfTable>, bits: &mut BitWriter) {
    if before == Some(table) {
        return bits.bits(0b11, 2);
    }
    let largest = table.frequencies().max().unwrap_or(0);
    let rest = table.frequencies().position(|frequency| frequency == largest).unwrap_or(0);
    let same_alphabet = before.filter(|before| before.alphabet() == table.alphabet());
    let size = |above: Option<&CdfTable>, rice: u32| -> u32 {
        let codes = lengths(table, above, rest).map(|(predicted, actual)| {
            (delta_code(predicted, actual) >> rice).saturating_add(1).saturating_add(rice)
        });
        codes.sum()
    };
    let choices = [(None, 0), (None, 1), (same_alphabet, 0), (same_alphabet, 1)];
    let best = choices.iter().min_by_key(|&&(above, rice)| {
        // The alphabet is sent again unless the table above predicts.
        size(above, rice).saturating_add(if above.is_some() { 0 } else { 8 })
    });
    let &(above, rice) = best.unwrap_or(&(None, 0));
    if above.is_some() {
        bits.bits(0b10, 2);
    } else {
        bits.bits(0, u32::from(before.is_some()));
        bits.bits(table.alphabet().saturating_sub(1) as u32, 8);
    }
    let others = || table.frequencies().enumerate().filter(|&(symbol, _)| symbol != rest);
    let precision = others().map(|(_, frequency)| needed_precision(frequency)).max().unwrap_or(0);
    bits.bits(precision, 4);
    bits.bits(rice, 1);
    bits.bits(rest as u32, index_bits(table.alphabet()));
    for (predicted, actual) in lengths(table, above, rest) {
        let code = delta_code(predicted, actual);
        bits.unary(code >> rice);
        bits.bits(code, rice);
    }
    for (_, frequency) in others() {
        let length = length_of(frequency);
        let kept = kept_bits(length, precision);
        let dropped = length.saturating_sub(1).saturating_sub(kept);
        bits.bits(u32::from(frequency >> dropped), kept);
    }
}

/// The number of mantissa bits up to the last one that is set.
fn needed_precision(frequency: u16) -> u32 {
    if frequency == 0 {
        return 0;
    }
    length_of(frequency).saturating_sub(1).saturating_sub(frequency.trailing_zeros())
}

fn delta_code(predicted: u32, actual: u32) -> u32 {
    zigzag(actual.wrapping_sub(predicted) as i32)
}

fn read_table(
    bits: &mut BitReader<'_, '_>,
    before: Option<(CdfTable, Lengths)>,
) -> Result<(CdfTable, Lengths), DecodeError> {
    let above = match before {
        Some(before) if bits.bits(1)? == 1 => Some(before),
        _ => None,
    };
    let alphabet = match above {
        Some(before) if bits.bits(1)? == 1 => return Ok(before),
        Some((ref table, _)) => table.alphabet(),
        None => (bits.bits(8)? as usize).saturating_add(1),
    };
    let precision = bits.bits(4)?;
    let rice = bits.bits(1)?;
    let rest = bits.bits(index_bits(alphabet))? as usize;
    if rest >= alphabet {
        return Err(bits.error(DecodeErrorKind::InvalidTable));
    }
    let mut lengths = [0_u8; MAX_ALPHABET];
    let mut last = MAX_LENGTH;
    for (symbol, length) in lengths.iter_mut().enumerate().take(alphabet) {
        if symbol == rest {
            continue;
        }
        let column = above.as_ref().and_then(|(_, lengths)| lengths.get(symbol));
        let predicted = column.map_or(last, |&length| u32::from(length));
        let high = bits.unary(2 * MAX_LENGTH)?;
        let code = (high << rice) | bits.bits(rice)?;
        let actual = predicted.wrapping_add_signed(unzigzag(code));
        if actual > MAX_LENGTH {
            return Err(bits.error(DecodeErrorKind::InvalidTable));
        }
        last = actual;
        *length = actual as u8;
    }
    let mut frequencies = [0_u16; MAX_ALPHABET];
    let mut left = PROB_SCALE;
    let slots = frequencies.iter_mut().zip(&lengths).enumerate().take(alphabet);
    for (symbol, (frequency, &length)) in slots {
        if symbol == rest || length == 0 {
            continue;
        }
        let kept = kept_bits(u32::from(length), precision);
        let mantissa = (1 << kept) | bits.bits(kept)?;
        let value = mantissa << u32::from(length).saturating_sub(1).saturating_sub(kept);
        left = left
            .checked_sub(value)
            .filter(|&left| left > 0)
            .ok_or(bits.error(DecodeErrorKind::InvalidTable))?;
        *frequency = value as u16;
    }
    if let Some(frequency) = frequencies.get_mut(rest) {
        *frequency = left as u16;
    }
    if let Some(length) = lengths.get_mut(rest) {
        *length = stored_length(left as u16) as u8;
    }
    let invalid = bits.error(DecodeErrorKind::InvalidTable);
    let frequencies = frequencies.get(..alphabet).ok_or(invalid)?;
    Ok((CdfTable::new(frequencies).map_err(|_| invalid)?, lengths))
}
