//! The level coders: quantised components to payload bytes and back.

pub mod fast;
pub(crate) mod high;
pub(crate) mod refine;

use crate::rans::{Lanes, RansEncoder};

/// Payloads from this many bytes on use four lanes.
const FOUR_LANES: usize = 2048;
/// Payloads from this many bytes on use 32 lanes.
const MANY_LANES: usize = 65_536;
/// Payloads of 32 lanes from this many bytes on would have too many for fewer lanes as well.
const LONG: usize = MANY_LANES + MANY_LANES / 2;

/// The lane count that a payload of this length has.
#[must_use]
pub const fn lanes_of(bytes: usize) -> Lanes {
    if bytes < FOUR_LANES {
        Lanes::One
    } else if bytes < MANY_LANES {
        Lanes::Four
    } else {
        Lanes::ThirtyTwo
    }
}

/// Finishes a payload with the lane count that its own length implies.
///
/// More lanes cost more bytes, so the smallest count that is consistent exists: a payload too long
/// for its class only grows in the next.
pub(crate) fn finish(rans: &mut RansEncoder, out: &mut Vec<u8>) {
    let start = out.len();
    if rans.len() > LONG / 2 {
        // Long beyond doubt: no need to add up what it should take.
        rans.finish(Lanes::ThirtyTwo, out);
        if out.len() - start >= LONG {
            rans.clear();
            return;
        }
    }
    let estimate = (rans.ideal_bits() / 8.0) as usize;
    for lanes in [Lanes::One, Lanes::Four, Lanes::ThirtyTwo] {
        // Skip what cannot fit: payloads are never shorter than their ideal length minus rounding.
        let upper = match lanes {
            Lanes::One => FOUR_LANES,
            Lanes::Four => MANY_LANES,
            Lanes::ThirtyTwo => usize::MAX,
        };
        if estimate > upper.saturating_add(16) {
            continue;
        }
        out.truncate(start);
        rans.finish(lanes, out);
        if lanes_of(out.len() - start) == lanes {
            break;
        }
    }
    rans.clear();
}
