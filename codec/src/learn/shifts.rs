//! The shifts of the rate index per class of uncertainty.

use ndarray::Array2;

use super::linear::NormalEquations;
use crate::rate::RateIndex;

/// Largest shift of the rate index.
const MAX_SHIFT: i32 = 14;
/// Smallest sums that have a logarithm worth fitting.
const FLOOR: f64 = 1e-6;
/// Inputs of the fit: a parabola.
const TERMS: usize = 3;

/// Bytes and loss of a class of samples over the rate index: parabolas through their logarithms, since the
/// losses of a few dozen samples jump from rate to rate.
#[derive(Clone, Debug)]
pub(crate) struct ClassCurve {
    centre: f64,
    width: f64,
    bytes: [f64; TERMS],
    loss: [f64; TERMS],
}

impl ClassCurve {
    /// Fits rows of rate index, summed bytes and summed loss.
    pub(crate) fn fit(rows: &[(f64, f64, f64)]) -> Self {
        let first = rows.first().map_or(0.0, |row| row.0);
        let last = rows.last().map_or(0.0, |row| row.0);
        let (centre, width) = ((first + last) / 2.0, ((last - first) / 2.0).max(1.0));
        let mut equations = NormalEquations::new(TERMS, 2);
        let x = |row: &(f64, f64, f64)| (row.0 - centre) / width;
        let inputs = Array2::from_shape_fn((rows.len(), TERMS), |(i, term)| {
            x(&rows[i]).powi(term as i32) as f32
        });
        let targets = Array2::from_shape_fn((rows.len(), 2), |(i, target)| {
            let value = if target == 0 { rows[i].1 } else { rows[i].2 };
            value.max(FLOOR).ln() as f32
        });
        equations.add(inputs.view(), targets.view());
        let solution = equations.factorise(1e-6).solve();
        let column = |target: usize| std::array::from_fn(|term| solution[[term, target]]);
        Self { centre, width, bytes: column(0), loss: column(1) }
    }

    fn value(&self, terms: &[f64; TERMS], rate: i32) -> f64 {
        let x = (f64::from(rate) - self.centre) / self.width;
        terms.iter().rev().fold(0.0, |sum, term| sum * x + term).exp()
    }

    fn bytes(&self, rate: i32) -> f64 {
        self.value(&self.bytes, rate)
    }

    fn loss(&self, rate: i32) -> f64 {
        self.value(&self.loss, rate)
    }
}

/// The shifts that take the fewest bytes at a summed loss, in classes of rising uncertainty, relative to the
/// one rate for all that has the same loss. They never rise with uncertainty.
pub(crate) fn allocate(
    curves: &[ClassCurve],
    (first, last): (RateIndex, RateIndex),
    budget: f64,
) -> Option<Vec<i8>> {
    let rates = i32::from(first.get())..=i32::from(last.get());
    let uniform = |rate: &i32| -> f64 { curves.iter().map(|curve| curve.loss(*rate)).sum() };
    let miss = |rate: &i32| (uniform(rate).ln() - budget.max(FLOOR).ln()).abs();
    let base = rates.clone().min_by(|a, b| miss(a).total_cmp(&miss(b)))?;
    let budget = uniform(&base);
    let low = (base - MAX_SHIFT).max(*rates.start());
    let high = (base + MAX_SHIFT).min(*rates.end());
    let pick = |multiplier: f64| -> Vec<i32> {
        let best = |curve: &ClassCurve| {
            let cost = |rate: &i32| curve.bytes(*rate) + multiplier * curve.loss(*rate);
            (low..=high).min_by(|a, b| cost(a).total_cmp(&cost(b))).unwrap_or(base)
        };
        curves.iter().map(best).collect()
    };
    let loss = |rates: &[i32]| -> f64 {
        curves.iter().zip(rates).map(|(curve, &rate)| curve.loss(rate)).sum()
    };
    let (mut few, mut many) = (1e-3f64, 1e12f64);
    for _ in 0..80 {
        let middle = (few * many).sqrt();
        if loss(&pick(middle)) > budget { few = middle } else { many = middle }
    }
    let shifts: Vec<f64> = pick(many).iter().map(|rate| f64::from(rate - base)).collect();
    Some(falling(&shifts).iter().map(|shift| shift.round() as i8).collect())
}

/// The nearest sequence that never rises: neighbours that do are averaged.
fn falling(values: &[f64]) -> Vec<f64> {
    let mut blocks: Vec<(f64, usize)> = Vec::new();
    for &value in values {
        blocks.push((value, 1));
        while let [.., (a, n), (b, m)] = blocks[..] {
            if a >= b {
                break;
            }
            blocks.truncate(blocks.len() - 2);
            blocks.push(((a * n as f64 + b * m as f64) / (n + m) as f64, n + m));
        }
    }
    blocks.iter().flat_map(|&(value, n)| std::iter::repeat_n(value, n)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_become_falling() {
        assert_eq!(falling(&[3.0, 1.0, 2.0, 0.0]), [3.0, 1.5, 1.5, 0.0]);
        assert_eq!(falling(&[1.0, 2.0, 3.0]), [2.0, 2.0, 2.0]);
    }

    #[test]
    fn unsure_classes_get_finer_steps() {
        // The second class loses ten times as much at every rate and takes as many bytes.
        let curve = |scale: f64| {
            let row = |q: f64| (q, 1000.0 * (-0.04 * q).exp(), scale * (0.17 * (q - 30.0)).exp());
            ClassCurve::fit(&(14..=46).step_by(4).map(|q| row(f64::from(q))).collect::<Vec<_>>())
        };
        let curves = [curve(0.1), curve(1.0)];
        let range = (RateIndex::clamped(14), RateIndex::clamped(46));
        let shifts = allocate(&curves, range, 1.1).expect("two classes");
        assert!(shifts[0] > 4 && shifts[1] < 0, "{shifts:?}");
    }
}
