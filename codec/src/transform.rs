//! The learned transform: tensor values to components of equal task weight, and back.

/// Decorrelates and weights the components of a position.
///
/// Forward: `y = A (x - mean)`. Backward: `x = S y + mean`. For the identity family A is diagonal.
#[derive(Clone, Debug, PartialEq)]
pub struct Transform {
    pub(crate) kind: TransformKind,
    /// Subtracted from each channel before the transform.
    pub(crate) mean: Vec<f32>,
}

/// The family of transforms.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum TransformKind {
    /// Channels stay as they are, each scaled by its task weight.
    Diagonal {
        /// One gain per channel.
        gains: Vec<f32>,
    },
    /// A matrix and its (pseudo-)inverse: KLT, task-weighted KLT, Hadamard.
    Dense {
        /// Analysis, components by channels.
        analysis: Matrix,
        /// Synthesis, channels by components.
        synthesis: Matrix,
    },
}

/// A matrix of 16-bit entries with one scale per row, as it stands in a profile.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Matrix {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// Value of one unit of a row's entries.
    pub(crate) scales: Vec<f32>,
    pub(crate) entries: Vec<i16>,
}

impl Matrix {
    /// Rounds a row-major matrix to 16 bits per entry, relative to each row's largest.
    #[must_use]
    pub fn quantised(rows: usize, columns: usize, values: &[f64]) -> Self {
        Self::rounded(rows, columns, values, i16::MAX)
    }

    /// Rounds a row-major matrix to entries of at most `largest_entry`, 1 or more, relative to each row's largest: what
    /// need not be exact takes fewer bytes of a profile.
    #[must_use]
    pub fn rounded(rows: usize, columns: usize, values: &[f64], largest_entry: i16) -> Self {
        let top = f64::from(largest_entry.max(1));
        let mut scales = Vec::with_capacity(rows);
        let mut entries = Vec::with_capacity(rows * columns);
        for row in values.chunks(columns.max(1)).take(rows) {
            let largest = row.iter().fold(0f64, |m, v| m.max(v.abs()));
            let scale = (largest / top) as f32;
            scales.push(scale);
            let unit = if scale > 0.0 { 1.0 / f64::from(scale) } else { 0.0 };
            entries.extend(row.iter().map(|v| (v * unit).round().clamp(-top, top) as i16));
        }
        Self { rows, columns, scales, entries }
    }

    /// The entries as floats, column-major, so that a product is a sum of scaled columns.
    pub(crate) fn columns(&self) -> Vec<f32> {
        let mut out = vec![0.0; self.rows * self.columns];
        let rows = self.entries.chunks(self.columns.max(1)).zip(&self.scales);
        for (r, (row, &scale)) in rows.enumerate() {
            for (c, &entry) in row.iter().enumerate() {
                if let Some(slot) = out.get_mut(c * self.rows + r) {
                    *slot = f32::from(entry) * scale;
                }
            }
        }
        out
    }
}

/// A transform prepared for use: float columns, step folded in by the caller.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    channels: usize,
    components: usize,
    mean: Vec<f32>,
    forward: Weights,
    backward: Weights,
}

#[derive(Clone, Debug)]
enum Weights {
    Diagonal(Vec<f32>),
    Columns(Vec<f32>),
}

impl Transform {
    /// Channels of the tensor.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.mean.len()
    }

    /// Components that are coded.
    #[must_use]
    pub fn components(&self) -> usize {
        match &self.kind {
            TransformKind::Diagonal { gains } => gains.len(),
            TransformKind::Dense { analysis, .. } => analysis.rows,
        }
    }

    pub(crate) fn prepare(&self) -> Prepared {
        let (forward, backward) = match &self.kind {
            TransformKind::Diagonal { gains } => (
                Weights::Diagonal(gains.clone()),
                Weights::Diagonal(gains.iter().map(|g| 1.0 / g).collect()),
            ),
            TransformKind::Dense { analysis, synthesis } => {
                (Weights::Columns(analysis.columns()), Weights::Columns(synthesis.columns()))
            }
        };
        Prepared {
            channels: self.channels(),
            components: self.components(),
            mean: self.mean.clone(),
            forward,
            backward,
        }
    }
}

impl Prepared {
    pub(crate) fn components(&self) -> usize {
        self.components
    }

    /// Position-major tensor values to components, each multiplied by `gain`.
    pub(crate) fn forward(&self, values: &[f32], gain: f32, out: &mut Vec<f32>) {
        out.clear();
        let mut centred = vec![0.0; self.channels];
        for position in values.chunks_exact(self.channels.max(1)) {
            for ((slot, v), m) in centred.iter_mut().zip(position).zip(&self.mean) {
                *slot = (v - m) * gain;
            }
            match &self.forward {
                Weights::Diagonal(gains) => {
                    out.extend(centred.iter().zip(gains).map(|(v, g)| v * g));
                }
                Weights::Columns(columns) => {
                    let start = out.len();
                    out.resize(start + self.components, 0.0);
                    add_columns(columns, self.components, &centred, &mut out[start..]);
                }
            }
        }
    }

    /// Position-major tensor values to levels: components times `gain`, rounded towards zero after
    /// adding an offset, within bounds.
    pub(crate) fn quantise(
        &self,
        values: &[f32],
        gain: f32,
        round: Rounding,
        scratch: &mut Vec<f32>,
        out: &mut Vec<i32>,
    ) {
        out.clear();
        let Weights::Diagonal(gains) = &self.forward else {
            self.forward(values, gain, scratch);
            out.extend(scratch.iter().map(|&y| round.level(y)));
            return;
        };
        out.resize(values.len(), 0);
        let channels = self.channels.max(1);
        for (position, out) in values.chunks_exact(channels).zip(out.chunks_exact_mut(channels)) {
            let parameters = self.mean.iter().zip(gains);
            for ((slot, v), (m, g)) in out.iter_mut().zip(position).zip(parameters) {
                *slot = round.level((v - m) * gain * g);
            }
        }
    }

