//! Fits the refinement layers of an anchor.

use super::material::Data;
use super::parallel::map_chunks;
use super::tables::token_of;
use super::trial::{Setup, components};
use crate::coder::refine::{Base, Layer, REFINE_TABLES, coarser, walk_refinement};
use crate::context::token::{ESCAPE, TOKENS};
use crate::context::{Prediction, Scan, walk};
use crate::encoder::chooser;
use crate::error::{LearnError, TableError};
use crate::layout::Grid;
use crate::profile::Anchor;
use crate::quantise::Costs;
use crate::rans::{CdfSet, CdfTable};

/// Values that fit the refinement tables: they are few and alike.
const REFINE_SYMBOLS: usize = 600_000;
/// Pseudo-count of the tables' shared prior.
const PRIOR: f64 = 24.0;

/// Token tables that lean on the sum of all.
fn shared_prior(counts: &[[u32; TOKENS]]) -> Result<CdfSet, TableError> {
    let mut all = [0f64; TOKENS];
    for row in counts {
        for (sum, &n) in all.iter_mut().zip(row) {
            *sum += f64::from(n);
        }
    }
    let total = all.iter().sum::<f64>().max(1.0);
    let tables = counts.iter().map(|row| {
        let mut scaled = [0u32; TOKENS];
        for (slot, (&n, share)) in scaled.iter_mut().zip(row.iter().zip(&all)) {
            let expected = f64::from(n) + PRIOR * share / total;
            *slot = if expected >= 0.2 { (expected * 4096.0) as u32 } else { 0 };
        }
        scaled[ESCAPE] = scaled[ESCAPE].max(128);
        CdfTable::from_present_counts(&scaled)
    });
    CdfSet::new(tables.collect::<Result<_, _>>()?)
}

/// Fits the tables that refine each anchor's next coarser neighbour.
pub(crate) fn refinements(
    data: &Data<'_>,
    setup: &Setup,
    anchors: &mut [Anchor],
) -> Result<(), LearnError> {
    let prepared = setup.transform.prepare();
    let grid = Grid { components: prepared.components(), ..data.grid };
    let samples = data.fitting((REFINE_SYMBOLS / grid.elements()).max(8));
    let absolute = components(&prepared, samples);
    for i in 0..anchors.len() {
        let fine = &anchors[i];
        // The anchor that codes the layer before, a whole octave coarser.
        let before = fine.rate.shifted(8).get();
        let nearest = anchors.iter().min_by_key(|anchor| anchor.rate.get().abs_diff(before));
        let coarse = nearest.unwrap_or(fine).clone();
        let step = setup.step(fine.rate);
        let mut tables = CdfSet::default();
        // The first round rounds to the nearest, the second trades with the first one's tables.
        for _ in 0..2 {
            let costs = Costs::of(&tables);
            let fitted = Anchor { refinement: tables, refinement_costs: costs, ..fine.clone() };
            let layer = Layer {
                lambda: if fitted.refinement.is_empty() { 0.0 } else { fitted.lambda },
                ..Layer::of(&fitted, grid)
            };
            let parts = map_chunks(data.threads, absolute.len(), 8, |range| {
                let mut counts = vec![[0u32; TOKENS]; REFINE_TABLES];
                for sample in &absolute[range] {
                    count_refinement((&coarse, &fitted), &layer, grid, sample, step, &mut counts);
                }
                counts
            });
            let mut counts = vec![[0u32; TOKENS]; REFINE_TABLES];
            for part in &parts {
                for (sum, row) in counts.iter_mut().zip(part) {
                    sum.iter_mut().zip(row).for_each(|(a, b)| *a += b);
                }
            }
            tables = shared_prior(&counts)?;
        }
        anchors[i].refinement_costs = Costs::of(&tables);
        anchors[i].refinement = tables;
    }
    Ok(())
}

fn count_refinement(
    (coarse, fine): (&Anchor, &Anchor),
    layer: &Layer<'_>,
    grid: Grid,
    sample: &[f32],
    step: f32,
    counts: &mut [[u32; TOKENS]],
) {
    let mut scan = Scan::default();
    let (mut base, mut values) = (Vec::new(), Vec::new());
    if fine.model.prediction != Prediction::ClosedLoop {
        // As encoders do: the finer levels come first, the coarser ones follow from them.
        let (chooser, mut levels) = (chooser(fine), Vec::new());
        walk(&fine.model, grid, &mut scan, &mut levels, |at, component, context, _| {
            Some(chooser.choose(component, &context, sample[at] / step))
        });
        let values_before = coarser(&levels);
        let base = Base { prediction: fine.model.prediction, values: &values_before };
        walk_refinement(layer.model, grid, &base, &mut scan, &mut values, |at, _, context| {
            let steps = levels[at] - context.centre / 16;
            let coded = if context.flip { -steps } else { steps };
            counts[context.table][usize::from(token_of(coded))] += 1;
            Some(steps)
        });
        return;
    }
    let chooser = chooser(coarse);
    walk(&coarse.model, grid, &mut scan, &mut base, |at, component, context, _| {
        Some(chooser.choose(component, &context, sample[at] / (2.0 * step)))
    });
    let base = Base { prediction: coarse.model.prediction, values: &base };
    walk_refinement(layer.model, grid, &base, &mut scan, &mut values, |at, component, context| {
        let steps = layer.choose(component, &context, sample[at] / step);
        let coded = if context.flip { -steps } else { steps };
        counts[context.table][usize::from(token_of(coded))] += 1;
        Some(steps)
    });
}
