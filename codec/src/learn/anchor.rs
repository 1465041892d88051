//! Fits everything that a profile holds for one rate: model, centroids, restoration.

use ndarray::{Array2, ArrayView2};

use super::linear::{self, NormalEquations};
use super::material::Data;
use super::parallel::map_chunks;
use super::tables::{Record, token_of};
use super::trial::{self, Setup};
use super::{fast, predictor, tables};
use crate::context::{Context, ContextModel, Prediction, SCALE_INPUTS, Scan, walk};
use crate::error::LearnError;
use crate::layout::{Grid, Layout};
use crate::profile::Anchor;
use crate::quantise::{Chooser, Costs};
use crate::rans::CdfSet;
use crate::rate::RateIndex;
use crate::reconstruct::{CENTROIDS, Centroids};
use crate::restore::{self, Restoration};
use crate::transform::Prepared;

/// Rounding of the first pass, before any table is known.
const DEAD_ZONE: f32 = 0.40;
/// Samples per unit of parallel work.
const CHUNK: usize = 8;
/// Ridges of the restoration, relative to the mean diagonal; where rows are few, the one that restores
/// held-out rows best.
const RESTORATION_RIDGES: [f64; 4] = [1e-3, 0.01, 0.1, 1.0];

/// Calibration features of one cut, in position-major order.
#[derive(Clone, Copy)]
pub(crate) struct Material<'a> {
    pub(crate) layout: Layout,
    /// Grid of the components (after the transform).
    pub(crate) grid: Grid,
    /// Tensor values.
    pub(crate) originals: &'a [&'a [f32]],
    /// Transformed values, before division by the step.
    pub(crate) components: &'a [Vec<f32>],
    pub(crate) transform: &'a Prepared,
    pub(crate) threads: usize,
}

/// Choices that are made per cut.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Choice {
    pub(crate) prediction: Prediction,
    pub(crate) signed: bool,
    pub(crate) lambda: f32,
    /// Whether neighbouring magnitudes choose tables.
    pub(crate) contexts: bool,
    /// Whether a restoration is fitted.
    pub(crate) restored: bool,
}

/// Everything fitted for one step.
#[derive(Clone, Debug)]
pub(crate) struct Fitted {
    pub(crate) model: ContextModel,
    pub(crate) centroids: Centroids,
    pub(crate) restoration: Option<Restoration>,
}

/// Result of coding the material once.
struct Pass {
    values: Vec<Vec<i32>>,
    levels: Vec<Vec<i32>>,
    records: Vec<Vec<Record>>,
}

/// How a pass picks levels.
#[derive(Clone, Copy)]
enum Pick<'a> {
    DeadZone,
    Optimised { costs: &'a Costs, centroids: &'a Centroids, lambda: f32 },
}

/// Fits one anchor.
pub(crate) fn fit(material: Material<'_>, choice: Choice, step: f32) -> Result<Fitted, LearnError> {
    let components = material.grid.components;
    let mut model = blank(material.layout, components, choice);
    let plain: Vec<Vec<i32>> = plain_values(&material, choice, step);
    predictor::fit(&mut model, material.grid, &plain, material.components, step, material.threads);
    drop(plain);
    let mut pass = code(&material, &model, step, Pick::DeadZone);
    let mut centroids = Centroids::none(components);
    // Levels depend on tables and tables on levels: three rounds settle to under 0.3 % of the bits.
    for round in 0..3 {
        if round == 1 {
            let values = &pass.values;
            predictor::fit(
                &mut model,
                material.grid,
                values,
                material.components,
                step,
                material.threads,
            );
        }
        fit_centroids(&mut model, &mut centroids, &material, &pass, step);
        tables::fit(&mut model, &pass.records, choice.contexts, material.threads)?;
        let costs = Costs::of(&model.tables);
        let pick = Pick::Optimised { costs: &costs, centroids: &centroids, lambda: choice.lambda };
        pass = code(&material, &model, step, pick);
    }
    fit_centroids(&mut model, &mut centroids, &material, &pass, step);
    tables::fit(&mut model, &pass.records, choice.contexts, material.threads)?;
    let restoration = if choice.restored {
        fit_restoration(&material, &model, &centroids, &pass, step)
    } else {
        None
    };
    Ok(Fitted { model, centroids, restoration })
}

