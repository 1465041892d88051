//! LEB128 integers: seven bits per byte, least significant group first (`codec.md` 3.2).

/// Appends `value` in its canonical, shortest form: 1 byte below 128, at most 10.
pub fn write_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Returns the number of bytes of the canonical form of `value`, 1 to 10.
pub const fn varint_len(value: u64) -> usize {
    (value | 1).ilog2() as usize / 7 + 1
}
