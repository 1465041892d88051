//! A picture under construction: coverage masks of placed outlines and the steps of a camera.

use super::SIDE;
use super::random::Random;
use super::shape::{Outline, UNIT};
use super::texture::Colour;
use super::trig;

/// Coordinates count 1/64 of a pixel.
pub(super) const PIXEL: i32 = 64;

/// Colours are kept with four fraction bits until the sensor quantises them.
const FRACTION: i32 = 16;

/// Coverage of a pixel that lies fully inside: the number of its sub-samples.
pub(super) const FULL: i32 = 9;

/// Offsets of the sub-samples in a pixel, along each axis.
const SUBSAMPLES: [i32; 3] = [11, 32, 53];

/// Where and how an outline lies on the canvas.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placement {
    pub(super) centre: (i32, i32),
    /// From offsets in 1/64 pixels to shape units, 14 fraction bits, row by row.
    inverse: [i32; 4],
    /// Half the side of the square that holds the outline, in 1/64 pixels.
    reach: i32,
}

impl Placement {
    /// Places an outline: `radii` in 1/64 pixels along its own axes, `shear` with 14 fraction bits.
    pub(super) fn new(
        centre: (i32, i32),
        radii: (i32, i32),
        angle: i32,
        shear: i32,
        mirror: Mirror,
    ) -> Placement {
        let (c, s) = (trig::cos(angle), trig::sin(angle));
        let across = UNIT * trig::ONE / radii.0.max(1);
        let down = UNIT * trig::ONE / radii.1.max(1);
        let scale = |factor: i32, value: i32| ((i64::from(factor) * i64::from(value)) >> 14) as i32;
        let (row_u, row_v) = ((c, s), (-s, c));
        let sheared = (row_u.0 + scale(shear, row_v.0), row_u.1 + scale(shear, row_v.1));
        let sign = if mirror == Mirror::Yes { -1 } else { 1 };
        Placement {
            centre,
            inverse: [
                scale(across, sheared.0),
                scale(across, sheared.1),
                sign * scale(down, row_v.0),
                sign * scale(down, row_v.1),
            ],
            reach: radii.0.max(radii.1) * 3 / 2,
        }
    }

    /// Makes the outline reach over the whole canvas, as bars and edges do.
    pub(super) fn endless(mut self) -> Placement {
        self.reach = 4 * SIDE as i32 * PIXEL;
        self
    }

    /// Moves the outline by an offset in 1/64 pixels.
    pub(super) fn shifted(mut self, dx: i32, dy: i32) -> Placement {
        self.centre = (self.centre.0 + dx, self.centre.1 + dy);
        self
    }

    fn contains(&self, outline: Outline, x: i32, y: i32) -> bool {
        let (dx, dy) = (x - self.centre.0, y - self.centre.1);
        let [a, b, c, d] = self.inverse.map(i64::from);
        let (dx, dy) = (i64::from(dx), i64::from(dy));
        // Far points of endless outlines would overflow the squares of other outlines.
        let clip = |value: i64| (value >> 14).clamp(-16_000, 16_000) as i32;
        outline.contains(clip(a * dx + b * dy), clip(c * dx + d * dy))
    }

    fn span(centre: i32, reach: i32) -> std::ops::Range<usize> {
        let low = (centre - reach).div_euclid(PIXEL).clamp(0, SIDE as i32);
        let high = ((centre + reach).div_euclid(PIXEL) + 1).clamp(low, SIDE as i32);
        low as usize..high as usize
    }
}

/// Whether an outline is drawn as its mirror image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mirror {
    No,
    Yes,
}

/// How much of each pixel an outline covers, 0..=[`FULL`].
#[derive(Clone)]
pub(super) struct Mask {
    covered: [u8; SIDE * SIDE],
}

impl Mask {
    /// Measures the coverage with nine sub-samples in each pixel.
    pub(super) fn of(outline: Outline, placement: &Placement) -> Mask {
        let mut covered = [0; SIDE * SIDE];
        for row in Placement::span(placement.centre.1, placement.reach) {
            for column in Placement::span(placement.centre.0, placement.reach) {
                let (x, y) = (column as i32 * PIXEL, row as i32 * PIXEL);
                let mut hits = 0;
                for dy in SUBSAMPLES {
                    for dx in SUBSAMPLES {
                        hits += u8::from(placement.contains(outline, x + dx, y + dy));
                    }
                }
                covered[row * SIDE + column] = hits;
            }
        }
        Mask { covered }
    }

