//! Bounds of a share that was counted.

/// Returns the upper bound of a share of which `hits` of `trials` were seen, with a confidence of 0 to
/// 1: the bound of Clopper and Pearson, which holds for every share and every number of trials.
///
/// 1 without trials.
#[must_use]
pub fn upper_bound(hits: usize, trials: usize, confidence: f64) -> f64 {
    if trials == 0 || hits >= trials {
        return 1.0;
    }
    let tail = 1.0 - confidence.clamp(0.0, 1.0);
    // The chance of so few hits falls with the share: bisection finds where it meets the tail.
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..STEPS {
        let middle = f64::midpoint(low, high);
        if at_most(hits, trials, middle) > tail {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// The chance of at most `hits` in `trials`, each with chance `share`.
fn at_most(hits: usize, trials: usize, share: f64) -> f64 {
    let (yes, no) = (share.ln(), (1.0 - share).ln());
    let mut log_term = trials as f64 * no;
    let mut sum = log_term.exp();
    for hit in 1..=hits {
        log_term += ((trials - hit + 1) as f64 / hit as f64).ln() + yes - no;
        sum += log_term.exp();
    }
    sum.min(1.0)
}

/// Halvings: more than the digits of a double.
const STEPS: u32 = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_bounds() {
        // 1 - 0.05^(1/n) without a hit; the others from tables of the beta distribution.
        for (hits, trials, expected) in
            [(0, 100, 0.029_513), (0, 10, 0.258_866), (5, 100, 0.102_253), (10, 500, 0.033_693)]
        {
            let found = upper_bound(hits, trials, 0.95);
            assert!((found - expected).abs() < 1e-4, "{hits} of {trials}: {found}");
        }
        assert_eq!(upper_bound(3, 3, 0.95), 1.0);
        assert_eq!(upper_bound(0, 0, 0.95), 1.0);
    }

    #[test]
    fn the_bound_holds_as_often_as_it_says() {
        for (share, trials) in [(0.01, 300), (0.05, 120), (0.3, 50)] {
            let misses: f64 = (0..=trials)
                .filter(|&hits| upper_bound(hits, trials, 0.9) < share)
                .map(|hits| at_most(hits, trials, share) - before(hits, trials, share))
                .sum();
            assert!(misses <= 0.1 + 1e-9, "{share} of {trials}: {misses}");
        }
    }

    fn before(hits: usize, trials: usize, share: f64) -> f64 {
        if hits == 0 { 0.0 } else { at_most(hits - 1, trials, share) }
    }
}