/// Fits the anchor of a profile at a rate, the fast coder included.
pub(crate) fn fit_at(
    data: &Data<'_>,
    setup: &Setup,
    rate: RateIndex,
) -> Result<Anchor, LearnError> {
    let prepared = setup.transform.prepare();
    let originals = data.fitting(usize::MAX);
    let components = trial::components(&prepared, originals);
    let material = Material {
        layout: data.layout,
        grid: Grid { components: prepared.components(), ..data.grid },
        originals,
        components: &components,
        transform: &prepared,
        threads: data.threads,
    };
    let step = setup.step(rate);
    let choice = setup.choice_at(rate);
    let Fitted { model, centroids, restoration } = fit(material, choice, step)?;
    let costs = Costs::of(&model.tables);
    Ok(Anchor {
        rate,
        lambda: choice.lambda,
        fast: fast::fit(&material, model.signed, step),
        model,
        centroids,
        refinement: CdfSet::default(),
        restoration,
        costs,
        refinement_costs: Costs::default(),
    })
}

fn blank(layout: Layout, components: usize, choice: Choice) -> ContextModel {
    ContextModel {
        layout,
        prediction: choice.prediction,
        signed: choice.signed,
        components,
        spatial: Vec::new(),
        channel: Vec::new(),
        bias: vec![0; components],
        scale: vec![[0; SCALE_INPUTS]; components],
        scale_edges: Vec::new(),
        shrink: [0; 4],
        tables: CdfSet::default(),
    }
}

/// Values of a quantisation without prediction, to start the predictor from.
fn plain_values(material: &Material<'_>, choice: Choice, step: f32) -> Vec<Vec<i32>> {
    let level = |v: &f32| -> i32 {
        let y = v / step;
        let level = (y.abs() + DEAD_ZONE).floor() as i32 * if y < 0.0 { -1 } else { 1 };
        match choice.prediction {
            // A predicted value keeps sub-step detail even where the level is zero.
            Prediction::ClosedLoop => (y * 16.0).round() as i32,
            _ => level,
        }
    };
    material.components.iter().map(|sample| sample.iter().map(level).collect()).collect()
}

/// Codes all samples with the model as it is.
fn code(material: &Material<'_>, model: &ContextModel, step: f32, pick: Pick<'_>) -> Pass {
    let parts = map_chunks(material.threads, material.components.len(), CHUNK, |range| {
        let mut scan = Scan::default();
        let mut part = Pass { values: Vec::new(), levels: Vec::new(), records: Vec::new() };
        for sample in &material.components[range] {
            code_one(model, material.grid, step, pick, sample, &mut scan, &mut part);
        }
        part
    });
    let mut pass = Pass { values: Vec::new(), levels: Vec::new(), records: Vec::new() };
    for part in parts {
        pass.values.extend(part.values);
        pass.levels.extend(part.levels);
        pass.records.extend(part.records);
    }
    pass
}

fn code_one(
    model: &ContextModel,
    grid: Grid,
    step: f32,
    pick: Pick<'_>,
    sample: &[f32],
    scan: &mut Scan,
    part: &mut Pass,
) {
    let closed = model.prediction == Prediction::ClosedLoop;
    let mut values = Vec::new();
    let mut levels = Vec::with_capacity(sample.len());
    let mut records = Vec::with_capacity(sample.len());
    // The inputs of the spread estimate are private to the scan, so the pass mirrors the walk.
    let inverse = 1.0 / step;
    walk(model, grid, scan, &mut values, |at, component, context: Context, inputs| {
        let y = sample[at] * inverse;
        let level = match pick {
            Pick::DeadZone => {
                let target = if closed { y - context.predicted as f32 / 16.0 } else { y };
                let level = (target.abs() + DEAD_ZONE).floor().min(32_767.0) as i32;
                let level = if target < 0.0 { -level } else { level };
                if model.signed || closed { level } else { level.max(0) }
            }
            Pick::Optimised { costs, centroids, lambda } => {
                Chooser { model, costs, centroids, lambda }.choose(component, &context, y)
            }
        };
        levels.push(level);
        let off = if closed || model.prediction == Prediction::Context {
            y * 16.0 - context.predicted as f32
        } else {
            y * 16.0
        };
        records.push(Record {
            component: component as u16,
            value_class: context.value_class,
            token: token_of(context.difference(level)),
            inputs: inputs.map(|x| x.clamp(-32_767, 32_767) as i16),
            deviation: off.abs().min(4096.0),
        });
        Some(level)
    });
    part.values.push(values);
    part.levels.push(levels);
    part.records.push(records);
}

