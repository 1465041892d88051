//! Bringing a picture to the size of a model.

use image::imageops::{self, FilterType};
use image::{ImageBuffer, Luma, Pixel, Rgb};

use super::super::error::DataError;
use super::super::picture::Picture;
use super::Fit;
use super::description::Description;

/// Resizes, crops or pads as `description` says.
pub(super) fn fit(picture: &Picture, description: &Description) -> Result<Picture, DataError> {
    let [height, width] = description.size;
    if (picture.width, picture.height) == (width, height) && description.short_side.is_none() {
        return Ok(picture.clone());
    }
    match description.fit {
        Fit::Exact => Err(DataError::Size {
            found_width: picture.width,
            found_height: picture.height,
            width,
            height,
        }),
        Fit::Stretch => resize(picture, width, height),
        Fit::Crop => {
            let scaled = match description.short_side {
                Some(side) => with_short_side(picture, side),
                None => covering(picture, width, height),
            };
            let resized = resize(picture, scaled.0, scaled.1)?;
            Ok(crop(&resized, width, height))
        }
        Fit::Letterbox => {
            let (w, h) = (picture.width as u64, picture.height as u64);
            let (full_w, full_h) = (width as u64, height as u64);
            // The side that fills the model's is the one with the larger share of it.
            let (inner_w, inner_h) = if w * full_h >= h * full_w {
                (full_w, h * full_w / w)
            } else {
                (w * full_h / h, full_h)
            };
            let inner = resize(picture, inner_w.max(1) as usize, inner_h.max(1) as usize)?;
            Ok(pad(&inner, width, height, description.fill))
        }
    }
}

/// Returns the size at which the short side is `side`; the other is rounded down, as torchvision does.
fn with_short_side(picture: &Picture, side: usize) -> (usize, usize) {
    let (w, h) = (picture.width, picture.height);
    if w <= h { (side, side * h / w) } else { (side * w / h, side) }
}

/// Returns the smallest size with the picture's aspect ratio that covers `width` x `height`.
fn covering(picture: &Picture, width: usize, height: usize) -> (usize, usize) {
    let (w, h) = (picture.width, picture.height);
    if w * height <= h * width {
        (width, (h * width / w).max(height))
    } else {
        ((w * height / h).max(width), height)
    }
}

/// No picture between two steps may hold more pixels than this.
const MOST_PIXELS: usize = 1 << 25;

fn resize(picture: &Picture, width: usize, height: usize) -> Result<Picture, DataError> {
    if (picture.width, picture.height) == (width, height) {
        return Ok(picture.clone());
    }
    let too_large = || DataError::Aspect { width: picture.width, height: picture.height };
    if width.checked_mul(height).is_none_or(|pixels| pixels > MOST_PIXELS) {
        return Err(too_large());
    }
    let pixels = if picture.channels == 1 {
        scale::<Luma<u8>>(picture, width, height)
    } else {
        scale::<Rgb<u8>>(picture, width, height)
    };
    let pixels = pixels.ok_or_else(too_large)?;
    Picture::new(width, height, picture.channels, pixels)
}

fn scale<P>(picture: &Picture, width: usize, height: usize) -> Option<Vec<u8>>
where
    P: Pixel<Subpixel = u8> + 'static,
{
    let (w, h) = (u32::try_from(picture.width).ok()?, u32::try_from(picture.height).ok()?);
    let (width, height) = (u32::try_from(width).ok()?, u32::try_from(height).ok()?);
    let buffer = ImageBuffer::<P, &[u8]>::from_raw(w, h, picture.pixels.as_slice())?;
    Some(imageops::resize(&buffer, width, height, FilterType::Triangle).into_raw())
}

/// Cuts out the centre; a surplus of an odd number of pixels leaves one more on the right and below.
fn crop(picture: &Picture, width: usize, height: usize) -> Picture {
    let (left, top) = ((picture.width - width) / 2, (picture.height - height) / 2);
    let channels = picture.channels;
    let pixels = picture
        .pixels
        .chunks(picture.width * channels)
        .skip(top)
        .take(height)
        .flat_map(|row| &row[left * channels..(left + width) * channels])
        .copied()
        .collect();
    Picture { width, height, channels, pixels }
}

fn pad(picture: &Picture, width: usize, height: usize, fill: u8) -> Picture {
    let channels = picture.channels;
    let mut pixels = vec![fill; width * height * channels];
    let rows = pixels.chunks_mut(width * channels);
    for (row, source) in rows.zip(picture.pixels.chunks(picture.width * channels)) {
        row[..source.len()].copy_from_slice(source);
    }
    Picture { width, height, channels, pixels }
}
