//! One pass over a feature in coding order.

use super::model::{ContextModel, SCALE_INPUTS};
use super::scan::{Context, Scan};
use crate::layout::Grid;

/// Visits every level in coding order: positions in raster order, components innermost.
///
/// `pick` gets the index of the value (position-major), its component, its context and the inputs of
/// the spread estimate, and returns the level, which then becomes known to what follows. Stops early when `pick` returns `None`.
/// `values`, when given, receives what the levels stand for: levels, or closed-loop values in
/// sixteenths of a step.
pub(crate) fn walk(
    model: &ContextModel,
    grid: Grid,
    scan: &mut Scan,
    values: &mut Vec<i32>,
    mut pick: impl FnMut(usize, usize, Context, [i32; SCALE_INPUTS]) -> Option<i32>,
) {
    scan.reset(model, grid);
    values.clear();
    values.reserve(grid.elements());
    let closed = model.prediction == super::Prediction::ClosedLoop;
    let mut at = 0;
    for row in 0..grid.height {
        for column in 0..grid.width {
            scan.enter(model, row, column);
            for component in 0..grid.components {
                let (context, inputs) = scan.context(model, component);
                let Some(level) = pick(at, component, context, inputs) else { return };
                scan.commit(model, component, context, level);
                values.push(if closed { Scan::value(model, context, level) } else { level });
                at += 1;
            }
            scan.leave(model);
        }
    }
}
