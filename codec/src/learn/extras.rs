//! Fits the fast coder and the refinement layers of an anchor.

use super::anchor::Material;
use super::material::Data;
use super::parallel::map_chunks;
use super::tables::token_of;
use super::trial::{Setup, components};
use crate::coder::fast::{
    ACTIVITIES, DENSITIES, FastModel, FastState, beyond, component_classes, group_classes,
};
use crate::coder::refine::{Base, Layer, REFINE_TABLES, walk_refinement};
use crate::context::token::{ESCAPE, MAX_LEVEL, TOKENS};
use crate::context::{Scan, walk};
use crate::encoder::{FAST_ROUNDING, chooser};
use crate::error::{LearnError, TableError};
use crate::layout::Grid;
use crate::profile::Anchor;
use crate::quantise::Costs;
use crate::rans::{CdfSet, CdfTable};
use crate::reconstruct::{CENTROIDS, Centroids};

/// Values that fit the refinement tables: they are few and alike.
const REFINE_SYMBOLS: usize = 600_000;
/// Pseudo-count of the tables' shared prior.
const PRIOR: f64 = 24.0;

/// Counts of the fast coder's symbols.
struct FastCounts {
    masks: Vec<[u32; 256]>,
    values: Vec<[u32; TOKENS]>,
    sums: Vec<[(f64, f64); CENTROIDS]>,
}

/// Fits the fast coder at a step.
pub(crate) fn fast(
    material: &Material<'_>,
    signed: bool,
    step: f32,
) -> Result<FastModel, TableError> {
    let c = material.grid.components;
    let mut counts = FastCounts {
        masks: vec![[0; 256]; group_classes(c) * ACTIVITIES],
        values: vec![[0; TOKENS]; component_classes(c) * DENSITIES],
        sums: vec![[(0.0, 0.0); CENTROIDS]; c],
    };
    let mut state = FastState::default();
    for sample in material.components {
        let levels: Vec<i32> = sample
            .iter()
            .map(|&y| {
                let y = y / step;
                let level = (y.abs() + FAST_ROUNDING).min(MAX_LEVEL as f32) as i32;
                if y >= 0.0 {
                    level
                } else if signed {
                    -level
                } else {
                    0
                }
            })
            .collect();
        state.visit(
            material.grid,
            &levels,
            |table, mask| counts.masks[table][usize::from(mask)] += 1,
            |table, level| counts.values[table][usize::from(token_of(beyond(level)))] += 1,
        );
        count_centroids(sample, &levels, step, signed, &mut counts.sums);
    }
    let offsets = counts
        .sums
        .iter()
        .map(|row| row.map(|(sum, n)| (64.0 * sum / (n + 4.0)).round().clamp(-127.0, 127.0) as i8));
    Ok(FastModel {
        masks: mask_tables(&counts.masks)?,
        values: shared_prior(&counts.values)?,
        centroids: Centroids { offsets: offsets.collect() },
    })
}

fn count_centroids(
    sample: &[f32],
    levels: &[i32],
    step: f32,
    signed: bool,
    sums: &mut [[(f64, f64); CENTROIDS]],
) {
    let c = sums.len();
    for (i, (&y, &level)) in sample.iter().zip(levels).enumerate() {
        if level == 0 && signed {
            continue;
        }
        let y = f64::from(y / step);
        let along = if level < 0 { -y } else { y };
        let slot = &mut sums[i % c][level.unsigned_abs().min(3) as usize];
        slot.0 += along - f64::from(level.unsigned_abs());
        slot.1 += 1.0;
    }
}

/// Mask tables: every mask stays codable, rare ones lean on the group's other activity classes.
fn mask_tables(counts: &[[u32; 256]]) -> Result<CdfSet, TableError> {
    let tables = counts.chunks(ACTIVITIES).flat_map(|group| {
        let mut all = [0f64; 256];
        for row in group {
            for (sum, &n) in all.iter_mut().zip(row) {
                *sum += f64::from(n);
            }
        }
        let total: f64 = all.iter().sum::<f64>().max(1.0);
        let rows: Vec<_> = group
            .iter()
            .map(|row| {
                let mut scaled = [0u32; 256];
                for (slot, (&n, share)) in scaled.iter_mut().zip(row.iter().zip(&all)) {
                    *slot = ((f64::from(n) + PRIOR * share / total) * 4096.0) as u32;
                }
                CdfTable::from_counts(&scaled)
            })
            .collect();
        rows
    });
    CdfSet::new(tables.collect::<Result<_, _>>()?)
}

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
                    count_refinement(&coarse, &layer, grid, sample, step, &mut counts);
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
    coarse: &Anchor,
    layer: &Layer<'_>,
    grid: Grid,
    sample: &[f32],
    step: f32,
    counts: &mut [[u32; TOKENS]],
) {
    let mut scan = Scan::default();
    let (mut base, mut values) = (Vec::new(), Vec::new());
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