    /// Returns the covered area in sub-samples.
    pub(super) fn area(&self) -> i32 {
        self.covered.iter().map(|&hits| i32::from(hits)).sum()
    }

    /// Returns the area that `other` hides of this mask, in sub-samples.
    pub(super) fn hidden_by(&self, other: &Mask) -> i32 {
        let pairs = self.covered.iter().zip(&other.covered);
        pairs.map(|(&a, &b)| i32::from(a) * i32::from(b)).sum::<i32>() / FULL
    }
}

/// Colours of all pixels, row by row, three each.
pub(super) struct Canvas {
    values: Vec<i32>,
}

impl Canvas {
    /// Fills a canvas with `paint`, asked at the centre of each pixel.
    pub(super) fn filled(paint: impl Fn(i32, i32) -> Colour) -> Canvas {
        let mut values = Vec::with_capacity(SIDE * SIDE * 3);
        for_each_pixel(|_, x, y| values.extend(paint(x, y).map(|value| value * FRACTION)));
        Canvas { values }
    }

    /// Lays `paint` over the pixels of `mask`, `strength` of 16 opaque.
    pub(super) fn lay(&mut self, mask: &Mask, strength: i32, paint: impl Fn(i32, i32) -> Colour) {
        for_each_pixel(|index, x, y| {
            let alpha = i32::from(mask.covered[index]) * strength;
            if alpha > 0 {
                let colour = paint(x, y);
                for (value, &new) in self.values[index * 3..].iter_mut().zip(&colour) {
                    *value += (new * FRACTION - *value) * alpha / (FULL * 16);
                }
            }
        });
    }

    /// Multiplies by the light, 256 being neutral, with a tint for each channel.
    pub(super) fn shine(&mut self, tint: Colour, light: impl Fn(i32, i32) -> i32) {
        for_each_pixel(|index, x, y| {
            let amount = light(x, y);
            for (value, &share) in self.values[index * 3..].iter_mut().zip(&tint) {
                *value = (((*value * amount) >> 8) * share) >> 8;
            }
        });
    }

    /// Blurs along one axis with the kernel (`w`, 16 - 2 `w`, `w`) / 16.
    fn blur_along(&mut self, weight: i32, stride: usize) {
        let source = self.values.clone();
        for (index, value) in self.values.iter_mut().enumerate() {
            let position = index / stride % SIDE;
            let before = if position == 0 { index } else { index - stride };
            let after = if position + 1 == SIDE { index } else { index + stride };
            *value = (source[index] * (16 - 2 * weight)
                + (source[before] + source[after]) * weight)
                / 16;
        }
    }

    /// Softens the picture as a lens does; `weight` 0 (sharp) to 5 (about a box of three pixels).
    pub(super) fn blur(&mut self, weight: i32) {
        if weight > 0 {
            self.blur_along(weight, 3);
            self.blur_along(weight, SIDE * 3);
        }
    }

    /// Adds noise of about `sigma` / 16 grey values, more where it is bright, and quantises.
    pub(super) fn expose(&self, sigma: i32, random: &mut Random) -> Vec<u8> {
        let mut pixels = Vec::with_capacity(self.values.len());
        for pair in self.values.chunks(2) {
            let mut bits = random.bits();
            for &value in pair {
                // The sum of four uniform bytes: a bell curve with a deviation of 148.
                let sum: i32 = (0..4).map(|byte| ((bits >> (8 * byte)) & 255) as i32).sum();
                bits >>= 32;
                let amplitude = sigma * (2048 + value.clamp(0, 4080)) / 4096;
                let noisy = value + (sum - 510) * amplitude / 148;
                pixels.push(((noisy + FRACTION / 2) / FRACTION).clamp(0, 255) as u8);
            }
        }
        pixels
    }
}

/// Visits pixels row by row with their index and centre in 1/64 pixels.
fn for_each_pixel(mut visit: impl FnMut(usize, i32, i32)) {
    for row in 0..SIDE {
        for column in 0..SIDE {
            let centre = |at: usize| at as i32 * PIXEL + PIXEL / 2;
            visit(row * SIDE + column, centre(column), centre(row));
        }
    }
}
