//! The entropy coder: rANS with 15-bit static probabilities (`codec.md` 5).
//!
//! A state `x` is a number that holds all symbols coded so far. Coding a symbol with the span
//! `[start, start + width)` of the scale `M = 2^15` replaces `x` by
//! `(x / width) * M + start + x % width`, which grows it by the factor `M / width`, that is by the
//! ideal code length. Decoding takes the slot `x % M`, finds the span that contains it, and
//! computes `width * (x / M) + slot - start`, the exact inverse. When a state would grow too
//! large, its low bits move to the payload.
//!
//! # Interleaved lanes (4 and 32)
//! States lie in `[L, 2^16 L)` with `L = 2^16`; whole 16-bit words move. Before a step the encoder
//! moves one word if `x >= width * 2^17`. Then `x < width * 2^17` holds (after a move `x < 2^16`),
//! so the new state is below `2^32`; and `x / width >= 2` (after a move `x >= width * 2`, without
//! one `x >= 2^16 >= 2 * width`), so it is at least `2 * M = L`. The decoder therefore moves a word
//! back exactly when its state is below `L`. All lanes start from `L`, which the decoder checks at
//! the end.
//!
//! # One lane, without a start state
//! States lie in `[L, 2^8 L)` with `L = 2^23`; bytes move; but the encoder starts from 0 instead of
//! `L`, so that a short payload does not pay for a start state. This is exact for these reasons:
//!
//! 1. Before a step the encoder moves bytes while `x >= width * 2^16`. As `x < width * 2^16`
//!    afterwards, every state is below `2^31 = 2^8 L`, also the small ones near the start.
//! 2. *As soon as one byte has been moved, every state between steps is at least `L`.* A step
//!    that moved a byte had `x >= width * 2^16` before its last move, thus `x >= width * 2^8`
//!    after it, and the new state is at least `2^8 * M = L`. A step without a move from `x >= L`
//!    has `x / width >= 2^8` as well.
//! 3. The decoder takes bytes while its state is below `L` and bytes are left. Let the encoder have
//!    moved `k` bytes at a step from `x`. If any byte was on the stack before, `x >= L` by 2, and
//!    the decoder stops exactly at `x`: each prefix `x >> 8j`, `j >= 1`, is below `L` by 1. If none
//!    was, exactly `k` bytes are left, no prefix reaches `L` too early by 1, and the decoder stops
//!    at `x` because `x >= L` or because the bytes end. Both ways it finds `x`.
//! 4. The final state is written big-endian in as few bytes as it needs, and is found again by the
//!    same rule.
//!
//! At the end the state is 0 and no byte is left, which the decoder checks; every payload whose
//! first byte is not 0 and that passes the check is the one that the encoder writes for its
//! symbols. Symbols whose span starts at 0 cost nothing while the state is 0: a tail of zeros
//! takes no space. The check does not notice a payload that lost its end: that is left to the
//! checksum of the layer.
//!
//! Near the start, with `x < width`, the formula above gives `start + x`: too much for an early
//! symbol that has a wide span at a high place. There the slots are taken in another order, with
//! reversed bits, which spreads them evenly (`spread.rs`). A state below `M` comes from `x < width`
//! and from no other, so the two rules do not meet, and the argument above holds for both. Measured:
//! 0.3 instead of 1.7 bytes above the ideal length.

mod counts;
mod decoder;
mod encoder;
mod format;
mod lanes;
mod span;
mod spread;
mod table;

pub use decoder::RansDecoder;
pub use encoder::RansEncoder;
pub use lanes::Lanes;
pub use span::{MAX_UNIFORM_BITS, PROB_BITS, PROB_SCALE, Span};
pub use table::{CdfSet, CdfTable, MAX_ALPHABET};

#[cfg(test)]
mod tests;
