//! From levels to values in step units: centroids instead of lattice points.

use crate::context::Prediction;
use crate::layout::{BLOCK, Grid};

/// Classes of magnitude with a centroid of their own: 0, 1, 2, 3 and more.
pub const CENTROIDS: usize = 4;

/// Where the values of a level really lie, per component, relative to the lattice point.
///
/// In 64ths of a step. A dead zone and rate-distortion optimised rounding move the mean of a cell
/// away from its middle; rectified features have a positive mean in their zero cell.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Centroids {
    /// Offsets along the level's sign, `[component][class]`.
    pub(crate) offsets: Vec<[i8; CENTROIDS]>,
}

impl Centroids {
    /// Centroids that equal the lattice points.
    #[must_use]
    pub fn none(components: usize) -> Self {
        Self { offsets: vec![[0; CENTROIDS]; components] }
    }

    /// The value of a level in step units. Level 0 of a component may be non-zero.
    #[inline]
    #[must_use]
    pub fn value(&self, component: usize, level: i32) -> f32 {
        let class = level.unsigned_abs().min(3) as usize;
        let offsets = self.offsets.get(component).copied().unwrap_or_default();
        let offset = f32::from(offsets.get(class).copied().unwrap_or(0)) / 64.0;
        if level < 0 { level as f32 - offset } else { level as f32 + offset }
    }

    /// The value of level 0 of a component: what the restoration takes as nothing.
    #[must_use]
    pub fn zero(&self, prediction: Prediction, component: usize) -> f32 {
        if prediction == Prediction::ClosedLoop { 0.0 } else { self.value(component, 0) }
    }

    /// Turns levels (or closed-loop values in sixteenths) into values in step units, in order.
    pub fn apply(&self, prediction: Prediction, coded: &[i32], out: &mut Vec<f32>) {
        out.clear();
        if prediction == Prediction::ClosedLoop {
            out.extend(coded.iter().map(|&v| v as f32 / 16.0));
            return;
        }
        let components = self.offsets.len().max(1);
        for position in coded.chunks(components) {
            out.extend(position.iter().enumerate().map(|(c, &level)| self.value(c, level)));
        }
    }
}

/// Levels that have a value prepared: from `-LOWEST` on.
const PREPARED: usize = 32;
const LOWEST: i32 = 8;

/// What each level of each channel stands for, where channels are coded as they are and nothing is
/// restored: reconstruction is one look-up then.
pub(crate) struct LevelValues<'a> {
    centroids: &'a Centroids,
    step: f32,
    gains: &'a [f32],
    mean: &'a [f32],
}

impl<'a> LevelValues<'a> {
    pub(crate) fn new(
        centroids: &'a Centroids,
        step: f32,
        gains: &'a [f32],
        mean: &'a [f32],
    ) -> Self {
        Self { centroids, step, gains, mean }
    }

    /// Writes the values of a map's levels (position-major) in the order of the tensor.
    pub(crate) fn place(
        &self,
        levels: &[i32],
        grid: Grid,
        (low, high): (f32, f32),
        out: &mut Vec<f32>,
    ) {
        let channels = grid.components.max(1);
        let value = |channel: usize, level: i32| {
            let mean = self.mean.get(channel).copied().unwrap_or(0.0);
            let gain = self.gains.get(channel).copied().unwrap_or(0.0);
            let value = mean + self.centroids.value(channel, level) * self.step * gain;
            value.max(low).min(high)
        };
        let table = |channel| std::array::from_fn(|index| value(channel, index as i32 - LOWEST));
        let tables: Vec<[f32; PREPARED]> = (0..grid.components).map(table).collect();
        out.resize(grid.elements(), 0.0);
        let planes = grid.positions().max(1);
        for (block, levels) in levels.chunks(BLOCK * channels).enumerate() {
            let first = block * BLOCK;
            let count = levels.len() / channels;
            let lines = out.chunks_exact_mut(planes).zip(&tables).enumerate();
            for (channel, (plane, table)) in lines {
                let Some(slots) = plane.get_mut(first..first + count) else { continue };
                let column = levels.iter().skip(channel).step_by(channels);
                for (slot, &level) in slots.iter_mut().zip(column) {
                    let index = level.wrapping_add(LOWEST) as usize;
                    *slot = match table.get(index) {
                        Some(&value) => value,
                        None => value(channel, level),
                    };
                }
            }
        }
    }
}
