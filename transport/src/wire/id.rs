//! Names and numbers of things (`protocol.md` 1.4).

use core::fmt;

/// A session on a connection. The client chooses it; it is below 2^62 and never used twice on one
/// connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SessionId(pub u64);

/// How often the set of operating points of a session changed; below 2^62.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Epoch(pub u64);

impl Epoch {
    /// The epoch of a session that was just opened.
    pub const FIRST: Self = Self(0);

    /// Returns the epoch after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// The number of a frame in its session, from 0; below 2^62.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Sequence(pub u64);

impl Sequence {
    /// Returns the number of the next frame.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// An operating point among those that an OPEN offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct PointId(pub u16);

/// A cut of a model. Peers number cuts alike, as the bundle of the model does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct CutId(pub u32);

/// A codec; `spec/registry/codecs.toml` lists them. Below 2^62.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct CodecId(pub u64);

impl CodecId {
    /// Elements in row-major order, little-endian.
    pub const RAW: Self = Self(0x00);
    /// Frames of `spec/codec.md`, major version 0.
    pub const AIFLOW: Self = Self(0x01);
    /// Bitstreams of feature coding for machines, ISO/IEC 23888-4.
    pub const FCM: Self = Self(0x02);
    /// The input of the model as a JPEG picture.
    pub const JPEG: Self = Self(0x03);
    /// The input of the model as a WebP picture.
    pub const WEBP: Self = Self(0x04);
    /// The input of the model as a PNG picture.
    pub const PNG: Self = Self(0x05);
    /// A token of classes or numbers that stands for the result itself: an early exit.
    pub const LABEL: Self = Self(0x06);
}

/// The index into the rates of an operating point's profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RateIndex(pub u8);

/// The number of a layer of a frame; 0 is the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LayerIndex(pub u8);

impl LayerIndex {
    /// The layer without which no other decodes.
    pub const BASE: Self = Self(0);
}

/// A model: the SHA-256 of graph and weights.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelId(pub [u8; 32]);

/// A profile of a codec: the SHA-256 of its bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProfileHash(pub [u8; 32]);

fn hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

impl fmt::Display for ModelId {
    /// Writes 64 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

impl fmt::Debug for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ModelId({self})")
    }
}

impl fmt::Display for ProfileHash {
    /// Writes 64 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

impl fmt::Debug for ProfileHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProfileHash({self})")
    }
}
