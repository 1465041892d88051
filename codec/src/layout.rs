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
        let positions = grid.positions();
        out.resize(grid.elements(), 0.0);
        for (c, plane) in values.chunks_exact(positions).enumerate() {
            for (slot, &v) in out.iter_mut().skip(c).step_by(grid.components).zip(plane) {
                *slot = v;
            }
        }
    }

    /// Undoes [`Layout::gather`].
    pub fn scatter(self, grid: Grid, values: &[f32], out: &mut Vec<f32>) {
        out.clear();
        if self != Self::Map || grid.positions() == 1 {
            out.extend_from_slice(values);
            return;
        }
        let positions = grid.positions();
        out.resize(grid.elements(), 0.0);
        for (c, plane) in out.chunks_exact_mut(positions).enumerate() {
            for (slot, &v) in plane.iter_mut().zip(values.iter().skip(c).step_by(grid.components)) {
                *slot = v;
            }
        }
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
    fn shapes_that_do_not_fit_are_refused() {
        assert!(Layout::Map.grid(&[2, 3, 4, 4]).is_none());
        assert!(Layout::Tokens.grid(&[1, 2, 3, 4]).is_none());
        assert_eq!(Layout::infer(&[1, 64, 8, 8]), Layout::Map);
        assert_eq!(Layout::infer(&[1, 64, 1, 1]), Layout::Vector);
        assert_eq!(Layout::infer(&[1, 9, 64]), Layout::Tokens);
        assert_eq!(Layout::infer(&[1, 64]), Layout::Vector);
    }
}
