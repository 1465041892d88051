//! The fast coder: groups of eight components share one symbol that says which are non-zero.
//!
//! Section 7.1 of `spec/codec.md`. Contexts look at the row above only, so all symbols of a row are
//! independent and decode at the speed of the entropy coder: first the masks of a row, then the
//! values of its set bits.

use super::high::push_difference;
use crate::context::token::{ESCAPE, MAX_LEVEL, TOKENS, Token, read_escape};
use crate::error::{DecodeError, DecodeErrorKind};
use crate::layout::Grid;
use crate::rans::{CdfSet, RansDecoder, RansEncoder, Span};
use crate::reconstruct::Centroids;

const SECTION: &str = "codec.md 7.2";

/// Components per mask.
pub const GROUP: usize = 8;
/// Most distinct mask tables per activity class: groups beyond share tables in order.
const MAX_GROUPS: usize = 32;
/// Activity classes of a mask: set bits of the masks above.
pub(crate) const ACTIVITIES: usize = 5;
/// Classes of a value: set bits of its own mask.
pub(crate) const DENSITIES: usize = 3;
/// Most distinct value tables per density: components beyond share tables in order.
const MAX_COMPONENTS: usize = 128;

/// Tables of the fast coder at one rate.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct FastModel {
    /// Masks: `[group class][activity]`, 256 symbols each.
    pub(crate) masks: CdfSet,
    /// Non-zero values: `[component class][density]`, tokens of the value minus its sign's one.
    pub(crate) values: CdfSet,
    /// Where levels of this coder are reconstructed.
    pub(crate) centroids: Centroids,
}

/// Number of groups of a component count.
#[must_use]
pub const fn groups(components: usize) -> usize {
    components.div_ceil(GROUP)
}

/// Distinct group classes.
#[must_use]
pub(crate) fn group_classes(components: usize) -> usize {
    groups(components).min(MAX_GROUPS)
}

/// Distinct component classes.
#[must_use]
pub(crate) fn component_classes(components: usize) -> usize {
    components.min(MAX_COMPONENTS)
}

/// Class of a group's masks.
#[inline]
fn group_class(components: usize, group: usize) -> usize {
    let all = groups(components);
    if all <= MAX_GROUPS { group } else { group * MAX_GROUPS / all }
}

/// Class of a component's values.
#[inline]
pub(crate) fn component_class(components: usize, component: usize) -> usize {
    if components <= MAX_COMPONENTS { component } else { component * MAX_COMPONENTS / components }
}

/// Number of set bits of each mask: not every machine has an instruction for it.
static ONES: [u8; 256] = {
    let mut table = [0; 256];
    let mut mask = 0;
    while mask < 256 {
        table[mask] = (mask as u8).count_ones() as u8;
        mask += 1;
    }
    table
};

/// Places of the set bits of each mask, lowest first.
static PLACES: [[u8; GROUP]; 256] = {
    let mut table = [[0; GROUP]; 256];
    let mut mask = 0;
    while mask < 256 {
        let (mut bit, mut rank) = (0, 0);
        while bit < GROUP {
            if mask >> bit & 1 == 1 {
                table[mask][rank] = bit as u8;
                rank += 1;
            }
            bit += 1;
        }
        mask += 1;
    }
    table
};

/// What the places of the set bits add to a table's number.
static TABLE_STEPS: [[u16; GROUP]; 256] = {
    let mut table = [[0; GROUP]; 256];
    let mut mask = 0;
    while mask < 256 {
        let mut rank = 0;
        while rank < GROUP {
            table[mask][rank] = PLACES[mask][rank] as u16 * DENSITIES as u16;
            rank += 1;
        }
        mask += 1;
    }
    table
};

/// Number of set bits below each bit of each mask that is set; [`GROUP`] for the others.
static RANKS: [[u8; GROUP]; 256] = {
    let mut table = [[0; GROUP]; 256];
    let mut mask = 0;
    while mask < 256 {
        let mut bit = 0;
        while bit < GROUP {
            let below = ((mask & ((1 << bit) - 1)) as u8).count_ones() as u8;
            table[mask][bit] = if mask >> bit & 1 == 1 { below } else { GROUP as u8 };
            bit += 1;
        }
        mask += 1;
    }
    table
};

