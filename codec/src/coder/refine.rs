//! Refinement layers: the same lattice at half the step, coded against the layer before.

use super::high::{push_difference, read_difference};
use crate::context::token::MAX_LEVEL;
use crate::context::{ContextModel, Prediction, Scan};
use crate::error::{DecodeError, DecodeErrorKind};
use crate::layout::Grid;
use crate::profile::Anchor;
use crate::quantise::Costs;
use crate::rans::{CdfSet, RansDecoder, RansEncoder};
use crate::reconstruct::Centroids;

const SECTION: &str = "codec.md 7.4";

/// Tables of a refinement: offset, spread and later neighbours where the base is zero, offset and
/// half as many spreads where it is one, and where it is more.
pub(crate) const REFINE_TABLES: usize = ZERO_TABLES + 2 * OTHER_TABLES;
const ZERO_TABLES: usize = OFFSETS * SPREADS * LATER;
const OTHER_TABLES: usize = OFFSETS * (SPREADS / 2);
const OFFSETS: usize = OFFSET_EDGES.len() + 1;
const SPREADS: usize = 10;
const LATER: usize = 3;
/// Largest value, in sixteenths of a step.
const LARGEST: i32 = 16 * MAX_LEVEL;
/// Borders of the predicted offset from the base value, in sixteenths of the finer step.
const OFFSET_EDGES: [i32; 15] = [-20, -14, -10, -7, -4, -2, 0, 2, 4, 6, 8, 11, 14, 18, 23];

/// The levels of the layer before, of which each cell holds two cells of the next layer, or three around zero:
/// then no layer codes twice what another one says.
pub(crate) fn coarser(levels: &[i32]) -> Vec<i32> {
    levels.iter().map(|level| level / 2).collect()
}

/// The base layer as a refinement sees it.
pub(crate) struct Base<'a> {
    pub(crate) prediction: Prediction,
    /// Levels or closed-loop values of the layer before, in its own units.
    pub(crate) values: &'a [i32],
}

impl Base<'_> {
    /// The base value in sixteenths of the finer step.
    #[inline]
    fn value(&self, at: usize) -> i32 {
        let value = self.values.get(at).copied().unwrap_or(0);
        if self.prediction == Prediction::ClosedLoop { 2 * value } else { 32 * value }
    }

    /// Magnitude in steps of the layer before.
    #[inline]
    fn magnitude(&self, at: usize) -> usize {
        let value = self.values.get(at).map_or(0, |v| v.unsigned_abs()) as usize;
        if self.prediction == Prediction::ClosedLoop { (value + 8) >> 4 } else { value }
    }
}

/// The context of one refinement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RefineContext {
    pub(crate) table: usize,
    pub(crate) flip: bool,
    /// What difference 0 means, in sixteenths of the finer step.
    pub(crate) centre: i32,
}

/// Visits the values of a refinement in coding order; see [`crate::context::walk`].
///
/// `model` is the one of the finer step, `pick` returns the signed number of finer steps from the
/// centre.
pub(crate) fn walk_refinement(
    model: &ContextModel,
    grid: Grid,
    base: &Base<'_>,
    scan: &mut Scan,
    values: &mut Vec<i32>,
    mut pick: impl FnMut(usize, usize, RefineContext) -> Option<i32>,
) {
    scan.reset(model, grid);
    values.clear();
    values.reserve(grid.elements());
    let closed = model.prediction == Prediction::ClosedLoop;
    let row_step = grid.width * grid.components;
    let mut at = 0;
    for row in 0..grid.height {
        for column in 0..grid.width {
            scan.enter(model, row, column);
            for component in 0..grid.components {
                let (context, _) = scan.context(model, component);
                let mut later = 0;
                if column + 1 < grid.width {
                    later += base.magnitude(at + grid.components).min(2);
                }
                if row + 1 < grid.height {
                    later += base.magnitude(at + row_step).min(2);
                }
                let centre = base.value(at);
                let refine = classify(model, centre, base.magnitude(at), context, later);
                let Some(steps) = pick(at, component, refine) else { return };
                let value = centre + 16 * steps;
                let off = if closed { value - context.predicted } else { value };
                scan.record(model, component, (off.unsigned_abs() + 8) >> 4, value);
                values.push(if closed { value } else { value / 16 });
                at += 1;
            }
            scan.leave(model);
        }
    }
}

