//! General-purpose compressors over quantised levels.
//!
//! A compressed payload starts with one byte that says which of three forms follows, so that each
//! rival always sends its smallest: the packed levels as they are, the packed levels compressed,
//! or one byte per level compressed (entropy coders inside the compressors see whole symbols then).

use std::io::{Read, Write};

use crate::error::{PayloadProblem, RivalError};

const STORED: u8 = 0;
const PACKED: u8 = 1;
const BYTES: u8 = 2;

/// Names the lossless stage behind a quantiser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ByteCoder {
    /// Packed levels and nothing else.
    Raw,
    /// LZ4 block format without a size prefix.
    Lz4,
    /// Zstandard without magic bytes, content size and checksum. Level 19: what counts here is
    /// size; speed is compared at level 3 in the benches.
    Zstd,
    /// Raw DEFLATE, the strongest effort of the library.
    Deflate,
}

impl ByteCoder {
    /// Wraps levels, given both packed and as one byte each, into the smallest payload.
    pub(crate) fn wrap(self, packed: Vec<u8>, levels: &[u8]) -> Vec<u8> {
        if self == Self::Raw {
            return packed;
        }
        let mut best = (STORED, packed);
        for (form, input) in [(PACKED, best.1.clone()), (BYTES, levels.to_vec())] {
            let compressed = self.compress(&input);
            if compressed.len() < best.1.len() {
                best = (form, compressed);
            }
        }
        let mut payload = Vec::with_capacity(best.1.len() + 1);
        payload.push(best.0);
        payload.extend_from_slice(&best.1);
        payload
    }

    /// Undoes [`ByteCoder::wrap`], knowing both lengths beforehand.
    pub(crate) fn unwrap(
        self,
        method: &'static str,
        payload: &[u8],
        packed_len: usize,
        level_count: usize,
    ) -> Result<Unwrapped, RivalError> {
        let fail = |problem| RivalError::payload(method, problem);
        let exact = |bytes: &[u8]| {
            if bytes.len() == packed_len {
                Ok(Unwrapped::Packed(bytes.to_vec()))
            } else {
                Err(fail(PayloadProblem::Length))
            }
        };
        if self == Self::Raw {
            return exact(payload);
        }
        let (form, body) = payload.split_first().ok_or(fail(PayloadProblem::Length))?;
        let broken = fail(PayloadProblem::Compressed);
        match *form {
            STORED => exact(body),
            PACKED => self.decompress(body, packed_len).map(Unwrapped::Packed).ok_or(broken),
            BYTES => self.decompress(body, level_count).map(Unwrapped::Levels).ok_or(broken),
            _ => Err(fail(PayloadProblem::Form)),
        }
    }

    fn compress(self, input: &[u8]) -> Vec<u8> {
        match self {
            Self::Raw => input.to_vec(),
            Self::Lz4 => lz4_flex::block::compress(input),
            Self::Zstd => zstd_compress(input).unwrap_or_else(|_| input.to_vec()),
            Self::Deflate => deflate_compress(input).unwrap_or_else(|_| input.to_vec()),
        }
    }

    /// Returns exactly `expected` bytes, or `None`; never allocates more than that.
    fn decompress(self, input: &[u8], expected: usize) -> Option<Vec<u8>> {
        let mut output = vec![0; expected];
        let written = match self {
            Self::Raw => return (input.len() == expected).then(|| input.to_vec()),
            Self::Lz4 => lz4_flex::block::decompress_into(input, &mut output).ok()?,
            Self::Zstd => zstd_decompress(input, &mut output).ok()?,
            Self::Deflate => return deflate_decompress(input, output),
        };
        (written == expected).then_some(output)
    }
}

/// Carries what a payload held, in the form in which it was smallest.
#[derive(Debug)]
pub(crate) enum Unwrapped {
    Packed(Vec<u8>),
    Levels(Vec<u8>),
}

const ZSTD_LEVEL: i32 = 19;

fn zstd_compress(input: &[u8]) -> std::io::Result<Vec<u8>> {
    use zstd::zstd_safe::{CParameter, FrameFormat};
    let mut compressor = zstd::bulk::Compressor::new(ZSTD_LEVEL)?;
    compressor.set_parameter(CParameter::Format(FrameFormat::Magicless))?;
    compressor.set_parameter(CParameter::ContentSizeFlag(false))?;
    compressor.set_parameter(CParameter::ChecksumFlag(false))?;
    compressor.compress(input)
}

fn zstd_decompress(input: &[u8], output: &mut [u8]) -> std::io::Result<usize> {
    use zstd::zstd_safe::{DParameter, FrameFormat};
    let mut decompressor = zstd::bulk::Decompressor::new()?;
    decompressor.set_parameter(DParameter::Format(FrameFormat::Magicless))?;
    decompressor.decompress_to_buffer(input, output)
}

fn deflate_compress(input: &[u8]) -> std::io::Result<Vec<u8>> {
    let level = flate2::Compression::new(10);
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), level);
    encoder.write_all(input)?;
    encoder.finish()
}

fn deflate_decompress(input: &[u8], mut output: Vec<u8>) -> Option<Vec<u8>> {
    let mut decoder = flate2::bufread::DeflateDecoder::new(input);
    decoder.read_exact(&mut output).ok()?;
    let ended = matches!(decoder.read(&mut [0; 1]), Ok(0));
    (ended && decoder.total_in() == input.len() as u64).then_some(output)
}
