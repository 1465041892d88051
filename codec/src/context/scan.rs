//! The walk over positions and components that encoder, decoder and learner share.

use super::model::{ContextModel, Prediction, SCALE_INPUTS, neighbours};
use crate::layout::{Grid, Layout};

/// Columns of padding on each side of a row, so that neighbours always exist.
const PAD: usize = 2;
/// Magnitudes enter the sums of the spread estimate up to these bounds.
const OWN_CAP: i32 = 15;
const TOTAL_CAP: i32 = 3;
/// Bound of the values that enter a prediction, in levels.
const LEVEL_CAP: i32 = 255;
/// Bound of the values that enter a closed-loop prediction, in sixteenths of a step.
const VALUE_CAP: i32 = 16_383;

/// What the model says before a level is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// Index of the table.
    pub table: usize,
    /// The level that difference 0 means.
    pub centre: i32,
    /// Whether the difference changes sign.
    pub flip: bool,
    /// Predicted value in sixteenths of a step.
    pub predicted: i32,
    /// Class of the predicted value.
    pub value_class: u8,
}

impl Context {
    /// The coded difference of a level.
    #[inline]
    #[must_use]
    pub fn difference(&self, level: i32) -> i32 {
        (if self.flip { -level } else { level }) - self.centre
    }

    /// The level of a coded difference.
    #[inline]
    #[must_use]
    pub fn level(&self, difference: i32) -> i32 {
        let level = difference + self.centre;
        if self.flip { -level } else { level }
    }
}

/// The state of one walk. Reused between frames; see [`Scan::reset`].
#[derive(Debug, Default)]
pub struct Scan {
    grid: Option<Grid>,
    stride: usize,
    /// Sums of the prediction, padded positions by components.
    sums: Vec<i32>,
    /// Magnitudes, capped, in the same order.
    magnitudes: Vec<u8>,
    /// Capped magnitudes summed over components, per padded position.
    totals: Vec<i32>,
    /// Padded index of the current position.
    position: usize,
    around: i32,
    so_far: i32,
    /// Prediction inputs of the current position: (component, value), zeros left out.
    inputs: Vec<(u32, i32)>,
    own: Vec<u16>,
}

impl Scan {
    /// Makes the state ready for a feature.
    pub fn reset(&mut self, model: &ContextModel, grid: Grid) {
        self.stride = grid.width + 2 * PAD;
        let positions = (grid.height + 2) * self.stride + 2 * PAD;
        let elements = positions * grid.components;
        self.sums.clear();
        if model.prediction != Prediction::None {
            self.sums.reserve(elements);
            for _ in 0..positions {
                self.sums.extend_from_slice(&model.bias);
            }
        }
        self.magnitudes.clear();
        self.magnitudes.resize(elements, 0);
        self.totals.clear();
        self.totals.resize(positions, 0);
        self.grid = Some(grid);
    }

    /// Moves to a position given by row and column.
    pub fn enter(&mut self, model: &ContextModel, row: usize, column: usize) {
        let components = model.components;
        self.position = (row + 1) * self.stride + column + PAD;
        self.so_far = 0;
        self.inputs.clear();
        self.own.clear();
        let at = |offset: usize| {
            let start = (self.position - offset) * components;
            self.magnitudes.get(start..start + components).unwrap_or(&[])
        };
        let total = |offset: usize| self.totals.get(self.position - offset).copied().unwrap_or(0);
        match model.layout {
            Layout::Map => {
                let s = self.stride;
                self.around = 2 * total(1) + 2 * total(s) + total(s + 1) + total(s - 1);
                let sides = at(1).iter().zip(at(s));
                let corners = at(s + 1).iter().zip(at(s - 1));
                self.own.extend(sides.zip(corners).map(|((&w, &n), (&nw, &ne))| {
                    2 * (u16::from(w) + u16::from(n)) + u16::from(nw) + u16::from(ne)
                }));
            }
            Layout::Tokens => {
                self.around = 4 * total(1) + 2 * total(2);
                self.own.extend(
                    at(1).iter().zip(at(2)).map(|(&a, &b)| 4 * u16::from(a) + 2 * u16::from(b)),
                );
            }
            Layout::Vector => {
                self.around = 0;
                self.own.resize(components, 0);
            }
        }
    }

    /// The inputs of the spread estimate of a component, for a given prediction.
    #[inline]
    pub(crate) fn scale_inputs(&self, component: usize, predicted: i32) -> [i32; SCALE_INPUTS] {
        let own = i32::from(self.own.get(component).copied().unwrap_or(0));
        [16, own, self.around, self.so_far, predicted.abs().min(256)]
    }

