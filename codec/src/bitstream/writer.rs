//! Writes frames.

use super::MAX_LAYERS;
use super::checksum::layer_checksum;
use super::header::{FrameForm, FrameHeader, MAGIC};
use super::varint::{varint_len, write_varint};
use crate::error::EncodeError;
use crate::limits::Limit;

/// Appends a frame with the given layers, base first, to `out`.
///
/// # Errors
/// [`EncodeError::LimitExceeded`] for no layer, more than 8, or one of 2^32 bytes or more, and
/// [`EncodeError::Header`] when a field contradicts the mode. `out` is unchanged then.
pub fn write_frame(
    header: &FrameHeader,
    layers: &[&[u8]],
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let count = u8::try_from(layers.len()).unwrap_or(u8::MAX);
    if layers.is_empty() || layers.len() > MAX_LAYERS {
        return Err(EncodeError::LimitExceeded(Limit::Layers));
    }
    if layers.iter().any(|layer| u32::try_from(layer.len()).is_err()) {
        return Err(EncodeError::LimitExceeded(Limit::FrameBytes));
    }
    if let Some(reason) = header.contradiction(layers.len()) {
        return Err(EncodeError::Header(reason));
    }
    let first = out.len();
    if let Some(tensor) = &header.tensor {
        out.extend([MAGIC, tensor.version.code(), header.flags(count)]);
        out.push((tensor.element.code() << 4) | tensor.dims.rank() as u8);
        out.extend(tensor.profile.0);
        tensor.dims.as_slice().iter().for_each(|&size| write_varint(size as u64, out));
    } else {
        out.push(header.flags(count));
    }
    out.push(header.rate_index);
    for layer in layers.iter().take(written_lengths(header.form(), layers.len())) {
        write_varint(layer.len() as u64, out);
    }
    let end = out.len();
    for (index, layer) in layers.iter().enumerate() {
        let checksum = layer_checksum(index, &out[first..end], layer);
        out.extend(checksum.to_le_bytes());
    }
    layers.iter().for_each(|layer| out.extend_from_slice(layer));
    Ok(())
}

/// Returns the number of bytes that [`write_frame`] adds to layers of the given lengths.
pub fn frame_overhead(header: &FrameHeader, lengths: &[usize]) -> usize {
    let fixed = match &header.tensor {
        None => 2,
        Some(tensor) => {
            let sizes = tensor.dims.as_slice().iter();
            13 + sizes.map(|&size| varint_len(size as u64)).sum::<usize>()
        }
    };
    let written = written_lengths(header.form(), lengths.len());
    let coded: usize = lengths.iter().take(written).map(|&length| varint_len(length as u64)).sum();
    fixed + coded + 4 * lengths.len()
}

const fn written_lengths(form: FrameForm, layers: usize) -> usize {
    match form {
        FrameForm::Session => layers.saturating_sub(1),
        FrameForm::SelfContained => layers,
    }
}
