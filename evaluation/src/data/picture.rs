//! Pictures in memory.

/// A picture of bytes: rows from the top, pixels from the left, channels together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Bytes for each pixel: 1 (grey) or 3 (red, green, blue).
    pub channels: usize,
    /// The bytes; `width * height * channels` of them.
    pub pixels: Vec<u8>,
}
