//! The fast coder: groups of eight components share one symbol that says which are non-zero.
//!
//! Section 7.1 of `spec/codec.md`. Contexts look at the row above only, so all symbols of a row are
//! independent and decode at the speed of the entropy coder: first the masks of a row, then the
//! values of its set bits.

use super::high::push_difference;
use crate::context::token::{ESCAPE, MAX_LEVEL, Token, read_escape};
use crate::error::{DecodeError, DecodeErrorKind};
use crate::layout::Grid;
use crate::rans::{CdfSet, RansDecoder, RansEncoder};
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

/// Activity class from the set bits above: centre twice, sides once.
#[inline]
fn activity(above: &[u8], groups: usize, column: usize, width: usize, group: usize) -> usize {
    let ones = |column: usize| above.get(column * groups + group).map_or(0, |m| m.count_ones());
    let left = if column > 0 { ones(column - 1) } else { 0 };
    let right = if column + 1 < width { ones(column + 1) } else { 0 };
    let sum = 2 * ones(column) + left + right;
    match sum {
        0 => 0,
        1..=3 => 1,
        4..=8 => 2,
        9..=16 => 3,
        _ => 4,
    }
}

/// Density class of a mask.
#[inline]
fn density(mask: u8) -> usize {
    match mask.count_ones() {
        0..=2 => 0,
        3..=5 => 1,
        _ => 2,
    }
}

/// Rows of masks and the contexts of their symbols, shared by encoder and decoder.
#[derive(Debug, Default)]
pub struct FastState {
    above: Vec<u8>,
    current: Vec<u8>,
    contexts: Vec<u16>,
}

impl FastState {
    fn start(&mut self, grid: Grid) {
        let row = grid.width * groups(grid.components);
        self.above.clear();
        self.above.resize(row, 0);
        self.current.clear();
        self.current.resize(row, 0);
    }

    /// Visits the symbols of levels in coding order: per row the masks, then the non-zero levels, each
    /// with its table.
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
            self.value_contexts(grid);
            let nonzero = row.iter().filter(|&&level| level != 0);
            for (&level, &table) in nonzero.zip(&self.contexts) {
                level_symbol(usize::from(table), level);
            }
            std::mem::swap(&mut self.above, &mut self.current);
        }
    }

    /// Contexts of all masks of the next row.
    fn mask_contexts(&mut self, grid: Grid) {
        let groups = groups(grid.components);
        self.contexts.clear();
        for column in 0..grid.width {
            for group in 0..groups {
                let class = activity(&self.above, groups, column, grid.width, group);
                let table = group_class(grid.components, group) * ACTIVITIES + class;
                self.contexts.push(table as u16);
            }
        }
    }

    /// Contexts of all non-zero values of the current row, in order.
    fn value_contexts(&mut self, grid: Grid) {
        let groups = groups(grid.components);
        self.contexts.clear();
        for (i, &mask) in self.current.iter().enumerate() {
            let first = i % groups * GROUP;
            let class = density(mask);
            let mut rest = mask;
            while rest != 0 {
                let component = first + rest.trailing_zeros() as usize;
                rest &= rest - 1;
                let table = component_class(grid.components, component) * DENSITIES + class;
                self.contexts.push(table as u16);
            }
        }
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
    let rans = std::cell::RefCell::new(rans);
    state.visit(
        grid,
        levels,
        |table, mask| {
            let span = model.masks.tables().get(table).and_then(|t| t.span(mask));
            // Mask tables have every symbol.
            rans.borrow_mut().push(span.unwrap_or(crate::rans::Span::CERTAIN));
        },
        |table, level| {
            push_difference(&mut rans.borrow_mut(), &model.values, table, beyond(level));
        },
    );
}

/// The masks of a row of levels.
pub(crate) fn masks_of(row: &[i32], components: usize, masks: &mut [u8]) {
    let positions = row.chunks_exact(components.max(1));
    for (position, masks) in positions.zip(masks.chunks_exact_mut(groups(components).max(1))) {
        for (group, mask) in position.chunks(GROUP).zip(masks) {
            *mask = group.iter().enumerate().fold(0, |m, (i, &l)| m | (u8::from(l != 0) << i));
        }
    }
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
    levels.clear();
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
        state.value_contexts(grid);
        let mut contexts = state.contexts.iter();
        for (position, masks) in
            row.chunks_exact_mut(grid.components).zip(state.current.chunks_exact(per_position))
        {
            for (group, &mask) in position.chunks_mut(GROUP).zip(masks) {
                let mut rest = mask;
                while rest != 0 {
                    let at = rest.trailing_zeros() as usize;
                    rest &= rest - 1;
                    let table = contexts.next().ok_or(invalid)?;
                    let level = read_value(rans, &model.values, *table).ok_or(invalid)?;
                    if level < 0 && !signed {
                        return Err(invalid);
                    }
                    if let Some(slot) = group.get_mut(at) {
                        *slot = level;
                    }
                }
            }
        }
        std::mem::swap(&mut state.above, &mut state.current);
    }
    Ok(())
}

#[inline]
fn read_value(rans: &mut RansDecoder<'_>, tables: &CdfSet, table: u16) -> Option<i32> {
    let symbol = usize::from(rans.symbol(tables.get(table)?));
    let coded = if symbol == ESCAPE {
        read_escape(|count| rans.bits(count))?
    } else {
        let count = Token::extra_bits(symbol);
        Token::difference(symbol, if count > 0 { rans.bits(count) } else { 0 })
    };
    let level = level_of(coded);
    (level.abs() <= MAX_LEVEL).then_some(level)
}
