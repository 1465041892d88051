//! Reads lossless and raw frames.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use half::{bf16, f16};

use super::words::push_element;
use super::{CHUNK, PLANE_CODED, PLANE_CONSTANT, PLANE_STORED, Predictor, context_mask};
use crate::bitstream::{Frame, FrameMode, Reader};
use crate::error::{DecodeError, DecodeErrorKind};
use crate::limits::{DecodeLimits, Limit};
use crate::rans::{CdfSet, Lanes, RansDecoder};
use crate::tensor::{Dims, ElementType};

const SECTION_MODE: &str = "codec.md 4.1";
const SECTION_RAW: &str = "codec.md 6";
const SECTION_LOSSLESS: &str = "codec.md 7";

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
            decode_planes(Reader::at(payload, offset, SECTION_LOSSLESS), element, dims, limits)
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

fn decode_planes(
    mut reader: Reader<'_>,
    element: ElementType,
    dims: &Dims,
    limits: &DecodeLimits,
) -> Result<Vec<u8>, DecodeError> {
    let at = reader.offset();
    let reserved = DecodeError::new(DecodeErrorKind::ReservedBits, at, SECTION_LOSSLESS);
    let predictor = Predictor::from_code(reader.u8()?).ok_or(reserved)?;
    let count = dims.elements();
    let mut words = vec![0_u32; count];
    for _ in 0..element.size() {
        reader.set_section(SECTION_LOSSLESS);
        read_plane(&mut reader, &mut words, limits)?;
    }
    reader.set_section(SECTION_LOSSLESS);
    reader.expect_end()?;
    let width = (element.size() as u32).saturating_mul(8);
    let mut out = Vec::with_capacity(count.saturating_mul(element.size()));
    let mut before = 0;
    for residual in words {
        before = predictor.restore(residual, before, width);
        push_element(before, element, &mut out);
    }
    Ok(out)
}

/// Reads one plane and shifts its bytes into the words from below.
fn read_plane(
    reader: &mut Reader<'_>,
    words: &mut [u32],
    limits: &DecodeLimits,
) -> Result<(), DecodeError> {
    let at = reader.offset();
    let reserved = DecodeError::new(DecodeErrorKind::ReservedBits, at, SECTION_LOSSLESS);
    let header = reader.u8()?;
    let lanes = Lanes::from_code(header >> 2).ok_or(reserved)?;
    match header & 3 {
        PLANE_STORED | PLANE_CONSTANT if lanes != Lanes::One => Err(reserved),
        PLANE_STORED => {
            let bytes = reader.take(words.len())?;
            words.iter_mut().zip(bytes).for_each(|(word, &byte)| shift_in(word, byte));
            Ok(())
        }
        PLANE_CONSTANT => {
            let byte = reader.u8()?;
            words.iter_mut().for_each(|word| shift_in(word, byte));
            Ok(())
        }
        PLANE_CODED => read_coded_plane(reader, lanes, words, limits),
        _ => Err(reserved),
    }
}

fn read_coded_plane(
    reader: &mut Reader<'_>,
    lanes: Lanes,
    words: &mut [u32],
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
    let mut decoder =
        RansDecoder::new(reader.take(length)?, lanes).map_err(|error| error.shifted(start))?;
    let mask = context_mask(&tables);
    let mut contexts = [0; CHUNK];
    let mut symbols = [0; CHUNK];
    for words in words.chunks_mut(CHUNK) {
        // All bytes read so far are zero exactly when the word is.
        for (context, &word) in contexts.iter_mut().zip(&*words) {
            *context = u16::from(word == 0) & mask;
        }
        let symbols = symbols.get_mut(..words.len()).unwrap_or_default();
        decoder.decode_batch(&tables, &contexts, symbols).map_err(|error| error.shifted(start))?;
        words.iter_mut().zip(symbols).for_each(|(word, &mut byte)| shift_in(word, byte));
    }
    decoder.finish().map_err(|error| error.shifted(start))
}

const fn shift_in(word: &mut u32, byte: u8) {
    *word = (*word << 8) | byte as u32;
}