/// Means of the values of each level class.
fn fit_centroids(
    model: &mut ContextModel,
    centroids: &mut Centroids,
    material: &Material<'_>,
    pass: &Pass,
    step: f32,
) {
    let c = material.grid.components;
    let closed = model.prediction == Prediction::ClosedLoop;
    // Signed zeros have no direction: their centroid is zero by symmetry.
    let undirected = model.signed || closed;
    let parts = map_chunks(material.threads, pass.levels.len(), CHUNK, |range| {
        let mut sums = vec![[(0f64, 0f64); CENTROIDS]; c];
        for at in range {
            let levels = pass.levels[at].iter().zip(&pass.records[at]);
            for ((i, &y), (&level, record)) in
                material.components[at].iter().enumerate().zip(levels)
            {
                if level == 0 && undirected {
                    continue;
                }
                let target = f64::from(if closed { record.deviation / 16.0 } else { y / step });
                let along = if level < 0 && !closed { -target } else { target };
                let slot = &mut sums[i % c][level.unsigned_abs().min(3) as usize];
                slot.0 += along - f64::from(level.unsigned_abs());
                slot.1 += 1.0;
            }
        }
        sums
    });
    let mut sums = vec![[(0f64, 0f64); CENTROIDS]; c];
    for part in &parts {
        for (sum, part) in sums.iter_mut().zip(part) {
            sum.iter_mut().zip(part).for_each(|(a, b)| *a = (a.0 + b.0, a.1 + b.1));
        }
    }
    if closed {
        for class in 1..CENTROIDS {
            let (sum, n) =
                sums.iter().fold((0.0, 0.0), |t, s| (t.0 + s[class].0, t.1 + s[class].1));
            model.shrink[class] = (-16.0 * sum / (n + 50.0)).round().clamp(-8.0, 8.0) as i8;
        }
        return;
    }
    for (out, sums) in centroids.offsets.iter_mut().zip(&sums) {
        for (slot, (sum, n)) in out.iter_mut().zip(sums) {
            *slot = (64.0 * sum / (n + 4.0)).round().clamp(-127.0, 127.0) as i8;
        }
    }
}

/// The linear filter from decoded neighbourhoods to what the plain reconstruction misses.
fn fit_restoration(
    material: &Material<'_>,
    model: &ContextModel,
    centroids: &Centroids,
    pass: &Pass,
    step: f32,
) -> Option<Restoration> {
    let c = material.grid.components;
    let channels = material.transform.mean().len();
    let taps = restore::taps(material.layout);
    let inputs = taps * c + 1;
    let zero: Vec<f32> = (0..c).map(|k| centroids.zero(model.prediction, k)).collect();
    let positions = material.grid.positions();
    let blocks = map_chunks(material.threads, pass.values.len(), 2 * CHUNK, |range| {
        let mut equations = NormalEquations::new(inputs, channels);
        let rows = range.len() * positions;
        let mut design = Array2::zeros((rows, inputs));
        let mut target = Vec::with_capacity(rows * channels);
        let mut decoded = Vec::new();
        for (at, i) in range.enumerate() {
            centroids.apply(model.prediction, &pass.values[i], &mut decoded);
            let mut plain = material.transform.mean().repeat(positions);
            material.transform.backward(&decoded, step, &mut plain);
            let missed = material.originals[i].iter().zip(&plain);
            target.extend(missed.map(|(x, plain)| (x - plain) / step));
            for (k, v) in decoded.iter_mut().enumerate() {
                *v -= zero[k % c];
            }
            neighbourhood(material.layout, material.grid, &decoded, at * positions, &mut design);
        }
        if let Ok(target) = ArrayView2::from_shape((rows, channels), &target) {
            equations.add(design.view(), target);
        }
        equations
    });
    let (equations, [fitting, held_out]) = linear::split(&blocks)?;
    let mut ridge = RESTORATION_RIDGES[0];
    if !equations.is_ample() {
        let error = |ridge| held_out.error(fitting.factorise(ridge).solve().view(), None);
        let (best, error) = linear::best_ridge(&RESTORATION_RIDGES, error);
        if error >= 0.0 {
            // The plain reconstruction is better than any filter that so few rows can teach.
            return None;
        }
        ridge = best;
    }
    let solution = equations.factorise(ridge).solve();
    let bias: Vec<f64> = solution.row(taps * c).to_vec();
    let weights: Vec<f64> = solution.rows().into_iter().take(taps * c).flatten().copied().collect();
    Some(Restoration::quantised(taps, c, &weights, &bias))
}

/// Decoded values under every tap of every position, and a constant, from row `first` on.
fn neighbourhood(layout: Layout, grid: Grid, decoded: &[f32], first: usize, out: &mut Array2<f32>) {
    let c = grid.components;
    let offsets = restore::offsets(layout);
    let rows = out.rows_mut().into_iter().skip(first).take(grid.positions());
    for (position, mut row) in rows.enumerate() {
        let (y, x) = (position / grid.width, position % grid.width);
        row[offsets.len() * c] = 1.0;
        for (tap, &(dy, dx)) in offsets.iter().enumerate() {
            let (Some(sy), Some(sx)) = (y.checked_add_signed(dy), x.checked_add_signed(dx)) else {
                continue;
            };
            if sy < grid.height && sx < grid.width {
                let at = (sy * grid.width + sx) * c;
                for (slot, &v) in row.iter_mut().skip(tap * c).zip(&decoded[at..at + c]) {
                    *slot = v;
                }
            }
        }
    }
}
