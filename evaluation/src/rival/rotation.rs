//! Seeded random rotation of vectors of any length.

use crate::statistics::SplitMix64;

/// Orthogonal map: random signs, Hadamard blocks, a random permutation, and the same again.
///
/// A length that is no power of two is split into blocks by its binary digits; the permutation
/// between the two rounds mixes the blocks, so that no padding is sent.
#[derive(Debug, Clone)]
pub(crate) struct RandomRotation {
    signs: [Vec<f32>; 2],
    permutation: Vec<usize>,
}

impl RandomRotation {
    /// Draws the rotation of vectors of `length` values.
    pub(crate) fn new(length: usize, seed: u64) -> Self {
        let mut random = SplitMix64::new(seed);
        let mut signs =
            || (0..length).map(|_| if random.next_u64() >> 63 == 0 { 1.0 } else { -1.0 }).collect();
        let signs = [signs(), signs()];
        let mut permutation: Vec<usize> = (0..length).collect();
        for i in (1..length).rev() {
            permutation.swap(i, random.below(i as u64 + 1) as usize);
        }
        Self { signs, permutation }
    }

    /// Rotates a vector of the drawn length.
    pub(crate) fn forward(&self, vector: &[f32]) -> Vec<f32> {
        let mut mixed = multiply(vector, &self.signs[0]);
        hadamard_blocks(&mut mixed);
        let mut permuted: Vec<f32> = self.permutation.iter().map(|i| mixed[*i]).collect();
        for (value, sign) in permuted.iter_mut().zip(&self.signs[1]) {
            *value *= sign;
        }
        hadamard_blocks(&mut permuted);
        permuted
    }

    /// Undoes [`RandomRotation::forward`].
    pub(crate) fn inverse(&self, rotated: &[f32]) -> Vec<f32> {
        let mut permuted = rotated.to_vec();
        hadamard_blocks(&mut permuted);
        let mut mixed = vec![0.0; permuted.len()];
        for ((i, value), sign) in self.permutation.iter().zip(&permuted).zip(&self.signs[1]) {
            mixed[*i] = value * sign;
        }
        hadamard_blocks(&mut mixed);
        multiply(&mixed, &self.signs[0])
    }
}

fn multiply(a: &[f32], b: &[f32]) -> Vec<f32> {
    a.iter().zip(b).map(|(a, b)| a * b).collect()
}

/// Applies the orthonormal Hadamard transform, its own inverse, to blocks of falling powers of two.
fn hadamard_blocks(mut values: &mut [f32]) {
    while !values.is_empty() {
        let block = 1_usize << values.len().ilog2();
        let (head, rest) = values.split_at_mut(block);
        hadamard(head);
        values = rest;
    }
}

fn hadamard(block: &mut [f32]) {
    let mut half = 1;
    while half < block.len() {
        for pair in block.chunks_exact_mut(2 * half) {
            let (left, right) = pair.split_at_mut(half);
            for (a, b) in left.iter_mut().zip(right) {
                (*a, *b) = (*a + *b, *a - *b);
            }
        }
        half *= 2;
    }
    let scale = (block.len() as f32).sqrt().recip();
    block.iter_mut().for_each(|value| *value *= scale);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotation_is_orthogonal_at_any_length() {
        for length in [1, 2, 3, 5, 64, 100, 1000] {
            let rotation = RandomRotation::new(length, 7);
            let vector: Vec<f32> = (0..length).map(|i| (i as f32 * 0.7).sin()).collect();
            let rotated = rotation.forward(&vector);
            let energy = |v: &[f32]| v.iter().map(|x| f64::from(x * x)).sum::<f64>();
            assert!((energy(&vector) - energy(&rotated)).abs() < 1e-3 * energy(&vector).max(1e-6));
            let back = rotation.inverse(&rotated);
            assert!(back.iter().zip(&vector).all(|(a, b)| (a - b).abs() < 1e-4), "{length}");
        }
    }

    #[test]
    fn a_spike_is_spread_over_all_values() {
        let mut vector = vec![0.0; 96];
        vector[17] = 1.0;
        let rotated = RandomRotation::new(96, 3).forward(&vector);
        assert!(rotated.iter().all(|value| value.abs() < 0.6), "{rotated:?}");
    }
}
