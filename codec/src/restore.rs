//! Restoration at the receiver: a linear filter over the decoded neighbourhood.
//!
//! Section 8 of `spec/codec.md`. Coarse levels lose what their neighbours still know. A filter over
//! the decoded 3x3 positions (three tokens for sequences, the vector itself for vectors), fitted in
//! closed form on calibration features, puts the best linear guess back. No bit is sent for it.

use crate::layout::{Grid, Layout};
use crate::transform::add_columns;

/// A correction of the plain reconstruction, in step units.
///
/// `x = mean + step * (S r + bias + sum over taps and components of F[tap] (r - r0))`, where r are the
/// decoded values, r0 the values of level 0 and S the synthesis of the transform. Entries are 8 bits
/// with one scale per output channel: the correction is small beside the plain reconstruction.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Restoration {
    pub(crate) taps: usize,
    pub(crate) components: usize,
    pub(crate) channels: usize,
    /// Constant correction per channel.
    pub(crate) bias: Vec<f32>,
    /// Value of one unit of a channel's entries.
    pub(crate) scales: Vec<f32>,
    /// `[tap][component][channel]`.
    pub(crate) entries: Vec<i8>,
}

/// Number of filter taps of a layout.
#[must_use]
pub const fn taps(layout: Layout) -> usize {
    match layout {
        Layout::Map => 9,
        Layout::Tokens => 3,
        Layout::Vector => 1,
    }
}

/// Row and column offsets of the taps of a layout.
#[must_use]
pub(crate) fn offsets(layout: Layout) -> &'static [(isize, isize)] {
    match layout {
        Layout::Map => {
            &[(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 0), (0, 1), (1, -1), (1, 0), (1, 1)]
        }
        Layout::Tokens => &[(0, -1), (0, 0), (0, 1)],
        Layout::Vector => &[(0, 0)],
    }
}

impl Restoration {
    /// Rounds a fitted filter: `weights[tap][component][channel]` and a bias, in step units.
    #[must_use]
    pub fn quantised(taps: usize, components: usize, weights: &[f64], bias: &[f64]) -> Self {
        let channels = bias.len();
        let mut largest = vec![0f64; channels];
        for row in weights.chunks(channels.max(1)) {
            for (slot, w) in largest.iter_mut().zip(row) {
                *slot = slot.max(w.abs());
            }
        }
        let scales: Vec<f32> = largest.iter().map(|m| (m / 127.0) as f32).collect();
        let entries = weights.chunks(channels.max(1)).flat_map(|row| {
            row.iter().zip(&scales).map(|(w, &s)| {
                if s > 0.0 { (w / f64::from(s)).round().clamp(-127.0, 127.0) as i8 } else { 0 }
            })
        });
        let entries = entries.collect();
        let bias = bias.iter().map(|&b| b as f32).collect();
        Self { taps, components, channels, bias, scales, entries }
    }

    /// Blends two filters of the same shape into float columns: `(1 - t) a + t b`.
    pub(crate) fn prepare(&self, other: Option<(&Self, f32)>) -> Filter {
        let mut columns = Vec::with_capacity(self.entries.len());
        let unit =
            |f: &Self, weight: f32| -> Vec<f32> { f.scales.iter().map(|s| s * weight).collect() };
        let mut bias = self.bias.clone();
        let weight = other.map_or(0.0, |(_, t)| t);
        let own = unit(self, 1.0 - weight);
        for row in self.entries.chunks(self.channels.max(1)) {
            columns.extend(row.iter().zip(&own).map(|(&e, s)| f32::from(e) * s));
        }
        if let Some((other, t)) = other {
            let theirs = unit(other, t);
            let rows = other.entries.chunks(self.channels.max(1));
            for (out, row) in columns.chunks_mut(self.channels.max(1)).zip(rows) {
                for ((slot, &e), s) in out.iter_mut().zip(row).zip(&theirs) {
                    *slot += f32::from(e) * s;
                }
            }
            for (a, b) in bias.iter_mut().zip(&other.bias) {
                *a += (b - *a) * t;
            }
        }
        Filter { components: self.components, channels: self.channels, bias, columns }
    }
}

/// A restoration prepared for use.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    components: usize,
    channels: usize,
    bias: Vec<f32>,
    columns: Vec<f32>,
}

impl Filter {
    /// Adds the correction of decoded values (zero-level values subtracted) to the output.
    pub(crate) fn apply(
        &self,
        layout: Layout,
        grid: Grid,
        values: &[f32],
        step: f32,
        out: &mut [f32],
    ) {
        let per_tap = self.components * self.channels;
        let mut sum = vec![0.0; self.channels];
        for row in 0..grid.height {
            for column in 0..grid.width {
                sum.copy_from_slice(&self.bias);
                for (tap, &(dy, dx)) in offsets(layout).iter().enumerate() {
                    let (Some(y), Some(x)) =
                        (row.checked_add_signed(dy), column.checked_add_signed(dx))
                    else {
                        continue;
                    };
                    if y >= grid.height || x >= grid.width {
                        continue;
                    }
                    let at = (y * grid.width + x) * self.components;
                    let source = &values[at..at + self.components];
                    let columns = &self.columns[tap * per_tap..(tap + 1) * per_tap];
                    add_columns(columns, self.channels, source, &mut sum);
                }
                let at = (row * grid.width + column) * self.channels;
                for (slot, v) in out[at..at + self.channels].iter_mut().zip(&sum) {
                    *slot += v * step;
                }
            }
        }
    }
}
