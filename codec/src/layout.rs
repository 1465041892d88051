//! How a tensor's axes map to components and positions.

/// The kind of feature that a profile codes. The batch axis is always 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Layout {
    /// A feature map `[1, C, H, W]` or `[C, H, W]`: components are channels, positions are pixels.
    Map,
    /// A token sequence `[1, T, D]` or `[T, D]`: components are the D features, positions tokens.
    Tokens,
    /// A vector `[1, D]` or `[D]`, or any tensor taken as one: D components at one position.
    Vector,
}

/// Components and positions of one feature, in the codec's own order: position-major, raster scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Values per position (channels, or features of a token).
    pub components: usize,
    /// Rows of positions; 1 for tokens and vectors.
    pub height: usize,
    /// Positions per row; tokens run along it.
    pub width: usize,
}

impl Grid {
    /// Positions: rows times columns.
    #[must_use]
    pub const fn positions(&self) -> usize {
        self.height * self.width
    }

    /// Values in all.
    #[must_use]
    pub const fn elements(&self) -> usize {
        self.components * self.positions()
    }
}

impl Layout {
    /// Guesses the layout from dimensions: four axes (or three with a leading batch of 1 absent) are
    /// a map, `[1, T, D]` with T > 1 tokens, everything else a vector.
    #[must_use]
    pub fn infer(dims: &[usize]) -> Self {
        match dims {
            [1, _, h, w] if h * w > 1 => Self::Map,
            [1, t, _] if *t > 1 => Self::Tokens,
            _ => Self::Vector,
        }
    }

    /// Maps dimensions to a grid; `None` when they do not fit the layout.
    #[must_use]
    pub fn grid(self, dims: &[usize]) -> Option<Grid> {
        let elements = dims.iter().try_fold(1usize, |n, &d| n.checked_mul(d))?;
        let (components, height, width) = match (self, dims) {
            (Self::Map, &[1, c, h, w] | &[c, h, w]) => (c, h, w),
            (Self::Tokens, &[1, t, d] | &[t, d]) => (d, 1, t),
            (Self::Vector, _) => (elements, 1, 1),
            _ => return None,
        };
        Some(Grid { components, height, width })
    }

    /// Reorders a tensor's values to position-major order.
    ///
    /// `values` and `out` have `grid.elements()` entries; missing ones are left alone.
    pub fn gather(self, grid: Grid, values: &[f32], out: &mut Vec<f32>) {
        out.clear();
        if self != Self::Map || grid.positions() == 1 {
            out.extend_from_slice(values);
            return;
        }
        out.resize(grid.elements(), 0.0);
        transpose(values, grid.positions(), out, grid.components);
    }

    /// Undoes [`Layout::gather`].
    pub fn scatter(self, grid: Grid, values: &[f32], out: &mut Vec<f32>) {
        out.clear();
        if self != Self::Map || grid.positions() == 1 {
            out.extend_from_slice(values);
            return;
        }
        out.resize(grid.elements(), 0.0);
        transpose(values, grid.components, out, grid.positions());
    }

    /// The layout's number in the profile format.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Map => 0,
            Self::Tokens => 1,
            Self::Vector => 2,
        }
    }

    /// The layout of a number in the profile format.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Map),
            1 => Some(Self::Tokens),
            2 => Some(Self::Vector),
            _ => None,
        }
    }
}

/// Rows of a block that is transposed at once: what a cache line of the result holds.
pub(crate) const BLOCK: usize = 16;

/// Turns rows of `width` values into columns of `height`: `out` has rows of `height` values.
pub(crate) fn transpose<T: Copy>(values: &[T], width: usize, out: &mut [T], height: usize) {
    if width == 0 || height == 0 {
        return;
    }
    for (block, rows) in values.chunks(BLOCK * width).enumerate() {
        let first = block * BLOCK;
        let count = (rows.len() / width).min(height - first.min(height));
        for (column, line) in out.chunks_exact_mut(height).take(width).enumerate() {
            let Some(slots) = line.get_mut(first..first + count) else { continue };
            for (slot, row) in slots.iter_mut().zip(rows.chunks_exact(width)) {
                *slot = row[column];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn map_round_trip() {
        let grid = Layout::Map.grid(&[1, 3, 2, 4]).expect("a map");
        assert_eq!((grid.components, grid.height, grid.width), (3, 2, 4));
        let values: Vec<f32> = (0..24u8).map(f32::from).collect();
        let (mut inner, mut back) = (Vec::new(), Vec::new());
        Layout::Map.gather(grid, &values, &mut inner);
        assert_eq!(&inner[..4], &[0.0, 8.0, 16.0, 1.0]);
        Layout::Map.scatter(grid, &inner, &mut back);
        assert_eq!(back, values);
    }

    #[test]
    fn blocks_at_the_edge_are_transposed_too() {
        let grid = Layout::Map.grid(&[1, 37, 5, 7]).expect("a map");
        let values: Vec<f32> = (0..=250u8).map(f32::from).cycle().take(37 * 35).collect();
        let (mut inner, mut back) = (Vec::new(), Vec::new());
        Layout::Map.gather(grid, &values, &mut inner);
        for (position, components) in inner.chunks_exact(37).enumerate() {
            for (c, &value) in components.iter().enumerate() {
                assert_eq!(value, values[c * 35 + position]);
            }
        }
        Layout::Map.scatter(grid, &inner, &mut back);
        assert_eq!(back, values);
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        assert!(Layout::Map.grid(&[2, 3, 4, 4]).is_none());
        assert!(Layout::Tokens.grid(&[1, 2, 3, 4]).is_none());
        assert_eq!(Layout::infer(&[1, 64, 8, 8]), Layout::Map);
        assert_eq!(Layout::infer(&[1, 64, 1, 1]), Layout::Vector);
        assert_eq!(Layout::infer(&[1, 9, 64]), Layout::Tokens);
        assert_eq!(Layout::infer(&[1, 64]), Layout::Vector);
    }
}
