//! Monotone piecewise cubic interpolation.

/// Piecewise cubic Hermite interpolant that never overshoots (Fritsch and Carlson's conditions,
/// slopes by Fritsch and Butland's weighted harmonic mean).
#[derive(Debug, Clone, PartialEq)]
pub struct Pchip {
    x: Vec<f64>,
    y: Vec<f64>,
    slopes: Vec<f64>,
}

impl Pchip {
    /// Builds the interpolant through points whose `x` rises strictly; `None` when it does not,
    /// when a value is not finite, or for fewer than two points.
    #[must_use]
    pub fn new(x: Vec<f64>, y: Vec<f64>) -> Option<Self> {
        let rising = x.windows(2).all(|pair| pair[0] < pair[1]);
        let finite = x.iter().chain(&y).all(|value| value.is_finite());
        if x.len() != y.len() || x.len() < 2 || !rising || !finite {
            return None;
        }
        let slopes = slopes(&x, &y);
        Some(Self { x, y, slopes })
    }

    /// Returns the first and the last `x`.
    #[must_use]
    pub fn range(&self) -> (f64, f64) {
        (self.x[0], self.x[self.x.len() - 1])
    }

    /// Returns the value at `x`, or `None` outside the range: nothing is extrapolated.
    #[must_use]
    pub fn value(&self, x: f64) -> Option<f64> {
        let (low, high) = self.range();
        if !(low..=high).contains(&x) {
            return None;
        }
        let i = self.segment(x);
        let (width, [a, b, c, d]) = self.cubic(i);
        let t = (x - self.x[i]) / width;
        Some(((d * t + c) * t + b) * t + a)
    }

    /// Returns the exact integral from `from` to `to`, or `None` when either lies outside.
    #[must_use]
    pub fn integral(&self, from: f64, to: f64) -> Option<f64> {
        let (low, high) = self.range();
        if !(low..=high).contains(&from) || !(low..=high).contains(&to) {
            return None;
        }
        let primitive = |x: f64| {
            let last = self.segment(x);
            let whole: f64 = (0..last).map(|i| self.area(i, 1.0)).sum();
            whole + self.area(last, (x - self.x[last]) / (self.x[last + 1] - self.x[last]))
        };
        Some(primitive(to) - primitive(from))
    }

    fn segment(&self, x: f64) -> usize {
        self.x.partition_point(|knot| *knot <= x).clamp(1, self.x.len() - 1) - 1
    }

    /// Returns the width of a segment and its polynomial in the fraction of it.
    fn cubic(&self, i: usize) -> (f64, [f64; 4]) {
        let width = self.x[i + 1] - self.x[i];
        let rise = self.y[i + 1] - self.y[i];
        let (start, end) = (self.slopes[i] * width, self.slopes[i + 1] * width);
        (width, [self.y[i], start, 3.0 * rise - 2.0 * start - end, start + end - 2.0 * rise])
    }

    fn area(&self, i: usize, t: f64) -> f64 {
        let (width, [a, b, c, d]) = self.cubic(i);
        width * t * (a + t * (b / 2.0 + t * (c / 3.0 + t * d / 4.0)))
    }
}

fn slopes(x: &[f64], y: &[f64]) -> Vec<f64> {
    let widths: Vec<f64> = x.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let rises: Vec<f64> =
        y.windows(2).zip(&widths).map(|(pair, width)| (pair[1] - pair[0]) / width).collect();
    if rises.len() == 1 {
        return vec![rises[0]; 2];
    }
    let last = rises.len() - 1;
    let mut slopes = vec![end_slope(widths[0], widths[1], rises[0], rises[1])];
    for i in 1..=last {
        let (before, after) = (rises[i - 1], rises[i]);
        slopes.push(if before * after <= 0.0 {
            0.0
        } else {
            let w_before = 2.0 * widths[i] + widths[i - 1];
            let w_after = widths[i] + 2.0 * widths[i - 1];
            (w_before + w_after) / (w_before / before + w_after / after)
        });
    }
    slopes.push(end_slope(widths[last], widths[last - 1], rises[last], rises[last - 1]));
    slopes
}

/// Returns the three-point slope at an end, limited so that the curve stays monotone.
fn end_slope(width: f64, next_width: f64, rise: f64, next_rise: f64) -> f64 {
    let slope = ((2.0 * width + next_width) * rise - width * next_rise) / (width + next_width);
    if slope * rise <= 0.0 {
        0.0
    } else if rise * next_rise < 0.0 && slope.abs() > 3.0 * rise.abs() {
        3.0 * rise
    } else {
        slope
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_stays_a_line() {
        let line = Pchip::new(vec![0.0, 1.0, 3.0], vec![1.0, 3.0, 7.0]).unwrap();
        for x in [0.0, 0.5, 1.0, 2.9, 3.0] {
            assert!((line.value(x).unwrap() - (1.0 + 2.0 * x)).abs() < 1e-12);
        }
        assert!((line.integral(0.0, 3.0).unwrap() - 12.0).abs() < 1e-12);
        assert!((line.integral(0.5, 2.0).unwrap() - 5.25).abs() < 1e-12);
        assert_eq!(line.value(3.0001), None);
        assert_eq!(line.integral(-0.1, 1.0), None);
    }

    #[test]
    fn equals_an_example_worked_by_hand() {
        // Secants 1, 3, 1/2; inner slopes 3/2 and 27/29; end slopes limited to 0.
        let curve = Pchip::new(vec![0.0, 1.0, 2.0, 4.0], vec![0.0, 1.0, 4.0, 5.0]).unwrap();
        let slope = 27.0 / 29.0;
        let expected = [
            (0.5, 0.5 - 1.5 / 8.0),
            (1.5, 2.5 + (1.5 - slope) / 8.0),
            (3.0, 4.5 + 2.0 * slope / 8.0),
        ];
        for (x, y) in expected {
            assert!((curve.value(x).unwrap() - y).abs() < 1e-12, "{:?}", curve.value(x));
        }
    }

    #[test]
    fn refuses_what_is_no_function() {
        assert!(Pchip::new(vec![0.0, 0.0], vec![1.0, 2.0]).is_none());
        assert!(Pchip::new(vec![0.0], vec![1.0]).is_none());
        assert!(Pchip::new(vec![0.0, 1.0], vec![f64::NAN, 2.0]).is_none());
    }

    proptest! {
        #[test]
        fn rising_points_give_a_rising_curve_through_them(
            steps in prop::collection::vec((0.01_f64..5.0, 0.0_f64..5.0), 2..12),
        ) {
            let (mut x, mut y) = (vec![0.0], vec![0.0]);
            for (dx, dy) in steps {
                x.push(x[x.len() - 1] + dx);
                y.push(y[y.len() - 1] + dy);
            }
            let curve = Pchip::new(x.clone(), y.clone()).unwrap();
            for (x, y) in x.iter().zip(&y) {
                prop_assert!((curve.value(*x).unwrap() - y).abs() < 1e-9);
            }
            let end = x[x.len() - 1];
            let samples: Vec<f64> =
                (0..=200).map(|i| curve.value((end * f64::from(i) / 200.0).min(end)).unwrap()).collect();
            prop_assert!(samples.windows(2).all(|pair| pair[0] <= pair[1] + 1e-9));
        }
    }
}
