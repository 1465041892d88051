//! Pictures in memory.

use super::error::DataError;

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

impl Picture {
    /// Makes a picture of bytes that lie row by row.
    ///
    /// # Errors
    /// [`DataError::PictureBytes`] when the bytes do not fill the size, a side is zero, or
    /// `channels` is neither 1 nor 3.
    pub fn new(
        width: usize,
        height: usize,
        channels: usize,
        pixels: Vec<u8>,
    ) -> Result<Picture, DataError> {
        let picture = Picture { width, height, channels, pixels };
        picture.check()?;
        Ok(picture)
    }

    /// Checks that the public fields belong together.
    pub(super) fn check(&self) -> Result<(), DataError> {
        let Picture { width, height, channels, ref pixels } = *self;
        let wanted = width.checked_mul(height).and_then(|area| area.checked_mul(channels));
        if wanted == Some(pixels.len()) && !pixels.is_empty() && matches!(channels, 1 | 3) {
            return Ok(());
        }
        Err(DataError::PictureBytes { width, height, channels, bytes: pixels.len() })
    }

    /// Makes a picture of three planes, as CIFAR-10 stores them.
    pub(super) fn from_planes(width: usize, height: usize, planes: &[u8]) -> Picture {
        let area = width * height;
        let pixels = (0..area)
            .flat_map(|at| (0..3).map(move |plane| planes.get(plane * area + at)))
            .map(|value| value.copied().unwrap_or_default())
            .collect();
        Picture { width, height, channels: 3, pixels }
    }

    /// Returns the picture in grey: the channels weighted as the eye does (BT.601).
    pub fn to_grey(&self) -> Picture {
        if self.channels == 1 {
            return self.clone();
        }
        let grey = |pixel: &[u8]| match *pixel {
            [red, green, blue] => {
                let [red, green, blue] = [red, green, blue].map(u32::from);
                ((red * 299 + green * 587 + blue * 114 + 500) / 1000) as u8
            }
            _ => 0,
        };
        let pixels = self.pixels.chunks(3).map(grey).collect();
        Picture { channels: 1, pixels, ..*self }
    }

    /// Returns the picture with three channels; grey is repeated.
    pub fn to_rgb(&self) -> Picture {
        if self.channels == 3 {
            return self.clone();
        }
        let pixels = self.pixels.iter().flat_map(|&grey| [grey; 3]).collect();
        Picture { channels: 3, pixels, ..*self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_pictures_are_made() {
        assert!(Picture::new(2, 1, 3, vec![0; 6]).is_ok());
        for (width, height, channels, bytes) in
            [(2, 1, 3, 5), (0, 4, 3, 0), (2, 2, 2, 8), (usize::MAX, 2, 3, 6)]
        {
            let error = Picture::new(width, height, channels, vec![0; bytes]).unwrap_err();
            assert!(matches!(error, DataError::PictureBytes { .. }));
        }
    }

    #[test]
    fn grey_and_colour_convert() {
        let colour = Picture::new(1, 2, 3, vec![255, 255, 255, 255, 0, 0]).unwrap();
        assert_eq!(colour.to_grey().pixels, [255, 76]);
        assert_eq!(colour.to_grey().to_rgb().pixels, [255, 255, 255, 76, 76, 76]);
        let planes = Picture::from_planes(2, 1, &[1, 2, 3, 4, 5, 6]);
        assert_eq!(planes.pixels, [1, 3, 5, 2, 4, 6]);
    }
}
