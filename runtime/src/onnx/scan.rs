//! A look at the outermost fields of a file, to tell "cut short" from "no ONNX at all".

/// What the outermost protobuf fields of some bytes look like.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outline {
    /// Whole fields from the first to the last byte.
    Whole,
    /// Fields that an ONNX model has, the last of which needs more bytes than there are.
    Short {
        /// Bytes that the file would have to hold at least.
        needed: u64,
    },
    /// No sequence of protobuf fields that an ONNX model has.
    Foreign,
}

/// Walks over the outermost fields.
pub(super) fn outline(bytes: &[u8]) -> Outline {
    let total = bytes.len() as u64;
    let mut at = 0u64;
    while at < total {
        let Some((key, after_key)) = varint(bytes, at) else {
            return short_or_foreign(at, total);
        };
        let (field, wire) = (key >> 3, key & 7);
        if field == 0 || field > HIGHEST_FIELD {
            return Outline::Foreign;
        }
        let end = match wire {
            0 => match varint(bytes, after_key) {
                Some((_, end)) => end,
                None => return short_or_foreign(after_key, total),
            },
            2 => match varint(bytes, after_key) {
                Some((length, start)) => start.saturating_add(length),
                None => return short_or_foreign(after_key, total),
            },
            _ => return Outline::Foreign,
        };
        if end > total {
            // A stray byte can look like a length, but hardly like one after other whole fields.
            return if at > 0 { Outline::Short { needed: end } } else { Outline::Foreign };
        }
        at = end;
    }
    if total == 0 { Outline::Foreign } else { Outline::Whole }
}

/// Judges a number that starts at `at` and does not end.
fn short_or_foreign(at: u64, total: u64) -> Outline {
    if at > 0 && total - at < 10 { Outline::Short { needed: total + 1 } } else { Outline::Foreign }
}

/// Reads a base-128 number; returns it with the offset after it.
fn varint(bytes: &[u8], at: u64) -> Option<(u64, u64)> {
    let start = usize::try_from(at).ok()?;
    let mut value = 0u64;
    for (i, byte) in bytes.get(start..)?.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * i as u32).min(63);
        if byte & 0x80 == 0 {
            return Some((value, at + i as u64 + 1));
        }
    }
    None
}

/// Highest field number of `ModelProto`, with room for later versions of the format.
const HIGHEST_FIELD: u64 = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_short_and_foreign_are_told_apart() {
        // ir_version = 8, producer_name = "ab".
        let whole = [0x08, 8, 0x12, 2, b'a', b'b'];
        assert_eq!(outline(&whole), Outline::Whole);
        assert_eq!(outline(&whole[..5]), Outline::Short { needed: 6 });
        assert_eq!(outline(&whole[..3]), Outline::Short { needed: 4 });
        assert_eq!(outline(b"PNG is a picture"), Outline::Foreign);
        assert_eq!(outline(b""), Outline::Foreign);
        assert_eq!(outline(&[0xff; 20]), Outline::Foreign);
    }
}
