//! Variable-length integers (`protocol.md` 1.3): those of RFC 9000, section 16, in their shortest
//! form.

/// The largest integer: 62 bits.
pub const MAX_VARINT: u64 = (1 << 62) - 1;

/// Returns the number of bytes of `value`: 1, 2, 4 or 8; values beyond [`MAX_VARINT`] count 8.
pub const fn varint_len(value: u64) -> usize {
    match value {
        0..0x40 => 1,
        0x40..0x4000 => 2,
        0x4000..0x4000_0000 => 4,
        _ => 8,
    }
}