/// Activity classes by the weighted number of set bits above: centre twice, sides once.
static CLASSES: [u8; 4 * GROUP + 1] = {
    let mut table = [0; 4 * GROUP + 1];
    let mut sum = 0;
    while sum < table.len() {
        table[sum] = match sum {
            0 => 0,
            1..=3 => 1,
            4..=8 => 2,
            9..=16 => 3,
            _ => 4,
        };
        sum += 1;
    }
    table
};

/// Largest token without raw bits.
const LAST_PLAIN: u8 = 8;

/// The levels of the tokens without raw bits.
static PLAIN_LEVELS: [i32; 32] = {
    let mut table = [0; 32];
    let mut symbol = 0;
    while symbol <= LAST_PLAIN as usize {
        table[symbol] = level_of(Token::difference(symbol, 0));
        symbol += 1;
    }
    table
};

/// Density class of each mask.
static DENSITY: [u8; 256] = {
    let mut table = [0; 256];
    let mut mask = 0;
    while mask < 256 {
        table[mask] = match (mask as u8).count_ones() {
            0..=2 => 0,
            3..=5 => 1,
            _ => 2,
        };
        mask += 1;
    }
    table
};

/// Rows of masks and the contexts of their symbols, shared by encoder and decoder.
#[derive(Debug, Default)]
pub struct FastState {
    /// Set bits of the masks above, with a position of zeros on each side.
    above: Vec<u8>,
    current: Vec<u8>,
    contexts: Vec<u16>,
    /// First mask table of each group of a row.
    mask_tables: Vec<u16>,
    /// First value table of each component of each group of a row.
    value_tables: Vec<[u16; GROUP]>,
    /// Tokens of the non-zero levels of a row.
    symbols: Vec<u8>,
    /// The non-zero levels of a row.
    dense: Vec<i32>,
}

impl FastState {
    fn start(&mut self, grid: Grid) {
        let (groups, components) = (groups(grid.components), grid.components);
        let row = grid.width * groups;
        self.above.clear();
        self.above.resize(row + 2 * groups, 0);
        self.current.clear();
        self.current.resize(row, 0);
        self.mask_tables.clear();
        self.value_tables.clear();
        let all = (0..grid.width).flat_map(|_| 0..groups);
        for group in all {
            self.mask_tables.push((group_class(components, group) * ACTIVITIES) as u16);
            let first = |bit: usize| {
                let component = (group * GROUP + bit).min(components.saturating_sub(1));
                (component_class(components, component) * DENSITIES) as u16
            };
            self.value_tables.push(std::array::from_fn(first));
        }
        // Values are written in groups, of which the rest is overwritten.
        self.dense.resize(row * GROUP + GROUP, 0);
        self.symbols.resize(row * GROUP, 0);
    }

    /// Visits the symbols of levels in coding order: per row the masks, then the non-zero levels, each
    /// with its table.
    #[cfg_attr(not(feature = "learn"), allow(dead_code, reason = "only learning looks on"))]
    pub(crate) fn visit(
        &mut self,
        grid: Grid,
        levels: &[i32],
        mut mask_symbol: impl FnMut(usize, u8),
        mut level_symbol: impl FnMut(usize, i32),
    ) {
        self.start(grid);
        let per_row = (grid.width * grid.components).max(1);
        for row in levels.chunks_exact(per_row) {
            masks_of(row, grid.components, &mut self.current);
            self.mask_contexts(grid);
            for (&mask, &table) in self.current.iter().zip(&self.contexts) {
                mask_symbol(usize::from(table), mask);
            }
            let count = self.value_contexts(grid);
            self.gather_values(grid, row);
            for (&level, &table) in self.dense.iter().zip(&self.contexts).take(count) {
                level_symbol(usize::from(table), level);
            }
            self.end_row(grid);
        }
    }

    /// Contexts of all masks of the next row.
    fn mask_contexts(&mut self, grid: Grid) {
        let groups = groups(grid.components);
        self.contexts.clear();
        let centres = self.above.iter().skip(groups);
        let sides = self.above.iter().zip(self.above.iter().skip(2 * groups));
        let above = centres.zip(sides).zip(&self.mask_tables);
        self.contexts.extend(above.map(|((&centre, (&left, &right)), &table)| {
            let sum = usize::from(2 * centre + left + right);
            table + u16::from(CLASSES.get(sum).copied().unwrap_or(0))
        }));
    }

