//! The fast coder: groups of levels share one symbol of a prefix code, in four bit strings side by side.
//!
//! Section 7.2 of `spec/codec.md`. A table look-up yields up to eight levels at a time, the four strings do
//! not wait for each other, and nothing but rare symbols branches. The levels of a map are coded channel
//! by channel, which is the order in which a tensor stores them.

mod bits;
mod code;
mod decode;
mod encode;
mod group;
mod symbols;
mod tables;
#[cfg(test)]
mod tests;

use code::check;
#[cfg(feature = "learn")]
pub(crate) use code::lengths_of;
pub(crate) use decode::{Channels, DecodeState, Job};
#[cfg(feature = "learn")]
pub(crate) use encode::{Band, activities};
pub(crate) use encode::{EncodeState, encode};
pub(crate) use group::Width;
#[cfg(feature = "learn")]
pub(crate) use group::excess_token;

use crate::layout::{Grid, Layout, transpose};
use crate::reconstruct::Centroids;

/// Classes of bands at most.
pub(crate) const MAX_CLASSES: usize = 4;
/// Contexts of a group: how active its neighbours are.
pub(crate) const CONTEXTS: usize = 7;
/// Symbols of a group: its byte, or the escape that announces a byte.
pub(crate) const GROUP_SYMBOLS: usize = 257;
/// The escape among them.
pub(crate) const ESCAPE_GROUP: usize = 256;
/// Tokens of what exceeds the largest digit.
pub(crate) const EXCESS_TOKENS: usize = 21;
/// Code lengths of a class.
pub(crate) const CLASS_LENGTHS: usize = CONTEXTS * GROUP_SYMBOLS + EXCESS_TOKENS;
/// Components of a token that are coded together.
const TOKEN_BAND: usize = 32;
/// Bit strings of a payload that is not small.
const STREAMS: usize = 4;
/// Groups from which on there are so many.
const FEW_GROUPS: usize = 2048;

/// Codes of the fast coder at one rate.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct FastModel {
    /// Bits per level in a group.
    pub(crate) width: Width,
    /// Class of each band, below the number of classes.
    pub(crate) class_of: Vec<u8>,
    /// Code lengths of each class: groups in each context, then tokens of excesses.
    pub(crate) lengths: Vec<u8>,
    /// Where levels of this coder are reconstructed.
    pub(crate) centroids: Centroids,
}

/// What is coded together: the positions of a component of a map, or a few components of all tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bands {
    pub(crate) count: usize,
    /// Levels of a band.
    pub(crate) elements: usize,
    /// Levels from one row to the next.
    pub(crate) stride: usize,
}

impl Bands {
    /// The number of bands of a number of components.
    pub(crate) const fn count_of(layout: Layout, components: usize) -> usize {
        match layout {
            Layout::Map => components,
            Layout::Tokens | Layout::Vector => components.div_ceil(TOKEN_BAND),
        }
    }

    pub(crate) const fn new(layout: Layout, grid: Grid) -> Self {
        let count = Self::count_of(layout, grid.components);
        match layout {
            Layout::Map => Self { count, elements: grid.positions(), stride: grid.width },
            Layout::Tokens | Layout::Vector => {
                Self { count, elements: grid.positions() * TOKEN_BAND, stride: TOKEN_BAND }
            }
        }
    }

    /// Groups of a band.
    const fn groups(&self, width: Width) -> usize {
        self.elements.div_ceil(width.levels())
    }

    /// How many groups back the row above is.
    pub(crate) const fn above(&self, width: Width) -> usize {
        let above = self.stride / width.levels();
        if above > 1 { above } else { 1 }
    }

    /// Bit strings of the payload.
    const fn streams(&self, width: Width) -> usize {
        let many = self.count >= STREAMS && self.count * self.groups(width) >= FEW_GROUPS;
        if many { STREAMS } else { 1 }
    }
}

/// The order in which bands are coded: by class, so that few tables are in use at a time.
fn order_of(model: &FastModel) -> Vec<usize> {
    let mut order: Vec<usize> = (0..model.class_of.len()).collect();
    order.sort_by_key(|&band| model.class_of.get(band));
    order
}

/// Whether the code lengths of a class are those of codes for everything.
pub(crate) fn complete(class: &[u8]) -> bool {
    let Some((groups, excesses)) = class.split_at_checked(CONTEXTS * GROUP_SYMBOLS) else {
        return false;
    };
    // Groups without a word need the escape.
    let escapes = |lengths: &[u8]| {
        lengths.get(ESCAPE_GROUP).is_some_and(|&l| l > 0)
            || lengths.iter().take(256).all(|&l| l > 0)
    };
    groups.chunks(GROUP_SYMBOLS).all(|lengths| check(lengths) && escapes(lengths))
        && check(excesses)
        && excesses.iter().all(|&length| length > 0)
}

/// Brings position-major levels into the order of the bands; what a band lacks is 0.
pub(crate) fn to_bands(layout: Layout, grid: Grid, levels: &[i32], out: &mut Vec<i32>) {
    let bands = Bands::new(layout, grid);
    out.clear();
    if layout == Layout::Map {
        out.resize(grid.elements(), 0);
        return transpose(levels, grid.components, out, grid.positions());
    }
    out.resize(bands.count * bands.elements, 0);
    for (band, out) in out.chunks_exact_mut(bands.elements.max(1)).enumerate() {
        let tokens = levels.chunks_exact(grid.components.max(1));
        for (token, out) in tokens.zip(out.chunks_exact_mut(TOKEN_BAND)) {
            for (level, slot) in token.iter().skip(band * TOKEN_BAND).zip(out) {
                *slot = *level;
            }
        }
    }
}

/// Undoes [`to_bands`]; whether what a band lacks is 0.
pub(crate) fn from_bands(layout: Layout, grid: Grid, banded: &[i32], out: &mut Vec<i32>) -> bool {
    let bands = Bands::new(layout, grid);
    out.resize(grid.elements(), 0);
    if layout == Layout::Map {
        transpose(banded, grid.positions(), out, grid.components);
        return true;
    }
    let mut clean = true;
    for (band, levels) in banded.chunks_exact(bands.elements.max(1)).enumerate() {
        let tokens = out.chunks_exact_mut(grid.components.max(1));
        for (token, levels) in tokens.zip(levels.chunks_exact(TOKEN_BAND)) {
            let slots = token.get_mut(band * TOKEN_BAND..).unwrap_or_default();
            let (inside, beyond) = levels.split_at(slots.len().min(TOKEN_BAND));
            for (slot, level) in slots.iter_mut().zip(inside) {
                *slot = *level;
            }
            clean &= beyond.iter().all(|&level| level == 0);
        }
    }
    clean
}
