//! Bit strings to symbols, a few strings side by side.
#![deny(clippy::unwrap_used, clippy::expect_used)]

use std::cell::Cell;

use super::bits::Cursor;
use super::code::LONGEST;
use super::group::excess_range;
use super::tables::{ACTIVE, Entry, MORE, SLOTS, TO_SLOT, Tables, UNIT};

/// Entries of the groups at the same place of bands that are decoded in step, the first band's in the lowest
/// bits.
pub(super) type Row = u64;

/// Symbols to a filling of the windows, which then hold more bits than these and their marks shift by.
const FILLING: usize = 4;

/// Reads the symbols of the bands of a set.
pub(super) struct Symbols<'a> {
    pub(super) tables: &'a Tables,
    pub(super) data: &'a [u8],
}

impl Symbols<'_> {
    /// Decodes the groups of some bands, all rows but the first `above + 1`: these lie above the bands.
    #[inline(never)]
    pub(super) fn groups<const L: usize>(
        &self,
        cursors: &mut [Cursor; L],
        classes: &[u16; L],
        above: usize,
        rows: &mut [Row],
    ) {
        let mut lanes = *cursors;
        let mut lefts = [0; L];
        let bases = together(classes.map(u64::from));
        let tables = self.tables.slots();
        // What was decoded lies above what is decoded later.
        let rows = Cell::from_mut(rows).as_slice_of_cells();
        let (Some(above), Some(rows)) = (rows.get(1..), rows.get(above + 1..)) else { return };
        let mut first = 0;
        for (above, rows) in above.chunks(FILLING).zip(rows.chunks(FILLING)) {
            lanes.iter_mut().for_each(|cursor| cursor.refill(self.data));
            for (above, row) in above.iter().zip(rows) {
                let second = above.get() & ALL_ACTIVE;
                let contexts =
                    ((first + second + ALL_UNITS) << (TO_SLOT - 1) & ALL_CONTEXTS) + bases;
                first = second;
                // A row as one number: on small ones beside each other, vectors are slower.
                for lane in 0..L {
                    let above = contexts >> (16 * lane) & 0xffff;
                    let left = (lefts[lane] & u64::from(ACTIVE)) << TO_SLOT;
                    let slot = above + left + u64::from(lanes[lane].peek(LONGEST));
                    let entry = u64::from(tables[slot as usize & (SLOTS - 1)]);
                    lanes[lane].skip(entry as u32);
                    lefts[lane] = entry;
                }
                let mut entries = together(lefts);
                if entries & ALL_MORE != 0 {
                    (lanes, lefts) = self.escaped(lanes, lefts);
                    entries = together(lefts);
                }
                row.set(entries);
            }
        }
        *cursors = lanes;
    }

    /// Groups without a word.
    #[cold]
    #[inline(never)]
    fn escaped<const L: usize>(
        &self,
        mut cursors: [Cursor; L],
        mut entries: [u64; L],
    ) -> ([Cursor; L], [u64; L]) {
        for (cursor, entry) in cursors.iter_mut().zip(&mut entries) {
            if *entry & u64::from(MORE) != 0 {
                cursor.back(MORE.into());
                cursor.refill(self.data);
                *entry = self.tables.group(cursor.peek(8) as u8).into();
                cursor.skip(8);
            }
            cursor.refill(self.data);
        }
        (cursors, entries)
    }

    /// Decodes excesses, one from each string in turn.
    #[inline(never)]
    pub(super) fn excesses<const L: usize>(
        &self,
        cursors: &mut [Cursor; L],
        class: u16,
        out: &mut [u32],
    ) {
        let mut lanes = *cursors;
        let slots = self.tables.slots();
        let first = usize::from(Tables::tokens(class));
        let take = |cursor: &mut Cursor| {
            let entry = slots[(first + cursor.peek(LONGEST) as usize) & (SLOTS - 1)];
            cursor.skip(entry.into());
            entry
        };
        let (turns, rest) = out.as_chunks_mut::<L>();
        for turns in turns.chunks_mut(FILLING) {
            lanes.iter_mut().for_each(|cursor| cursor.refill(self.data));
            for turn in turns {
                let mut any = 0;
                for (slot, cursor) in turn.iter_mut().zip(&mut lanes) {
                    let entry = take(cursor);
                    *slot = u32::from(entry >> 8);
                    any |= entry;
                }
                // Those with bits of their own are few, and looked at together.
                if any & MORE != 0 {
                    lanes = self.far(lanes, turn);
                }
            }
        }
        for (slot, cursor) in rest.iter_mut().zip(&mut lanes) {
            cursor.refill(self.data);
            *slot = u32::from(take(cursor) >> 8);
        }
        *cursors = self.far(lanes, rest);
    }

    /// Adds the bits that follow large tokens.
    #[cold]
    #[inline(never)]
    fn far<const L: usize>(&self, mut cursors: [Cursor; L], turn: &mut [u32]) -> [Cursor; L] {
        for (cursor, excess) in cursors.iter_mut().zip(turn) {
            let (smallest, bits) = excess_range(*excess);
            if bits > 0 {
                cursor.back(MORE.into());
                cursor.refill(self.data);
                *excess = smallest + cursor.peek(bits);
                cursor.skip(bits);
            }
            cursor.refill(self.data);
        }
        cursors
    }
}

/// The byte of a group of a row.
#[inline]
pub(super) const fn group_of(row: Row, lane: usize) -> usize {
    (row >> (16 * lane) >> 8 & 0xff) as usize
}

/// The same in every entry of a row.
const fn all(entry: Entry) -> Row {
    entry as Row * 0x0001_0001_0001_0001
}

const ALL_ACTIVE: Row = all(ACTIVE);
const ALL_UNITS: Row = all(UNIT);
const ALL_CONTEXTS: Row = all(ACTIVE << TO_SLOT);
const ALL_MORE: Row = all(MORE);

/// A row of entries.
#[inline]
fn together<const L: usize>(entries: [u64; L]) -> Row {
    entries.iter().rev().fold(0, |row, entry| row << 16 | entry)
}