    /// Contexts of all non-zero values of the current row, in order, and their number.
    fn value_contexts(&mut self, grid: Grid) -> usize {
        self.contexts.resize(self.dense.len(), 0);
        // Without shared tables they follow each other.
        let shared = grid.components > MAX_COMPONENTS;
        let mut count = 0;
        for (&mask, tables) in self.current.iter().zip(&self.value_tables) {
            let class = u16::from(DENSITY[usize::from(mask)]);
            let slots = self.contexts.get_mut(count..).and_then(|rest| rest.first_chunk_mut());
            let Some(slots): Option<&mut [u16; GROUP]> = slots else { break };
            if shared {
                for (slot, &place) in slots.iter_mut().zip(&PLACES[usize::from(mask)]) {
                    *slot = tables[usize::from(place) % GROUP] + class;
                }
            } else {
                let first = tables[0] + class;
                for (slot, step) in slots.iter_mut().zip(&TABLE_STEPS[usize::from(mask)]) {
                    *slot = first + step;
                }
            }
            count += usize::from(ONES[usize::from(mask)]);
        }
        count
    }

    /// The non-zero levels of a row, in order.
    fn gather_values(&mut self, grid: Grid, row: &[i32]) {
        let per_position = groups(grid.components).max(1);
        let positions = row.chunks_exact(grid.components.max(1));
        let mut count = 0;
        for (position, masks) in positions.zip(self.current.chunks_exact(per_position)) {
            for (group, &mask) in position.chunks(GROUP).zip(masks) {
                let slots = self.dense.get_mut(count..).and_then(|rest| rest.first_chunk_mut());
                let Some(slots): Option<&mut [i32; GROUP]> = slots else { return };
                let padded: [i32; GROUP] = match group.try_into() {
                    Ok(whole) => whole,
                    Err(_) => std::array::from_fn(|i| group.get(i).copied().unwrap_or(0)),
                };
                for (slot, &place) in slots.iter_mut().zip(&PLACES[usize::from(mask)]) {
                    *slot = padded[usize::from(place) % GROUP];
                }
                count += usize::from(ONES[usize::from(mask)]);
            }
        }
    }

    /// Puts the non-zero levels of a row where the masks say.
    fn scatter_values(&self, grid: Grid, row: &mut [i32]) {
        let per_position = groups(grid.components).max(1);
        let positions = row.chunks_exact_mut(grid.components.max(1));
        let mut padded = [0; 2 * GROUP];
        let mut count = 0;
        for (position, masks) in positions.zip(self.current.chunks_exact(per_position)) {
            for (group, &mask) in position.chunks_mut(GROUP).zip(masks) {
                let window = self.dense.get(count..).and_then(|rest| rest.first_chunk());
                let Some(window): Option<&[i32; GROUP]> = window else { return };
                // Bits that are not set find a zero behind the levels.
                padded[..GROUP].copy_from_slice(window);
                for (slot, &rank) in group.iter_mut().zip(&RANKS[usize::from(mask)]) {
                    *slot = padded[usize::from(rank) % (2 * GROUP)];
                }
                count += usize::from(ONES[usize::from(mask)]);
            }
        }
    }

    /// Makes the current row the one above.
    fn end_row(&mut self, grid: Grid) {
        let above = self.above.iter_mut().skip(groups(grid.components));
        for (ones, &mask) in above.zip(&self.current) {
            *ones = ONES[usize::from(mask)];
        }
    }

    /// Decodes the `count` non-zero levels of a row with the contexts found before.
    fn read_values(
        &mut self,
        rans: &mut RansDecoder<'_>,
        tables: &CdfSet,
        count: usize,
    ) -> Option<()> {
        let mut done = 0;
        while done < count {
            let contexts = self.contexts.get(done..count)?;
            let symbols = self.symbols.get_mut(done..count)?;
            let read = rans.decode_until(tables, contexts, LAST_PLAIN, symbols)?;
            let (symbols, levels) = (symbols.get(..read)?, self.dense.get_mut(done..)?);
            for (level, &symbol) in levels.iter_mut().zip(symbols) {
                *level = PLAIN_LEVELS[usize::from(symbol) % PLAIN_LEVELS.len()];
            }
            if let Some(&symbol) = symbols.last().filter(|&&symbol| symbol > LAST_PLAIN) {
                *levels.get_mut(read.checked_sub(1)?)? = read_rest(rans, usize::from(symbol))?;
            }
            done += read;
        }
        Some(())
    }
}

