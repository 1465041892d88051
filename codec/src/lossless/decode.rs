//! Reads lossless and raw frames.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use half::{bf16, f16};

use super::words::{element_of, width_of, word_of};
use super::{CHUNK, PLANE_CODED, PLANE_CONSTANT, PLANE_STORED, Predictor, context_mask};
use crate::bitstream::{Frame, FrameMode, Reader};
use crate::error::{DecodeError, DecodeErrorKind};
use crate::limits::{DecodeLimits, Limit};
use crate::rans::{CdfSet, Lanes, RansDecoder};
use crate::tensor::{Dims, ElementType};

const SECTION_MODE: &str = "codec.md 4.1";
const SECTION_RAW: &str = "codec.md 6.1";
const SECTION_LOSSLESS: &str = "codec.md 6.2";

/// Returns the elements of a lossless or raw frame as little-endian bytes.
///
/// `element` and `dims` are those that were agreed or that the self-contained header names.
///
/// # Errors
/// [`DecodeErrorKind::WrongMode`] for a lossy frame, [`DecodeErrorKind::ShapeMismatch`] when
/// the header names another type or shape, [`DecodeErrorKind::LimitExceeded`] before anything is
/// allocated, and the errors of the payload. Offsets count from the start of the frame.
pub fn decode_lossless(
    frame: &Frame<'_>,
    element: ElementType,
    dims: &Dims,
    limits: &DecodeLimits,
) -> Result<Vec<u8>, DecodeError> {
    let named = frame.header().tensor;
    if named.is_some_and(|tensor| tensor.element != element || tensor.dims != *dims) {
        return Err(DecodeError::new(DecodeErrorKind::ShapeMismatch, 0, "codec.md 4.3"));
    }
    limits.check(Limit::Elements, dims.elements(), 0, "codec.md 2.3")?;
    let payload = frame.layers().first().copied().unwrap_or_default();
    let offset = frame.layer_offset(0);
    match frame.header().mode {
        FrameMode::Lossy => Err(DecodeError::new(DecodeErrorKind::WrongMode, 0, SECTION_MODE)),
        FrameMode::Raw => {
            let size = dims.elements().saturating_mul(element.size());
            let mut reader = Reader::at(payload, offset, SECTION_RAW);
            let bytes = reader.take(size)?.to_vec();
            reader.expect_end()?;
            Ok(bytes)
        }
        FrameMode::Lossless => {
            let reader = Reader::at(payload, offset, SECTION_LOSSLESS);
            match element.size() {
                4 => decode_planes::<4>(reader, dims.elements(), limits),
                _ => decode_planes::<2>(reader, dims.elements(), limits),
            }
        }
    }
}

/// Replaces the content of `out` by the elements of a lossless or raw frame as f32.
///
/// # Errors
/// As [`decode_lossless`]; `out` is empty then.
pub fn decode_lossless_f32(
    frame: &Frame<'_>,
    element: ElementType,
    dims: &Dims,
    limits: &DecodeLimits,
    out: &mut Vec<f32>,
) -> Result<(), DecodeError> {
    out.clear();
    let bytes = decode_lossless(frame, element, dims, limits)?;
    match element {
        ElementType::F32 => {
            out.extend(bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)));
        }
        ElementType::F16 => {
            let pairs = bytes.as_chunks().0.iter();
            out.extend(pairs.map(|&bytes| f16::from_le_bytes(bytes).to_f32()));
        }
        ElementType::Bf16 => {
            let pairs = bytes.as_chunks().0.iter();
            out.extend(pairs.map(|&bytes| bf16::from_le_bytes(bytes).to_f32()));
        }
    }
    Ok(())
}

/// Reads all planes of elements of `N` bytes; takes no memory but that of the result.
fn decode_planes<const N: usize>(
    mut reader: Reader<'_>,
    count: usize,
    limits: &DecodeLimits,
) -> Result<Vec<u8>, DecodeError> {
    let at = reader.offset();
    let reserved = DecodeError::new(DecodeErrorKind::ReservedBits, at, SECTION_LOSSLESS);
    let predictor = Predictor::from_code(reader.u8()?).ok_or(reserved)?;
    let mut bytes = vec![0; count.saturating_mul(N)];
    let (elements, _) = bytes.as_chunks_mut::<N>();
    for plane in (0..N).rev() {
        reader.set_section(SECTION_LOSSLESS);
        read_plane(&mut reader, elements, plane, limits)?;
    }
    reader.set_section(SECTION_LOSSLESS);
    reader.expect_end()?;
    let mut before = 0;
    for element in elements {
        before = predictor.restore(word_of(*element), before, width_of::<N>());
        *element = element_of(before);
    }
    Ok(bytes)
}

/// Reads one plane into byte `plane` of each element; the bytes above have been read before, those
/// below are zero.
fn read_plane<const N: usize>(
    reader: &mut Reader<'_>,
    elements: &mut [[u8; N]],
    plane: usize,
    limits: &DecodeLimits,
) -> Result<(), DecodeError> {
    let at = reader.offset();
    let reserved = DecodeError::new(DecodeErrorKind::ReservedBits, at, SECTION_LOSSLESS);
    let header = reader.u8()?;
    let lanes = Lanes::from_code(header >> 2).ok_or(reserved)?;
    match header & 3 {
        PLANE_STORED | PLANE_CONSTANT if lanes != Lanes::One => Err(reserved),
        PLANE_STORED => {
            let bytes = reader.take(elements.len())?;
            put(elements, plane, bytes.iter().copied());
            Ok(())
        }
        PLANE_CONSTANT => {
            let byte = reader.u8()?;
            put(elements, plane, core::iter::repeat(byte));
            Ok(())
        }
        PLANE_CODED => read_coded_plane(reader, lanes, elements, plane, limits),
        _ => Err(reserved),
    }
}

fn read_coded_plane<const N: usize>(
    reader: &mut Reader<'_>,
    lanes: Lanes,
    elements: &mut [[u8; N]],
    plane: usize,
    limits: &DecodeLimits,
) -> Result<(), DecodeError> {
    let at = reader.offset();
    let tables = CdfSet::read(reader, limits)?;
    if !(1..=2).contains(&tables.len()) {
        return Err(DecodeError::new(DecodeErrorKind::InvalidTable, at, SECTION_LOSSLESS));
    }
    reader.set_section(SECTION_LOSSLESS);
    let length = usize::try_from(reader.varint_u32()?).unwrap_or(usize::MAX);
    let start = reader.offset();
    let payload = reader.take(length)?;
    let place = |error: DecodeError| error.shifted(start);
    let mut decoder = RansDecoder::new(payload, lanes).map_err(place)?;
    let mask = context_mask(&tables);
    let mut contexts = [0; CHUNK];
    let mut symbols = [0; CHUNK];
    for elements in elements.chunks_mut(CHUNK) {
        for (context, &element) in contexts.iter_mut().zip(&*elements) {
            *context = u16::from(element == [0; N]) & mask;
        }
        let symbols = symbols.get_mut(..elements.len()).unwrap_or_default();
        decoder.decode_batch(&tables, &contexts, symbols).map_err(place)?;
        put(elements, plane, symbols.iter().copied());
    }
    decoder.finish().map_err(place)
}

fn put<const N: usize>(elements: &mut [[u8; N]], plane: usize, bytes: impl Iterator<Item = u8>) {
    for (element, byte) in elements.iter_mut().zip(bytes) {
        if let Some(place) = element.get_mut(plane) {
            *place = byte;
        }
    }
}
