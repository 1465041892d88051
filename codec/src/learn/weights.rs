//! Task weights: how much loss a unit of noise in each direction costs, forward passes only.

use ndarray::Array2;

use super::material::{Data, Losses};
use super::parallel::map_chunks;
use super::trial::{Setup, components};
use crate::rate::RateIndex;
use crate::transform::{Matrix, Prepared, Transform, TransformKind};

/// Weights per component of a transform, with their validation.
#[derive(Clone, Debug)]
pub(crate) struct Weights {
    /// Loss per unit of noise energy, mean 1.
    values: Vec<f64>,
    /// Standard deviation of the logarithm over bands.
    pub(crate) spread: f64,
    /// Correlation of predicted and measured loss over mixed noise.
    pub(crate) correlation: f64,
}

/// Correlation from which weights are trusted.
pub(crate) const TRUSTED: f64 = 0.9;
/// Most bands of components that are probed apart.
const BANDS: usize = 16;
/// Samples per probe.
const SAMPLES: usize = 24;
/// Mixed probes that validate the weights.
const CHECKS: usize = 12;
/// Bounds of a weight beside the mean: a probe near the noise floor knows no more.
const BOUNDS: (f64, f64) = (1.0 / 64.0, 64.0);

/// One probe: the loss and the noise energy per band.
struct Probe {
    loss: f64,
    energies: Vec<f64>,
}

/// Probes the bands at the noise of a rate and validates the result on mixtures.
pub(crate) fn probe(data: &Data<'_>, setup: &Setup, rate: RateIndex) -> Weights {
    let prepared = setup.transform.prepare();
    let count = prepared.components();
    let bands = BANDS.min(count);
    let step = setup.step(rate);
    // Twice the step: a single band alone must rise above the rounding of the losses.
    let single: Vec<f64> = (0..bands)
        .map(|band| {
            let scales: Vec<f32> =
                (0..bands).map(|b| if b == band { 2.0 * step } else { 0.0 }).collect();
            let probe = run(data, &prepared, &scales);
            let energy = probe.energies[band].max(1e-30);
            (probe.loss / energy).max(1e-30)
        })
        .collect();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut mixed = |_| {
        let scales: Vec<f32> = (0..bands)
            .map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                // Steps of 0, 0.5, 1 and 2 of the operating one.
                step * [0.0, 0.5, 1.0, 2.0][(state >> 62) as usize]
            })
            .collect();
        let probe = run(data, &prepared, &scales);
        let predicted: f64 = probe.energies.iter().zip(&single).map(|(e, w)| e * w).sum();
        (predicted, probe.loss)
    };
    let checks: Vec<(f64, f64)> = (0..CHECKS).map(&mut mixed).collect();
    let mean = single.iter().map(|w| w.ln()).sum::<f64>() / bands as f64;
    let spread =
        (single.iter().map(|w| (w.ln() - mean).powi(2)).sum::<f64>() / bands as f64).sqrt();
    let per_component = |k: usize| {
        let relative = (single[k * bands / count].ln() - mean).exp();
        relative.clamp(BOUNDS.0, BOUNDS.1)
    };
    let values = (0..count).map(per_component).collect();
    Weights { values, spread, correlation: correlation(&checks) }
}

/// Quantises each band at its own step (0: not at all) and measures the loss.
fn run(data: &Data<'_>, prepared: &Prepared, scales: &[f32]) -> Probe {
    let samples = data.trial().len().min(SAMPLES);
    let bands = scales.len();
    let parts = map_chunks(data.threads, samples, 2, |range| {
        let mut probe = Probe { loss: 0.0, energies: vec![0.0; bands] };
        for i in range {
            let feature = data.held_out[i];
            let mut noise = components(prepared, &[feature]).remove(0);
            let count = prepared.components();
            for (at, value) in noise.iter_mut().enumerate() {
                let band = at % count * bands / count;
                let step = scales[band];
                let error = if step > 0.0 { (*value / step).round() * step - *value } else { 0.0 };
                probe.energies[band] += f64::from(error).powi(2);
                *value = error;
            }
            let mut out = feature.to_vec();
            prepared.backward(&noise, 1.0, &mut out);
            let (low, high) = data.range;
            out.iter_mut().for_each(|v| *v = v.max(low).min(high));
            let mut tensor = Vec::new();
            data.layout.scatter(data.grid, &out, &mut tensor);
            probe.loss += Losses::of(data.task, data.held_out_samples[i], &tensor).softened;
        }
        probe
    });
    let mut sum = Probe { loss: 0.0, energies: vec![0.0; bands] };
    for part in parts {
        sum.loss += part.loss;
        sum.energies.iter_mut().zip(part.energies).for_each(|(a, b)| *a += b);
    }
    sum
}