    /// As [`quantise`](Self::quantise) for values that lie channel by channel, `positions` of each, where
    /// components are channels.
    pub(crate) fn quantise_channels(
        &self,
        values: &[f32],
        positions: usize,
        gain: f32,
        round: Rounding,
        out: &mut Vec<i32>,
    ) {
        let Weights::Diagonal(gains) = &self.forward else { return out.clear() };
        out.resize(values.len(), 0);
        let channels = values.chunks_exact(positions.max(1));
        let parameters = self.mean.iter().zip(gains);
        for ((values, out), (&mean, &weight)) in
            channels.zip(out.chunks_exact_mut(positions.max(1))).zip(parameters)
        {
            for (slot, v) in out.iter_mut().zip(values) {
                *slot = round.level((v - mean) * gain * weight);
            }
        }
    }

    /// The gains of the synthesis where components are channels.
    pub(crate) fn diagonal(&self) -> Option<&[f32]> {
        match &self.backward {
            Weights::Diagonal(gains) => Some(gains),
            Weights::Columns(_) => None,
        }
    }

    /// Adds the synthesis of components, each multiplied by `gain`, to position-major values.
    pub(crate) fn backward(&self, components: &[f32], gain: f32, out: &mut [f32]) {
        let mut scaled = vec![0.0; self.components];
        let positions = components.chunks_exact(self.components.max(1));
        for (position, out) in positions.zip(out.chunks_exact_mut(self.channels.max(1))) {
            for (slot, v) in scaled.iter_mut().zip(position) {
                *slot = v * gain;
            }
            match &self.backward {
                Weights::Diagonal(gains) => {
                    for ((slot, v), g) in out.iter_mut().zip(&scaled).zip(gains) {
                        *slot += v * g;
                    }
                }
                Weights::Columns(columns) => add_columns(columns, self.channels, &scaled, out),
            }
        }
    }

    /// The constant part of the reconstruction.
    pub(crate) fn mean(&self) -> &[f32] {
        &self.mean
    }
}

/// How components become levels without a look at the rate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rounding {
    /// Added to magnitudes before they are cut off: 0.5 rounds to the nearest.
    pub(crate) offset: f32,
    /// Smallest level.
    pub(crate) lowest: i32,
    /// Largest magnitude, below 2^22.
    pub(crate) highest: f32,
}

impl Rounding {
    #[inline]
    fn level(self, y: f32) -> i32 {
        // A dead zone without a branch. Conversions that saturate are slow in vectors; adding 2^23
        // leaves the nearest integer in the low bits of a float, which may be one too large.
        const UNIT: f32 = (1u32 << 23) as f32;
        let magnitude = (y.abs() + self.offset).min(self.highest);
        let nearest = magnitude + UNIT;
        let above = nearest - UNIT > magnitude;
        let level = (nearest.to_bits() & 0x7f_ffff) as i32 - i32::from(above);
        (if y < 0.0 { -level } else { level }).max(self.lowest)
    }
}

/// `out += columns * x`, skipping zeros of x: decoded features are mostly zeros.
pub(crate) fn add_columns(columns: &[f32], rows: usize, x: &[f32], out: &mut [f32]) {
    for (column, &v) in columns.chunks_exact(rows.max(1)).zip(x) {
        if v != 0.0 {
            for (slot, w) in out.iter_mut().zip(column) {
                *slot += v * w;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dense(values: &[f64], inverse: &[f64]) -> Transform {
        Transform {
            kind: TransformKind::Dense {
                analysis: Matrix::quantised(2, 2, values),
                synthesis: Matrix::quantised(2, 2, inverse),
            },
            mean: vec![1.0, -2.0],
        }
    }

    #[test]
    fn backward_undoes_forward() {
        let rotation = dense(&[0.6, 0.8, -0.8, 0.6], &[0.6, -0.8, 0.8, 0.6]).prepare();
        let diagonal = Transform {
            kind: TransformKind::Diagonal { gains: vec![2.0, 0.5] },
            mean: vec![1.0, -2.0],
        };
        let x = [3.0, 4.0, -1.0, 0.5];
        for prepared in [rotation, diagonal.prepare()] {
            let mut y = Vec::new();
            prepared.forward(&x, 4.0, &mut y);
            let mut back: Vec<f32> = prepared.mean().repeat(2);
            prepared.backward(&y, 0.25, &mut back);
            for (a, b) in x.iter().zip(&back) {
                assert!((a - b).abs() < 1e-3, "{x:?} {back:?}");
            }
        }
    }

    #[test]
    fn levels_are_cut_off_towards_zero() {
        let signed = Rounding { offset: 0.42, lowest: -32_767, highest: 32_767.0 };
        let rectified = Rounding { lowest: 0, ..signed };
        let mut y = 1e-6_f32;
        while y < 1e6 {
            // Also the neighbours of whole numbers, where a rounding error would show.
            let edge = y.round() - signed.offset;
            for y in [y, edge, edge.next_up(), edge.next_down(), f32::INFINITY, 0.0] {
                let level = (y + signed.offset).clamp(0.0, 32_767.0) as i32;
                assert_eq!((signed.level(y), rectified.level(y)), (level, level), "{y}");
                let level = (-y - signed.offset).clamp(-32_767.0, 0.0) as i32;
                assert_eq!((signed.level(-y), rectified.level(-y)), (level, 0), "-{y}");
            }
            y *= 1.003;
        }
    }
}
