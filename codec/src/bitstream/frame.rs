//! Whole frames and prefixes of them.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use super::MAX_LAYERS;
use super::checksum::layer_checksum;
use super::header::{FrameForm, FrameHeader, SECTION_SELF_CONTAINED, SECTION_SESSION, read_header};
use super::inspect::{NoTrace, Trace};
use super::reader::Reader;
use crate::error::{DecodeError, DecodeErrorKind};
use crate::limits::{DecodeLimits, Limit};

const SECTION_LAYERS: &str = "codec.md 4.4";
const SECTION_PREFIX: &str = "codec.md 4.5";

/// A parsed frame: its header and its layers, whose checksums have been verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    header: FrameHeader,
    layers: [&'a [u8]; MAX_LAYERS],
    offsets: [usize; MAX_LAYERS],
    announced: u8,
    present: u8,
}

/// What is usable of a frame whose end may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefix<'a> {
    /// The frame with its whole, verified layers; at least layer 0.
    pub frame: Frame<'a>,
    /// Why the next layer is not there; `None` when all layers are.
    ///
    /// The last layer of a session frame has no length of its own: cut short it shows as a
    /// checksum error.
    pub stopped: Option<DecodeError>,
}

impl<'a> Frame<'a> {
    /// Parses a whole frame and verifies the checksum of every layer.
    ///
    /// # Errors
    /// The offset of the first field that breaks a rule of section 4, the layer whose checksum
    /// does not match, or the limit that would be exceeded. Nothing is allocated.
    pub fn parse(
        bytes: &'a [u8],
        form: FrameForm,
        limits: &DecodeLimits,
    ) -> Result<Self, DecodeError> {
        let prefix = Self::parse_prefix(bytes, form, limits)?;
        match prefix.stopped {
            None => Ok(prefix.frame),
            Some(error) => Err(error),
        }
    }

    /// Parses as many whole layers as there are.
    ///
    /// # Errors
    /// As [`parse`](Self::parse) for everything up to and including layer 0, and for bytes after
    /// the last layer.
    pub fn parse_prefix(
        bytes: &'a [u8],
        form: FrameForm,
        limits: &DecodeLimits,
    ) -> Result<Prefix<'a>, DecodeError> {
        Self::parse_traced(bytes, form, limits, &mut NoTrace)
    }

    pub(super) fn parse_traced(
        bytes: &'a [u8],
        form: FrameForm,
        limits: &DecodeLimits,
        trace: &mut impl Trace,
    ) -> Result<Prefix<'a>, DecodeError> {
        let section = match form {
            FrameForm::Session => SECTION_SESSION,
            FrameForm::SelfContained => SECTION_SELF_CONTAINED,
        };
        limits.check(Limit::FrameBytes, bytes.len(), 0, section)?;
        let mut reader = Reader::new(bytes, section);
        let (header, announced) = read_header(&mut reader, form, limits, trace)?;
        reader.set_section(SECTION_LAYERS);
        let lengths = read_lengths(&mut reader, form, announced, trace)?;
        let covered = bytes.get(..reader.offset()).unwrap_or(bytes);
        let mut checksums = [0_u32; MAX_LAYERS];
        for checksum in checksums.iter_mut().take(usize::from(announced)) {
            let at = reader.offset();
            *checksum = reader.u32()?;
            let text = format_args!("{checksum:#010x}");
            trace.field("crc", at..reader.offset(), &text, "CRC32C of a layer");
        }
        let mut frame = Self {
            header,
            layers: [&[]; MAX_LAYERS],
            offsets: [0; MAX_LAYERS],
            announced,
            present: 0,
        };
        let stopped = frame.read_layers(&mut reader, covered, &lengths, &checksums, trace).err();
        match stopped {
            Some(error) if frame.present == 0 => return Err(error),
            Some(_) => {}
            None => reader.expect_end()?,
        }
        Ok(Prefix { frame, stopped })
    }

    fn read_layers(
        &mut self,
        reader: &mut Reader<'a>,
        covered: &[u8],
        lengths: &[Option<usize>; MAX_LAYERS],
        checksums: &[u32; MAX_LAYERS],
        trace: &mut impl Trace,
    ) -> Result<(), DecodeError> {
        reader.set_section(SECTION_PREFIX);
        let slots = self.layers.iter_mut().zip(&mut self.offsets);
        let fields = lengths.iter().zip(checksums);
        let announced = usize::from(self.announced);
        for (index, (slot, (length, &checksum))) in slots.zip(fields).take(announced).enumerate() {
            let at = reader.offset();
            let layer = reader.take(length.unwrap_or(reader.rest().len()))?;
            if layer_checksum(index, covered, layer) != checksum {
                let kind = DecodeErrorKind::Checksum { layer: self.present };
                return Err(DecodeError::new(kind, at, SECTION_LAYERS));
            }
            let text = format_args!("{} bytes", layer.len());
            trace.field("layer", at..reader.offset(), &text, "entropy-coded payload");
            *slot.0 = layer;
            *slot.1 = at;
            self.present = self.present.saturating_add(1);
        }
        Ok(())
    }

    /// Returns the header.
    pub const fn header(&self) -> &FrameHeader {
        &self.header
    }

    /// Returns the layers that are there, in order; never empty.
    pub fn layers(&self) -> &[&'a [u8]] {
        self.layers.get(..usize::from(self.present)).unwrap_or(&self.layers)
    }

    /// Returns the number of layers that the sender wrote, 1 to 8.
    pub const fn announced_layers(&self) -> usize {
        self.announced as usize
    }

    /// Returns the offset of the given layer in the frame, for error reports; 0 if it is not there.
    pub fn layer_offset(&self, layer: usize) -> usize {
        self.offsets.get(layer).copied().unwrap_or(0)
    }
}

/// Reads the lengths of the layers; `None` stands for "to the end of the frame".
fn read_lengths(
    reader: &mut Reader<'_>,
    form: FrameForm,
    announced: u8,
    trace: &mut impl Trace,
) -> Result<[Option<usize>; MAX_LAYERS], DecodeError> {
    let written = match form {
        FrameForm::Session => announced.saturating_sub(1),
        FrameForm::SelfContained => announced,
    };
    let mut lengths = [None; MAX_LAYERS];
    for length in lengths.iter_mut().take(usize::from(written)) {
        let at = reader.offset();
        let value = reader.varint_u32()?;
        let bytes = usize::try_from(value)
            .map_err(|_| DecodeError::new(DecodeErrorKind::Truncated, at, SECTION_LAYERS))?;
        trace.field("length", at..reader.offset(), &value, "bytes of a layer");
        *length = Some(bytes);
    }
    Ok(lengths)
}