    /// The prediction of a component in sixteenths of a step.
    #[inline]
    pub(crate) fn predicted(&self, model: &ContextModel, component: usize) -> i32 {
        let at = self.position * model.components + component;
        // 16 fractional bits down to 4, rounded.
        self.sums
            .get(at)
            .map_or(0, |&sum| (sum >> 12) + ((sum >> 11) & 1))
            .clamp(-VALUE_CAP, VALUE_CAP)
    }

    /// The context of a component at the current position, with the inputs of its spread estimate.
    ///
    /// Components must come in order.
    #[inline]
    #[must_use]
    pub fn context(
        &self,
        model: &ContextModel,
        component: usize,
    ) -> (Context, [i32; SCALE_INPUTS]) {
        let predicted = self.predicted(model, component);
        let class = model.classify(predicted);
        let inputs = self.scale_inputs(component, predicted);
        let weights = model.scale.get(component).copied().unwrap_or_default();
        let spread = inputs.iter().zip(weights).map(|(&x, w)| x.wrapping_mul(i32::from(w)));
        let spread = spread.fold(0, i32::wrapping_add);
        let table = class.bin * model.scale_bins() + model.scale_bin(spread);
        let value_class = class.bin as u8;
        (Context { table, centre: class.centre, flip: class.flip, predicted, value_class }, inputs)
    }

    /// Value that a level stands for, in sixteenths of a step, before any centroid.
    #[inline]
    #[must_use]
    pub fn value(model: &ContextModel, context: Context, level: i32) -> i32 {
        match model.prediction {
            Prediction::ClosedLoop => {
                let shrink = model.shrink.get(level.unsigned_abs().min(3) as usize).copied();
                let step = 16 * level - level.signum() * i32::from(shrink.unwrap_or(0));
                (context.predicted + step).clamp(-VALUE_CAP, VALUE_CAP)
            }
            _ => 16 * level,
        }
    }

    /// Records a level: what comes after it may depend on it.
    #[inline]
    pub fn commit(&mut self, model: &ContextModel, component: usize, context: Context, level: i32) {
        self.record(model, component, level.unsigned_abs(), Self::value(model, context, level));
    }

    /// Records a magnitude (in levels) and a value (in sixteenths of a step) of a component.
    #[inline]
    pub(crate) fn record(
        &mut self,
        model: &ContextModel,
        component: usize,
        magnitude: u32,
        value: i32,
    ) {
        let magnitude = magnitude.min(OWN_CAP as u32) as i32;
        let at = self.position * model.components + component;
        if let Some(slot) = self.magnitudes.get_mut(at) {
            *slot = magnitude as u8;
        }
        self.so_far += magnitude.min(TOTAL_CAP);
        let input = match model.prediction {
            Prediction::None => return,
            Prediction::Context => value.clamp(-16 * LEVEL_CAP, 16 * LEVEL_CAP),
            Prediction::ClosedLoop => value.clamp(-VALUE_CAP, VALUE_CAP),
        };
        if input == 0 {
            return;
        }
        self.inputs.push((component as u32, input));
        let from = component * model.components + component + 1;
        let to = (component + 1) * model.components;
        let start = self.position * model.components;
        let weights = model.channel.get(from..to).unwrap_or(&[]);
        if let Some(sums) = self.sums.get_mut(at + 1..start + model.components) {
            accumulate(sums, weights, input);
        }
    }

    /// Leaves the current position: its levels now predict the positions after it.
    pub fn leave(&mut self, model: &ContextModel) {
        if let Some(total) = self.totals.get_mut(self.position) {
            *total = self.so_far;
        }
        let components = model.components;
        let offsets = match model.layout {
            Layout::Map => [1, self.stride, self.stride + 1, self.stride - 1],
            _ => [1, 2, 0, 0],
        };
        for (n, offset) in offsets.iter().take(neighbours(model.layout)).enumerate() {
            let start = (self.position + offset) * components;
            let Some(sums) = self.sums.get_mut(start..start + components) else { continue };
            for &(source, input) in &self.inputs {
                let row = (n * components + source as usize) * components;
                let weights = model.spatial.get(row..row + components).unwrap_or(&[]);
                accumulate(sums, weights, input);
            }
        }
    }
}

/// Adds `input * weight` to every sum: 4 + 12 = 16 fractional bits.
///
/// A loaded model bounds the sum of a target's weights (`MAX_WEIGHT_SUM`), so that this cannot
/// overflow; wrapping keeps a decoder free of panics whatever the model.
#[inline]
fn accumulate(sums: &mut [i32], weights: &[i16], input: i32) {
    // Both factors fit 16 bits, which lets the compiler use 16-bit multiplications.
    let input = input as i16;
    for (sum, &weight) in sums.iter_mut().zip(weights) {
        *sum = sum.wrapping_add(i32::from(input) * i32::from(weight));
    }
}
