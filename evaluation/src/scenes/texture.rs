//! Surfaces: two colours, a pattern that mixes them, and a fine grain.

use super::random::Random;
use super::trig;

/// Red, green and blue, 0..=255.
pub(super) type Colour = [i32; 3];

/// A surface: each point is a mixture of two colours, lighter or darker by the grain.
#[derive(Clone, Debug)]
pub(super) struct Texture {
    colours: [Colour; 2],
    pattern: Pattern,
    direction: (i32, i32),
    period: i32,
    phase: i32,
    /// Strength of the grain, in grey values from the mean to the extremes.
    grain: i32,
    grain_size: i32,
    lattice: [u8; LATTICE * LATTICE],
}

#[derive(Clone, Copy, Debug)]
enum Pattern {
    Flat,
    Fade,
    Stripes,
    Checks,
    Spots,
    Cloud,
}

impl Texture {
    /// Draws a pattern for the two colours.
    pub(super) fn draw(random: &mut Random, colours: [Colour; 2]) -> Texture {
        let pattern = match random.between(0, 9) {
            0 => Pattern::Flat,
            1 | 2 => Pattern::Fade,
            3 | 4 => Pattern::Stripes,
            5 => Pattern::Checks,
            6 => Pattern::Spots,
            _ => Pattern::Cloud,
        };
        let angle = random.between(0, trig::TURN - 1);
        let mut lattice = [0; LATTICE * LATTICE];
        for chunk in lattice.chunks_mut(8) {
            chunk.copy_from_slice(&random.bits().to_le_bytes()[..chunk.len()]);
        }
        Texture {
            colours,
            pattern,
            direction: (trig::cos(angle), trig::sin(angle)),
            period: random.between(4 * 64, 11 * 64),
            phase: random.between(0, 1023),
            grain: random.between(0, 56),
            grain_size: random.between(80, 220),
            lattice,
        }
    }

    /// Returns the colour at a point given in 1/64 pixels.
    pub(super) fn at(&self, x: i32, y: i32) -> Colour {
        let share = self.share(x, y);
        let grain = ((self.noise(x, y, self.grain_size) - 128) * self.grain) >> 7;
        let [a, b] = self.colours;
        [0, 1, 2].map(|c| ((a[c] * (256 - share) + b[c] * share) >> 8) + grain)
    }

    /// Returns how much of the second colour a point has, 0..=256.
    fn share(&self, x: i32, y: i32) -> i32 {
        let (c, s) = self.direction;
        let u = (x * c + y * s) >> 14;
        let v = (y * c - x * s) >> 14;
        let turn = |along: i32| (along * trig::TURN) / self.period + self.phase;
        match self.pattern {
            Pattern::Flat => 0,
            Pattern::Fade => (128 + (u - 24 * 64) / 12).clamp(0, 256),
            Pattern::Stripes => soft(trig::sin(turn(u)) * 3),
            Pattern::Checks => soft((trig::sin(turn(u)) >> 5) * (trig::sin(turn(v)) >> 5) / 4),
            Pattern::Spots => soft((trig::sin(turn(u)) + trig::sin(turn(v)) - trig::ONE) * 3),
            Pattern::Cloud => self.cloud(x, y),
        }
    }

    /// Two octaves of smoothly interpolated lattice noise.
    fn cloud(&self, x: i32, y: i32) -> i32 {
        let coarse = self.noise(x, y, self.period * 2);
        let fine = self.noise(x + 911, y + 577, self.period);
        ((coarse * 3 + fine) / 2 - 128).clamp(0, 256)
    }

    fn noise(&self, x: i32, y: i32, cell: i32) -> i32 {
        let (column, fx) = split(x + self.phase, cell);
        let (row, fy) = split(y + self.phase, cell);
        let node = |dx: usize, dy: usize| {
            i32::from(self.lattice[(row + dy) % LATTICE * LATTICE + (column + dx) % LATTICE])
        };
        let top = node(0, 0) * (256 - fx) + node(1, 0) * fx;
        let bottom = node(0, 1) * (256 - fx) + node(1, 1) * fx;
        (top * (256 - fy) + bottom * fy) >> 16
    }
}

const LATTICE: usize = 16;

/// Maps a wave of amplitude [`trig::ONE`] to a share, clipped where it overshoots.
fn soft(wave: i32) -> i32 {
    (128 + (wave >> 7)).clamp(0, 256)
}

/// Returns the lattice cell of a coordinate and a smooth-step fraction within it, 0..=256.
fn split(at: i32, cell: i32) -> (usize, i32) {
    let index = at.div_euclid(cell).rem_euclid(LATTICE as i32) as usize;
    let t = at.rem_euclid(cell) * 256 / cell;
    (index, (t * t * (768 - 2 * t)) >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_stays_between_its_colours_but_for_the_grain() {
        let mut random = Random::new(3, 0);
        for _ in 0..60 {
            let mut texture = Texture::draw(&mut random, [[10, 200, 0], [250, 100, 0]]);
            texture.grain = 0;
            for y in (-640..3700).step_by(97) {
                for x in (-640..3700).step_by(89) {
                    let [r, g, b] = texture.at(x, y);
                    assert!((10..=250).contains(&r) && (100..=200).contains(&g) && b == 0);
                }
            }
        }
    }
}
