//! What a peer may make a decoder spend.

use core::fmt;

use crate::error::{DecodeError, DecodeErrorKind};

/// The name of a limit, used in errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// [`DecodeLimits::max_elements`].
    Elements,
    /// [`DecodeLimits::max_frame_bytes`].
    FrameBytes,
    /// [`DecodeLimits::max_profile_bytes`].
    ProfileBytes,
    /// [`DecodeLimits::max_layers`].
    Layers,
    /// [`DecodeLimits::max_tables`].
    Tables,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Elements => "the limit `max_elements`",
            Self::FrameBytes => "the limit `max_frame_bytes`",
            Self::ProfileBytes => "the limit `max_profile_bytes`",
            Self::Layers => "the limit `max_layers`",
            Self::Tables => "the limit `max_tables`",
        })
    }
}

/// The most that a decoder may spend on one input.
///
/// Every allocation that depends on the input is checked against one of these first. Too small a
/// value refuses honest senders with [`DecodeErrorKind::LimitExceeded`]; too large a value lets a
/// hostile one use that much memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeLimits {
    max_elements: usize,
    max_frame_bytes: usize,
    max_profile_bytes: usize,
    max_layers: u8,
    max_tables: usize,
}

impl Default for DecodeLimits {
    /// 2^26 elements (256 MiB as f32), frames of 256 MiB, profiles of 64 MiB, 8 layers and 8,192
    /// tables (6 MiB): room for any activation of today's networks, and bounded on a phone.
    fn default() -> Self {
        Self {
            max_elements: 1 << 26,
            max_frame_bytes: 1 << 28,
            max_profile_bytes: 1 << 26,
            max_layers: 8,
            max_tables: 1 << 13,
        }
    }
}

impl DecodeLimits {
    /// Returns the largest number of elements of one tensor.
    pub const fn max_elements(&self) -> usize {
        self.max_elements
    }

    /// Returns the largest size of one frame, in bytes.
    pub const fn max_frame_bytes(&self) -> usize {
        self.max_frame_bytes
    }

    /// Returns the largest size of one profile, in bytes.
    pub const fn max_profile_bytes(&self) -> usize {
        self.max_profile_bytes
    }

    /// Returns the largest number of layers of one frame; the format itself allows 8.
    pub const fn max_layers(&self) -> u8 {
        self.max_layers
    }

    /// Returns the largest number of probability tables of one set, about 800 bytes each.
    pub const fn max_tables(&self) -> usize {
        self.max_tables
    }

    /// Sets the largest number of elements of one tensor.
    #[must_use]
    pub const fn with_max_elements(mut self, elements: usize) -> Self {
        self.max_elements = elements;
        self
    }

    /// Sets the largest size of one frame, in bytes.
    #[must_use]
    pub const fn with_max_frame_bytes(mut self, bytes: usize) -> Self {
        self.max_frame_bytes = bytes;
        self
    }

    /// Sets the largest size of one profile, in bytes.
    #[must_use]
    pub const fn with_max_profile_bytes(mut self, bytes: usize) -> Self {
        self.max_profile_bytes = bytes;
        self
    }

    /// Sets the largest number of layers of one frame.
    #[must_use]
    pub const fn with_max_layers(mut self, layers: u8) -> Self {
        self.max_layers = layers;
        self
    }

    /// Sets the largest number of probability tables of one set.
    #[must_use]
    pub const fn with_max_tables(mut self, tables: usize) -> Self {
        self.max_tables = tables;
        self
    }

    /// Checks `used` against the limit that `limit` names.
    ///
    /// # Errors
    /// [`DecodeErrorKind::LimitExceeded`] with the given place when `used` is larger.
    pub const fn check(
        &self,
        limit: Limit,
        used: usize,
        offset: usize,
        section: &'static str,
    ) -> Result<(), DecodeError> {
        let allowed = match limit {
            Limit::Elements => self.max_elements,
            Limit::FrameBytes => self.max_frame_bytes,
            Limit::ProfileBytes => self.max_profile_bytes,
            Limit::Layers => self.max_layers as usize,
            Limit::Tables => self.max_tables,
        };
        if used > allowed {
            return Err(DecodeError::new(DecodeErrorKind::LimitExceeded(limit), offset, section));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_is_checked_against_its_own_value() {
        let limits = DecodeLimits::default()
            .with_max_elements(1)
            .with_max_frame_bytes(2)
            .with_max_profile_bytes(3)
            .with_max_layers(4)
            .with_max_tables(5);
        let all = [
            (Limit::Elements, 1),
            (Limit::FrameBytes, 2),
            (Limit::ProfileBytes, 3),
            (Limit::Layers, 4),
            (Limit::Tables, 5),
        ];
        for (limit, allowed) in all {
            assert_eq!(limits.check(limit, allowed, 0, "s"), Ok(()));
            let error = limits.check(limit, allowed + 1, 9, "s").unwrap_err();
            assert_eq!(error, DecodeError::new(DecodeErrorKind::LimitExceeded(limit), 9, "s"));
        }
    }
}
