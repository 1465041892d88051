//! What the next bits of a string mean.
#![deny(clippy::unwrap_used, clippy::expect_used)]

use super::code::{Code, LONGEST};
use super::encode::activities;
use super::{
    CLASS_LENGTHS, CONTEXTS, ESCAPE_GROUP, EXCESS_TOKENS, FastModel, GROUP_SYMBOLS, MAX_CLASSES,
};

/// Entries of a line of the cache.
const LINE: usize = 32;

/// Tables of a class: one per context and one of excesses.
const TABLES: usize = CONTEXTS + 1;
/// Entries of all tables, a power of two.
pub(super) const SLOTS: usize = (MAX_CLASSES * TABLES) << LONGEST;

/// What decoding needs to know of a symbol.
///
/// | bits | of a group | of a token |
/// |---|---|---|
/// | 0..4 | length of its word | the same |
/// | 4 | an escape: the byte follows | more bits follow |
/// | 5 | 0 | 0 |
/// | 6..8 | its activity | 0 |
/// | 8..16 | its byte | the token |
///
/// So a window is shifted by an entry as it is, and a byte is a byte of memory.
pub(super) type Entry = u16;

/// Marks entries that are not all.
pub(super) const MORE: Entry = 1 << 4;
/// What activities are multiples of.
pub(super) const UNIT: Entry = 1 << 6;
/// The activity of an entry.
pub(super) const ACTIVE: Entry = 3 * UNIT;
/// From an activity to the first slot of a context.
pub(super) const TO_SLOT: u32 = LONGEST - 6;

/// The entry of a group.
const fn group(byte: u8, active: u8) -> Entry {
    ((byte as Entry) << 8) | (active as Entry * UNIT)
}

/// Tables for all contexts of all classes.
#[derive(Debug)]
pub(super) struct Tables {
    slots: Box<[Entry; SLOTS]>,
    activities: [u8; 256],
}

impl Tables {
    /// Builds the tables of a model.
    pub(super) fn new(model: &FastModel, signed: bool) -> Self {
        let activities = activities(model.width, signed);
        let mut tables = vec![0; SLOTS];
        let classes = tables.chunks_exact_mut(TABLES << LONGEST);
        for (tables, lengths) in classes.zip(model.lengths.chunks(CLASS_LENGTHS)) {
            let (groups, tokens) = lengths.split_at(lengths.len().saturating_sub(EXCESS_TOKENS));
            let mut tables = tables.chunks_exact_mut(1 << LONGEST);
            for (lengths, table) in groups.chunks(GROUP_SYMBOLS).zip(&mut tables) {
                fill(table, lengths, |symbol| match activities.get(symbol) {
                    Some(&active) if symbol != ESCAPE_GROUP => group(symbol as u8, active),
                    _ => MORE,
                });
            }
            if let Some(table) = tables.next() {
                fill(table, tokens, |token| {
                    ((token as Entry) << 8) | if token >= super::group::NEAR { MORE } else { 0 }
                });
            }
        }
        let slots = tables.into_boxed_slice().try_into();
        Self { slots: slots.unwrap_or_else(|_| Box::new([0; SLOTS])), activities }
    }

    /// The first slot of a class.
    pub(super) const fn class(class: u8) -> u16 {
        ((class as usize % MAX_CLASSES * TABLES) << LONGEST) as u16
    }

    /// The first slot of a class's tokens.
    pub(super) const fn tokens(class: u16) -> u16 {
        class + (CONTEXTS << LONGEST) as u16
    }

    /// The entries of all classes: those of a context in the order of the bits that come next.
    #[inline]
    pub(super) const fn slots(&self) -> &[Entry; SLOTS] {
        &self.slots
    }

    /// Brings the tables of a model into the cache in one go: look-ups are all over them, and each would wait
    /// for memory on its own.
    pub(super) fn touch(&self, model: &FastModel) {
        let classes = model.lengths.len() / CLASS_LENGTHS;
        let used = self.slots.iter().take((classes * TABLES) << LONGEST);
        std::hint::black_box(used.step_by(LINE).fold(0, |all, entry| all | entry));
    }

    /// The entry of a group that has no word.
    pub(super) fn group(&self, byte: u8) -> Entry {
        group(byte, self.activities[usize::from(byte)])
    }
}

fn fill(table: &mut [Entry], lengths: &[u8], entry: impl Fn(usize) -> Entry) {
    Code::new(lengths).slots(|symbol, length, slots| {
        if let Some(slots) = table.get_mut(slots) {
            slots.fill(entry(symbol) | length as Entry);
        }
    });
}
