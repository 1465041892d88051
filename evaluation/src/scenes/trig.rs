//! Sine and cosine in integers, so that no platform's own sine decides a pixel.

/// Steps in a full turn.
pub(super) const TURN: i32 = 1024;

/// What 1.0 is in the results of [`sin`] and [`cos`]: 14 fraction bits.
pub(super) const ONE: i32 = 1 << 14;

/// Returns the sine of `angle` (in 1/1024 turns), scaled by [`ONE`].
pub(super) fn sin(angle: i32) -> i32 {
    let angle = angle.rem_euclid(TURN);
    let step = (angle % QUARTER) as usize;
    match angle / QUARTER {
        0 => SINES[step],
        1 => SINES[QUARTER as usize - step],
        2 => -SINES[step],
        _ => -SINES[QUARTER as usize - step],
    }
}

/// Returns the cosine of `angle` (in 1/1024 turns), scaled by [`ONE`].
pub(super) fn cos(angle: i32) -> i32 {
    sin(angle + QUARTER)
}

const QUARTER: i32 = TURN / 4;
const SINES: [i32; QUARTER as usize + 1] = sines();

/// Sums the Taylor series with 30 fraction bits; five terms leave an error under 4e-6.
const fn sines() -> [i32; QUARTER as usize + 1] {
    const HALF_PI_Q30: i64 = 1_686_629_713;
    let mut table = [0; QUARTER as usize + 1];
    let mut step = 0;
    while step < table.len() {
        let x = HALF_PI_Q30 * step as i64 / QUARTER as i64;
        let square = (x * x) >> 30;
        let mut term = x;
        let mut sum = x;
        let mut order = 2;
        while order < 10 {
            term = -((term * square) >> 30) / (order * (order + 1));
            sum += term;
            order += 2;
        }
        table[step] = ((sum + (1 << 15)) >> 16) as i32;
        step += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sine_and_cosine_follow_the_circle() {
        for angle in -TURN..=2 * TURN {
            let exact = f64::from(angle) / f64::from(TURN) * std::f64::consts::TAU;
            assert!((f64::from(sin(angle)) / f64::from(ONE) - exact.sin()).abs() < 1e-4);
            assert!((f64::from(cos(angle)) / f64::from(ONE) - exact.cos()).abs() < 1e-4);
        }
    }
}
