//! The frame header: fields, their codes, and how they are read.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use core::fmt;

use super::inspect::Trace;
use super::reader::Reader;
use crate::error::{DecodeError, DecodeErrorKind};
use crate::limits::{DecodeLimits, Limit};
use crate::tensor::{Dims, ElementType};

/// The first byte of a self-contained frame; its top bit is clear in every session frame.
pub const MAGIC: u8 = 0xAF;

pub(super) const SECTION_FLAGS: &str = "codec.md 4.1";
pub(super) const SECTION_SESSION: &str = "codec.md 4.2";
pub(super) const SECTION_SELF_CONTAINED: &str = "codec.md 4.3";
const SECTION_VERSION: &str = "codec.md 4.6";

/// Which of the two headers a frame has; sender and receiver know it from the channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FrameForm {
    /// Profile, element type and shape were agreed beforehand.
    Session,
    /// The frame names its profile, element type and shape.
    SelfContained,
}

/// How the layers represent the tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FrameMode {
    /// Quantised levels of a profile.
    Lossy,
    /// Every bit of every element, entropy coded.
    Lossless,
    /// The elements as they are.
    Raw,
}

impl FrameMode {
    const fn code(self) -> u8 {
        match self {
            Self::Lossy => 0,
            Self::Lossless => 1,
            Self::Raw => 2,
        }
    }

    /// Returns the name used in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lossy => "lossy",
            Self::Lossless => "lossless",
            Self::Raw => "raw",
        }
    }
}

/// Which of the two level coders of a profile a lossy frame uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Coder {
    /// Contexts from neighbours only.
    Fast,
    /// Contexts from a linear prediction as well.
    High,
}

impl Coder {
    /// Returns the name used in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::High => "high",
        }
    }
}

/// A version of the bitstream; the minor number counts additions within a major one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Version {
    /// The major number, 0 to 15: decoders refuse any but their own.
    pub major: u8,
    /// The minor number, 0 to 15: decoders accept newer ones (`codec.md` 4.6).
    pub minor: u8,
}

impl Version {
    /// The version that this crate writes.
    pub const CURRENT: Self = Self { major: 0, minor: 1 };

    /// Returns the version byte: the major number in the high half.
    pub const fn code(self) -> u8 {
        (self.major << 4) | (self.minor & 0x0f)
    }

    const fn from_code(code: u8) -> Self {
        Self { major: code >> 4, minor: code & 0x0f }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// The first 8 bytes of the SHA-256 of a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProfileTag(pub [u8; 8]);

impl ProfileTag {
    /// No profile: the tag of lossless and raw frames.
    pub const NONE: Self = Self([0; 8]);
}

impl fmt::Display for ProfileTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What a self-contained frame says about its tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TensorHeader {
    /// The version of the bitstream.
    pub version: Version,
    /// The number format of the tensor that was encoded.
    pub element: ElementType,
    /// The shape of the tensor that was encoded.
    pub dims: Dims,
    /// The profile that decodes the frame; [`ProfileTag::NONE`] unless the mode is lossy.
    pub profile: ProfileTag,
}

/// The fields of a frame header, without what describes the layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// How the layers represent the tensor.
    pub mode: FrameMode,
    /// The level coder; [`Coder::Fast`] unless the mode is lossy.
    pub coder: Coder,
    /// The rate index `q`; 0 unless the mode is lossy.
    pub rate_index: u8,
    /// Present in the self-contained form, absent in the session form.
    pub tensor: Option<TensorHeader>,
}

impl FrameHeader {
    /// Returns which of the two forms this header has.
    pub const fn form(&self) -> FrameForm {
        match self.tensor {
            Some(_) => FrameForm::SelfContained,
            None => FrameForm::Session,
        }
    }

    /// Returns the flags byte for the given number of layers, 1 to 8.
    pub(super) const fn flags(&self, layers: u8) -> u8 {
        let coder = match self.coder {
            Coder::Fast => 0,
            Coder::High => 1 << 3,
        };
        (self.mode.code() << 5) | coder | (layers.saturating_sub(1) & 7)
    }

    /// Says which field contradicts the mode, if any.
    pub(super) fn contradiction(&self, layers: usize) -> Option<&'static str> {
        if self.mode == FrameMode::Lossy {
            return None;
        }
        if self.coder != Coder::Fast {
            return Some("a lossless or raw frame has no level coder");
        }
        if self.rate_index != 0 {
            return Some("a lossless or raw frame has no rate index");
        }
        if layers != 1 {
            return Some("a lossless or raw frame has one layer");
        }
        match self.tensor {
            Some(tensor) if tensor.profile != ProfileTag::NONE => {
                Some("a lossless or raw frame names no profile")
            }
            _ => None,
        }
    }
}

/// Mode, coder and number of layers.
struct Flags {
    mode: FrameMode,
    coder: Coder,
    layers: u8,
}

