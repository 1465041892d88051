//! Isotonic regression.

/// One pooled block: the mean of the values it replaces and how many there were.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Block {
    pub(crate) mean: f64,
    pub(crate) count: usize,
}

/// Returns the blocks of the least-squares fit that never falls, by pooling adjacent violators.
pub(crate) fn pool_adjacent_violators(values: &[f64]) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::with_capacity(values.len());
    for value in values {
        blocks.push(Block { mean: *value, count: 1 });
        while let [.., before, last] = blocks.as_slice() {
            if before.mean <= last.mean {
                break;
            }
            let count = before.count + last.count;
            let sum = before.mean * before.count as f64 + last.mean * last.count as f64;
            blocks.truncate(blocks.len() - 2);
            blocks.push(Block { mean: sum / count as f64, count });
        }
    }
    blocks
}

/// Returns the sequence that never falls and lies closest to the values by least squares.
#[must_use]
pub fn isotonic(values: &[f64]) -> Vec<f64> {
    pool_adjacent_violators(values)
        .into_iter()
        .flat_map(|block| std::iter::repeat_n(block.mean, block.count))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pools_violators_into_their_mean() {
        assert_eq!(isotonic(&[1.0, 3.0, 2.0, 4.0]), vec![1.0, 2.5, 2.5, 4.0]);
        assert_eq!(isotonic(&[3.0, 2.0, 1.0]), vec![2.0, 2.0, 2.0]);
        assert_eq!(isotonic(&[1.0, 2.0]), vec![1.0, 2.0]);
        assert_eq!(isotonic(&[]), Vec::<f64>::new());
    }

    proptest! {
        #[test]
        fn never_falls_keeps_the_mean_and_repeats_itself(
            values in prop::collection::vec(-1e3_f64..1e3, 1..30),
        ) {
            let fitted = isotonic(&values);
            prop_assert!(fitted.windows(2).all(|pair| pair[0] <= pair[1]));
            let difference: f64 = fitted.iter().zip(&values).map(|(a, b)| a - b).sum();
            prop_assert!(difference.abs() < 1e-6);
            let again = isotonic(&fitted);
            prop_assert!(again.iter().zip(&fitted).all(|(a, b)| (a - b).abs() < 1e-9));
        }
    }
}