/// A non-zero level as the difference coded: positive levels move down by one to close the gap.
#[inline]
pub(crate) const fn beyond(level: i32) -> i32 {
    if level > 0 { level - 1 } else { level }
}

const fn level_of(difference: i32) -> i32 {
    if difference >= 0 { difference + 1 } else { difference }
}

/// Codes levels (position-major).
pub(crate) fn encode(
    model: &FastModel,
    grid: Grid,
    levels: &[i32],
    state: &mut FastState,
    rans: &mut RansEncoder,
) {
    state.start(grid);
    let per_row = (grid.width * grid.components).max(1);
    for row in levels.chunks_exact(per_row) {
        masks_of(row, grid.components, &mut state.current);
        state.mask_contexts(grid);
        rans.reserve(2 * per_row);
        for (&mask, &table) in state.current.iter().zip(&state.contexts) {
            let span = model.masks.get(table).and_then(|table| table.span(mask));
            // Mask tables have every symbol.
            rans.push(span.unwrap_or(Span::CERTAIN));
        }
        let count = state.value_contexts(grid);
        state.gather_values(grid, row);
        for (&level, &table) in state.dense.iter().zip(&state.contexts).take(count) {
            push_difference(rans, &model.values, usize::from(table), beyond(level));
        }
        state.end_row(grid);
    }
}

/// The masks of a row of levels.
pub(crate) fn masks_of(row: &[i32], components: usize, masks: &mut [u8]) {
    let positions = row.chunks_exact(components.max(1));
    for (position, masks) in positions.zip(masks.chunks_exact_mut(groups(components).max(1))) {
        for (group, mask) in position.chunks(GROUP).zip(masks) {
            *mask = match <&[i32; GROUP]>::try_from(group) {
                Ok(whole) => mask_of(whole),
                Err(_) => mask_of(group),
            };
        }
    }
}

#[inline]
fn mask_of(group: &[i32]) -> u8 {
    group.iter().enumerate().fold(0, |mask, (i, &level)| mask | (u8::from(level != 0) << i))
}

/// Decodes levels (position-major).
pub(crate) fn decode(
    model: &FastModel,
    signed: bool,
    grid: Grid,
    state: &mut FastState,
    rans: &mut RansDecoder<'_>,
    levels: &mut Vec<i32>,
) -> Result<(), DecodeError> {
    let invalid = DecodeError::new(DecodeErrorKind::InvalidSymbol, 0, SECTION);
    state.start(grid);
    // Every level is written below, so that old ones may stay until then.
    levels.resize(grid.elements(), 0);
    let per_row = (grid.width * grid.components).max(1);
    let per_position = groups(grid.components).max(1);
    // Bits beyond the last component of a ragged group must be clear.
    let ragged = grid.components % GROUP;
    let allowed = if ragged == 0 { u8::MAX } else { (1u8 << ragged) - 1 };
    for row in levels.chunks_exact_mut(per_row) {
        state.mask_contexts(grid);
        rans.decode_batch(&model.masks, &state.contexts, &mut state.current)?;
        if rans.overrun() {
            return Err(DecodeError::new(DecodeErrorKind::Truncated, 0, SECTION));
        }
        if allowed != u8::MAX {
            let mut last = state.current.iter().skip(per_position - 1).step_by(per_position);
            if last.any(|mask| mask & !allowed != 0) {
                return Err(invalid);
            }
        }
        let count = state.value_contexts(grid);
        state.read_values(rans, &model.values, count).ok_or(invalid)?;
        let signs = state.dense.iter().take(count).fold(0, |signs, &level| signs | level);
        if signs < 0 && !signed {
            return Err(invalid);
        }
        state.scatter_values(grid, row);
        state.end_row(grid);
    }
    Ok(())
}

/// The level of a token with raw bits.
fn read_rest(rans: &mut RansDecoder<'_>, symbol: usize) -> Option<i32> {
    let coded = if symbol == ESCAPE {
        read_escape(|count| rans.bits(count))?
    } else if symbol < TOKENS {
        Token::difference(symbol, rans.bits(Token::extra_bits(symbol)))
    } else {
        return None;
    };
    let level = level_of(coded);
    (level.abs() <= MAX_LEVEL).then_some(level)
}
