//! Optimal scalar quantiser of the standard normal distribution.

/// Lloyd-Max codebook with `2^bits` levels.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct GaussianCodebook {
    levels: Vec<f32>,
    /// Decision thresholds: midpoints between neighbouring levels.
    thresholds: Vec<f32>,
}

impl GaussianCodebook {
    /// Designs the codebook for 1 to 8 bits by Lloyd's iteration.
    pub(crate) fn new(bits: u32) -> Self {
        let count = 1_usize << bits;
        let mut levels: Vec<f64> =
            (0..count).map(|i| 3.0 * ((2 * i + 1) as f64 / count as f64 - 1.0)).collect();
        for _ in 0..ITERATIONS {
            let mut bounds = vec![-REACH];
            bounds.extend(levels.windows(2).map(|pair| 0.5 * (pair[0] + pair[1])));
            bounds.push(REACH);
            for (level, cell) in levels.iter_mut().zip(bounds.windows(2)) {
                *level = centroid(cell[0], cell[1]);
            }
        }
        let thresholds = levels.windows(2).map(|pair| (0.5 * (pair[0] + pair[1])) as f32).collect();
        Self { levels: levels.into_iter().map(|level| level as f32).collect(), thresholds }
    }

    /// Returns the index of the nearest level.
    #[inline]
    pub(crate) fn index(&self, value: f32) -> u8 {
        self.thresholds.partition_point(|threshold| *threshold < value) as u8
    }

    /// Returns the level of an index, or `None` past the last.
    #[inline]
    pub(crate) fn value(&self, index: u8) -> Option<f32> {
        self.levels.get(usize::from(index)).copied()
    }
}

const ITERATIONS: usize = 400;
/// Beyond this many standard deviations the density no longer moves a level.
const REACH: f64 = 9.0;
const PANELS: usize = 64;

/// Returns the mean of the standard normal restricted to a cell. The numerator is exact; the
/// probability comes from Simpson's rule, since the standard library has no error function.
fn centroid(low: f64, high: f64) -> f64 {
    let density = |x: f64| (-0.5 * x * x).exp();
    let step = (high - low) / PANELS as f64;
    let mut probability = density(low) + density(high);
    for i in 1..PANELS {
        let weight = if i % 2 == 1 { 4.0 } else { 2.0 };
        probability += weight * density(low + step * i as f64);
    }
    probability *= step / 3.0;
    if probability > 0.0 {
        (density(low) - density(high)) / probability
    } else {
        0.5 * (low + high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_equal_the_published_tables() {
        let close = |a: f32, b: f32| (a - b).abs() < 2e-3;
        let one = GaussianCodebook::new(1);
        assert!(close(one.levels[1], 0.7979), "{one:?}");
        let two = GaussianCodebook::new(2);
        assert!(close(two.levels[2], 0.4528) && close(two.levels[3], 1.510), "{two:?}");
        let three = GaussianCodebook::new(3);
        let expected = [0.2451, 0.7560, 1.344, 2.152];
        assert!(three.levels[4..].iter().zip(expected).all(|(a, b)| close(*a, b)), "{three:?}");
    }

    #[test]
    fn index_picks_the_nearest_level() {
        let book = GaussianCodebook::new(4);
        for i in -400_i32..400 {
            let x = i as f32 / 100.0;
            let chosen = book.value(book.index(x)).unwrap();
            let nearest = book.levels.iter().map(|l| (l - x).abs()).fold(f32::MAX, f32::min);
            assert!((chosen - x).abs() <= nearest + 1e-6);
        }
    }
}
