//! What a stream begins with, however its bytes are cut.

use bytes::{Buf as _, Bytes as Buffer};

use crate::error::ProtocolError;
use crate::wire::{Limits, Prefix, Wire, decode_prefix};

/// The bytes of a structure that is not whole.
#[derive(Debug, Default)]
pub(super) struct Head(Vec<u8>);

impl Head {
    /// Longer than any structure that a stream begins with.
    const MOST: usize = 128;

    /// Takes bytes; returns the structure once it is whole, and leaves what follows it in `data`.
    ///
    /// # Errors
    /// As [`Wire::read`].
    pub(super) fn push<T: Wire>(
        &mut self,
        data: &mut Buffer,
        limits: &Limits,
    ) -> Result<Option<T>, ProtocolError> {
        let known = self.0.len();
        let start = data.get(..data.len().min(Self::MOST)).unwrap_or_default();
        // Nearly always the first bytes hold all of it: then nothing is copied.
        let prefix = if known == 0 {
            decode_prefix(start, limits)?
        } else {
            self.0.extend_from_slice(start);
            decode_prefix(&self.0, limits)?
        };
        match prefix {
            Prefix::Whole(value, used) => {
                data.advance(used.saturating_sub(known).min(data.len()));
                Ok(Some(value))
            }
            Prefix::Partial => {
                if known == 0 {
                    self.0.extend_from_slice(start);
                }
                Ok(None)
            }
        }
    }

    /// Returns what it costs to hold this.
    pub(super) fn cost(&self) -> u64 {
        self.0.capacity() as u64
    }
}