/// Pearson correlation of pairs; 0 where either side does not vary.
fn correlation(pairs: &[(f64, f64)]) -> f64 {
    let n = pairs.len().max(1) as f64;
    let (ma, mb) = pairs.iter().fold((0.0, 0.0), |(a, b), p| (a + p.0 / n, b + p.1 / n));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (a, b) in pairs {
        ab += (a - ma) * (b - mb);
        aa += (a - ma).powi(2);
        bb += (b - mb).powi(2);
    }
    if aa * bb > 0.0 { ab / (aa * bb).sqrt() } else { 0.0 }
}

impl Weights {
    /// The transform with its components scaled by the square roots of their weights.
    pub(crate) fn apply(&self, transform: &Transform) -> Transform {
        let gain: Vec<f64> = self.values.iter().map(|w| w.sqrt()).collect();
        let kind = match &transform.kind {
            TransformKind::Diagonal { gains } => TransformKind::Diagonal {
                gains: gains.iter().zip(&gain).map(|(g, w)| g * *w as f32).collect(),
            },
            TransformKind::Dense { analysis, synthesis } => {
                let mut analysis = analysis.clone();
                for (scale, w) in analysis.scales.iter_mut().zip(&gain) {
                    *scale *= *w as f32;
                }
                // Synthesis columns shrink as analysis rows grow.
                let columns = synthesis.columns();
                let rows = synthesis.rows;
                let flat: Vec<f64> = (0..rows * synthesis.columns)
                    .map(|i| {
                        let (r, c) = (i / synthesis.columns, i % synthesis.columns);
                        f64::from(columns[c * rows + r]) / gain[c]
                    })
                    .collect();
                let synthesis = Matrix::quantised(rows, synthesis.columns, &flat);
                TransformKind::Dense { analysis, synthesis }
            }
        };
        Transform { kind, mean: transform.mean.clone() }
    }
}

/// The curvature of the loss for a vector feature: exact where the tail is linear up to its softmax.
///
/// The loss is twice differentiable with its minimum 0 at the true feature, so second differences
/// along all pairs would give the Hessian. For a linear tail the symmetric square root is enough:
/// outputs are probed by unit steps, `W = E[Jᵀ F J]` with the Fisher matrix F of the softmax.
pub(crate) fn exact(data: &Data<'_>) -> Array2<f64> {
    let n = data.grid.components;
    let samples = data.fit.len().min(JACOBIANS);
    let parts = map_chunks(data.threads, samples, 1, |range| {
        let mut sum = Array2::<f64>::zeros((n, n));
        for i in range {
            let sample = data.fit_samples[i];
            let feature = data.fit[i];
            let Some(centre) = data.task.outputs_of(sample, feature) else { continue };
            let classes = centre.len();
            let mut jacobian = Array2::<f64>::zeros((classes, n));
            let mut moved = feature.to_vec();
            for k in 0..n {
                let h = (data.moments.covariance[[k, k]].sqrt() as f32).max(1e-6);
                moved[k] = feature[k] + h;
                if let Some(outputs) = data.task.outputs_of(sample, &moved) {
                    for (c, (a, b)) in outputs.iter().zip(&centre).enumerate() {
                        jacobian[[c, k]] = f64::from(a - b) / f64::from(h);
                    }
                }
                moved[k] = feature[k];
            }
            // A uniform Fisher matrix weighs all classes alike and guards agreement as well as
            // divergence; the sample's own vanishes where the model is sure.
            let mean =
                jacobian.mean_axis(ndarray::Axis(0)).unwrap_or_else(|| ndarray::Array1::zeros(n));
            for mut row in jacobian.rows_mut() {
                row -= &mean;
            }
            sum += &jacobian.t().dot(&jacobian);
        }
        sum
    });
    parts.into_iter().fold(Array2::zeros((n, n)), |a, b| a + b)
}

/// Samples at which the tail is differentiated.
const JACOBIANS: usize = 4;