#[inline]
fn classify(
    model: &ContextModel,
    centre: i32,
    magnitude: usize,
    context: crate::context::Context,
    later: usize,
) -> RefineContext {
    let offset = if model.prediction == Prediction::None { 0 } else { context.predicted - centre };
    let closed = model.prediction == Prediction::ClosedLoop;
    let flip = if closed || centre == 0 { model.signed && offset < 0 } else { centre < 0 };
    let offset = if flip { -offset } else { offset };
    let bin: usize = OFFSET_EDGES.iter().map(|&edge| usize::from(offset >= edge)).sum();
    let bins = model.scale_bins();
    let spread = context.table % bins * SPREADS / bins;
    let later = later.div_ceil(2).min(LATER - 1);
    let table = match magnitude {
        _ if closed => (bin * SPREADS + spread) * LATER + later,
        0 => (bin * SPREADS + spread) * LATER + later,
        1 => ZERO_TABLES + bin * (SPREADS / 2) + spread / 2,
        _ => ZERO_TABLES + OTHER_TABLES + bin * (SPREADS / 2) + spread / 2,
    };
    RefineContext { table, flip, centre }
}

/// One refinement layer: the finer anchor and the grid of components.
pub(crate) struct Layer<'a> {
    pub(crate) model: &'a ContextModel,
    pub(crate) tables: &'a CdfSet,
    pub(crate) costs: &'a Costs,
    pub(crate) centroids: &'a Centroids,
    pub(crate) lambda: f32,
    pub(crate) grid: Grid,
}

impl<'a> Layer<'a> {
    /// The refinement to an anchor's rate.
    pub(crate) fn of(anchor: &'a Anchor, grid: Grid) -> Self {
        Self {
            model: &anchor.model,
            tables: &anchor.refinement,
            costs: &anchor.refinement_costs,
            centroids: &anchor.centroids,
            lambda: anchor.lambda,
            grid,
        }
    }

    /// Chooses and codes a refinement of components given in finer step units.
    pub(crate) fn encode(
        &self,
        base: &Base<'_>,
        components: &[f32],
        scan: &mut Scan,
        rans: &mut RansEncoder,
        values: &mut Vec<i32>,
    ) {
        walk_refinement(self.model, self.grid, base, scan, values, |at, component, context| {
            let y = components.get(at).copied().unwrap_or(0.0);
            let steps = self.choose(component, &context, y);
            let coded = if context.flip { -steps } else { steps };
            push_difference(rans, self.tables, context.table, coded);
            Some(steps)
        });
    }

    /// Codes a refinement to levels that were chosen before; only for models without a closed loop.
    pub(crate) fn encode_levels(
        &self,
        base: &Base<'_>,
        levels: &[i32],
        scan: &mut Scan,
        rans: &mut RansEncoder,
    ) {
        let mut values = Vec::new();
        walk_refinement(self.model, self.grid, base, scan, &mut values, |at, _, context| {
            let steps = levels.get(at).copied().unwrap_or(0) - context.centre / 16;
            let coded = if context.flip { -steps } else { steps };
            push_difference(rans, self.tables, context.table, coded);
            Some(steps)
        });
    }

    /// The number of finer steps from the centre for a value in finer step units.
    pub(crate) fn choose(&self, component: usize, context: &RefineContext, value: f32) -> i32 {
        let closed = self.model.prediction == Prediction::ClosedLoop;
        let centre = context.centre as f32 / 16.0;
        let nearest = (value - centre).clamp(-2e6, 2e6).round() as i32;
        // Every layer keeps within the largest level, also where the one before was at its end.
        let lowest = if self.model.signed { -LARGEST } else { 0 };
        let lowest = -(context.centre - lowest).div_euclid(16);
        let highest = (LARGEST - context.centre).div_euclid(16);
        // Errors beyond all floats compare as nothing: then the nearest step stands.
        let mut best = (f32::INFINITY, nearest.min(highest).max(lowest));
        for steps in [nearest, nearest - nearest.signum(), 0] {
            let steps = steps.min(highest).max(lowest);
            let point = if closed {
                centre + steps as f32
            } else {
                self.centroids.value(component, context.centre / 16 + steps)
            };
            let coded = if context.flip { -steps } else { steps };
            let error = value - point;
            let bits = self.costs.of_difference(context.table, coded);
            let cost = error * error + self.lambda * bits;
            if cost < best.0 {
                best = (cost, steps);
            }
        }
        best.1
    }

    /// Decodes a refinement.
    pub(crate) fn decode(
        &self,
        base: &Base<'_>,
        rans: &mut RansDecoder<'_>,
        scan: &mut Scan,
        values: &mut Vec<i32>,
    ) -> Result<(), DecodeError> {
        walk_refinement(self.model, self.grid, base, scan, values, |_, _, context| {
            if rans.overrun() {
                return None;
            }
            let coded = read_difference(rans, self.tables, context.table)?;
            let steps = if context.flip { -coded } else { coded };
            let value = context.centre.checked_add(steps.checked_mul(16)?)?;
            let valid = value.abs() <= LARGEST && (self.model.signed || value >= 0);
            valid.then_some(steps)
        });
        if values.len() == self.grid.elements() {
            return Ok(());
        }
        let kind = if rans.overrun() {
            DecodeErrorKind::Truncated
        } else {
            DecodeErrorKind::InvalidSymbol
        };
        Err(DecodeError::new(kind, 0, SECTION))
    }
}