/// Reads the header up to and including `q`; returns it with the number of layers.
pub(super) fn read_header(
    reader: &mut Reader<'_>,
    form: FrameForm,
    limits: &DecodeLimits,
    trace: &mut impl Trace,
) -> Result<(FrameHeader, u8), DecodeError> {
    let (flags, tensor) = match form {
        FrameForm::Session => (read_flags(reader, limits, trace)?, None),
        FrameForm::SelfContained => {
            let (flags, tensor) = read_tensor_header(reader, limits, trace)?;
            (flags, Some(tensor))
        }
    };
    reader.set_section(SECTION_FLAGS);
    let at = reader.offset();
    let rate_index = reader.u8()?;
    trace.field("q", at..reader.offset(), &rate_index, "rate index: sets the quantiser step");
    let header = FrameHeader { mode: flags.mode, coder: flags.coder, rate_index, tensor };
    if header.contradiction(usize::from(flags.layers)).is_some() {
        return Err(DecodeError::new(DecodeErrorKind::ReservedBits, at, SECTION_FLAGS));
    }
    Ok((header, flags.layers))
}

fn read_flags(
    reader: &mut Reader<'_>,
    limits: &DecodeLimits,
    trace: &mut impl Trace,
) -> Result<Flags, DecodeError> {
    reader.set_section(SECTION_FLAGS);
    let at = reader.offset();
    let byte = reader.u8()?;
    let refuse = |kind| Err(DecodeError::new(kind, at, SECTION_FLAGS));
    if byte & 0x80 != 0 {
        return refuse(DecodeErrorKind::BadMagic);
    }
    let mode = match byte >> 5 {
        0 => FrameMode::Lossy,
        1 => FrameMode::Lossless,
        2 => FrameMode::Raw,
        _ => return refuse(DecodeErrorKind::ReservedBits),
    };
    let coder = match (byte >> 3) & 3 {
        0 => Coder::Fast,
        1 => Coder::High,
        _ => return refuse(DecodeErrorKind::ReservedBits),
    };
    let layers = (byte & 7).saturating_add(1);
    limits.check(Limit::Layers, usize::from(layers), at, SECTION_FLAGS)?;
    let text = format_args!("{byte:#04x}: {}, {}, {layers} layers", mode.name(), coder.name());
    trace.field("flags", at..reader.offset(), &text, "mode, coder, number of layers");
    Ok(Flags { mode, coder, layers })
}

fn read_tensor_header(
    reader: &mut Reader<'_>,
    limits: &DecodeLimits,
    trace: &mut impl Trace,
) -> Result<(Flags, TensorHeader), DecodeError> {
    let at = reader.offset();
    if reader.u8()? != MAGIC {
        return Err(DecodeError::new(DecodeErrorKind::BadMagic, at, SECTION_SELF_CONTAINED));
    }
    trace.field("magic", at..reader.offset(), &"0xaf", "a self-contained frame starts here");

    let at = reader.offset();
    let version = Version::from_code(reader.u8()?);
    if version.major != Version::CURRENT.major {
        let Version { major, minor } = version;
        let kind = DecodeErrorKind::UnsupportedVersion { major, minor };
        return Err(DecodeError::new(kind, at, SECTION_VERSION));
    }
    trace.field("version", at..reader.offset(), &version, "version of the bitstream");

    let flags = read_flags(reader, limits, trace)?;
    reader.set_section(SECTION_SELF_CONTAINED);
    let at = reader.offset();
    let byte = reader.u8()?;
    let reserved = DecodeError::new(DecodeErrorKind::ReservedBits, at, SECTION_SELF_CONTAINED);
    let element = ElementType::from_code(byte >> 4).ok_or(reserved)?;
    let rank = usize::from(byte & 0x0f);
    let text = format_args!("{}, {rank} dimensions", element.name());
    trace.field("type", at..reader.offset(), &text, "element type and number of dimensions");

    let at = reader.offset();
    let profile = ProfileTag(reader.array()?);
    trace.field("profile", at..reader.offset(), &profile, "start of the profile's SHA-256");

    let at = reader.offset();
    let mut sizes = [0; Dims::MAX_RANK];
    let sizes = sizes.get_mut(..rank).ok_or(reserved)?;
    for size in sizes.iter_mut() {
        let at = reader.offset();
        let value = reader.varint_u32()?;
        let too_many = DecodeErrorKind::LimitExceeded(Limit::Elements);
        *size = usize::try_from(value)
            .map_err(|_| DecodeError::new(too_many, at, SECTION_SELF_CONTAINED))?;
        trace.field("dimension", at..reader.offset(), &value, "size, outermost dimension first");
    }
    let too_many = DecodeErrorKind::LimitExceeded(Limit::Elements);
    let dims =
        Dims::new(sizes).map_err(|_| DecodeError::new(too_many, at, SECTION_SELF_CONTAINED))?;
    limits.check(Limit::Elements, dims.elements(), at, SECTION_SELF_CONTAINED)?;
    Ok((flags, TensorHeader { version, element, dims, profile }))
}
