//! The level coders: quantised components to payload bytes and back.

pub mod fast;
pub(crate) mod high;
pub(crate) mod refine;

use crate::error::DecodeError;
use crate::rans::{Lanes, RansDecoder, RansEncoder};

/// Payloads from this many bytes on use four lanes.
const FOUR_LANES: usize = 2048;
/// Payloads from this many bytes on use 32 lanes.
const MANY_LANES: usize = 65_536;
/// Payloads of 32 lanes from this many bytes on would have too many for fewer lanes as well.
const LONG: usize = MANY_LANES + MANY_LANES / 2;
/// How far above the limit of a lane count the ideal length may be for a try.
const SLACK: usize = 64;

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
/// More lanes mostly cost more bytes, so that a payload too long for its class grows in the next. Where
/// nearly all symbols are nearly certain it may shrink instead: then zeros fill it up.
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
        // Skip what cannot fit: payloads are hardly shorter than their ideal length.
        let upper = match lanes {
            Lanes::One => FOUR_LANES,
            Lanes::Four => MANY_LANES,
            Lanes::ThirtyTwo => usize::MAX,
        };
        if estimate > upper.saturating_add(SLACK) {
            continue;
        }
        out.truncate(start);
        rans.finish(lanes, out);
        let least = least_bytes(lanes);
        if out.len() - start < least {
            out.resize(start + least, 0);
        }
        if lanes_of(out.len() - start) == lanes {
            break;
        }
    }
    rans.clear();
}

/// Ends a payload that [`finish`] wrote, with the zeros that may be behind it.
pub(crate) fn end(mut rans: RansDecoder<'_>, length: usize) -> Result<(), DecodeError> {
    if length > 0 && length == least_bytes(lanes_of(length)) {
        rans.skip_zeros();
    }
    rans.finish()
}

/// The length of the shortest payload with so many lanes.
const fn least_bytes(lanes: Lanes) -> usize {
    match lanes {
        Lanes::One => 0,
        Lanes::Four => FOUR_LANES,
        Lanes::ThirtyTwo => MANY_LANES,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rans::CdfTable;

    #[test]
    fn a_payload_has_the_lanes_that_its_length_says_whatever_is_in_it() {
        // Of a certain symbol after another, lanes lose by rounding in their own ways.
        let table = CdfTable::new(&[31_000, 1_768]).expect("a table");
        let (often, rare) = (table.span(0).expect("a span"), table.span(1).expect("a span"));
        let mut filled = 0;
        for count in (204_000..208_000).step_by(100) {
            let mut symbols = vec![0_u8; count];
            symbols[count - 1] = 1;
            let mut rans = RansEncoder::new();
            symbols.iter().for_each(|&s| rans.push(if s == 0 { often } else { rare }));
            let mut out = Vec::new();
            finish(&mut rans, &mut out);
            filled += u32::from(out.len() == FOUR_LANES);
            let mut decoder = RansDecoder::new(&out, lanes_of(out.len())).expect("a payload");
            let read: Vec<u8> = symbols.iter().map(|_| decoder.symbol(&table)).collect();
            assert!(read == symbols, "{count}");
            assert_eq!(end(decoder, out.len()), Ok(()), "{count}");
        }
        assert!(filled > 1, "no payload needed zeros");
    }

    #[test]
    fn only_zeros_may_fill_a_payload_and_only_up_to_the_least_length() {
        let mut rans = RansEncoder::new();
        rans.push_bits(5, 3);
        let mut payload = Vec::new();
        rans.finish(Lanes::Four, &mut payload);
        let ended = |fill: u8, length: usize| {
            let mut payload = payload.clone();
            payload.resize(length, fill);
            let mut decoder = RansDecoder::new(&payload, Lanes::Four).expect("a payload");
            assert_eq!(decoder.bits(3), 5);
            end(decoder, length)
        };
        assert_eq!(ended(0, FOUR_LANES), Ok(()));
        for (fill, length) in [(1, FOUR_LANES), (0, FOUR_LANES + 2), (0, FOUR_LANES - 2)] {
            assert!(ended(fill, length).is_err(), "{fill} {length}");
        }
    }
}
