//! Packs small integers into bytes, most significant bit first.

/// Appends integers of any width up to 16 bits.
#[derive(Debug, Default)]
pub(crate) struct BitWriter {
    bytes: Vec<u8>,
    pending: u32,
    filled: u32,
}

impl BitWriter {
    pub(crate) fn push(&mut self, value: u16, width: u32) {
        debug_assert!(width <= 16 && u32::from(value) < 1 << width);
        self.pending = (self.pending << width) | u32::from(value);
        self.filled += width;
        while self.filled >= 8 {
            self.filled -= 8;
            self.bytes.push((self.pending >> self.filled) as u8);
        }
        self.pending &= (1 << self.filled) - 1;
    }

    /// Returns the bytes; the unused low bits of the last one are zero.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        if self.filled > 0 {
            self.bytes.push((self.pending << (8 - self.filled)) as u8);
        }
        self.bytes
    }
}

/// Reads what [`BitWriter`] wrote.
#[derive(Debug)]
pub(crate) struct BitReader<'a> {
    bytes: std::slice::Iter<'a, u8>,
    pending: u32,
    filled: u32,
}

impl<'a> BitReader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes: bytes.iter(), pending: 0, filled: 0 }
    }

    /// Returns the next integer, or `None` past the end.
    pub(crate) fn take(&mut self, width: u32) -> Option<u16> {
        while self.filled < width {
            self.pending = (self.pending << 8) | u32::from(*self.bytes.next()?);
            self.filled += 8;
        }
        self.filled -= width;
        let value = self.pending >> self.filled;
        self.pending &= (1 << self.filled) - 1;
        Some(value as u16)
    }

    /// Returns whether only zero padding of less than one byte is left.
    pub(crate) fn at_end(&self) -> bool {
        self.bytes.len() == 0 && self.filled < 8 && self.pending == 0
    }
}

/// Packs levels of one width.
pub(crate) fn pack(levels: &[u8], width: u32) -> Vec<u8> {
    let mut writer = BitWriter::default();
    for level in levels {
        writer.push(u16::from(*level), width);
    }
    writer.finish()
}

/// Unpacks exactly `count` levels, or returns `None` when the bytes are not exactly that long.
pub(crate) fn unpack(bytes: &[u8], width: u32, count: usize) -> Option<Vec<u8>> {
    if bytes.len() != packed_len(width, count) {
        return None;
    }
    let mut reader = BitReader::new(bytes);
    let levels = (0..count).map(|_| reader.take(width).map(|v| v as u8)).collect::<Option<_>>()?;
    reader.at_end().then_some(levels)
}

/// Returns the length in bytes of `count` packed levels.
pub(crate) const fn packed_len(width: u32, count: usize) -> usize {
    (count * width as usize).div_ceil(8)
}
