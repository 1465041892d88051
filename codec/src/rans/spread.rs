//! The order of slots for small states of the single lane (`codec.md` 5.2).
//!
//! A state below 2^15 takes its slot with the bits reversed, so that the slots of a span are spread
//! evenly over the states instead of lying side by side: a span of width `w` has one state in about
//! every `2^15 / w`, and coding a symbol from a small state multiplies it by about `2^15 / w`, as it
//! should, where side by side it would add `start`. That is worth more than a byte per payload.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use super::PROB_BITS;

/// The slot of a state below 2^15: its 15 bits in reverse order.
#[inline]
pub(super) const fn reversed(state: u32) -> u32 {
    state.reverse_bits() >> (u32::BITS - PROB_BITS)
}

/// The state below 2^15 that is the `rank`th whose slot lies in `start..end`, counted from 0;
/// `rank` is below `end - start`.
#[cold]
pub(super) fn spread(rank: u32, start: u32, end: u32) -> u32 {
    let mut state = 0_u32;
    let mut left = rank;
    for bit in (0..PROB_BITS).rev() {
        let inside = in_block(state, bit, start, end);
        if left >= inside {
            left = left.saturating_sub(inside);
            state |= 1 << bit;
        }
    }
    state
}

/// The number of states below `state` whose slots lie in `start..end`: the inverse of [`spread`].
#[cold]
pub(super) fn rank(state: u32, start: u32, end: u32) -> u32 {
    let mut count = 0_u32;
    let mut block = 0_u32;
    for bit in (0..PROB_BITS).rev() {
        if state & (1 << bit) != 0 {
            count = count.saturating_add(in_block(block, bit, start, end));
            block |= 1 << bit;
        }
    }
    count
}

/// The number of the `2^bit` states from `block` on, a multiple of `2^bit`, with slots in
/// `start..end`.
///
/// These slots are `reversed(block)` and every `2^(15 - bit)`th after it.
fn in_block(block: u32, bit: u32, start: u32, end: u32) -> u32 {
    let first = reversed(block);
    let shift = PROB_BITS.saturating_sub(bit);
    let below = |bound: u32| -> u32 {
        // Rounded up: the first slot counts as soon as the bound is above it.
        let distance = bound.saturating_sub(first);
        distance.saturating_add(1 << shift).saturating_sub(1) >> shift
    };
    below(end).saturating_sub(below(start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rans::PROB_SCALE;

    #[test]
    fn spreading_lists_the_slots_of_a_span_by_state() {
        for (start, end) in
            [(0, 1), (0, 32_768), (5, 6), (1000, 3000), (32_767, 32_768), (1, 32_768)]
        {
            let states: Vec<u32> =
                (0..PROB_SCALE).filter(|&state| (start..end).contains(&reversed(state))).collect();
            assert_eq!(states.len() as u32, end - start);
            for (index, &state) in states.iter().enumerate() {
                assert_eq!(spread(index as u32, start, end), state);
                assert_eq!(rank(state, start, end), index as u32);
            }
        }
    }

    #[test]
    fn the_first_state_of_a_span_is_about_the_inverse_of_its_probability() {
        for width in [1, 7, 100, 3000, 20_000] {
            for start in (0..PROB_SCALE - width).step_by(119) {
                let state = spread(0, start, start + width);
                assert!(state < 4 * PROB_SCALE / width, "{start} {width} {state}");
            }
        }
    }
}
