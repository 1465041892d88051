//! What a profile knows about the levels at one rate: predictor, spread estimate, tables.

use crate::layout::Layout;
use crate::rans::CdfSet;

/// How decoded neighbours help to code a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Prediction {
    /// No prediction: tables are chosen by neighbouring magnitudes alone.
    None,
    /// The predicted value chooses the table; levels stay on one lattice (conditional mean).
    Context,
    /// The difference to the predicted value is quantised (closed loop, DPCM).
    ClosedLoop,
}

impl Prediction {
    /// The number in the profile format.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Context => 1,
            Self::ClosedLoop => 2,
        }
    }

    /// The value of a number in the profile format.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::None),
            1 => Some(Self::Context),
            2 => Some(Self::ClosedLoop),
            _ => None,
        }
    }
}

/// Inputs of the spread estimate: constant, own neighbours, totals around, total so far, |prediction|.
pub const SCALE_INPUTS: usize = 5;
/// Most class borders of the spread estimate.
pub const MAX_SCALE_EDGES: usize = 31;
/// Bound of the sum of a target's absolute weights: 16.0, so that 32-bit sums cannot overflow.
pub const MAX_WEIGHT_SUM: u32 = 1 << 16;
/// Bound of the constant part of a prediction, 16 fractional bits.
pub const MAX_BIAS: u32 = 1 << 29;
/// Classes of the predicted value under [`Prediction::Context`], centred ones included.
pub const VALUE_CLASSES: usize = VALUE_BINS + PHASES;
/// Classes of a predicted value near zero.
const VALUE_BINS: usize = EDGES.len() + 1;
/// Classes of the fractional part of a prediction that moves the centre.
const PHASES: usize = 4;
/// Predictions from this magnitude on (in sixteenths of a step) move the centre.
const CENTRED: i32 = 40;
/// Class borders of a prediction near zero, in sixteenths of a step.
const EDGES: [i32; 22] =
    [-28, -18, -12, -8, -5, -3, -1, 1, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 23, 26, 30, 35];

/// All predictions below the first border are alike.
const LOWEST: i32 = EDGES[0] - 1;
/// The class of each prediction from there to where the centre moves.
static BINS: [u8; (CENTRED - LOWEST) as usize] = {
    let mut bins = [0; (CENTRED - LOWEST) as usize];
    let mut at = 0;
    while at < bins.len() {
        let mut edge = 0;
        while edge < EDGES.len() && LOWEST + at as i32 >= EDGES[edge] {
            edge += 1;
        }
        bins[at] = edge as u8;
        at += 1;
    }
    bins
};

/// Predictor, spread estimate and tables of one rate range. All integers; immutable once built.
#[derive(Clone, Debug, PartialEq)]
pub struct ContextModel {
    pub(crate) layout: Layout,
    pub(crate) prediction: Prediction,
    /// Whether levels may be negative; when not, negative tokens do not exist.
    pub(crate) signed: bool,
    pub(crate) components: usize,
    /// Weights of neighbouring positions, `[neighbour][source][target]`, 12 fractional bits.
    pub(crate) spatial: Vec<i16>,
    /// Weights of components already known at the position, `[source][target]`, 12 fractional bits.
    pub(crate) channel: Vec<i16>,
    /// Constant part of each prediction, 16 fractional bits.
    pub(crate) bias: Vec<i32>,
    /// Weights of the spread estimate per component, 8 fractional bits.
    pub(crate) scale: Vec<[i16; SCALE_INPUTS]>,
    /// Ascending class borders of the spread estimate.
    pub(crate) scale_edges: Vec<i32>,
    /// How much closer to the prediction a level of magnitude 0, 1, 2, 3+ lies than it says, in
    /// sixteenths of a step. Closed loop only.
    pub(crate) shrink: [i8; 4],
    /// One table per class of value and spread, value major.
    pub(crate) tables: CdfSet,
}

/// Neighbouring positions that a predictor of this layout sees.
#[must_use]
pub(crate) const fn neighbours(layout: Layout) -> usize {
    match layout {
        Layout::Map => 4,
        Layout::Tokens => 2,
        Layout::Vector => 0,
    }
}

/// The class of a prediction: bin, centre in levels, and whether signs are swapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ValueClass {
    pub(crate) bin: usize,
    pub(crate) centre: i32,
    pub(crate) flip: bool,
}

impl ContextModel {
    /// Classes of the predicted value.
    #[must_use]
    pub fn value_classes(prediction: Prediction) -> usize {
        if prediction == Prediction::Context { VALUE_CLASSES } else { 1 }
    }

    /// Classes of the spread estimate.
    #[inline]
    #[must_use]
    pub fn scale_bins(&self) -> usize {
        self.scale_edges.len() + 1
    }

    /// Classifies a prediction given in sixteenths of a step.
    #[inline]
    pub(crate) fn classify(&self, predicted: i32) -> ValueClass {
        if self.prediction != Prediction::Context {
            // Absent, or already subtracted.
            return ValueClass { bin: 0, centre: 0, flip: false };
        }
        let flip = self.signed && predicted < 0;
        let value = if flip { -predicted } else { predicted };
        if value >= CENTRED {
            let centre = (value + 8) >> 4;
            let phase = ((value + 8) & 15) >> 2;
            return ValueClass { bin: VALUE_BINS + phase as usize, centre, flip };
        }
        let bin = BINS[(value.max(LOWEST) - LOWEST) as usize];
        ValueClass { bin: bin.into(), centre: 0, flip }
    }

    /// The class of a spread estimate.
    #[inline]
    pub(crate) fn scale_bin(&self, spread: i32) -> usize {
        self.scale_edges.iter().map(|&edge| i32::from(spread >= edge)).sum::<i32>() as usize
    }
}
