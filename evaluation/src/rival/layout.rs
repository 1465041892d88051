//! Which values of a feature belong to one position and which to one component.

/// Describes a feature as `positions` vectors of `components` values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) components: usize,
    pub(crate) positions: usize,
    component_stride: usize,
    position_stride: usize,
}

impl Layout {
    /// Reads a shape with or without its leading batch of one: `[C, H, W]` has C components at
    /// H*W positions, `[T, D]` has D components at T positions, `[D]` has D components at one.
    pub(crate) fn of(dims: &[usize]) -> Self {
        let dims = match dims {
            [1, rest @ ..] if !rest.is_empty() => rest,
            other => other,
        };
        match dims {
            [channels, height, width] => {
                let positions = height.saturating_mul(*width);
                Self {
                    components: *channels,
                    positions,
                    component_stride: positions,
                    position_stride: 1,
                }
            }
            [outer @ .., last] => Self {
                components: *last,
                positions: outer.iter().fold(1, |product, d| product.saturating_mul(*d)),
                component_stride: 1,
                position_stride: *last,
            },
            [] => Self { components: 1, positions: 1, component_stride: 1, position_stride: 1 },
        }
    }

    /// Returns where a component of a position lies in the row-major feature.
    #[inline]
    pub(crate) const fn index(&self, position: usize, component: usize) -> usize {
        position * self.position_stride + component * self.component_stride
    }
}

/// Returns the number of values of a shape, or `None` on overflow.
pub(crate) fn elements(dims: &[usize]) -> Option<usize> {
    dims.iter().try_fold(1_usize, |product, d| product.checked_mul(*d))
}
